"""A web server whose data clients can compute themselves."""

import contextlib
import http.server
import random
import threading


def data(size: int, seed: int) -> bytes:
    """The data at the path /SIZE/SEED."""
    return random.Random(seed).randbytes(size)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self) -> None:
        size, seed = self.path.strip('/').split('/')
        body = data(int(size), int(seed))
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('ETag', f'"{size}-{seed}"')
        self.end_headers()
        with contextlib.suppress(OSError):  # a worker that was killed
            self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Write nothing."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_arguments: object) -> None:
        """Write nothing: workers that are killed break off."""


class Server:
    """Serves on loopback until it is stopped.

    :ivar port: chosen by the system
    """

    def __init__(self) -> None:
        self._server = _Server(('127.0.0.1', 0), _Handler)
        self.port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, daemon=True
        ).start()

    def url(self, size: int, seed: int) -> str:
        return f'http://127.0.0.1:{self.port}/{size}/{seed}'

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
