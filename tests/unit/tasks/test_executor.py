"""Jobs beside the requests: bounded, and independent of each other."""

import threading
import unittest

from glance.common import errors
from glance.tasks import executor

SECONDS = 30.0


class TestExecutor(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.go = threading.Event()
        self.addCleanup(self.go.set)
        self.started = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)
        self.lock = threading.Lock()
        self.running = self.most = 0

    def job(self) -> None:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.started.release()
        self.go.wait(SECONDS)
        with self.lock:
            self.running -= 1
        self.ended.release()

    def await_all(self, what: threading.Semaphore, count: int) -> None:
        for _ in range(count):
            self.assertTrue(what.acquire(timeout=SECONDS))

    def test_so_many_at_a_time_and_so_many_wait(self) -> None:
        jobs = executor.Executor(workers=2, waiting=3)
        for _ in range(2):
            jobs.submit(self.job)
        self.await_all(self.started, 2)
        for _ in range(3):
            jobs.submit(self.job)
        with self.assertRaises(errors.Unavailable):
            jobs.submit(self.job)
        self.assertEqual(2, self.most)
        self.go.set()
        self.await_all(self.ended, 5)
        self.assertEqual(2, self.most)
        jobs.submit(self.job)
        self.await_all(self.ended, 1)

    def test_a_job_that_fails_is_logged_and_the_next_runs(self) -> None:
        jobs = executor.Executor(workers=1, waiting=5)
        self.go.set()

        def fail() -> None:
            raise RuntimeError('a bug')

        with self.assertLogs(executor.LOG, 'ERROR') as logged:
            jobs.submit(fail)
            jobs.submit(self.job)
            self.await_all(self.ended, 1)
        self.assertIn('a bug', str(logged.output))

    def test_a_job_may_submit_another(self) -> None:
        jobs = executor.Executor(workers=1, waiting=1)
        self.go.set()
        jobs.submit(lambda: jobs.submit(self.job))
        self.await_all(self.ended, 1)
