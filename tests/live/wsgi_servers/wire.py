"""The wire between the daemons, led through the test.

glance-api is told that the registry is here. Whatever a test puts between
the daemons in process (it interrupts requests, loses answers) then stands
between the two processes as well.
"""

from collections.abc import Callable
import http.server
import threading
from typing import Any

from glance import registry_client
from glance.common import errors

_HOP = frozenset(('connection', 'content-length', 'host', 'accept-encoding'))


class Recording:
    """A transport that knows what was sent, as :class:`base.InProcess`."""

    def __init__(self, inner: registry_client.Transport) -> None:
        self._inner = inner
        self.requests: list[tuple[str, str]] = []

    def send(
        self, method: str, path: str, *rest: Any
    ) -> registry_client.Answer:
        self.requests.append((method, path))
        return self._inner.send(method, path, *rest)


class Wire(http.server.ThreadingHTTPServer):
    """Listens for glance-api; ``transport`` is asked for each request.

    :ivar transport: gives what sends the next request to the registry
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.transport: Callable[[], registry_client.Transport]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """glance-api may end, or be killed, with connections open."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    server: Wire

    def _pass_on(self) -> None:
        length = int(self.headers.get('Content-Length', 0))
        body = self.rfile.read(length) if length else None
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in _HOP
        }
        try:
            answer = self.server.transport().send(
                self.command, self.path, headers, body, self.command == 'GET'
            )
        except errors.RegistryUnavailable:
            self.close_connection = True  # as if the registry had died
            return
        head = (
            f'HTTP/1.1 {answer.status} -\r\n'
            f'Content-Length: {len(answer.body)}\r\n\r\n'
        )
        bodiless = answer.status in (204, 304)
        self.wfile.write(head.encode() + (b'' if bodiless else answer.body))

    # Names that http.server looks for.
    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _pass_on  # noqa: N815

    def log_message(self, *_args: Any) -> None:
        pass
