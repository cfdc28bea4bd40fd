"""One of three stores fails while an import writes to all of them."""

import json
from typing import Any
import unittest

from tests import webserver
from tests.live import daemons
from tests.live import processes

DATA = bytes(range(256)) * 4096
SECONDS = 60
STORES = ('fast', 'cheap', 'third')


class FailingStore(unittest.TestCase):
    def setUp(self) -> None:
        self.web = webserver.WebServer(self)
        self.web.data['/a'] = DATA
        self.glance = daemons.Glance(workers=1)
        backends = ', '.join(f'{name}:file' for name in STORES)
        stores = {name: self.glance.images / name for name in STORES}
        stores['os_glance_staging_store'] = self.glance.directory / 'staging'
        stores['os_glance_tasks_store'] = self.glance.directory / 'tasks'
        for section, settings in {
            'DEFAULT': {
                'enabled_backends': backends,
                'leftover_interval_seconds': 1,
            },
            'glance_store': {'default_backend': 'fast'},
            'import_filtering_opts': {
                'allowed_hosts': '127.0.0.1',
                'allowed_ports': self.web.port,
            },
            **{
                name: {'filesystem_store_datadir': path}
                for name, path in stores.items()
            },
        }.items():
            self.glance.configure('glance-api', settings, section)
        self.addCleanup(self.glance.stop)
        self.glance.start()
        self.third = stores['third']

    def _break(self) -> None:
        """Let the third store refuse every write: root may do anything."""
        self.third.rename(self.third.with_suffix('.away'))
        self.third.write_text('no directory')

    def _repair(self) -> None:
        self.third.unlink()
        self.third.with_suffix('.away').rename(self.third)

    def _import(
        self, image_id: str, method: dict[str, str], **more: Any
    ) -> dict[str, Any]:
        """The image, once its import has ended."""
        status, _, body = self.glance.request(
            'POST',
            f'/v2/images/{image_id}/import',
            {'method': method, 'all_stores': True, **more},
        )
        self.assertEqual(202, status, body)

        def has_ended() -> bool:
            path = f'/v2/images/{image_id}/tasks'
            _, _, body = self.glance.request('GET', path)
            return all(
                task['status'] in ('success', 'failure')
                for task in json.loads(body)['tasks']
            )

        processes.wait_until(has_ended, SECONDS, 'the import has ended')
        return self.glance.image(image_id) or {}

    def _files(self, image_id: str) -> set[str]:
        """Stores that have a file of the image."""
        return {
            store
            for store in STORES
            if (self.glance.images / store / image_id).exists()
        }

    def _assert_in(self, image: dict[str, Any], *stores: str) -> None:
        self.assertEqual('active', image['status'], image)
        self.assertEqual(set(stores), set(image['stores'].split(',')))
        self.assertEqual(set(stores), self._files(image['id']))
        _, _, data = self.glance.request('GET', image['file'])
        self.assertEqual(DATA, data)

    def test_imports_and_copies(self) -> None:
        web = {'name': 'web-download', 'uri': self.web.url('/a')}
        copy = {'name': 'copy-image'}
        refused, partly = self.glance.create(), self.glance.create()
        copied = self.glance.create()
        self._import(copied, web, all_stores=False, stores=['fast'])
        self._break()
        image = self._import(refused, web)
        self.assertEqual('queued', image['status'])
        self.assertIn('third', image['os_glance_failed_reason'])
        self.assertEqual('third', image['os_glance_failed_import'])
        processes.wait_until(
            lambda: not self._files(refused), SECONDS, 'nothing is left'
        )
        image = self._import(partly, web, all_stores_must_succeed=False)
        self._assert_in(image, 'fast', 'cheap')
        self.assertEqual('third', image['os_glance_failed_import'])
        image = self._import(copied, copy)
        processes.wait_until(
            lambda: self._files(copied) == {'fast'},
            SECONDS,
            'the copy that is no use is gone',
        )
        self._assert_in(image, 'fast')
        self.assertEqual('third', image['os_glance_failed_import'])
        self.assertEqual('', image['os_glance_importing_to_stores'])
        self._repair()
        self._assert_in(self._import(refused, web), *STORES)
        for image_id in (partly, copied):
            image = self._import(image_id, copy)
            self._assert_in(image, *STORES)
            self.assertEqual('', image['os_glance_failed_import'])
