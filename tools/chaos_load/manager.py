"""What a service manager does with the daemons (Restart=on-failure)."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time

from tests.live import processes
from tools.chaos_load import findings

#: A drained worker may take as long as the daemons' own limit and this.
STOP_SECONDS = 60.0


class Unit:
    """One daemon: started again when its main process ended.

    What is left of it is told to stop before, and killed if it does not:
    what systemd does with KillMode=control-group. Its workers are replaced
    by its main process.

    :param workers: processes that serve; 1: the main process does
    :param patience_seconds: within it a worker is replaced
    """

    def __init__(
        self,
        process: processes.Process,
        workers: int,
        found: findings.Findings,
        patience_seconds: float,
    ) -> None:
        self._process = process
        self._workers = workers if workers > 1 else 0
        self._findings = found
        self._patience_seconds = patience_seconds
        self._stopping_since: float | None = None
        self._complete_at = time.monotonic()
        self.restarts = 0

    def processes(self) -> list[tuple[str, int]]:
        """Title and id of each that runs; the main process is the first."""
        if not self._process.is_alive():
            return []
        name, pid = self._process.name, self._process.pid
        workers = [
            (f'{name} worker', child)
            for child in processes.children(pid)
            if _runs(child)
        ]
        return [(f'{name} main', pid), *workers]

    def tick(self) -> None:
        """Do what is due; call it often, from one thread."""
        if not self._process.is_alive():
            self._restart()
        elif len(self.processes()) - 1 >= self._workers:
            self._complete_at = time.monotonic()
        elif self._late(self._complete_at, self._patience_seconds):
            self._findings.add(
                'hung',
                f'{self._process.name} {self._process.pid}',
                'a worker that was killed is not replaced',
            )
            self.kill()

    def kill(self) -> None:
        """Kill all of it; the next tick starts it again."""
        self._signal(signal.SIGKILL)
        with contextlib.suppress(ChildProcessError, subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self._complete_at = time.monotonic()

    def _restart(self) -> None:
        now = time.monotonic()
        if self._stopping_since is None:
            self._check_exit()
            self._stopping_since = now
            self._signal(signal.SIGTERM)
        if left := _group(self._process.pid):
            if self._late(self._stopping_since, STOP_SECONDS):
                self._findings.add(
                    'hung',
                    f'{self._process.name} {left}',
                    f'does not stop in {STOP_SECONDS:.0f} s after its main '
                    'process was killed',
                )
                self._signal(signal.SIGKILL)
            return
        self._process.start()
        self.restarts += 1
        self._stopping_since, self._complete_at = None, now

    def _check_exit(self) -> None:
        code = self._process.wait(0)
        if code != -signal.SIGKILL:
            self._findings.add(
                'hung',
                f'{self._process.name} {self._process.pid}',
                f'nobody killed it, and it ended with {code}: '
                f'{self._process.tail()[-300:]}',
            )

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def stop(self) -> None:
        """SIGTERM, as at a shutdown of the host."""
        if not self._process.is_alive():
            return
        os.kill(self._process.pid, signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS
        while self._process.is_alive() or _group(self._process.pid):
            if time.monotonic() > end:
                self._findings.add(
                    'hung',
                    f'{self._process.name} {self._process.pid}',
                    f'does not stop in {STOP_SECONDS:.0f} s after SIGTERM',
                )
                self.kill()
                return
            time.sleep(0.05)

    @staticmethod
    def _late(since: float, seconds: float) -> bool:
        return time.monotonic() > since + seconds


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none if it is gone."""
    try:
        text = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(')')[2].split()


def _runs(pid: int) -> bool:
    """Whether it is there, and not a zombie that waits for its parent."""
    return _stat(pid)[:1] not in ([], ['Z'])


def _group(group: int) -> list[int]:
    """The processes of a process group."""
    found = []
    for path in pathlib.Path('/proc').glob('[0-9]*'):
        fields = _stat(int(path.name))
        if fields and fields[0] != 'Z' and int(fields[2]) == group:
            found.append(int(path.name))
    return found
