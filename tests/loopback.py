"""A service in this process that programs reach over HTTP."""

from collections.abc import Callable, Iterable
import socketserver
import threading
from typing import Any
from wsgiref import simple_server

from tests import base


class _Handler(simple_server.WSGIRequestHandler):
    def log_message(self, *_args: Any) -> None:
        pass

    def address_string(self) -> str:
        return '127.0.0.1'


class _Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    """Stops only when each request has ended: they write files."""

    daemon_threads = False


class Served:
    """A service that takes everybody for one caller, the administrator.

    :ivar alter: makes what is sent of the application's data
    """

    def __init__(self, service: base.Service, caller: str = 'admin') -> None:
        self._app, self.caller = service.app, caller
        self.requests: list[tuple[str, str]] = []
        self.ranges: list[str] = []
        self.alter: Callable[[Iterable[bytes]], Iterable[bytes]] | None = None
        self._server = simple_server.make_server(
            '127.0.0.1', 0, self._answer, _Server, _Handler
        )
        self.url = f'127.0.0.1:{self._server.server_port}'
        threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        ).start()

    def _answer(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self.requests.append((environ['REQUEST_METHOD'], environ['PATH_INFO']))
        self.ranges.append(environ.get('HTTP_RANGE', ''))
        for name, value in base.identity(self.caller).items():
            environ[f'HTTP_{name.upper().replace("-", "_")}'] = value
        answer: Iterable[bytes] = self._app(environ, start_response)
        if self.alter and environ['PATH_INFO'].endswith('/file'):
            return self.alter(answer)
        return answer

    def writes(self) -> list[str]:
        return [
            method
            for method, _ in self.requests
            if method not in ('GET', 'HEAD')
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
