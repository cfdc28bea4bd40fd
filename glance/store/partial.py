"""A file that is written without its name, and named when complete."""

import ctypes
import errno
import fcntl
import os
import pathlib
import uuid

from glance.store import base
from glance.store import regular
from glance.store import warming

PREFIX = '.partial-'
#: How much is allocated ahead if the size is known. So the file is contiguous,
#: and writing costs a third less (0.11 for 0.17 CPU-s/GiB on ext4). A client
#: that announces a terabyte and sends nothing occupies no more than this.
AHEAD_BYTES = 64 * 1024 * 1024
#: The length of a hole is a multiple of this.
HOLE_BYTES = 64 * 1024
#: Without locks, other writers of an image may come between two steps.
REPLACE_TRIES = 5
_ZEROS = bytes(HOLE_BYTES)
_KEEP_SIZE = 1
_NO_ALLOCATION = (errno.EOPNOTSUPP, errno.ENOSYS)


class Partial:
    """A file that has no name of its own yet: written, then published.

    :param directory: the directory that it will be in
    :param mode: permission bits
    :param size_bytes: its final length; None if unknown
    :param keep_holes: do not allocate disk blocks for zeros
    :param direct: write without the page cache; not used on network file
        systems, where each piece would wait for the server
    :param warmer: reads data into the page cache that was written without it;
        None: this is not done
    """

    def __init__(
        self,
        directory: pathlib.Path,
        mode: int,
        size_bytes: int | None,
        keep_holes: bool,
        direct: bool,
        warmer: warming.Warmer | None = None,
    ) -> None:
        self._directory = directory
        self._name: pathlib.Path | None = None
        self._warming: warming.Warming | None = None
        self._is_published = False
        self._position = 0
        self._keep_holes = keep_holes
        self._size_bytes = 0 if keep_holes else size_bytes or 0
        self._allocated = 0
        self._direct = False
        flags = os.O_WRONLY | os.O_CLOEXEC
        try:
            self._fd = os.open(directory, flags | os.O_TMPFILE, 0o600)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR):
                raise
            self._open_named(flags | os.O_CREAT | os.O_EXCL)
        try:
            os.fchmod(self._fd, mode)
            self._require_room()
            self._set_direct(direct and self._name is None)
            if self._direct and warmer is not None:
                self._warming = warmer.watch(self._fd)
        except BaseException:
            self.close()
            raise

    def _require_room(self) -> None:
        """Fail early if the file system cannot hold the announced size."""
        free = os.fstatvfs(self._fd)
        if self._size_bytes > free.f_bavail * free.f_frsize:
            raise OSError(errno.ENOSPC, 'the file system is too full')

    def _open_named(self, flags: int) -> None:
        """Create a file with a temporary name, and lock it."""
        while True:
            self._name = self._directory / f'{PREFIX}{uuid.uuid4()}'
            self._fd = os.open(self._name, flags, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            if regular.is_same(self._name, self._fd):
                return
            os.close(self._fd)  # removed before it was locked

    def write(self, chunk: base.Buffer) -> None:
        view = memoryview(chunk)
        if self._keep_holes:
            self._write_but_zeros(view)
        else:
            self._write(view)

    def _write_but_zeros(self, view: memoryview) -> None:
        begin = 0
        for offset in range(0, len(view), HOLE_BYTES):
            piece = view[offset : offset + HOLE_BYTES]
            # For most pieces the first byte is enough to tell.
            if not piece[0] and bytes(piece) == _ZEROS[: len(piece)]:
                self._write(view[begin:offset])
                self._position += len(piece)
                begin = offset + len(piece)
        self._write(view[begin:])

    def _write(self, view: memoryview) -> None:
        while view:
            if self._position >= self._allocated < self._size_bytes:
                self._allocate()
            written = self._pwrite(view)
            self._position += written
            view = view[written:]
        if self._warming is not None:
            self._warming.written(self._position)

    def _pwrite(self, view: memoryview) -> int:
        try:
            return os.pwrite(self._fd, view, self._position)
        except OSError as error:
            if error.errno != errno.EINVAL or not self._direct:
                raise
        # Not a whole block, which is usual at the end of an image.
        self._set_direct(False)
        return os.pwrite(self._fd, view, self._position)

    def _set_direct(self, direct: bool) -> None:
        flags = fcntl.fcntl(self._fd, fcntl.F_GETFL) & ~os.O_DIRECT
        try:
            fcntl.fcntl(self._fd, fcntl.F_SETFL, flags | direct * os.O_DIRECT)
            self._direct = direct
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise  # EINVAL: O_DIRECT is not supported

    def _allocate(self) -> None:
        ahead = min(AHEAD_BYTES, self._size_bytes - self._allocated)
        try:
            _fallocate(self._fd, self._allocated, ahead)
            self._allocated += ahead
        except OSError as error:
            if error.errno not in _NO_ALLOCATION:
                raise
            self._size_bytes = 0  # allocation is not supported

    def flush(self) -> None:
        """Flush the data to the disk."""
        if self._keep_holes:
            os.ftruncate(self._fd, self._position)
        os.fsync(self._fd)

    def publish(self, path: pathlib.Path) -> bool:
        """Give the file its name, durably.

        :returns: False if a file of that name exists
        """
        directory = os.open(
            self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        )
        try:
            self._link(path, directory)
            try:
                os.fsync(directory)
            except OSError:
                if regular.is_same(path, self._fd):
                    path.unlink(missing_ok=True)
                raise
        except FileExistsError:
            return False
        finally:
            os.close(directory)
        self._is_published = True
        return True

    def _link(self, path: pathlib.Path, directory: int) -> None:
        # Python calls linkat(2) only if it gets a directory's descriptor.
        # linkat follows the link in /proc to the file without a name.
        if self._name is None:
            os.link(
                f'/proc/self/fd/{self._fd}',
                path.name,
                dst_dir_fd=directory,
                follow_symlinks=True,
            )
            return
        os.link(
            self._name,
            path.name,
            dst_dir_fd=directory,
            follow_symlinks=False,
        )
        # If the temporary name still leads to this file, then this file was
        # linked. If the path leads to another one now, a later writer of the
        # image has replaced it; there is no lock on network file systems.
        if not any(
            regular.is_same(name, self._fd) for name in (path, self._name)
        ):
            path.unlink(missing_ok=True)
            raise regular.NotRegular(self._name)  # another user replaced it

    def replace(self, path: pathlib.Path) -> bool:
        """Publish the file in place of an existing file of that name.

        :returns: False if other writers of the image were faster each time
        """
        with regular.alone(self._directory):
            for _ in range(REPLACE_TRIES):
                path.unlink(missing_ok=True)
                if self.publish(path):
                    return True
        return False

    def close(self) -> None:
        if self._warming is not None and self._is_published:
            self._warming.finish(self._position)
        elif self._warming is not None:
            self._warming.give_up()
        if self._name is not None:
            self._name.unlink(missing_ok=True)
        os.close(self._fd)


def _fallocate(fd: int, offset: int, length: int) -> None:
    """fallocate(2); Python's posix_fallocate may write to every block."""
    done = _LIBC.fallocate(fd, _KEEP_SIZE, offset, length)
    if done != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.fallocate.argtypes = (
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int64,
    ctypes.c_int64,
)
