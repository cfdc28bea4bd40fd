"""Wakes the readers of this process when blocks of an image arrive."""

import contextlib
import threading
import weakref

from glance.common import threads

#: How long a reader waits for a filler of this process, which wakes it.
_LOCAL_SECONDS = 1.0
#: Of all readers of an image together, each takes so long a pause between
#: two blocks; otherwise 64 readers would be woken for each block.
_SECONDS_PER_READER = 0.001
_LONGEST_REST_SECONDS = 0.1
#: Pauses between two looks for blocks that another process fetches.
_SHORTEST_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.02


class Beat:
    """Wakes all readers of one image in this process.

    Readers call :meth:`next` first, then look whether their block is there,
    and then wait, so that no arrival in between is missed.
    """

    def __init__(self) -> None:
        self._next = threading.Event()
        self._is_polled = False
        self._pause = _SHORTEST_PAUSE_SECONDS
        self._readers = 0

    def join(self) -> None:
        """Count a reader; it calls :meth:`leave` at its end."""
        self._readers += 1

    def leave(self) -> None:
        self._readers -= 1

    @property
    def has_readers(self) -> bool:
        """Whether this process reads the image; others may do so too."""
        return self._readers > 0

    def rest(self) -> None:
        """Let several blocks arrive, so that they can be sent together."""
        pause = _SECONDS_PER_READER * self._readers
        threads.pause(min(pause, _LONGEST_REST_SECONDS))

    def next(self) -> threading.Event:
        return self._next

    def strike(self) -> None:
        """Wake all that wait; called when something has changed."""
        self._pause = _SHORTEST_PAUSE_SECONDS
        struck, self._next = self._next, threading.Event()
        struck.set()

    def wait(self, event: threading.Event, is_local: bool) -> bool:
        """Wait for the event, or for the time of another look.

        If another process fetches the block, one reader looks for it in
        short intervals, and strikes for the others of this process.

        :param event: from :meth:`next`
        :param is_local: whether a filler of this process will strike
        :returns: whether this reader is the one that looks
        """
        if is_local:
            event.wait(_LOCAL_SECONDS)
            return False
        if self._is_polled:
            event.wait(5 * _LONGEST_PAUSE_SECONDS)
            return False
        self._is_polled = True
        try:
            threads.pause(self._pause)
        finally:
            self._is_polled = False
        self._pause = min(self._pause * 1.5, _LONGEST_PAUSE_SECONDS)
        return True


class Beats:
    """The beats of the images that are being read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_id: weakref.WeakValueDictionary[str, Beat] = (
            weakref.WeakValueDictionary()
        )

    def of(self, image_id: str) -> Beat:
        with self._lock, contextlib.suppress(KeyError):
            return self._by_id[image_id]
        with self._lock:
            return self._by_id.setdefault(image_id, Beat())
