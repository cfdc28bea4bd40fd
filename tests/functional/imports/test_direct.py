"""Data that is staged and then imported."""

import os
from typing import Any
from unittest import mock

from glance.common import counters
from glance.images import staging
from tests import base
from tests.functional.imports import importing


class TestStage(importing.ImportTestCase):
    options = {'image_size_cap': 50_000}

    # covers 8.3-1, 25-51
    def test_stage_needs_no_formats(self) -> None:
        response = self.call('POST', '/v2/images', {})
        image_id = response.json['id']
        self.assert_status(204, self.stage(image_id))
        image = self.show(image_id)
        self.assertEqual('uploading', image['status'])
        self.assertEqual(len(importing.DATA), image['size'])
        self.assertIsNone(image['checksum'])
        self.assertNotIn('os_glance_stage_host', image)
        self.assertEqual([image_id], self.staged_files())
        mode = os.stat(self.staging / image_id).st_mode
        self.assertEqual(0o600, mode & 0o777)
        path = f'/v2/images/{image_id}/file'
        self.assert_status(204, self.call('GET', path))
        self.assert_status(409, self.stage(image_id))
        self.assert_status(409, self.post(image_id))

    # covers 8.3-1
    def test_refused(self) -> None:
        image_id = self.image()
        path = f'/v2/images/{image_id}/stage'
        typed = {'Content-Type': 'text/plain'}
        announced = {
            'Content-Type': 'application/octet-stream',
            'x-openstack-image-size': '9',
        }
        for status, response in (
            (415, self.call('PUT', path, b'x', headers=typed)),
            (400, self.call('PUT', path, b'x', headers=announced)),
            (404, self.stage(image_id, caller='bob')),
            (403, self.stage(image_id, caller='rita')),
            (413, self.stage(image_id, b'x' * 50_001)),
            (404, self.stage('none')),
        ):
            self.assert_status(status, response)
            self.assertEqual('queued', self.show(image_id)['status'])
            self.assertEqual([], self.staged_files())

    def test_a_directory_that_cannot_be_used(self) -> None:
        self.staging.write_text('no directory')
        self.assert_status(503, self.stage(self.image()))

    # covers 8.3-1
    def test_an_upload_that_breaks_off(self) -> None:
        image_id = self.image()
        source = base.Source(b'x' * 100, OSError('the client is gone'))
        self.assert_status(400, self.put(image_id, source, to='stage'))
        image = self.show(image_id)
        self.assertEqual('queued', image['status'])
        self.assertIn('The staging failed', image['os_glance_failed_reason'])
        self.assertEqual([], self.staged_files())

    # covers 7.5-10
    def test_a_deletion_takes_staged_data_along(self) -> None:
        image_id = self.image()
        self.stage(image_id)
        self.assert_status(204, self.call('DELETE', f'/v2/images/{image_id}'))
        self.assertEqual([], self.staged_files())

    def test_files_that_nobody_needs_go(self) -> None:
        needed, deleted = self.image(), self.image()
        self.stage(needed)
        foreign = '11111111-1111-4111-8111-111111111111'
        for name in (foreign, f'{deleted}.import', 'notes.txt'):
            (self.staging / name).write_text('x')
        self.call('DELETE', f'/v2/images/{deleted}')
        directory = staging.Directory(str(self.staging))
        staging.Sweeping(self.service.registry, directory).look()
        self.assertEqual(sorted([needed, 'notes.txt']), self.staged_files())

    def test_a_file_that_replaced_an_unneeded_one_stays(self) -> None:
        image_id = self.image()
        self.staging.mkdir(exist_ok=True)
        (self.staging / image_id).write_text('left by a killed worker')
        directory = staging.Directory(str(self.staging))
        check = self.service.registry.check_staged

        def check_and_stage(*args: Any) -> Any:
            needed = check(*args)
            self.stage(image_id)
            return needed

        with mock.patch.object(
            self.service.registry, 'check_staged', check_and_stage
        ):
            staging.Sweeping(self.service.registry, directory).look()
        self.assertEqual([image_id], self.staged_files())
        self.assert_status(202, self.post(image_id))


