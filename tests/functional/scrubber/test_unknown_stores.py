"""Programs whose configuration lacks a store in which an image has data."""

from collections.abc import Callable, Iterator
import contextlib
from typing import Any
from unittest import mock

import sqlalchemy as sa

from glance.common import errors
from glance.images import deletion
from glance.images import leftovers
from glance.images import orphans
from glance.images import scrubbing
from glance.store import base
from glance.store import filesystem
from glance.store import stores
from glance_registry.db import clock
from glance_registry.db import models
from tests.functional.scrubber import verifying

DATA = verifying.DATA


def refuse_in(store: str) -> Callable[[str], None]:
    def refuse(url: str) -> None:
        if f'/{store}/' in url:
            raise errors.Conflict('The data is in use.')
        raise base.Elsewhere('it is not here')

    return refuse


class UnknownStoreTestCase(verifying.VerifyingTestCase):
    def fewer(self) -> stores.Stores:
        """The stores of a program that does not have the store cheap."""
        return stores.Stores([self.service.stores.get('fast')], 'fast', True)

    def scrubber(self) -> scrubbing.Scrubber:
        registry, store = self.service.registry, self.fewer()
        return scrubbing.Scrubber(
            registry,
            store,
            leftovers.Leftovers(registry, store, 'n'),
            node='n',
            keep_seconds=0,
            pool_size=1,
        )

    def rows(self, table: Any) -> list[Any]:
        return self.service.database.read(
            lambda connection: list(connection.execute(table.select()))
        )

    def make_due(self) -> None:
        self.write(
            models.image_leftovers.update().values(due_at=clock.after(0))
        )

    def write(self, statement: sa.Update) -> None:
        self.service.database.write(
            lambda connection: connection.execute(statement)
        )

    def status(self, image_id: str) -> str:
        (found,) = [
            row.status
            for row in self.rows(models.images)
            if row.id == image_id
        ]
        return str(found)

    def another_api(self) -> leftovers.Leftovers:
        """What a glance-api on another host does in the background.

        Its default store is another one than that of the scrubber.
        """
        cheap = self.service.stores.get('cheap')
        fast = self.service.stores.get('fast')
        everything = stores.Stores([cheap, fast], 'cheap', True)
        return leftovers.Leftovers(self.service.registry, everything, 'other')


class TestDelayed(UnknownStoreTestCase):
    api_options = {
        **verifying.VerifyingTestCase.api_options,
        'delayed_delete': True,
    }

    def test_the_data_stays_pending_for_a_program_with_the_store(self) -> None:
        image_id = self.copied('fast', 'cheap')
        self.call('DELETE', f'/v2/images/{image_id}')
        with self.assertLogs('glance.images', 'ERROR') as logged:
            self.assertEqual((0, 1), self.scrubber().run())
        (line,) = logged.output
        self.assertIn(f'image {image_id}', line)
        self.assertIn('the store cheap is not configured here', line)
        self.assertEqual('pending_delete', self.status(image_id))
        self.assertEqual([], self.files_in('fast'))
        self.assertEqual([image_id], self.files_in('cheap'))
        # It is not due again yet, but it is not finished either.
        self.assertEqual((0, 1), self.scrubber().run())
        self.make_due()
        self.another_api().look()
        self.assertEqual([], self.files_in('cheap'))
        self.assertEqual('deleted', self.status(image_id))
        self.assertEqual((0, 0), self.scrubber().run())

    def test_a_store_that_only_could_have_the_data_is_not_asked(self) -> None:
        """A driver that does not recognize its own URLs, as Cinder's."""
        image_id = self.copied('cheap')
        self.call('DELETE', f'/v2/images/{image_id}')
        delete = mock.Mock()
        with mock.patch.multiple(
            filesystem.FilesystemStore, owns=lambda *_: False, delete=delete
        ):
            self.assertEqual((0, 1), self.scrubber().run())
        delete.assert_not_called()
        self.assertEqual('pending_delete', self.status(image_id))


