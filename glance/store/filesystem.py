"""Image data as files of one directory.

Data is written to a file without a name (O_TMPFILE), flushed, and only then
gets the image's id as its name. A crash at any moment leaves no half image,
and what was unfinished is gone with the process: the kernel cleans up. File
systems without O_TMPFILE (NFS) get a temporary name that is locked while it
is written; unlocked ones are leftovers and are removed.

Whoever can write to the directory may have put something else there: no
link is followed, and only regular files are read.
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

from glance.common import errors
from glance.common import filebody
from glance.common import threads
from glance.store import base
from glance.store import partial
from glance.store import regular
from glance.store import warming

LOG = logging.getLogger(__name__)

P = ParamSpec('P')
T = TypeVar('T')

DEFAULT_MODE = 0o640
_NAME = re.compile(r'[\w-]{1,36}', re.ASCII)
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class FilesystemStore:
    """See :class:`glance.store.base.Store`; URLs are ``file:///dir/id``.

    :param directory: made if it can be
    :param mode: permission bits of image files
    :param keep_holes: zeros of an image take no room
    :param direct: write past the page cache
    :param warm_percent: of the available memory, may hold new files that
        were written so
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
        warm_percent: int = 0,
    ) -> None:
        self._keep_holes = keep_holes
        self._direct = direct
        self._warmer = warming.Warmer(warm_percent) if warm_percent else None
        if not mode & stat.S_IRUSR:
            raise errors.ConfigurationError(
                'filesystem_store_file_perm must let the owner read, for '
                'instance 640.'
            )
        self._mode = mode
        path = pathlib.Path(os.path.abspath(directory))
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._directory = path.resolve(strict=True)
            usable = os.access(self._directory, os.W_OK | os.X_OK)
            self._remove_unfinished()
            self.identity = regular.identity(self._directory)
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
            partial.Partial,
            self._directory,
            self._mode,
            size_bytes,
            self._keep_holes,
            self._direct,
            self._warmer,
        )
        try:
            for chunk in data:
                _for_writing(file.write, chunk)
            _for_writing(file.flush)
            confirm()
            if not _for_writing(file.publish, path):
                LOG.warning(
                    'Replaced the data that an interrupted upload of image '
                    '%s left',
                    path.name,
                )
                _require(_for_writing(file.replace, path))
        finally:
            threads.call(file.close)
        return f'file://{urllib.parse.quote(str(path))}'

    def open(
        self, url: str, offset: int, length: int | None
    ) -> filebody.FileBody:
        path = self._path(url)
        file = _translated(regular.open_file, path)
        size = os.fstat(file.fileno()).st_size
        if length is None:
            length = max(size - offset, 0)
        if offset + length > size:
            file.close()
            raise errors.StoreUnavailable from ValueError(
                f'the file has {size} bytes; {offset + length} were expected'
            )
        # From a cold disk 0.53 to 0.59 s/GiB, without 0.63 to 0.92.
        os.posix_fadvise(
            file.fileno(), offset, length, os.POSIX_FADV_SEQUENTIAL
        )
        return filebody.FileBody(file, offset, length)

    def delete(self, url: str) -> None:
        try:
            _translated(self._path(url).unlink)
        except errors.NotFound:
            LOG.info('The data to delete did not exist')

    def check(self, url: str) -> None:
        raise errors.BadRequest(
            'Clients cannot register a file of this host as a location.'
        )

    def size(self, url: str) -> int:
        path = self._path(url)
        found: os.stat_result = _translated(os.lstat, path)
        if not stat.S_ISREG(found.st_mode):
            raise errors.StoreUnavailable from regular.NotRegular(path)
        return found.st_size

    def delete_unregistered(self, image_id: str) -> None:
        path = self._directory / _checked(image_id)
        _translated(path.unlink, missing_ok=True)

    def hold(self, image_id: str) -> base.Held | None:
        try:
            path = self._directory / _checked(image_id)
            held: _Held = _translated(_Held, path)
        except errors.NotFound:
            # Without its directory nothing is known of a file.
            _for_writing(os.stat, self._directory)
            return None
        return held

    def remove_unfinished(self) -> None:
        _for_writing(self._remove_unfinished)

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
            raise base.Elsewhere(
                'the URL names no file of an image directly in '
                'filesystem_store_datadir'
            )
        return self._directory / path.name

    def _remove_unfinished(self) -> None:
        for path in self._directory.glob(f'{partial.PREFIX}*'):
            try:
                with regular.open_file(path) as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink(missing_ok=True)
                LOG.warning(
                    'Removed the file of an interrupted upload: %s', path.name
                )
            except (BlockingIOError, FileNotFoundError):
                continue  # another process writes it, or was faster here
            except OSError as error:
                LOG.error(
                    'Could not remove the file %s of an interrupted '
                    'upload: %s',
                    path,
                    error,
                )


class _Held:
    """See :class:`glance.store.base.Held`.

    While the file is open its inode number is given to no other.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(path, flags)

    def remove(self) -> None:
        _translated(self._remove)

    def _remove(self) -> None:
        with regular.alone(self._path.parent):
            if regular.is_same(self._path, self._fd):
                self._path.unlink()

    def close(self) -> None:
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
        LOG.error(
            'The directory filesystem_store_datadir does not exist any more'
        )
        raise errors.StoreUnavailable from error


def _translated(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run disk work in a native thread; its errors are answers."""
    try:
        result: T = threads.call(func, *args, **kwargs)
        return result
    except FileNotFoundError as error:
        raise errors.NotFound(
            'The data of the image was not found in the store.'
        ) from error
    except OSError as error:
        if error.errno in _FULL:
            raise errors.LimitExceeded(
                'The image store has no space left; ask the operator to '
                'free some.'
            ) from error
        raise errors.StoreUnavailable from error
