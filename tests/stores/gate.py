"""A way to a server that can be shut: the server dies for its clients.

Servers are shared by all tests, so none of them may stop one.
"""

import contextlib
import socket
import threading
from typing import Any

PIECE_BYTES = 64 * 1024


class Gate:
    """Passes connections on to a server.

    :ivar address: HOST:PORT of the gate
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._left: int | None = None
        self._is_shut = False
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        self.address = f'127.0.0.1:{self.port}'
        #: Set when the gate was shut, also after its last byte.
        self.has_shut = threading.Event()
        self._run(self._accept)

    def shut(self) -> None:
        """Break all connections, and accept none."""
        with self._lock:
            self._is_shut = True
            sockets, self._sockets = self._sockets, set()
        for each in sockets:
            _end(each)
        self.has_shut.set()

    def shut_after(self, size_bytes: int) -> None:
        """Shut when so many bytes have passed, in both directions."""
        self.has_shut.clear()
        self._left = size_bytes

    def open(self) -> None:
        with self._lock:
            self._is_shut = False
            self._left = None

    def close(self) -> None:
        self.shut()
        _end(self._listener)

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            try:
                server = socket.create_connection(self._server, 10)
                server.settimeout(None)
            except OSError:
                _end(client)
                continue
            with self._lock:
                is_shut = self._is_shut
                self._sockets |= {client, server}
            if is_shut:
                self.shut()
                continue
            self._run(self._pass, client, server)
            self._run(self._pass, server, client)

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(PIECE_BYTES):
            if self._left is not None:
                self._left -= len(data)
                if self._left < 0:
                    self.shut()
                    return
            target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _run(self, func: Any, *args: Any) -> None:
        def work() -> None:
            with contextlib.suppress(OSError):
                func(*args)

        threading.Thread(target=work, daemon=True).start()


def _end(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
