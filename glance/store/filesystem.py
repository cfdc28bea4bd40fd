"""Image data as files of one directory.

Data is written to a file without a name (O_TMPFILE), flushed, and only then
gets the image's id as its name. A crash at any moment leaves no half image,
and what was unfinished is gone with the process: the kernel cleans up. File
systems without O_TMPFILE (NFS) get a temporary name that is locked while it
is written; unlocked ones are leftovers, removed at start.
"""

from collections.abc import Callable, Iterable
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
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class FilesystemStore:
    """See :class:`glance.store.base.Store`; URLs are ``file:///dir/id``.

    :param directory: made if it can be
    :param mode: permission bits of image files
    :raises errors.ConfigurationError: the directory cannot be used
    """

    schemes = ('file', 'filesystem')
    is_read_only = False
    can_refuse_deletion = False

    def __init__(self, directory: str, mode: int = DEFAULT_MODE) -> None:
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
    ) -> str:
        path = self._directory / _checked(image_id)
        partial = _for_writing(_Partial, self._directory, self._mode)
        try:
            for chunk in data:
                _for_writing(partial.write, chunk)
            if not _for_writing(partial.publish, path):
                confirm()
                LOG.warning('Replaced data of nobody: %s', path.name)
                _translated(path.unlink, missing_ok=True)
                _require(_for_writing(partial.publish, path))
        finally:
            threads.call(partial.close)
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
        return filebody.FileBody(file, offset, length)

    def delete(self, url: str) -> None:
        try:
            _translated(self._path(url).unlink)
        except errors.NotFound:
            LOG.info('There was no data to delete at %s', url)

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
    """A file that has no name of its own yet."""

    def __init__(self, directory: pathlib.Path, mode: int) -> None:
        self._directory = directory
        self._name: pathlib.Path | None = None
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
        os.fchmod(self._fd, mode)

    def write(self, chunk: base.Buffer) -> None:
        view = memoryview(chunk)
        while view:
            view = view[os.write(self._fd, view) :]

    def publish(self, path: pathlib.Path) -> bool:
        """Make the data durable and give it its name, in this order.

        :returns: False if there is a file of that name
        """
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
