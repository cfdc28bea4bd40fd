"""Start, stop and supervise the daemons."""

from collections.abc import Iterator
import contextlib
import dataclasses
import os
from pathlib import Path
import resource
import shutil
import signal
import subprocess
import sys
import time
from typing import IO

from glance.cmd.control import pidfile

#: Limit of open files of a daemon, if the system permits so many.
OPEN_FILES = 32768
#: A daemon that ran for a shorter time is not restarted.
MIN_RUN_SECONDS = 1.0
_POLL_SECONDS = 0.05

#: Arguments that make a program a daemon.
_ARGUMENTS = {'glance-scrubber': ['--daemon']}
#: Servers that reload their configuration on SIGHUP.
RELOADING = ('glance-api', 'glance-registry')

#: Exit codes of ``status``, as defined by the Linux Standard Base.
DEAD_WITH_PID_FILE = 1
NOT_RUNNING = 3


class ControlError(Exception):
    """The command failed; the message is for the operator."""


@dataclasses.dataclass(frozen=True)
class Server:
    """One daemon.

    :ivar files: passed as ``--config-file``
    """

    name: str
    pid_file: pidfile.PidFile
    files: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """
        :raises ControlError: the program is not installed
        """
        options = [
            word for path in self.files for word in ('--config-file', path)
        ]
        return [_program(self.name), *_ARGUMENTS.get(self.name, ()), *options]


def _program(name: str) -> str:
    """The path of a program; the directory of this one is searched first.

    :raises ControlError: it is not installed
    """
    beside = Path(sys.executable).parent / name
    path = str(beside) if beside.exists() else shutil.which(name)
    if path is None:
        raise ControlError(f'{name} is not installed.')
    return path


def say(text: str) -> None:
    print(text, flush=True)


class Child:
    """A daemon that this process has started.

    :param is_captured: send its output to syslog instead of /dev/null
    """

    def __init__(self, server: Server, is_captured: bool) -> None:
        self.server = server
        self._is_captured = is_captured
        self._started = 0.0
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        command = self.server.command()
        with _output(self.server.name, self._is_captured) as output:
            # In a session of its own it gets no signals of this terminal.
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd='/'
                if all(map(os.path.isabs, self.server.files))
                else None,
            )
        self._started = time.monotonic()
        self.server.pid_file.write(self.process.pid)
        say(f'{self.server.name} was started (process {self.process.pid}).')
        return self.process

    def may_restart(self) -> bool:
        """Whether it ran long enough and was not stopped on purpose."""
        ran_seconds = time.monotonic() - self._started
        is_wanted = self.server.pid_file.names(self.process.pid)
        return is_wanted and ran_seconds >= MIN_RUN_SECONDS

    def exit_code(self) -> int | None:
        """The exit code; None while it runs.

        If a signal ended it, the code is 128 plus the signal's number.
        """
        code = self.process.poll()
        return code if code is None or code >= 0 else 128 - code


@contextlib.contextmanager
def _output(name: str, is_captured: bool) -> Iterator[IO[bytes]]:
    if not is_captured:
        with open(os.devnull, 'wb') as nowhere:
            yield nowhere
        return
    logger = subprocess.Popen(  # noqa: S603 - a fixed command
        [_program('logger'), '-t', name],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    if logger.stdin is not None:  # always true, because stdin=PIPE
        with logger.stdin as stream:
            yield stream


def start(server: Server, is_captured: bool) -> Child | None:
    """Start a server; return None if it is already running."""
    pid = server.pid_file.running()
    if pid is not None:
        say(f'{server.name} is already running (process {pid}).')
        return None
    if server.pid_file.exists():
        say(f'Removed the old pid file {server.pid_file.path}.')
        server.pid_file.remove()
    raise_limits()
    return Child(server, is_captured)


def raise_limits() -> None:
    """Raise the limit of open files for daemons; never lower it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= OPEN_FILES:
        return
    wanted = OPEN_FILES
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        wanted = hard
        say(f'The limit of open files stays at {hard}, not {OPEN_FILES}.')
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def stop(server: Server, timeout_seconds: float) -> int:
    """Stop a server; it finishes its running requests first.

    :returns: the exit code: 1 if it still runs after the time-out
    """
    pid = server.pid_file.running()
    if pid is None:
        server.pid_file.remove()
        say(f'{server.name} is not running.')
        return 0
    # Without its pid file the server is not restarted by may_restart().
    server.pid_file.remove()
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return 0
    except PermissionError:
        server.pid_file.write(pid)
        raise
    deadline = time.monotonic() + timeout_seconds
    while pidfile.is_running(pid, server.name):
        if time.monotonic() >= deadline:
            server.pid_file.write(pid)
            say(
                f'{server.name} (process {pid}) still runs after '
                f'{timeout_seconds:g} seconds (--stop-timeout).'
            )
            return 1
        time.sleep(_POLL_SECONDS)
    say(f'{server.name} was stopped.')
    return 0


def reload(server: Server) -> int:
    """Make a server reload its configuration."""
    if server.name not in RELOADING:
        raise ControlError(
            f'{server.name} cannot reload; restart it. These can: '
            f'{", ".join(RELOADING)}.'
        )
    pid = server.pid_file.running()
    if pid is None:
        raise ControlError(f'{server.name} is not running.')
    os.kill(pid, signal.SIGHUP)
    say(f'{server.name} (process {pid}) reads its configuration again.')
    return 0


def status(server: Server) -> int:
    pid = server.pid_file.running()
    if pid is not None:
        say(f'{server.name} is running (process {pid}).')
        return 0
    if server.pid_file.exists():
        path = server.pid_file.path
        say(f'{server.name} is dead, but its pid file exists: {path}.')
        return DEAD_WITH_PID_FILE
    say(f'{server.name} is not running.')
    return NOT_RUNNING


def await_children(children: list[Child], seconds: float) -> int:
    """The exit code of the first child that ends in this time, else 0."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for child in children:
            code = child.exit_code()
            if code is not None:
                name = child.server.name
                say(f'{name} ended at once, with exit code {code}.')
                child.server.pid_file.remove()
                return code
        time.sleep(_POLL_SECONDS)
    return 0


def respawn(children: list[Child]) -> int:
    """Restart children that end, until all were stopped on purpose.

    :returns: the exit code of the last child that ended at once, else 0
    """
    result = 0
    while children:
        for child in list(children):
            code = child.exit_code()
            if code is None:
                continue
            name = child.server.name
            if child.may_restart():
                say(f'{name} died with exit code {code}.')
                child.start()
                continue
            children.remove(child)
            if child.server.pid_file.names(child.process.pid):
                say(f'{name} ended at once, with exit code {code}.')
                child.server.pid_file.remove()
                result = code or 1
        time.sleep(_POLL_SECONDS)
    return result
