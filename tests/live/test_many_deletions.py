"""Two scrubbers as programs, which are killed, and restores beside them.

GLANCE_TEST_DELETIONS=10000 makes more deletions, which takes long.
"""

import concurrent.futures
import datetime
import os
import pathlib
import signal
import unittest
import uuid

import sqlalchemy as sa

from glance_registry.db import maintenance
from glance_registry.db import models
from tests.live import daemons
from tests.live import processes

COUNT = int(os.environ.get('GLANCE_TEST_DELETIONS', '60'))
#: Of every so many images one cannot be removed at first.
FAILS = 10
KILLS = 4
RESTORES = 3
SECONDS = 60.0 + COUNT / 5
DELETED = ('deleted', True)
LONG_AGO = datetime.datetime(2020, 1, 1)


class ManyDeletions(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.glance = daemons.Glance(
            api={
                'DEFAULT': {
                    'delayed_delete': True,
                    'wakeup_time': 1,
                    'scrub_pool_size': 4,
                    # Only the scrubbers shall remove the data.
                    'leftover_interval_seconds': 3600,
                },
            },
            registry={'DEFAULT': {'transfer_lease_seconds': 5}},
            workers=1,
        )
        self.addCleanup(self.glance.stop)
        self.glance.sync()
        self.ids = [str(uuid.uuid4()) for _ in range(COUNT)]
        self.seed()
        self.glance.start()

    def seed(self) -> None:
        """Write deleted images; some files are directories, and fail."""
        end = {'deleted': True, 'deleted_at': LONG_AGO}
        times = {'created_at': LONG_AGO, 'updated_at': LONG_AGO, **end}
        rows = [
            {
                'id': each,
                'status': 'pending_delete',
                'visibility': 'private',
                'disk_format': 'raw',
                'container_format': 'bare',
                'size': 4,
                'min_disk': 0,
                'min_ram': 0,
                'protected': False,
                'os_hidden': False,
                **times,
            }
            for each in self.ids
        ]
        locations = [
            {
                'image_id': each,
                'value': f'file://{self.glance.images / each}',
                'meta_data': {},
                'status': 'pending_delete',
                **times,
            }
            for each in self.ids
        ]
        tags = [
            {'image_id': each, 'value': 'mine', **times} for each in self.ids
        ]
        with maintenance.engine(self.glance.database_url).begin() as database:
            database.execute(models.images.insert(), rows)
            database.execute(models.image_locations.insert(), locations)
            database.execute(models.image_tags.insert(), tags)
        for number, each in enumerate(self.ids):
            if number % FAILS == 0:
                (self.glance.images / each).mkdir()
            else:
                (self.glance.images / each).write_bytes(b'data')

    def program(self, *flags: str) -> processes.Process:
        made = processes.Process(
            [
                daemons.program('glance-scrubber'),
                *('--config-file', self.glance.directory / 'glance-api.conf'),
                *flags,
            ],
            self.glance.directory / f'scrubber-{uuid.uuid4()}.log',
        )
        self.addCleanup(made.stop)
        made.start()
        return made

    def left(self) -> list[pathlib.Path]:
        """Files and directories of images that were not restored."""
        return [
            path
            for path in self.glance.images.iterdir()
            if path.name in self.pending
        ]

    def wait_for(self, count: int) -> None:
        processes.wait_until(
            lambda: len(self.left()) <= count,
            SECONDS,
            f'only {count} images are left',
        )

    def restore(self, image_id: str) -> bool:
        """Restore an image; return whether that succeeded."""
        code = self.program('--restore', image_id).wait(SECONDS)
        self.assertIn(code, (0, 1))
        return code == 0

    def make_due(self) -> None:
        """End the pause after which a removal that failed is repeated."""
        table = models.image_leftovers
        with maintenance.engine(self.glance.database_url).begin() as database:
            database.execute(table.update().values(due_at=LONG_AGO))

    def statuses(self) -> dict[str, tuple[str, bool]]:
        images = models.images.c
        query = sa.select(images.id, images.status, images.deleted)
        with maintenance.engine(self.glance.database_url).begin() as database:
            rows = database.execute(query).all()
        return {row.id: (row.status, row.deleted) for row in rows}

    def are_deleted(self) -> bool:
        statuses = self.statuses()
        return {statuses[each] for each in self.pending} == {DELETED}

    def test_killed_scrubbers_lose_nothing(self) -> None:
        """A restore in the middle brings back the whole image, or nothing."""
        early, *late = self.ids[1], *self.ids[-RESTORES:]
        self.pending = set(self.ids) - {early, *late}
        self.assertTrue(self.restore(early))
        scrubbers = [self.program('--daemon') for _ in range(2)]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            restored = pool.map(self.restore, late)
            fails = len([path for path in self.left() if path.is_dir()])
            for step in range(1, KILLS + 1):
                left = fails + (COUNT - fails) * (KILLS - step) // KILLS
                self.wait_for(left)
                scrubbers[step % 2].signal(signal.SIGKILL)
                scrubbers[step % 2].wait(SECONDS)
                scrubbers[step % 2] = self.program('--daemon')
            came_back = dict(zip(late, restored, strict=True))
        came_back[early] = True
        self.pending |= {
            each for each, is_back in came_back.items() if not is_back
        }
        for path in self.left():
            if path.is_dir():
                path.rmdir()
                path.write_bytes(b'data')
        self.make_due()
        self.wait_for(0)
        processes.wait_until(
            self.are_deleted,
            SECONDS,
            'all images are deleted',
        )
        for image_id, is_back in came_back.items():
            with self.subTest(image_id, is_back=is_back):
                self.require_whole(image_id, is_back)

    def require_whole(self, image_id: str, is_back: bool) -> None:
        path = f'/v2/images/{image_id}'
        if not is_back:
            self.assertEqual(DELETED, self.statuses()[image_id])
            self.assertFalse((self.glance.images / image_id).exists())
            return
        image = self.glance.image(image_id) or {}
        self.assertEqual('active', image.get('status'))
        self.assertEqual(['mine'], image.get('tags'))
        status, _, data = self.glance.request('GET', f'{path}/file')
        self.assertEqual((200, b'data'), (status, data))
