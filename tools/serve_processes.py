"""The programs that tools/serve starts, waits for and stops.

Standard library only, as in serve.py.
"""

from collections.abc import Callable, Mapping, Sequence
import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

READY_SECONDS = 120.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.05
LOG_TAIL_LINES = 25
PR_SET_PDEATHSIG = 1


class Refused(Exception):
    """Something we tell the person in one line, without a traceback."""


class Daemon:
    """One program of the service, as a child process.

    :param url: where it answers
    :param probes: paths that answer 200 once it is ready
    """

    def __init__(
        self,
        name: str,
        url: str,
        command: Sequence[str],
        log: pathlib.Path,
        probes: Sequence[str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.url = url
        self.log = log
        self._command = command
        self._probes = probes
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open('ab') as log:
            # Its own session: Ctrl-C reaches us only, and we stop the two in
            # the right order.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def wait_until_ready(self, others: Sequence['Daemon']) -> None:
        """Wait until the probes answer.

        :param others: daemons that have to stay alive meanwhile
        """
        for path in self._probes:
            url = self.url + path
            if not _wait_until(lambda url=url: answers(url), [self, *others]):
                raise Refused(
                    f'{url} did not answer for {READY_SECONDS:.0f} seconds;'
                    f' the last lines of {self.log}:\n{self.tail()}'
                )

    def tail(self) -> str:
        lines = self.log.read_text(errors='replace').splitlines()
        return '\n'.join(lines[-LOG_TAIL_LINES:])


def end_with_parent() -> None:
    """In the child: should we be killed, the daemon gets a SIGTERM."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def program(name: str) -> str:
    return str(pathlib.Path(sys.executable).parent / name)


def answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _wait_until(ready: Callable[[], bool], daemons: Sequence[Daemon]) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        check_alive(daemons)
        if ready():
            return True
        time.sleep(POLL_SECONDS)
    return False


def check_alive(daemons: Sequence[Daemon]) -> None:
    for daemon in daemons:
        if not daemon.is_alive():
            raise Refused(
                f'{daemon.name} ended; the last lines of {daemon.log}:\n'
                + daemon.tail()
            )
