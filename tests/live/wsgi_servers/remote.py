"""A WSGI application that lives elsewhere: each request goes over a socket."""

from collections.abc import Callable, Iterable, Iterator
import http.client
import select
import socket
import time
from typing import Any

SECONDS = 60.0
PIECE_BYTES = 64 * 1024
#: Of one connection, not of the answer.
_HOP = frozenset(('connection', 'keep-alive', 'transfer-encoding'))
Environ = dict[str, Any]


class Remote:
    """Sends what it is called with to a server; gives what comes back.

    A body that ends early, or whose source fails, is broken off on the wire
    too: no more is sent, and the answer is read.

    :param secret: proves that identity headers may be believed
    :param is_taken: tells of a path whether the server works on an upload
    """

    def __init__(
        self,
        address: tuple[str, int],
        secret: str,
        is_taken: Callable[[str], bool],
    ) -> None:
        self._address = address
        self._secret = secret
        self._is_taken = is_taken

    def __call__(
        self, environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        connection = http.client.HTTPConnection(
            *self._address, timeout=SECONDS
        )
        try:
            self._send_head(connection, environ)
            self._send_body(connection, environ)
            response = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        headers = [
            (name, value)
            for name, value in response.getheaders()
            if name.lower() not in _HOP
        ]
        start_response(f'{response.status} {response.reason}', headers)
        return _Body(connection, response)

    def _send_head(
        self, connection: http.client.HTTPConnection, environ: Environ
    ) -> None:
        connection.putrequest(
            environ['REQUEST_METHOD'],
            _target(environ),
            skip_host=True,
            skip_accept_encoding=True,
        )
        for name, value in _fields(environ):
            connection.putheader(name, value)
        connection.putheader('X-Glance-Shared-Secret', self._secret)
        connection.endheaders()

    def _send_body(
        self, connection: http.client.HTTPConnection, environ: Environ
    ) -> None:
        sock = connection.sock
        chunked = bool(environ.get('HTTP_TRANSFER_ENCODING'))
        left = None if chunked else int(environ.get('CONTENT_LENGTH') or 0)
        try:
            while left is None or left > 0:
                piece = _read(environ['wsgi.input'], left)
                if piece is None or (left and not piece):
                    sock.shutdown(socket.SHUT_WR)
                    return
                sock.sendall(_chunk(piece) if chunked else piece)
                if not piece or self._is_answered(sock, environ):
                    return
                left = left and left - len(piece)
        except ConnectionError:
            return  # the server has refused it; its answer tells why

    def _is_answered(self, sock: socket.socket, environ: Environ) -> bool:
        """Wait until the server takes the upload, or answers already.

        What a test does between two pieces is meant to happen during the
        upload.
        """
        if hasattr(environ['wsgi.input'], 'getvalue'):
            return _is_readable(sock, 0)
        end = time.monotonic() + SECONDS
        while not _is_readable(sock, 0.002):
            if self._is_taken(environ['PATH_INFO']):
                return False
            if time.monotonic() > end:
                raise AssertionError('the upload never began')
        return True


class _Body:
    """What comes back, as it comes."""

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
    ) -> None:
        self._connection = connection
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._response.read(PIECE_BYTES):
            yield piece
        if self._response.length:
            raise ConnectionError(f'{self._response.length} bytes missing')

    def close(self) -> None:
        self._response.close()
        self._connection.close()


def _target(environ: Environ) -> str:
    path = environ['PATH_INFO'].encode('latin-1')
    quoted = ''.join(
        chr(byte) if chr(byte) in _PLAIN else f'%{byte:02X}' for byte in path
    )
    query = environ.get('QUERY_STRING')
    return f'{quoted}?{query}' if query else quoted


_PLAIN = frozenset(
    'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/'
)


def _fields(environ: Environ) -> Iterator[tuple[str, str]]:
    yield 'Host', environ.get('HTTP_HOST', 'localhost')
    for name in ('CONTENT_TYPE', 'CONTENT_LENGTH'):
        if environ.get(name):
            yield name.replace('_', '-'), environ[name]
    for name, value in environ.items():
        if name.startswith('HTTP_') and name not in ('HTTP_HOST', _LENGTH):
            yield name[5:].replace('_', '-'), value


_LENGTH = 'HTTP_CONTENT_LENGTH'


def _read(source: Any, left: int | None) -> bytes | None:
    """The next piece of a body, empty at its end; None if its source fails."""
    try:
        piece: bytes = source.read(
            PIECE_BYTES if left is None else min(PIECE_BYTES, left)
        )
    except (OSError, ValueError):
        return None
    return piece


def _chunk(piece: bytes) -> bytes:
    return b'%x\r\n%s\r\n' % (len(piece), piece)


def _is_readable(sock: socket.socket, seconds: float) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
