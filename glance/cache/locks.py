"""Locks on byte ranges of a file, owned by an open file, not by a process.

Files of blocks have them, and the file of :meth:`layout.Layout.open_locks`.

Such a lock (F_OFD_SETLK) works between workers and also between threads of
one worker. It ends when the file is closed or its process dies.
"""

from collections.abc import Iterator
import contextlib
import fcntl
import struct
import zlib

_FLOCK = struct.Struct('@hhqqi4x')
#: Held shared by each reader of the file, so that it is not evicted.
READING = 0
#: Held while the map of blocks is changed.
PUBLISHING = 1
#: The lock of the first block; those of the other blocks follow.
_FIRST_BLOCK = 2


def block(index: int) -> int:
    """Position of the lock that the filler of a block holds."""
    return _FIRST_BLOCK + index


def opening(image_id: str) -> int:
    """Position of the lock of a worker that opens the store for an image.

    Images that share one only wait for each other.
    """
    return zlib.crc32(image_id.encode())


def _command(kind: int, place: int, length: int) -> bytes:
    return _FLOCK.pack(kind, 0, place, length, 0)


def share(fd: int, place: int) -> bool:
    """Take a shared lock if possible, without waiting."""
    return _try(fd, _command(fcntl.F_RDLCK, place, 1))


def take(fd: int, place: int) -> bool:
    """Take an exclusive lock if possible, without waiting."""
    return _try(fd, _command(fcntl.F_WRLCK, place, 1))


def take_all(fd: int) -> bool:
    """Take all locks of the file, exclusively, without waiting."""
    return _try(fd, _command(fcntl.F_WRLCK, 0, 0))


def release(fd: int, place: int) -> None:
    command = _command(fcntl.F_UNLCK, place, 1)
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, command)


def is_held(fd: int, place: int, count: int = 1) -> bool:
    """Whether another open file holds a lock there, of either kind."""
    command = _command(fcntl.F_WRLCK, place, count)
    answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, command)
    kind: int = _FLOCK.unpack(answer)[0]
    return kind != fcntl.F_UNLCK


@contextlib.contextmanager
def held(fd: int, place: int) -> Iterator[None]:
    """Wait for a lock; this blocks, so use it in a native thread."""
    command = _command(fcntl.F_WRLCK, place, 1)
    fcntl.fcntl(fd, fcntl.F_OFD_SETLKW, command)
    try:
        yield
    finally:
        release(fd, place)


def _try(fd: int, command: bytes) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, command)
    except (BlockingIOError, PermissionError):
        return False
    return True
