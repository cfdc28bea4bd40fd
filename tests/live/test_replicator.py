"""glance-replicator as a program that is killed and started again.

GLANCE_TEST_REPLICATED=200 copies more images, which takes long.
"""

import os
import signal
import subprocess
from typing import Any
import unittest

from glance.cmd.replicator import service
from tests.live import daemons

IMAGES = int(os.environ.get('GLANCE_TEST_REPLICATED', '8'))
KILLS = 3
SECONDS = 120.0
DATA = b'0123456789abcdef' * 4096
#: What differs between two services, or says how they are configured.
OWN = ('created_at', 'updated_at', 'stores', 'direct_url')


class Data:
    def __len__(self) -> int:
        return len(DATA)

    def __iter__(self) -> Any:
        yield DATA


class ReplicatorTest(unittest.TestCase):
    def pair(self) -> tuple[daemons.Glance, service.Service]:
        glance = daemons.Glance(workers=1)
        self.addCleanup(glance.stop)
        glance.start()
        return glance, service.Service(glance.api_url, None)

    def fill(self, source: service.Service) -> None:
        for number in range(IMAGES):
            made = source.create(
                {
                    'name': f'image {number}',
                    'disk_format': 'raw',
                    'container_format': 'bare',
                    'visibility': 'shared',
                    'owner': f'p{number}',
                    'tags': [f't{number}', 'all'],
                    'os_hidden': number == 1,
                    'site_rack': f'r {number}',
                }
            )
            source.upload(made['id'], Data())
            source.add_member(made['id'], f'm{number}')
            if number == 2:
                source.change(made['id'], {'protected': True})
            if number == 3:
                source.deactivate(made['id'])

    @staticmethod
    def images(of: service.Service) -> list[dict[str, Any]]:
        found = [
            {
                **{k: v for k, v in image.items() if k not in OWN},
                'tags': sorted(image['tags']),
                'members': of.members(image['id']),
            }
            for image in of.images()
        ]
        return sorted(found, key=lambda image: str(image['id']))

    def copy(self, *urls: str, kill_after: int | None) -> int:
        """The exit code; killed when so many images were copied."""
        command = [daemons.program('glance-replicator'), 'livecopy', *urls]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={'PYTHONUNBUFFERED': '1'},
        ) as copying:
            assert copying.stdout is not None
            copied = 0
            for line in copying.stdout:
                self.assertNotIn('FAILED', line)
                copied += ': copied' in line
                if copied == kill_after:
                    copying.send_signal(signal.SIGKILL)
                    break
            return copying.wait(SECONDS)

    def test_killed_and_repeated_nothing_is_lost_nor_twice(self) -> None:
        (one, source), (two, target) = self.pair(), self.pair()
        self.fill(source)
        urls = one.api_url, two.api_url
        for _ in range(KILLS):
            self.assertEqual(-9, self.copy(*urls, kill_after=2))
        self.assertEqual(0, self.copy(*urls, kill_after=None))
        before = self.images(source)
        self.assertEqual(IMAGES, len(before))
        self.assertEqual(before, self.images(target))
        for image in before:
            data = b''.join(target.data(image['id'], 65536))
            self.assertEqual(DATA, data)
        self.assertEqual(IMAGES, len(two.files()))
