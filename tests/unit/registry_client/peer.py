"""A registry of a few lines, which the transport really talks to."""

import collections
from collections.abc import Callable
import http.server
import socket
import threading
from typing import Any
import unittest

from glance import registry_client
from glance.common import errors

TIMEOUT_SECONDS = 30.0
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'
#: What to do with the next request: gets the connection's socket.
Script = Callable[[socket.socket], None]


class Registry(http.server.ThreadingHTTPServer):
    """Answers ``{}``, or does what the test put into ``scripts``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.scripts: collections.deque[Script] = collections.deque()
        self.requests: list[tuple[str, str, bytes]] = []
        self.connections = 0
        self.release = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Scripts break connections on purpose."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server: Registry

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_any(self) -> None:
        length = int(self.headers.get('Content-Length', 0))
        body = self.rfile.read(length)
        self.server.requests.append((self.command, self.path, body))
        if self.server.scripts:
            self.server.scripts.popleft()(self.connection)
        else:
            self.wfile.write(OK)

    # Names that http.server looks for.
    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_any  # noqa: N815

    def log_message(self, *_args: Any) -> None:
        pass


def raw(content: bytes, *, close: bool = False) -> Script:
    def send(connection: socket.socket) -> None:
        connection.sendall(content)
        if close:
            hang_up(connection)

    return send


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def trickle(
    content: bytes, until: threading.Event, pause_seconds: float = 0.02
) -> Script:
    """A byte now and then."""

    def send(connection: socket.socket) -> None:
        for number in range(len(content)):
            if until.wait(pause_seconds):
                return
            connection.sendall(content[number : number + 1])

    return send


class TransportTestCase(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = Registry()
        thread = threading.Thread(
            target=self.server.serve_forever, args=(0.01,), daemon=True
        )
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.shutdown)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.release.set)
        self.transport = self.make()

    def make(
        self, most: int = 4, timeout: float = TIMEOUT_SECONDS
    ) -> registry_client.HTTPTransport:
        endpoint = registry_client.TCPEndpoint(*self.server.server_address)
        transport = registry_client.HTTPTransport(endpoint, most, timeout)
        self.addCleanup(self.close, transport)
        return transport

    def close(self, transport: registry_client.HTTPTransport) -> None:
        for connection, _since in transport._idle:
            connection.close()

    def send(
        self,
        *,
        repeatable: bool = True,
        body: bytes | None = None,
        method: str = 'GET',
    ) -> registry_client.Answer:
        return self.transport.send(method, '/v1/x', {}, body, repeatable)

    def silence(self, _connection: socket.socket) -> None:
        """A script that never answers."""
        self.server.release.wait()

    def assert_unavailable(self, **request: Any) -> None:
        with self.assertRaises(errors.RegistryUnavailable):
            self.send(**request)
