"""A wire between the daemons that breaks where a test says."""

import re
import socket
import threading
import time
from typing import Any

SECONDS = 120
TRICKLE_PAUSE_SECONDS = 0.3

#: Faults of one request, by what they do. The registry gets the request of
#: every one but 'refused'.
LOST = ('cut head', 'cut body', 'garbage', 'reset', 'silence', 'trickle')
FAULTS = ('refused', *LOST)


class Wire:
    """Forwards connections to a registry; breaks requests on purpose.

    :param port: of the registry
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(('127.0.0.1', 0), backlog=100)
        self.port: int = self._listener.getsockname()[1]
        self._fault = ''
        self._pattern = re.compile('$^')
        self._times = 0
        self._lock = threading.Lock()
        self._mended = threading.Event()
        self.requests: list[str] = []
        _start(self._accept)

    def break_at(self, fault: str, pattern: str = '', times: int = 1) -> None:
        """Break requests whose first line has the pattern."""
        self._mended.clear()
        with self._lock:
            self._fault, self._times = fault, times
            self._pattern = re.compile(pattern)
            self.requests.clear()

    def mend(self) -> None:
        with self._lock:
            self._times = 0
        self._mended.set()

    def close(self) -> None:
        self.mend()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            _start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(SECONDS)
        with (
            sock,
            socket.create_connection(
                ('127.0.0.1', self._port), SECONDS
            ) as registry,
        ):
            try:
                while request := _read_message(sock):
                    fault = self._fault_of(request)
                    if fault == 'refused':
                        return
                    registry.sendall(request)
                    answer = _read_message(registry)
                    if fault:
                        self._answer_badly(sock, fault, answer)
                        return
                    sock.sendall(answer)
            except OSError:
                return

    def _fault_of(self, request: bytes) -> str:
        line = request.split(b'\r\n', 1)[0].decode()
        with self._lock:
            self.requests.append(line)
            if not self._times or not self._pattern.search(line):
                return ''
            self._times -= 1
            return self._fault

    def _answer_badly(
        self, sock: socket.socket, fault: str, answer: bytes
    ) -> None:
        if fault == 'cut head':
            sock.sendall(answer[:20])
        elif fault == 'cut body':
            sock.sendall(answer[:-1])
        elif fault == 'garbage':
            sock.sendall(b'\0\xff{{{' * 100)
        elif fault == 'silence':
            self._mended.wait(SECONDS)
        elif fault == 'trickle':
            self._trickle(sock, answer)
        elif fault == 'reset':
            linger = b'\1\0\0\0\0\0\0\0'
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def _trickle(self, sock: socket.socket, answer: bytes) -> None:
        for number in range(len(answer)):
            if self._mended.is_set():
                return
            sock.sendall(answer[number : number + 1])
            time.sleep(TRICKLE_PAUSE_SECONDS)


def _read_message(sock: socket.socket) -> bytes:
    """A request or an answer; empty at the end."""
    message = b''
    while b'\r\n\r\n' not in message:
        more = sock.recv(1 << 20)
        if not more:
            return b''
        message += more
    head, _, body = message.partition(b'\r\n\r\n')
    found = re.search(rb'(?i)content-length: *(\d+)', head)
    missing = int(found.group(1)) - len(body) if found else 0
    while missing > 0:
        more = sock.recv(1 << 20)
        if not more:
            return b''
        message, missing = message + more, missing - len(more)
    return message


def _start(target: Any, *args: Any) -> None:
    threading.Thread(target=target, args=args, daemon=True).start()
