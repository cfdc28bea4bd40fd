"""A process that is killed at any moment leaves a cache that can be used."""

import contextlib
import os
import random
import signal
from typing import Any

from glance.cache import upkeep
from tests.unit.cache import cases
from tests.unit.cache.cases import MIB

KILLS = 100 if os.environ.get('GLANCE_TEST_LARGE') == '1' else 30
IMAGES = 6


class TestKills(cases.CacheTestCase):
    limit_bytes = 6 * MIB

    def setUp(self) -> None:
        super().setUp()
        self.images = [
            self.image(f'7a000000-0000-4000-8000-00000000000{n}', 2 * MIB + n)
            for n in range(IMAGES)
        ]

    def test_every_served_byte_is_right(self) -> None:
        choose = random.Random(15)
        for kill in range(KILLS):
            seed, steps = choose.random(), choose.randrange(1, 40)
            with self.subTest(kill=kill, seed=seed, steps=steps):
                self.kill_after(seed, steps)
                self.cached = self.make()
                upkeep.Upkeep(self.cached, 100).reconcile()
                self.check_files()
                if kill % 10 == 9:
                    self.check_contents()

    def kill_after(self, seed: float, steps: int) -> None:
        """Kill a process after so many pieces that it fetched or read."""
        progress, end = os.pipe()
        child = os.fork()
        if not child:
            os.close(progress)
            with contextlib.suppress(BaseException):
                self.work(random.Random(seed), end)
            os._exit(0)
        os.close(end)
        with os.fdopen(progress, 'rb', buffering=0) as pipe:
            while steps > 0 and (told := pipe.read(steps)):
                steps -= len(told)
        os.kill(child, signal.SIGKILL)
        # It ends by itself only when what it reads is wrong.
        self.assertTrue(os.WIFSIGNALED(os.waitpid(child, 0)[1]))

    def work(self, choose: random.Random, end: int) -> None:
        """Fill, evict, forget and read until the kill comes."""
        self.store.before_piece = lambda _at: os.write(end, b'.')
        self.cached = self.make()
        while True:
            image = choose.choice(self.images)
            start = choose.choice((0, 0, MIB + 1))
            content = self.store.data[image['id']]
            if self.read(image, start) != content[start:]:
                os._exit(1)
            os.write(end, b'.')
            if choose.random() < 0.1:
                self.cached.forget(image['id'])

    def check_files(self) -> None:
        """No file is without an entry, and no entry without a file."""
        expected: list[str] = []
        for entry in self.cached.index.all():
            name = entry.image_id
            expected.append(name if entry.is_complete else f'partial/{name}')
        self.assertEqual(sorted(expected), self.files())

    def check_contents(self) -> None:
        order: list[Any] = list(self.images)
        random.Random(1).shuffle(order)
        for image in order:
            self.assertEqual(self.store.data[image['id']], self.read(image))
        self.wait_for_fillers()
