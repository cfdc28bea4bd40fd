"""Files with the process id of a server."""

import contextlib
import os
from pathlib import Path
import stat
import tempfile
import time

#: Where service managers expect the file.
DIRECTORY = Path('/var/run/glance')
_EXEC_SECONDS = 5.0
_POLL_SECONDS = 0.01


class PidFile:
    """The file with the id of the process of one server.

    :param server: the name of the program. If the command line of the process
        does not contain it, the id has been reused by another program
    """

    def __init__(self, path: Path, server: str) -> None:
        self.path = path
        self._server = server

    def running(self) -> int | None:
        """The id of the process; None if there is none of this server."""
        pid = self._read(self.path)
        return pid if pid and is_running(pid, self._server) else None

    def exists(self) -> bool:
        return self.path.exists()

    def write(self, pid: int) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_name(f'{self.path.name}.{os.getpid()}')
        aside.write_text(f'{pid}\n')
        aside.replace(self.path)

    def names(self, pid: int) -> bool:
        return self._read(self.path) == pid

    def remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    @staticmethod
    def _read(path: Path) -> int | None:
        try:
            return int(path.read_text())
        except (OSError, ValueError):
            return None


def default_path(server: str) -> Path:
    """The path in the usual directory, else in a directory of this user.

    :raises PermissionError: another user owns the directory
    """
    for directory in (DIRECTORY, DIRECTORY.parent):
        if directory.is_dir():
            if os.access(directory, os.W_OK | os.X_OK):
                return DIRECTORY / f'{server}.pid'
            break
    own = Path(tempfile.gettempdir(), f'glance-{os.getuid()}')
    own.mkdir(mode=0o700, exist_ok=True)
    status = own.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise PermissionError(f'{own} belongs to somebody else')
    return own / f'{server}.pid'


def is_running(pid: int, server: str) -> bool:
    """Whether the process exists, is not a zombie and runs this server."""
    try:
        words = _command_line(pid).split(b'\0')
    except OSError:
        return False
    return any(os.path.basename(word) == server.encode() for word in words)


def _command_line(pid: int) -> bytes:
    """The command line of a process; empty for a zombie.

    While a program starts, its command line is empty for a moment, so this
    waits up to _EXEC_SECONDS.

    :raises OSError: the process does not exist
    """
    deadline = time.monotonic() + _EXEC_SECONDS
    while True:
        status = Path(f'/proc/{pid}/stat').read_text()
        if status.rpartition(')')[2].split()[0] == 'Z':
            return b''
        command = Path(f'/proc/{pid}/cmdline').read_bytes()
        if command or time.monotonic() > deadline:
            return command
        time.sleep(_POLL_SECONDS)
