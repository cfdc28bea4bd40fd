"""Several stores with the real clients."""

import contextlib
import json
import os
import sqlite3
import unittest
import urllib.request

from tests.live import clients
from tests.live import processes
from tests.live import served


class Stores(unittest.TestCase):
    def setUp(self) -> None:
        directory = processes.private_directory()
        self.data = directory / 'data'
        service = served.Service(
            self.data, None, None, '--stores', 'fast,cheap'
        )
        self.addCleanup(service.stop)
        service.start()
        self.api_url = service.api_url
        self.person = clients.without_login(
            directory / 'home', service.api_url
        )
        self.source = directory / 'source'
        self.source.write_bytes(os.urandom(1 << 20))
        self.saved = directory / 'saved'

    def test_clients_list_and_choose_stores(self) -> None:
        listed = self.person.run('glance', 'stores-info')
        for told in ('fast', 'cheap', 'images-cheap', 'default'):
            self.assertIn(told, listed)
        detail = self.person.run('glance', 'stores-info', '--detail')
        self.assertIn('data_dir', detail)
        shown = json.loads(
            self.person.run(
                'openstack', 'image', 'stores', 'list', '-f', 'json'
            )
        )
        self.assertIn('cheap', json.dumps(shown))
        made = self.person.glance_one(
            *('image-create', '--name', 'x', '--disk-format', 'raw'),
            *('--container-format', 'bare', '--file', self.source),
            *('--store', 'cheap'),
        )
        self.assertEqual('cheap', made['stores'])
        path = self.data / 'images-cheap' / made['id']
        self.assertEqual(self.source.read_bytes(), path.read_bytes())
        self.person.run(
            'glance', 'image-download', '--file', self.saved, made['id']
        )
        self.assertEqual(self.source.read_bytes(), self.saved.read_bytes())
        with self.assertRaisesRegex(clients.Failed, '403'):
            self.person.run(
                'glance', 'stores-delete', '--store', 'cheap', made['id']
            )

    def test_a_file_that_ends_too_early_is_continued_by_another(self) -> None:
        data = os.urandom(64 << 20)
        self.source.write_bytes(data)
        image_id = self.person.glance_one(
            *('image-create', '--disk-format', 'raw'),
            *('--container-format', 'bare', '--file', self.source),
        )['id']
        fast = self.data / 'images-fast' / image_id
        self._add_copy(image_id, data)
        with urllib.request.urlopen(
            f'{self.api_url}/v2/images/{image_id}/file'
        ) as answer:
            got = answer.read(1000)
            # Far behind what the buffers of a connection can hold.
            os.truncate(fast, 48 << 20)
            got += answer.read()
        self.assertEqual(len(data), len(got))
        self.assertTrue(data == got, 'the data is not that of the image')

    def _add_copy(self, image_id: str, data: bytes) -> None:
        """Put the data into the other store, as an import would."""
        path = self.data / 'images-cheap' / image_id
        path.write_bytes(data)
        connection = sqlite3.connect(self.data / 'glance.sqlite')
        with contextlib.closing(connection) as database:
            database.execute(
                'INSERT INTO image_locations (image_id, value, meta_data, '
                'status, created_at, updated_at, deleted) SELECT image_id, '
                '?, ?, status, created_at, updated_at, deleted FROM '
                'image_locations WHERE image_id = ?',
                (f'file://{path}', '{"store": "cheap"}', image_id),
            )
            database.commit()
