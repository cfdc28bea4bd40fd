"""The hash of an image's data while it is being cached."""

from _queue import SimpleQueue  # native, not monkey-patched
import hashlib
import os
from typing import NamedTuple

from glance.common import threads

#: Small enough for the cache of a processor core.
_READ_BYTES = 256 * 1024


class Expected(NamedTuple):
    """The hash that the data must have; an empty name if none is known."""

    name: str
    value: str
    checksum: str | None


class Digest:
    """Hashes a file while it is being filled from its start.

    A native thread reads the new data from the page cache, so neither the
    filler nor the readers wait for the hash, except at the end of the data.

    :param fd: of the file; :meth:`stop` must be called before it is closed
    """

    def __init__(self, expected: Expected, fd: int) -> None:
        self._expected = expected
        self._fd = fd
        self._hash = None
        if expected.name:
            self._hash = hashlib.new(expected.name, usedforsecurity=False)
        self._position = 0
        self._ends: SimpleQueue[int] = SimpleQueue()
        self._ended: SimpleQueue[None] = SimpleQueue()
        self._is_running = self._is_stopped = False

    def reached(self, end: int) -> None:
        """Hash the data up to ``end``, all of which was written."""
        if self._hash is None:
            return
        if not self._is_running:
            threads.start(self._follow)
            self._is_running = True  # stop() waits for the thread
        self._ends.put(end)

    def _follow(self) -> None:
        try:
            while not self._is_stopped:
                self._update(self._ends.get())
        except OSError:
            pass  # is_right() reads the same data, and raises
        finally:
            self._ended.put(None)

    def _update(self, end: int) -> None:
        if self._hash is None:
            return
        buffer = memoryview(bytearray(_READ_BYTES))
        while self._position < end and not self._is_stopped:
            view = buffer[: min(_READ_BYTES, end - self._position)]
            got = os.preadv(self._fd, [view], self._position)
            if not got:
                return
            self._hash.update(view[:got])
            self._position += got

    def stop(self) -> None:
        """End the thread; this waits for it, in a native thread."""
        if self._is_running:
            self._is_stopped = True
            self._ends.put(0)
            self._ended.get()
            self._is_running = False

    def is_right(self, size_bytes: int) -> bool:
        """Hash the rest of the file, and compare; long work."""
        if self._hash is None:
            return True
        self.stop()
        self._is_stopped = False
        self._update(size_bytes)
        return (
            self._position == size_bytes
            and self._hash.hexdigest() == self._expected.value
        )