class TestWithoutMethods(importing.ImportTestCase):
    options = {'enabled_import_methods': []}

    # covers 8.3-1, 9-3, 7.1-19, 15.2-1
    def test_all_is_off(self) -> None:
        image_id = self.image()
        self.assert_status(404, self.stage(image_id))
        self.assert_status(400, self.post(image_id))
        found = self.call('GET', '/v2/info/import').json
        self.assertEqual([], found['import-methods']['value'])
        response = self.call('POST', '/v2/images', {})
        self.assertNotIn('OpenStack-image-import-methods', response.headers)


class TestDirect(importing.ImportTestCase):
    # covers 9-2, 9-6, 4.2-3
    def test_it_becomes_active(self) -> None:
        image_id = self.image()
        self.stage(image_id)
        response = self.post(image_id)
        self.assert_status(202, response)
        self.assertEqual(b'', response.body)
        self.assert_imported(image_id)
        task = self.task(image_id)
        self.assertEqual('api_image_import', task['type'])
        self.assertEqual({'image_id': image_id}, task['result'])
        self.assertEqual(
            {
                'image_id': image_id,
                'import_req': {'method': {'name': 'glance-direct'}},
                'backend': [None],
            },
            task['input'],
        )

    def test_it_is_counted(self) -> None:
        events: list[tuple[str, ...]] = []
        self.addCleanup(counters.connect, None)
        counters.connect(
            lambda name, labels, _amount: events.append((name, *labels))
        )
        for disk_format in ('raw', 'qcow2'):
            image_id = self.image(disk_format=disk_format)
            self.stage(image_id)
            self.post(image_id)
        ends = [('done', 'success'), ('failed', 'failure')]
        for transfer, task in ends:
            self.assertIn(('transfer', 'glance-direct', transfer), events)
            self.assertIn(('task', 'api_image_import', task), events)
        self.assertEqual(
            [
                ('import_step', 'glance-direct', step, end)
                for step, end in (
                    ('open', 'done'),
                    ('prepare', 'done'),
                    ('write', 'done'),
                    ('finish', 'done'),
                    ('open', 'done'),
                    ('prepare', 'done'),
                    ('write', 'failed'),  # it is not of its format
                )
            ],
            [event for event in events if event[0] == 'import_step'],
        )

    # covers 15.2-1, 7.1-19
    def test_discovery(self) -> None:
        names = ['glance-direct', 'web-download', 'copy-image']
        found = self.call('GET', '/v2/info/import', caller='nobody').json
        methods = found['import-methods']
        self.assertEqual('array', methods['type'])
        self.assertEqual(names, methods['value'])
        response = self.call('POST', '/v2/images', {})
        self.assertEqual(
            ','.join(names), response.headers['OpenStack-image-import-methods']
        )

    # covers 9-6
    def test_data_that_is_not_of_its_format(self) -> None:
        image_id = self.image(disk_format='qcow2')
        self.stage(image_id)
        self.assert_status(202, self.post(image_id))
        self.assert_failed(image_id, 'qcow2')
        self.stage(image_id)  # may be repeated at once

    def test_staged_data_that_vanished(self) -> None:
        image_id = self.image()
        self.stage(image_id)
        (self.staging / image_id).unlink()
        response = self.post(image_id)
        self.assert_status(409, response)
        self.assertIn('not on this host', response.json['message'])
        self.assertEqual('uploading', self.show(image_id)['status'])
        self.assert_status(204, self.call('DELETE', f'/v2/images/{image_id}'))


class TestQuota(importing.ImportTestCase):
    options = {'user_storage_quota': len(importing.DATA) + 10}

    # covers 9-6
    def test_quota(self) -> None:
        image_id = self.image()
        self.stage(image_id)
        self.post(image_id)
        self.assert_imported(image_id)
        for method in ('glance-direct', self.web_method()):
            second = self.image()
            if method == 'glance-direct':
                self.stage(second)
            self.assert_status(202, self.post(second, method))
            image = self.show(second)
            self.assertEqual('queued', image['status'])
            self.assertIn(
                'user_storage_quota', image['os_glance_failed_reason']
            )
        self.assertEqual([image_id], self.files())
