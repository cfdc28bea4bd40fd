"""Programs as child processes: started, waited for, always stopped."""

import atexit
from collections.abc import Callable
import contextlib
import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

PR_SET_PDEATHSIG = 1
LOG_TAIL_BYTES = 4000
MEMORY_DISK = '/dev/shm'
DATABASE_BYTES = 2 << 30
FIRST_PORT, LAST_PORT = 20000, 32000


class Process:
    """One program with its log; its whole process group ends with it."""

    def __init__(
        self,
        command: list[object],
        log: pathlib.Path,
        user: str | None = None,
        env: dict[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = pathlib.Path(str(command[0])).name
        self.log = log
        self._command = [str(word) for word in command]
        self._user = user
        self._env = env
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self.log.open('ab') as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
                start_new_session=True,
                preexec_fn=_end_with_parent,
                **as_user(self._user),
            )

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait(self, seconds: float) -> int:
        assert self._process is not None
        return self._process.wait(seconds)

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill -9 the whole group: what an out-of-memory killer leaves."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait(120)

    def stop(self, seconds: float = 30) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill()

    def tail(self) -> str:
        if not self.log.exists():
            return ''
        return self.log.read_text(errors='replace')[-LOG_TAIL_BYTES:]

    def workers(self) -> list[int]:
        """Its child processes, or itself where it has none."""
        return descendants(self.pid) or [self.pid]

    def rss_bytes(self) -> int:
        """The resident memory of it and all its workers."""
        return sum(
            rss_bytes(pid) for pid in [self.pid, *descendants(self.pid)]
        )


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def as_user(user: str | None) -> dict[str, object]:
    """Give subprocess arguments to drop from root to a system user."""
    if user is None or os.getuid() != 0:
        return {}
    return {'user': user, 'group': user, 'extra_groups': []}


def children(pid: int) -> list[int]:
    try:
        text = pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text()
    except FileNotFoundError:
        return []
    return [int(word) for word in text.split()]


def descendants(pid: int) -> list[int]:
    found = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def rss_bytes(pid: int) -> int:
    try:
        status = pathlib.Path(f'/proc/{pid}/status').read_text()
    except FileNotFoundError:
        return 0
    for line in status.splitlines():
        if line.startswith('VmRSS:'):
            return int(line.split()[1]) * 1024
    return 0


def run(
    command: list[object], seconds: float, user: str | None = None
) -> None:
    """Run to the end; the output comes with the failure."""
    result = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        check=False,
        **as_user(user),
    )
    if result.returncode:
        raise AssertionError(
            f'{command[0]} ended with {result.returncode}:\n'
            + result.stdout.decode(errors='replace')[-LOG_TAIL_BYTES:]
        )


def allowed(seconds: float) -> float:
    """At least three times as many seconds, and more on a busy machine.

    The load is an average of a minute: a machine that stood still for some
    seconds does not show it.
    """
    return seconds * max(3.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def wait_until(
    ready: Callable[[], bool],
    seconds: float,
    what: str,
    process: Process | None = None,
) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if process is not None and not process.is_alive():
            raise AssertionError(f'{what}: it ended\n{process.tail()}')
        if time.monotonic() > deadline:
            tail = process.tail() if process else ''
            raise AssertionError(f'{what}: not in {seconds:.0f} s\n{tail}')
        time.sleep(0.05)


def free_port() -> int:
    """A port that no other test and no connection gets in the next minutes.

    Tests run in several processes, which share a file that counts. The ports
    are below those that the kernel gives to connections (32768).
    """
    path = pathlib.Path(tempfile.gettempdir(), f'glance-port-{os.getuid()}')
    with path.open('a+') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        port = int(file.read() or FIRST_PORT)
        while True:
            port = port + 1 if port < LAST_PORT else FIRST_PORT
            with socket.socket() as probe:
                if probe.connect_ex(('127.0.0.1', port)) == 0:
                    continue
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(('127.0.0.1', port))
                break
        file.truncate(0)
        file.write(str(port))
    return port


def accepts(address: str | tuple[str, int]) -> bool:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(5)
        return probe.connect_ex(address) == 0


def answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status < 400)
    except OSError:
        return False


def find(program: str, package: str, *places: str) -> pathlib.Path:
    """Find a program, or skip the tests which need it."""
    for place in (*places, '/usr/sbin', '/usr/local/sbin'):
        for path in sorted(pathlib.Path('/').glob(place.lstrip('/'))):
            if (path / program).exists():
                return path / program
    found = shutil.which(program)
    if found is None:
        raise unittest.SkipTest(f'no {program}: install {package}')
    return pathlib.Path(found)


def keep_log(process: Process) -> None:
    """Copy a log to the directory in GLANCE_TEST_KEEP, if that is set."""
    keep = os.environ.get('GLANCE_TEST_KEEP')
    if keep and process.log.exists():
        where = pathlib.Path(keep)
        where.mkdir(parents=True, exist_ok=True)
        name = f'{process.log.parent.name}-{process.log.name}'
        shutil.copyfile(process.log, where / f'{process.name}-{name}')


def private_directory(
    user: str | None = None, for_database: bool = False
) -> pathlib.Path:
    """Make a directory that goes when we go; short, for socket names."""
    where = MEMORY_DISK if for_database and has_memory_disk() else None
    path = pathlib.Path(tempfile.mkdtemp(prefix='glance-', dir=where))
    if user is not None and os.getuid() == 0:
        shutil.chown(path, user, user)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def has_memory_disk() -> bool:
    """Migrations are many small writes, each waiting for the disk."""
    try:
        return shutil.disk_usage(MEMORY_DISK).free > DATABASE_BYTES
    except OSError:
        return False
