"""Imports and copies to several stores."""

import os
import pathlib
from typing import Any
from unittest import mock

from glance.common import errors
from tests import base
from tests import several_stores
from tests.functional.imports import importing


class StoresTestCase(importing.ImportTestCase):
    more = ''

    def make_service(self, url: str | None) -> base.Service:
        several_stores.write(self.directory, self.more)
        self.staging = pathlib.Path(self.directory, 'staging')
        return super().make_service(url)

    def files_in(self, *stores: str) -> list[list[str]]:
        return [
            base.names_in(os.path.join(self.directory, each))
            for each in stores
        ]

    def lists(self, image_id: str) -> tuple[str, str, str]:
        """Return the stores with the data, with running and failed copies."""
        image = self.show(image_id)
        return (
            image.get('stores', ''),
            image['os_glance_importing_to_stores'],
            image['os_glance_failed_import'],
        )

    def breaking(self, store: str) -> Any:
        """Let writes of a store fail in this context."""
        broken = self.service.stores.get(store)

        def fail(*_args: Any, **_values: Any) -> str:
            raise errors.StoreUnavailable

        return mock.patch.object(broken, 'write', fail)


class TestStores(StoresTestCase):
    # covers 9-1, 9-2, 9-6, 25-33
    def test_all_at_once(self) -> None:
        for method in (self.web_method(), 'glance-direct'):
            for given in ({'stores': ['cheap', 'fast', 'cheap']}, None):
                image_id = self.image()
                if method == 'glance-direct':
                    self.stage(image_id)
                response = self.post(
                    image_id, method, **(given or {'all_stores': True})
                )
                self.assert_status(202, response)
                self.assert_imported(image_id)
                self.assertEqual(
                    {'fast', 'cheap'},
                    set(self.lists(image_id)[0].split(',')),
                )
                self.assertEqual(('', ''), self.lists(image_id)[1:])
        self.assertEqual(2, len(self.web.requests))
        task = self.task(image_id)
        self.assertEqual(['fast', 'cheap'], task['input']['backend'])

    def test_chosen_by_header_or_default(self) -> None:
        for header, store in (
            ({'x-image-meta-store': 'cheap'}, 'cheap'),
            ({}, 'fast'),
        ):
            image_id = self.image()
            self.post(image_id, self.web_method(), headers=header)
            self.assertEqual((store, '', ''), self.lists(image_id))

    # covers 9-3, 25-35
    def test_unknown_and_read_only_stores(self) -> None:
        image_id = self.image()
        web = self.web_method()
        for status, response in (
            (409, self.post(image_id, web, stores=['none'])),
            (409, self.post(image_id, web, stores=['web'])),
            (400, self.post(image_id, web, stores=[])),
            (
                409,
                self.post(
                    image_id, web, headers={'x-image-meta-store': 'none'}
                ),
            ),
        ):
            self.assert_status(status, response)
        self.assertEqual('queued', self.show(image_id)['status'])

    # covers 9-6
    def test_one_fails_and_all_must_succeed(self) -> None:
        for method in (self.web_method(), 'glance-direct'):
            image_id = self.image()
            if method == 'glance-direct':
                self.stage(image_id)
            with self.breaking('cheap'):
                self.post(image_id, method, all_stores=True)
            self.assertEqual(('', '', 'cheap'), self.lists(image_id))
            image = self.show(image_id)
            self.assertEqual('queued', image['status'])
            self.assertIn(
                'The store cheap failed', image['os_glance_failed_reason']
            )
            self.assertEqual([[], []], self.files_in('fast', 'cheap'))
            self.assertEqual([], self.staged_files())

    # covers 9-6
    def test_one_fails_and_may(self) -> None:
        image_id = self.image()
        with self.breaking('cheap'):
            self.post(
                image_id,
                self.web_method(),
                all_stores=True,
                all_stores_must_succeed=False,
            )
        self.assert_imported(image_id)
        self.assertEqual(('fast', '', 'cheap'), self.lists(image_id))
        self.assertEqual([[image_id], []], self.files_in('fast', 'cheap'))

    # covers 9-6
    def test_every_one_fails(self) -> None:
        image_id = self.image()
        with self.breaking('cheap'), self.breaking('fast'):
            self.post(
                image_id,
                self.web_method(),
                all_stores=True,
                all_stores_must_succeed=False,
            )
        self.assertEqual(('', '', 'cheap,fast'), self.lists(image_id))
        self.assertEqual('queued', self.show(image_id)['status'])


class TestCopies(StoresTestCase):
    def copy(self, image_id: str, **members: Any) -> Any:
        return self.post(image_id, 'copy-image', caller='admin', **members)

    # covers 9-2, 9-3, 9-6
    def test_to_a_store(self) -> None:
        image_id = self.image(data=importing.DATA)
        before = self.show(image_id)
        self.assert_status(202, self.copy(image_id, stores=['cheap']))
        self.assertEqual(('fast,cheap', '', ''), self.lists(image_id))
        self.assertEqual(
            [[image_id], [image_id]], self.files_in('fast', 'cheap')
        )
        after = self.show(image_id)
        for name in ('status', 'checksum', 'os_hash_value', 'size'):
            self.assertEqual(before[name], after[name])
        response = self.copy(image_id, stores=['cheap'])
        self.assert_status(400, response)
        tasks = self.call('GET', f'/v2/images/{image_id}/tasks').json
        # The task belongs to the project of the administrator.
        self.assertEqual([], tasks['tasks'])
        self.assert_status(202, self.copy(image_id, all_stores=True))

    # covers 9-6
    def test_a_failure_and_its_repetition(self) -> None:
        image_id = self.image(data=importing.DATA)
        for must in (True, False):
            with self.breaking('cheap'):
                self.copy(
                    image_id,
                    all_stores=True,
                    all_stores_must_succeed=must,
                )
            self.assertEqual(('fast', '', 'cheap'), self.lists(image_id))
            self.assertEqual('active', self.show(image_id)['status'])
            self.assertEqual([[image_id], []], self.files_in('fast', 'cheap'))
        self.copy(image_id, all_stores=True)
        self.assertEqual(('fast,cheap', '', ''), self.lists(image_id))

    def test_data_that_is_damaged_is_not_copied(self) -> None:
        image_id = self.image(data=importing.DATA)
        path = pathlib.Path(self.directory, 'fast', image_id)
        path.write_bytes(b'y' * len(importing.DATA))
        self.copy(image_id, stores=['cheap'])
        self.assertEqual(('fast', '', 'cheap'), self.lists(image_id))
        self.assertIn(
            'checksum', self.show(image_id)['os_glance_failed_reason']
        )
        self.assertEqual([[]], self.files_in('cheap'))


class TestQuota(StoresTestCase):
    options = {'user_storage_quota': len(importing.DATA) * 2 - 1}

    # covers 9-6
    def test_each_copy_counts(self) -> None:
        image_id = self.image()
        self.post(image_id, self.web_method(), all_stores=True)
        self.assertEqual('queued', self.show(image_id)['status'])
        self.post(image_id, self.web_method(), stores=['fast'])
        self.assert_imported(image_id)
        self.post(image_id, 'copy-image', caller='admin', stores=['cheap'])
        self.assertEqual(('fast', '', 'cheap'), self.lists(image_id))
        self.assertEqual([[image_id], []], self.files_in('fast', 'cheap'))