class TestVerify(UnknownStoreTestCase):
    def test_an_image_in_a_store_that_is_unknown_is_not_damaged(self) -> None:
        image_id = self.copied('cheap')
        self.service.stores = self.fewer()
        with mock.patch.multiple(
            filesystem.FilesystemStore,
            owns=lambda *_: False,
            size=mock.Mock(side_effect=errors.NotFound),
        ):
            state, detail, status = self.verified(image_id)
        self.assertEqual(('unknown', 'active'), (state, status))
        self.assertEqual('another store: it cannot be read', detail)

    def test_its_data_is_not_reported_as_missing(self) -> None:
        image_id = self.copied('cheap')
        found: list[orphans.Finding] = []
        with mock.patch.multiple(
            filesystem.FilesystemStore,
            owns=lambda *_: False,
            size=mock.Mock(side_effect=errors.NotFound),
        ):
            orphans.Orphans(
                self.service.registry,
                self.fewer(),
                grace_seconds=0,
                delete=True,
                tell=found.append,
            ).run()
        self.assertEqual(
            [('unknown', image_id)],
            [(each.kind, each.image_id) for each in found],
        )

    def test_several_stores_of_a_scheme_without_an_id(self) -> None:
        """The one that has the data is asked, not the default one."""
        image_id = self.copied('cheap')
        self.write(models.image_locations.update().values(meta_data={}))
        with mock.patch.object(
            filesystem.FilesystemStore, 'owns', lambda *_: False
        ):
            self.assertEqual('verified', self.verified(image_id)[0])
            self.call('DELETE', f'/v2/images/{image_id}')
        self.assertEqual([], self.files_in('cheap'))


class TestRequests(UnknownStoreTestCase):
    @contextlib.contextmanager
    def forgotten(self) -> Iterator[None]:
        """Run the body with a glance-api that does not have cheap."""
        known = self.service.stores
        fast = known.get('fast')
        with mock.patch.multiple(
            known,
            _by_id={'fast': fast},
            _by_scheme={scheme: [fast] for scheme in fast.schemes},
        ):
            yield

    def test_deletion_of_an_image(self) -> None:
        image_id = self.copied('fast', 'cheap')
        path = f'/v2/images/{image_id}'
        with (
            self.forgotten(),
            self.assertLogs('glance.images', 'ERROR') as logged,
        ):
            self.assert_status(204, self.call('DELETE', path))
        self.assertIn('the store cheap is not configured', str(logged.output))
        self.assertEqual([], self.files_in('fast'))
        self.assertEqual('pending_delete', self.status(image_id))
        self.make_due()
        self.another_api().look()
        self.assertEqual([], self.files_in('cheap'))
        self.assertEqual('deleted', self.status(image_id))

    def test_deletion_where_another_store_may_refuse(self) -> None:
        image_id = self.copied('fast', 'cheap')
        fast = self.service.stores.get('fast')
        refuses = mock.patch.object(fast, 'can_refuse_deletion', True)
        with self.forgotten(), refuses:
            self.call('DELETE', f'/v2/images/{image_id}')
        self.assertEqual([], self.files_in('fast'))
        self.assertEqual('pending_delete', self.status(image_id))
        self.make_due()
        self.another_api().look()
        self.assertEqual([], self.files_in('cheap'))
        self.assertEqual('deleted', self.status(image_id))

    def test_a_refusal_after_data_of_an_unknown_store(self) -> None:
        """The image comes back with both of its locations."""
        image_id = self.copied('cheap', 'fast')
        with (
            self.forgotten(),
            mock.patch.object(
                deletion.Deletions,
                '_cannot_refuse',
                lambda _self, place: '/fast/' in place['url'],
            ),
            mock.patch.object(
                self.service.stores,
                'may_refuse_deletion',
                return_value=True,
            ),
            mock.patch.object(
                filesystem.FilesystemStore,
                'delete',
                side_effect=refuse_in('fast'),
            ),
        ):
            response = self.call('DELETE', f'/v2/images/{image_id}')
        self.assert_status(409, response)
        self.assertEqual('fast,cheap', self.show(image_id)['stores'])

    def test_hosts_with_different_stores(self) -> None:
        image_id = self.copied('fast', 'cheap')
        with self.forgotten():
            self.call('DELETE', f'/v2/images/{image_id}')
        self.make_due()
        only = stores.Stores([self.service.stores.get('cheap')], 'cheap', True)
        leftovers.Leftovers(self.service.registry, only, 'other').look()
        self.assertEqual([], self.files_in('cheap'))
        self.assertEqual([], self.rows(models.image_leftovers))
        self.assertEqual('deleted', self.status(image_id))

    def test_removal_of_a_location(self) -> None:
        """It must be possible, and must not delete a later copy."""
        image_id = self.copied('fast', 'cheap')
        with self.forgotten():
            response = self.patch(
                image_id,
                {'op': 'remove', 'path': '/locations/1'},
                caller='admin',
            )
        self.assert_status(200, response)
        self.assertEqual([image_id], self.files_in('cheap'))
        self.copy(image_id, DATA, 'cheap')
        self.make_due()
        self.another_api().look()
        self.assertEqual([], self.rows(models.image_leftovers))
        self.assertEqual([image_id], self.files_in('cheap'))
        self.assertEqual(2, len(self.show(image_id)['locations']))
