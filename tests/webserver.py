"""A real web server on loopback that holds image data, or misbehaves."""

from collections.abc import Callable
import contextlib
import http.server
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
from typing import Any
import unittest


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server: Any

    def do_GET(self) -> None:
        owner: WebServer = self.server.owner
        owner.requests.append((self.command, self.path, dict(self.headers)))
        answer = owner.answers.get(self.path)
        if answer is not None:
            answer(self)
            return
        data = owner.data.get(self.path)
        if data is None:
            self.reply(404, b'')
            return
        part = self.headers.get('Range')
        if part is None or not owner.knows_ranges:
            self.reply(200, data)
            return
        first, _, last = part.removeprefix('bytes=').partition('-')
        start, end = int(first), int(last or len(data) - 1)
        place = f'bytes {start}-{end}/{len(data)}'
        self.reply(206, data[start : end + 1], {'Content-Range': place})

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def reply(
        self, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if 'Content-Length' not in (headers or {}):
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            with contextlib.suppress(OSError):  # the client had enough
                self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        pass


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    # Or its end would wait for handlers that wait for a test.
    block_on_close = False


class Certificate:
    """A certificate that nobody signed.

    :ivar cert: file of it
    :ivar context: for a server that shows it
    """

    def __init__(self, test: unittest.TestCase, name: str = 'localhost'):
        directory = tempfile.TemporaryDirectory()
        test.addCleanup(directory.cleanup)
        self.cert = f'{directory.name}/cert.pem'
        key = f'{directory.name}/key.pem'
        subprocess.run(
            [
                *('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes'),
                *('-keyout', key, '-out', self.cert, '-days', '2'),
                *('-subj', f'/CN={name}'),
                *('-addext', f'subjectAltName=DNS:{name}'),
            ],
            check=True,
            capture_output=True,
        )
        self.key = key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.cert, key)


class WebServer:
    """Serves for one test.

    :ivar data: path -> bytes
    :ivar answers: path -> what to do with a request instead
    :ivar requests: (method, path, headers) of those that came
    """

    def __init__(self, test: unittest.TestCase, tls: Any = None) -> None:
        self.data: dict[str, bytes] = {}
        self.answers: dict[str, Callable[[Any], None]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.knows_ranges = True
        self._server: Any = _Server(('127.0.0.1', 0), _Handler)
        self._server.owner = self
        self._server.handle_error = lambda *_args: None
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True
            )
        self.port: int = self._server.server_address[1]
        thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        thread.start()
        test.addCleanup(self._stop, thread)

    def _stop(self, thread: threading.Thread) -> None:
        self._server.shutdown()
        self._server.server_close()
        thread.join()

    def url(self, path: str, host: str = '127.0.0.1') -> str:
        return f'http://{host}:{self.port}{path}'

    def redirect(self, path: str, target: str, status: int = 302) -> None:
        self.answers[path] = lambda handler: handler.reply(
            status, b'', {'Location': target}
        )


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        port: int = sock.getsockname()[1]
        return port
