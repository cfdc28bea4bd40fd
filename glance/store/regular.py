"""Files of a directory to which other users may write as well.

A link, a FIFO or a device in place of a file is never followed, waited for
or read.
"""

from collections.abc import Iterator
import contextlib
import errno
import fcntl
import logging
import os
import pathlib
import stat
from typing import BinaryIO
import uuid

LOG = logging.getLogger(__name__)

#: An attribute of a directory; hosts that see the same value share it.
_IDENTITY = 'user.glance.store_id'
#: Do not wait, for instance at a FIFO, and do not follow a link.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotRegular(OSError):
    """A link, a FIFO, a device or a directory where a file should be."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__(errno.EINVAL, 'not a regular file', str(path))


def open_file(path: pathlib.Path) -> BinaryIO:
    """Open a regular file for reading; refuse anything else."""
    try:
        fd = os.open(path, _READ)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise NotRegular(path) from error  # a link; a socket
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotRegular(path)
    return os.fdopen(fd, 'rb')


def identity(directory: pathlib.Path) -> str | None:
    """Return the id of a directory, the same on all hosts; make it if new.

    None if the file system does not support extended attributes.
    """
    with contextlib.suppress(FileExistsError):
        try:
            os.setxattr(
                directory,
                _IDENTITY,
                str(uuid.uuid4()).encode(),
                os.XATTR_CREATE,
            )
        except FileExistsError:
            raise
        except OSError as error:
            LOG.info(
                '%s does not support extended attributes (%s); data of '
                'interrupted uploads there is removed by this host only',
                directory,
                error.strerror,
            )
            return None
    return os.getxattr(directory, _IDENTITY).decode(errors='replace')[:255]


@contextlib.contextmanager
def alone(directory: pathlib.Path) -> Iterator[None]:
    """Lock a directory before a file is renamed, removed or replaced.

    Network file systems do not lock directories. There the time between the
    check of a name and its removal, some microseconds, is not protected.
    """
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def is_same(path: pathlib.Path, fd: int) -> bool:
    """Whether the path leads to the open file."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(fd))
    except FileNotFoundError:
        return False
