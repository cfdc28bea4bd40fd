"""The directory of a cache, with the file names of the classic service."""

from collections.abc import Iterator
import contextlib
import fcntl
import os
import pathlib
import re
import stat
import time

_NAME = re.compile(r'[A-Za-z0-9_-]{1,36}')
#: Types of file systems whose files are on another host.
_REMOTE = re.compile(
    r'nfs\d?|cifs|smb\d?|ceph|9p|afs|lustre|gpfs|beegfs|glusterfs|'
    r'fuse\.(?:glusterfs|ceph-fuse|sshfs|s3fs|nfs)'
)


class Layout:
    """The directories of a cache; created if they do not exist.

    ==============  =====================================================
    ``ID``          a complete image
    ``partial/ID``  some blocks of an image, see blocks.py
    ``invalid/ID``  data whose hash was wrong
    ``queue/ID``    an image that is to be fetched; the oldest first
    ``incomplete``  files that a classic service was writing
    ==============  =====================================================

    :raises OSError: a directory cannot be created or written to
    """

    def __init__(self, directory: str) -> None:
        self.base = pathlib.Path(os.path.abspath(directory))
        self.partial = self.base / 'partial'
        self.invalid = self.base / 'invalid'
        self.queue = self.base / 'queue'
        self.incomplete = self.base / 'incomplete'
        for path in (self.base, self.partial, self.invalid, self.queue):
            path.mkdir(mode=0o750, parents=True, exist_ok=True)
        if not os.access(self.base, os.W_OK | os.X_OK):
            raise PermissionError(13, 'it is not writable', str(self.base))

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Lock the directory for changes of file names, on this host.

        It waits for the lock, so it must be used in a native thread.
        """
        with self._locked('.lock', fcntl.LOCK_EX):
            yield

    @contextlib.contextmanager
    def alone(self, what: str) -> Iterator[bool]:
        """Yield whether no other thread of the host is doing ``what``."""
        try:
            with self._locked(f'.{what}', fcntl.LOCK_EX | fcntl.LOCK_NB):
                yield True
        except BlockingIOError:
            yield False

    @contextlib.contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        fd = self._open_lock(name)
        try:
            fcntl.flock(fd, how)
            yield
        finally:
            os.close(fd)

    def open_locks(self) -> int:
        """Open the file for locks of images; the caller closes it."""
        return self._open_lock('.opening')

    def _open_lock(self, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        return os.open(self.base / name, flags, 0o640)

    def invalid_bytes(self) -> int:
        return sum(status.st_size for _, status in files_in(self.invalid))


def is_image_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def files_in(directory: pathlib.Path) -> list[tuple[str, os.stat_result]]:
    """Regular files whose names may be image ids, the oldest first."""
    files = []
    with contextlib.suppress(FileNotFoundError), os.scandir(directory) as all:
        for entry in all:
            with contextlib.suppress(FileNotFoundError):
                facts = entry.stat(follow_symlinks=False)
                if is_image_name(entry.name) and stat.S_ISREG(facts.st_mode):
                    files.append((entry.name, facts))
    return sorted(files, key=lambda item: item[1].st_mtime)


def remove_older(directory: pathlib.Path, seconds: float) -> int:
    """Remove files that were not written for some time; return how many."""
    before = time.time() - seconds
    removed = 0
    for name, facts in files_in(directory):
        if facts.st_mtime <= before:
            (directory / name).unlink(missing_ok=True)
            removed += 1
    return removed


def is_on_this_host(fd: int) -> bool:
    """Whether an open file is on a disk of this host."""
    device = os.fstat(fd).st_dev
    wanted = f'{os.major(device)}:{os.minor(device)}'
    for line in pathlib.Path('/proc/self/mountinfo').read_text().splitlines():
        fields = line.split(' ')
        if fields[2] == wanted:
            kind = fields[fields.index('-') + 1]
            return _REMOTE.fullmatch(kind) is None
    return True
