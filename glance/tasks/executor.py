"""Runs jobs beside the requests, a limited number at a time.

A job runs in a green thread if the server uses eventlet, and otherwise in a
native one. Work that blocks in C goes through ``glance.common.threads``.
Jobs do not survive the process: the caller of ``submit`` holds a lease on
what the job works on, which expires when the process ends.
"""

from collections import deque
from collections.abc import Callable
import logging
import threading

from glance.common import errors

LOG = logging.getLogger(__name__)

Job = Callable[[], None]


class Executor:
    """Runs jobs in threads.

    :param workers: max number of simultaneous jobs
    :param waiting: max number of jobs that wait
    """

    def __init__(self, workers: int, waiting: int) -> None:
        self._workers = workers
        self._max_waiting = waiting
        self._waiting: deque[Job] = deque()
        self._running = 0
        self._lock = threading.Lock()

    def submit(self, job: Job) -> None:
        """Run the job when a worker is free; log what it raises.

        :raises errors.Unavailable: too many jobs already wait
        """
        with self._lock:
            if len(self._waiting) >= self._max_waiting:
                raise errors.Unavailable(
                    'Too many tasks are waiting; try again later.'
                )
            self._waiting.append(job)
            if self._running == self._workers:
                return
            self._running += 1
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                job = self._waiting.popleft()
            try:
                job()
            except Exception:
                LOG.exception('A task failed')
