"""glance-manage db migrate_location: killed in the middle, and run again."""

import hashlib
import json
import os
import pathlib
import threading
import unittest

from tests.live import daemons
from tests.live import processes

MIB = 1024 * 1024
SIZE_BYTES = 32 * MIB
SECONDS = 120


class Moving(unittest.TestCase):
    glance: daemons.Glance
    slow: pathlib.Path
    fast: pathlib.Path

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        home = processes.private_directory()
        sections = {
            name: {'filesystem_store_datadir': home / name}
            for name in (
                *('slow', 'fast'),
                *('os_glance_staging_store', 'os_glance_tasks_store'),
            )
        }
        cls.slow, cls.fast = home / 'slow', home / 'fast'
        cls.glance = daemons.Glance(
            api={
                'DEFAULT': {'enabled_backends': 'slow:file, fast:file'},
                'glance_store': {'default_backend': 'slow'},
                **sections,
            },
            registry={'DEFAULT': {'transfer_lease_seconds': 9}},
            workers=1,
        )
        cls.addClassCleanup(cls.glance.stop)
        cls.glance.start()

    def tearDown(self) -> None:
        super().tearDown()
        _, _, body = self.glance.request('GET', '/v2/images')
        for image in json.loads(body)['images']:
            self.glance.request('DELETE', f'/v2/images/{image["id"]}')

    def program(self, *flags: str) -> processes.Process:
        made = processes.Process(
            [
                daemons.program('glance-manage'),
                *('--config-file', self.glance.directory / 'glance-api.conf'),
                *('db', 'migrate_location', '--from', 'slow', '--to', 'fast'),
                *flags,
            ],
            pathlib.Path(processes.private_directory(), 'moving.log'),
        )
        self.addCleanup(made.stop, SECONDS)
        return made

    def image(self, data: bytes) -> str:
        image_id = self.glance.create()
        status, _, _ = self.glance.request(
            'PUT',
            f'/v2/images/{image_id}/file',
            data,
            content_type='application/octet-stream',
        )
        self.assertEqual(204, status)
        return image_id

    def shown(self, image_id: str) -> dict[str, object]:
        image = self.glance.image(image_id)
        assert image is not None
        return image

    def test_a_run_that_is_killed_is_continued_by_the_next(self) -> None:
        data = os.urandom(SIZE_BYTES)
        digest = hashlib.sha256(data).digest()
        image_ids = [self.image(data), self.image(b'small')]
        first = self.program('--delete', '--rate', '2', *image_ids)
        first.start()
        processes.wait_until(
            lambda: 'os_glance_import_task' in self.shown(image_ids[0]),
            SECONDS,
            'the copy began',
            first,
        )
        first.kill()
        self.assertEqual('slow', self.shown(image_ids[0])['stores'])
        again = self.program('--delete', *image_ids)
        again.start()
        done, wrong = threading.Event(), []

        def download() -> None:
            while not done.is_set():
                path = f'/v2/images/{image_ids[0]}/file'
                status, _, got = self.glance.request('GET', path)
                if (200, digest) != (status, hashlib.sha256(got).digest()):
                    wrong.append(status)

        reader = threading.Thread(target=download)
        reader.start()
        try:
            self.assertEqual(0, again.wait(SECONDS), again.tail())
        finally:
            done.set()
            reader.join(SECONDS)
        self.assertEqual([], wrong)
        self.assertIn('2 moved, 0 copied', again.tail())
        for image_id in image_ids:
            self.assertEqual('fast', self.shown(image_id)['stores'])
        processes.wait_until(
            lambda: not any(self.slow.iterdir()), SECONDS, 'old data is gone'
        )
        self.assertEqual(
            set(image_ids), {path.name for path in self.fast.iterdir()}
        )
        status, _, got = self.glance.request(
            'GET', f'/v2/images/{image_ids[1]}/file'
        )
        self.assertEqual((200, b'small'), (status, got))

    def test_sigterm_ends_it_and_the_image_is_as_before(self) -> None:
        image_id = self.image(os.urandom(4 * MIB))
        run = self.program('--rate', '0.1')
        run.start()
        processes.wait_until(
            lambda: 'os_glance_import_task' in self.shown(image_id),
            SECONDS,
            'the copy began',
            run,
        )
        run.signal(15)
        self.assertEqual(1, run.wait(SECONDS))
        self.assertIn('Stopped; the next run continues.', run.tail())
        image = self.shown(image_id)
        self.assertEqual('slow', image['stores'], json.dumps(image))
        self.assertNotIn('os_glance_import_task', image)
