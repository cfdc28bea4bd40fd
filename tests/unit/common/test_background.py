"""Periodic work of a worker."""

import threading
import unittest
from unittest import mock

from glance.common import background
from glance.common import startup

SECONDS = 30


class BackgroundTest(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(mock.patch.dict(background._tasks, clear=True))
        running = mock.patch.object(background, '_running', set())
        self.enterContext(running)
        self.enterContext(mock.patch.object(startup, '_actions', []))
        self.stop = threading.Event()
        self.addCleanup(self.stop.set)

    def test_it_begins_at_once_and_goes_on_after_a_failure(self) -> None:
        calls = threading.Semaphore(0)

        def fail() -> None:
            if self.stop.is_set():
                raise SystemExit
            calls.release()
            raise RuntimeError

        background.register('task', fail, 0.01)
        with self.assertLogs(background.LOG, 'ERROR'):
            startup.run()
            startup.run()
            for _ in range(3):
                self.assertTrue(calls.acquire(timeout=SECONDS))
        self.stop.set()

    def test_the_latest_of_a_name_counts(self) -> None:
        """A reload makes the application anew."""
        called = threading.Event()

        def old() -> None:
            raise AssertionError('the old one is called')

        def new() -> None:
            called.set()
            if self.stop.is_set():
                raise SystemExit

        background.register('task', old, 0.01)
        background.register('task', new, 0.01)
        startup.run()
        self.assertTrue(called.wait(SECONDS))
        self.stop.set()
