"""Runs jobs beside the requests, a bounded number at a time.

A job waits as a green thread waits where the server is eventlet's, and as a
native one elsewhere; what blocks in C it hands to ``glance.common.threads``.
Nothing here survives the process: whoever submits a job holds a lease on
what it works on, which lapses when the process ends.
"""

from collections import deque
from collections.abc import Callable
import logging
import threading

from glance.common import errors

LOG = logging.getLogger(__name__)

Job = Callable[[], None]


class Executor:
    """:param workers: jobs at a time

    :param waiting: jobs that wait for their turn
    """

    def __init__(self, workers: int, waiting: int) -> None:
        self._workers = workers
        self._most_waiting = waiting
        self._waiting: deque[Job] = deque()
        self._running = 0
        self._lock = threading.Lock()

    def submit(self, job: Job) -> None:
        """Run the job some time; what it raises is logged.

        :raises errors.Unavailable: too many wait already
        """
        with self._lock:
            if len(self._waiting) >= self._most_waiting:
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
