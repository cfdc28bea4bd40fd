"""Image data as files of one directory.

Data is written to a file without a name (O_TMPFILE), flushed, and only then
gets the image's id as its name. A crash at any moment leaves no half image,
and what was unfinished is gone with the process: the kernel cleans up. File
systems without O_TMPFILE (NFS) get a temporary name that is locked while it
is written; unlocked ones are leftovers, removed at start.
"""

from collections.abc import Callable, Iterable
import ctypes
import errno
import fcntl
import logging
import os
import pathlib
import re
import stat
from typing import ParamSpec, TypeVar
import urllib.parse
import uuid

from glance.common import errors
from glance.common import filebody
from glance.common import threads
from glance.store import base

LOG = logging.getLogger(__name__)

P = ParamSpec('P')
T = TypeVar('T')

DEFAULT_MODE = 0o640
_NAME = re.compile(r'[\w-]{1,36}', re.ASCII)
_PARTIAL = '.partial-'
#: So much is allocated ahead when the size is known: the file lies in one
#: piece, and writing costs a third less (0.11 for 0.17 CPU-s/GiB on ext4). A
#: client that announces a terabyte and sends nothing holds no more than this.
AHEAD_BYTES = 64 * 1024 * 1024
#: A hole is this long or a multiple of it.
HOLE_BYTES = 64 * 1024
_ZEROS = bytes(HOLE_BYTES)
_KEEP_SIZE = 1
_NO_ALLOCATION = (errno.EOPNOTSUPP, errno.ENOSYS)
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class FilesystemStore:
    """See :class:`glance.store.base.Store`; URLs are ``file:///dir/id``.

    :param directory: made if it can be
    :param mode: permission bits of image files
    :param keep_holes: zeros of an image take no room
    :param direct: write past the page cache
    :raises errors.ConfigurationError: the directory cannot be used
    """

    schemes = ('file', 'filesystem')
    is_read_only = False
    can_refuse_deletion = False

    def __init__(
        self,
        directory: str,
        mode: int = DEFAULT_MODE,
        keep_holes: bool = False,
        direct: bool = True,
    ) -> None:
        self._keep_holes = keep_holes
        self._direct = direct
        if not mode & stat.S_IRUSR:
            raise errors.ConfigurationError(
                'filesystem_store_file_perm must let the owner read.'
            )
        self._mode = mode
        path = pathlib.Path(os.path.abspath(directory))
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._directory = path.resolve(strict=True)
            usable = os.access(self._directory, os.W_OK | os.X_OK)
            self._remove_leftovers()
        except OSError as error:
            raise errors.ConfigurationError(
                f'filesystem_store_datadir {directory}: {error.strerror}'
            ) from error
        if not usable:
            raise errors.ConfigurationError(
                f'filesystem_store_datadir {directory} is not writable.'
            )

    def write(
        self,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        path = self._directory / _checked(image_id)
        file = _for_writing(
            _Partial,
            self._directory,
            self._mode,
            size_bytes,
            self._keep_holes,
            self._direct,
        )
        try:
            for chunk in data:
                _for_writing(file.write, chunk)
            if not _for_writing(file.publish, path):
                confirm()
                LOG.warning('Replaced data of nobody: %s', path.name)
                _translated(path.unlink, missing_ok=True)
                _require(_for_writing(file.publish, path))
        finally:
            threads.call(file.close)
        return f'file://{urllib.parse.quote(str(path))}'

    def open(
        self, url: str, offset: int, length: int | None
    ) -> filebody.FileBody:
        path = self._path(url)
        file = _translated(path.open, 'rb')
        size = os.fstat(file.fileno()).st_size
        if length is None:
            length = max(size - offset, 0)
        if offset + length > size:
            file.close()
            LOG.error('The data in %s is shorter than its image', path.name)
            raise errors.StoreUnavailable
        # From a cold disk 0.53 to 0.59 s/GiB, without 0.63 to 0.92.
        os.posix_fadvise(
            file.fileno(), offset, length, os.POSIX_FADV_SEQUENTIAL
        )
        return filebody.FileBody(file, offset, length)

    def delete(self, url: str) -> None:
        try:
            _translated(self._path(url).unlink)
        except errors.NotFound:
            LOG.info('There was no data to delete')

    def check(self, url: str) -> None:
        raise errors.BadRequest('No client names a file of this host.')

    def size(self, url: str) -> int:
        found: os.stat_result = _translated(self._path(url).stat)
        return found.st_size

    def delete_unregistered(self, image_id: str) -> None:
        path = self._directory / _checked(image_id)
        _translated(path.unlink, missing_ok=True)

    def _path(self, url: str) -> pathlib.Path:
        """The file of a URL, if it lies in our directory.

        Whatever made its way into the database, no other file of the host
        is read or deleted (OSSA-2014-041).
        """
        try:
            parts = urllib.parse.urlsplit(url)
            path = pathlib.Path(urllib.parse.unquote(parts.path))
            ours = (
                parts.scheme in ('file', 'filesystem')
                and not parts.netloc
                and _NAME.fullmatch(path.name)
                and os.path.realpath(path.parent) == str(self._directory)
            )
        except ValueError:  # no URL, or no path
            ours = False
        if not ours:
            LOG.error('A location lies outside of filesystem_store_datadir')
            raise errors.NotFound('There is no such data.')
        return self._directory / path.name

    def _remove_leftovers(self) -> None:
        for path in self._directory.glob(f'{_PARTIAL}*'):
            try:
                with path.open('rb') as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink(missing_ok=True)
                LOG.warning('Removed the unfinished upload %s', path.name)
            except (BlockingIOError, FileNotFoundError):
                continue  # another process writes it, or was faster here


class _Partial:
    """A file that has no name of its own yet: written, then published.

    :param directory: where it gets its name
    :param mode: permission bits
    :param size_bytes: how long it will be; None: nobody knows
    :param keep_holes: zeros take no room
    :param direct: past the page cache; not in a network's file system,
        where each piece would wait for the server
    """

    def __init__(
        self,
        directory: pathlib.Path,
        mode: int,
        size_bytes: int | None,
        keep_holes: bool,
        direct: bool,
    ) -> None:
        self._directory = directory
        self._name: pathlib.Path | None = None
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
            self._name = directory / f'{_PARTIAL}{uuid.uuid4()}'
            flags |= os.O_CREAT | os.O_EXCL
            self._fd = os.open(self._name, flags, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            os.fchmod(self._fd, mode)
            self._require_room()
            self._set_direct(direct and self._name is None)
        except BaseException:
            self.close()
            raise

    def _require_room(self) -> None:
        """Fail before the client has sent what cannot be kept."""
        free = os.fstatvfs(self._fd)
        if self._size_bytes > free.f_bavail * free.f_frsize:
            raise OSError(errno.ENOSPC, 'the file system is too full')

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
            # Most pieces are told by their first byte.
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

    def _pwrite(self, view: memoryview) -> int:
        try:
            return os.pwrite(self._fd, view, self._position)
        except OSError as error:
            if error.errno != errno.EINVAL or not self._direct:
                raise
        # No whole blocks, as at most images' ends.
        self._set_direct(False)
        return os.pwrite(self._fd, view, self._position)

    def _set_direct(self, direct: bool) -> None:
        flags = fcntl.fcntl(self._fd, fcntl.F_GETFL) & ~os.O_DIRECT
        try:
            fcntl.fcntl(self._fd, fcntl.F_SETFL, flags | direct * os.O_DIRECT)
            self._direct = direct
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise  # this file system has no such thing

    def _allocate(self) -> None:
        ahead = min(AHEAD_BYTES, self._size_bytes - self._allocated)
        try:
            _fallocate(self._fd, self._allocated, ahead)
            self._allocated += ahead
        except OSError as error:
            if error.errno not in _NO_ALLOCATION:
                raise
            self._size_bytes = 0  # it does not know how

    def publish(self, path: pathlib.Path) -> bool:
        """Make the data durable and give it its name, in this order.

        :returns: False if there is a file of that name
        """
        if self._keep_holes:
            os.ftruncate(self._fd, self._position)
        os.fsync(self._fd)
        # Only with a directory's descriptor does Python call linkat(2),
        # which follows the link of /proc to the file without a name.
        source = self._name or f'/proc/self/fd/{self._fd}'
        directory = os.open(self._directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.link(
                source, path.name, dst_dir_fd=directory, follow_symlinks=True
            )
            os.fsync(directory)
        except FileExistsError:
            return False
        finally:
            os.close(directory)
        return True

    def close(self) -> None:
        if self._name is not None:
            self._name.unlink(missing_ok=True)
        os.close(self._fd)


def _fallocate(fd: int, offset: int, length: int) -> None:
    """fallocate(2); what Python has writes to every block if it must."""
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


def _require(published: bool) -> None:
    if not published:
        raise errors.StoreUnavailable  # another holder: cannot be


def _checked(image_id: str) -> str:
    """An image id that is a file name and nothing else."""
    if not _NAME.fullmatch(image_id):
        raise errors.NotFound('There is no such image.')
    return image_id


def _for_writing(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a step of a write: it is the directory that is missing."""
    try:
        return _translated(func, *args, **kwargs)
    except errors.NotFound as error:
        LOG.error('filesystem_store_datadir is gone')
        raise errors.StoreUnavailable from error


def _translated(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run disk work in a native thread; its errors are answers."""
    try:
        result: T = threads.call(func, *args, **kwargs)
        return result
    except FileNotFoundError as error:
        raise errors.NotFound('There is no such data.') from error
    except OSError as error:
        if error.errno in _FULL:
            raise errors.LimitExceeded('The image store is full.') from error
        raise errors.StoreUnavailable from error
