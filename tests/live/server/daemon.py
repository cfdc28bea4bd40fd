"""Start the tiny daemon as a real process and talk to it."""

from collections.abc import Callable
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from typing import Any

from tests.live import processes

ROOT = pathlib.Path(__file__).parents[3]
PROGRAM = pathlib.Path(__file__).with_name('tiny_daemon.py')
PATIENCE_SECONDS = 120.0


def eventually(
    check: Callable[[], Any], seconds: float = PATIENCE_SECONDS
) -> Any:
    """What ``check`` returns once that is true; fail when it never is."""
    end = time.monotonic() + seconds
    while True:
        is_last = time.monotonic() > end
        with contextlib.suppress(OSError):
            if value := check():
                return value
        if is_last:
            raise AssertionError(f'never true: {check}')
        time.sleep(0.02)


class Daemon:
    """A process with a configuration file and a log of its own."""

    def __init__(self, directory: str, **options: object) -> None:
        self.directory = pathlib.Path(directory)
        self.port = int(
            str(options.setdefault('bind_port', processes.free_port()))
        )
        options.setdefault('bind_host', '127.0.0.1')
        options.setdefault('workers', 1)
        self.conf_file = self.directory / f'tiny-{self.port}.conf'
        self.log_file = self.directory / f'tiny-{self.port}.log'
        self.configure(**options)
        self.process: subprocess.Popen[bytes]

    def configure(self, **options: object) -> None:
        lines = [f'{key} = {value}\n' for key, value in options.items()]
        self.conf_file.write_text('[DEFAULT]\n' + ''.join(lines))
        self.options = options

    def start(self) -> 'Daemon':
        with open(self.log_file, 'ab') as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    str(PROGRAM),
                    '--config-file',
                    str(self.conf_file),
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, 'PYTHONPATH': str(ROOT)},
            )
        return self

    def up(self) -> 'Daemon':
        """Started, and answering."""
        self.start()
        eventually(self.connects)
        return self

    def connects(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f'ended:\n{self.log()}')
        self.connect().close()
        return True

    def connect(self) -> socket.socket:
        if 'bind_socket' in self.options:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(str(self.options['bind_socket']))
        else:
            host = str(self.options['bind_host'])
            sock = socket.create_connection((host, self.port))
        sock.settimeout(PATIENCE_SECONDS)
        return sock

    def get(self, path: str) -> bytes:
        """The body of one answer on a connection of its own."""
        with self.connect() as sock:
            sock.sendall(request(path, 'Connection: close'))
            head, _, body = read_all(sock).partition(b'\r\n\r\n')
        if not head.startswith(b'HTTP/1.1 200 '):
            raise AssertionError(head)
        return body

    def worker(self) -> int:
        return int(self.get('/hello').split()[1])

    def workers(self) -> set[int]:
        """Process ids of its children."""
        pid = self.process.pid
        children = pathlib.Path(f'/proc/{pid}/task/{pid}/children')
        return {int(child) for child in children.read_text().split()}

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)

    def stop(self) -> None:
        """Leave nothing behind; workers drain once the main one is gone."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGCONT)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self._kill()

    def _kill(self) -> None:
        """End the daemon and its workers, whatever state they are in."""
        for pid in (self.process.pid, *self.workers()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait()

    def log(self) -> str:
        return self.log_file.read_text()


def request(path: str, *headers: str, method: str = 'GET') -> bytes:
    lines = [f'{method} {path} HTTP/1.1', 'Host: localhost', *headers, '', '']
    return '\r\n'.join(lines).encode()


def read_all(sock: socket.socket) -> bytes:
    """Everything until the other side closes."""
    parts = []
    while data := sock.recv(65536):
        parts.append(data)
    return b''.join(parts)


def read_answer(sock: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of one answer that has a Content-Length."""
    got = b''
    while b'\r\n\r\n' not in got:
        got += _some(sock)
    head, _, body = got.partition(b'\r\n\r\n')
    length = int(head.lower().partition(b'content-length: ')[2].split()[0])
    parts, have = [body], len(body)
    while have < length:
        parts.append(_some(sock))
        have += len(parts[-1])
    return head, b''.join(parts)


def _some(sock: socket.socket) -> bytes:
    data = sock.recv(1 << 20)
    if not data:
        raise ConnectionError('closed in the middle of an answer')
    return data
