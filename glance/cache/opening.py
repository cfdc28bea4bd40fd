"""Lets one reader of the host open the store for a cold image.

The others wait for it, because a second request for the same data would delay
the first one, and a busy store may answer it seconds later.
"""

from collections.abc import Iterator
import contextlib
import os
import threading
import time

from glance.cache import layout as layouts
from glance.cache import locks
from glance.common import threads

#: How long a worker waits for another one that opens the store.
_HOST_SECONDS = 10.0
_SHORTEST_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.02


class Openings:
    """The images whose data this process is opening in the store."""

    def __init__(self, layout: layouts.Layout) -> None:
        self._layout = layout
        self._first: dict[str, threading.Event] = {}

    @contextlib.contextmanager
    def turn(self, image_id: str) -> Iterator[None]:
        """Wait while another reader of the host opens the store.

        Those that waited do not wait for each other again, because that would
        take too long if the store does not respond.
        """
        ours = threading.Event()
        first = self._first.setdefault(image_id, ours)
        if first is not ours:
            first.wait()
            yield
            return
        try:
            with self._turn_of_host(image_id):
                yield
        finally:
            del self._first[image_id]
            ours.set()

    @contextlib.contextmanager
    def _turn_of_host(self, image_id: str) -> Iterator[None]:
        """Wait for other workers, but not for long."""
        with contextlib.ExitStack() as stack:
            # The caller meets the same failure, and reports it.
            with contextlib.suppress(OSError):
                fd = self._layout.open_locks()
                stack.callback(os.close, fd)
                _wait(fd, locks.opening(image_id))
            yield


def _wait(fd: int, place: int) -> None:
    until = time.monotonic() + _HOST_SECONDS
    pause = _SHORTEST_PAUSE_SECONDS
    while not locks.take(fd, place) and time.monotonic() < until:
        threads.pause(pause)
        pause = min(1.5 * pause, _LONGEST_PAUSE_SECONDS)
