"""HTTP on one connection.

``incoming`` reads the requests. eventlet writes the responses, except those
whose body is a file: ``files`` sends them. This module adds two properties:
a truncated response is never mistaken for a complete one, and a client that
is slow, disconnected or hostile uses few resources.
"""

from collections.abc import Callable, Iterable, Iterator
import contextlib
import logging
import os
import struct
import time
from typing import Any

import eventlet
from eventlet import greenio
from eventlet import patcher
from eventlet import wsgi

from glance.common import errors
from glance.common import filebody
from glance.common.server import files
from glance.common.server import incoming

LOG = logging.getLogger(__name__)
#: The access log, under the name that operators' logging files already use.
ACCESS_LOG = logging.getLogger('eventlet.wsgi.server')

# Native threads must not see the event loop.
_socket = patcher.original('socket')

#: Maximum number of bytes of an unread body that are read and discarded, so
#: that the connection can serve the next request.
MAX_UNWANTED_BYTES = 1 << 20
UNWANTED_SECONDS = 5.0
#: How long the connection stays open after an early response, so that the
#: client can read the response.
LINGER_SECONDS = 2.0
#: Used if no time-out is configured: a native socket without a time-out
#: would make the descriptor blocking.
_NO_TIMEOUT_SECONDS = 10.0 * 365 * 86400
#: Only headers with this prefix may contain underscores.
_V1_FIELDS = 'x-image-meta-'


class SlowHead(Exception):
    """The head of a request took too long."""


class Connection(wsgi.HttpProtocol):
    """Serves one client until one side closes the connection."""

    def setup(self) -> None:
        super().setup()
        self._requests = 0
        self._head_timer: Any = None
        self._unread = False  # the client may still be sending
        self._broken = False  # a response began and cannot be completed

    # Request heads.

    def handle_one_request(self) -> None:
        self._unread = True
        try:
            super().handle_one_request()
        except SlowHead:
            self.send_error(408, 'The request did not arrive in time')
        finally:
            self._stop_timer()
        self._requests += 1

    def _read_request_line(self) -> bytes:
        """Read the request line.

        The wait for the first byte may be long (the idle time-out); the
        complete head must then arrive within ``head_seconds``.
        """
        idle = self._requests and self.server.socket_timeout
        self.connection.settimeout(idle or self.server.head_seconds)
        try:
            begun = self.rfile.peek(1)
        except (OSError, EOFError):
            begun = b''
        self.connection.settimeout(self.server.socket_timeout)
        if not begun:
            self._unread = False
            return b''
        if b'\r\n\r\n' not in begun:
            self._head_timer = eventlet.Timeout(
                self.server.head_seconds, SlowHead
            )
        line: bytes = self.rfile.readline(self.server.url_length_limit)
        if line == b'\r\n':  # some clients send it after the previous body
            line = self.rfile.readline(self.server.url_length_limit)
        return line

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def parse_request(self) -> bool:
        self.close_connection = True
        self.requestline = self.raw_requestline.decode('latin-1').strip()
        self.request_version = 'HTTP/1.1'
        self.command = ''
        try:
            line = incoming.parse_request_line(self.raw_requestline)
            self.command, self.path = line.method, line.path
            self.request_version = line.version
            self.headers = incoming.read_headers(self.rfile.readline)
            incoming.check_host(self.headers, line)
            incoming.check_framing(self.headers, self.request_version)
        except incoming.BadHead as error:
            self.send_error(error.status, error.reason)
            return False
        finally:
            self._stop_timer()
        self.close_connection = not self._wants_more()
        return True

    def _wants_more(self) -> bool:
        tokens = (self.headers.get('connection') or '').lower()
        if self.request_version == 'HTTP/1.0':
            return 'keep-alive' in tokens
        return 'close' not in tokens

    def send_error(
        self, code: int, message: str | None = None, explain: Any = None
    ) -> None:
        """Send an error response to an invalid request, and close."""
        LOG.info('%s refused: %s %s', self.client_address, code, message)
        self.close_connection = True
        text = f'{message}\n'
        head = (
            f'HTTP/1.1 {code} {message}\r\nConnection: close\r\n'
            f'Content-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n'
        )
        with contextlib.suppress(OSError):
            self.wfile.write((head + text).encode())
            self.wfile.flush()

    # One request.

    def formalize_key_naming(self, name: str) -> str | None:
        """The WSGI key of a header; None if the header is dropped.

        A header with an underscore could be mistaken for an identity header.
        Headers of API v1 cannot, and its clients send
        ``x-image-meta-disk_format``, so these are kept.
        """
        if '_' in name and not name.lower().startswith(_V1_FIELDS):
            return None
        return name.replace('-', '_').upper()

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ['SERVER_PROTOCOL'] = self.request_version
        length: int | None = int(self.headers.get('content-length') or 0)
        if environ.get('HTTP_TRANSFER_ENCODING'):
            length = None
        expect = environ.get('HTTP_EXPECT', '').lower()
        waits = expect == '100-continue' and self.request_version != 'HTTP/1.0'
        self._body = incoming.RequestBody(
            self.rfile,
            length,
            self._invite if waits else None,
            None if self.server.tls else self._detach,
        )
        environ['wsgi.input'] = environ['eventlet.input'] = self._body
        return environ

    def _invite(self) -> None:
        self.wfile.write(b'HTTP/1.1 100 Continue\r\n\r\n')
        self.wfile.flush()

    def _detach(
        self, first: bytes, looks_ahead: bool
    ) -> incoming.NativeStream:
        """Make the connection readable for a native thread.

        The thread and the event loop share the descriptor. A time-out keeps
        it non-blocking: the thread polls, and the event loop is not blocked.
        """
        descriptor = os.dup(self.connection.fileno())
        sock = _socket.socket(fileno=descriptor)
        sock.settimeout(self.server.socket_timeout or _NO_TIMEOUT_SECONDS)
        return incoming.NativeStream(sock, first, looks_ahead)

    def handle_one_response(self) -> None:
        started = time.monotonic()
        self.application = self._answer
        self._status = '-'
        self._announced: int | None = None
        self._sent = 0
        try:
            super().handle_one_response()
        finally:
            self._discard_body()
            if ACCESS_LOG.isEnabledFor(logging.INFO):
                self._log_access(time.monotonic() - started)

    def _log_access(self, seconds: float) -> None:
        ACCESS_LOG.info(
            '%s - - [%s] "%s" %s %s %.6f',
            self.get_client_address()[0],
            self.log_date_time_string(),
            self.requestline,
            self._status,
            self._sent,
            seconds,
        )

    def _discard_body(self) -> None:
        """Discard the rest of a small body; close if the rest is large."""
        body = self._body
        if body.native is not None:
            # The event loop cannot read the rest of this body.
            body.native.close()
            if not body.finished or body.native.has_surplus:
                self.close_connection = True
        if body.broken:
            self.close_connection = True
        if self.close_connection or body.finished:
            self._unread = not body.finished
            return
        with (
            eventlet.Timeout(UNWANTED_SECONDS, False),
            contextlib.suppress(errors.BadRequest),
        ):
            while body.position < MAX_UNWANTED_BYTES and body.read(65536):
                pass
        self._unread = self.close_connection = not body.finished

    def _answer(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        """Call the application and check that its response is complete."""

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            self._note(status, headers)
            write: Callable[[bytes], object]
            write = self._write = start_response(status, headers, exc_info)
            return write

        try:
            body = self.server.app(environ, start)
        except (Exception, eventlet.Timeout) as error:
            return self._failed(error, start)
        if self.command == 'HEAD' or self._status in ('204', '304'):
            _close(body)
            return []
        if (
            isinstance(body, filebody.FileBody)
            and self._announced == body.length
            and files.can_send(self.connection)
        ):
            return self._send_file(body)
        return self._whole(body)

    def _note(self, status: str, headers: list[tuple[str, str]]) -> None:
        self._status = status.partition(' ')[0]
        lengths = [v for k, v in headers if k.lower() == 'content-length']
        self._announced = int(lengths[0]) if lengths else None
        if self.server.draining or self._body.remaining > MAX_UNWANTED_BYTES:
            self.close_connection = True

    def _failed(self, error: BaseException, start: Any) -> Iterable[bytes]:
        self.close_connection = True
        if errors.lacks_descriptors(error):
            LOG.error('%s: %s', self.requestline, error)
            error = errors.OutOfDescriptors()
        elif not isinstance(error, errors.Error):
            LOG.error('%s failed', self.requestline, exc_info=error)
            error = errors.Error()
        if self._body.headers_sent:
            self._broken = True
            return []
        text = f'{error}\n'.encode()
        start(
            f'{error.status} {self.responses[error.status][0]}',
            [
                ('Content-Type', 'text/plain; charset=utf-8'),
                ('Content-Length', str(len(text))),
                *error.headers.items(),
            ],
        )
        return [text]

    def _whole(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The chunks of ``body``, whose size must be the announced one."""
        if isinstance(body, list):
            size = sum(map(len, body))
            if self._announced in (None, size):
                self._sent = size
                return body
        return self._checked(body)

    def _checked(self, body: Iterable[bytes]) -> Iterator[bytes]:
        try:
            for chunk in body:
                self._sent += len(chunk)
                if (
                    self._announced is not None
                    and self._sent > self._announced
                ):
                    raise ValueError(
                        'the response has more bytes than its Content-Length'
                    )
                yield chunk
            if self._sent < (self._announced or 0):
                raise ValueError(
                    'the response has fewer bytes than its Content-Length'
                )
        except (Exception, eventlet.Timeout) as error:
            LOG.error(
                '%s: closed the connection in the middle of the response: %s',
                self.requestline,
                error,
                exc_info=None if isinstance(error, errors.Error) else error,
            )
            self._broken = bool(self._body.headers_sent)
            if not self._broken:
                self._status, self._sent = '500', 0
            raise
        finally:
            _close(body)

    def _send_file(self, body: filebody.FileBody) -> Iterable[bytes]:
        goes_on = False
        try:
            with files.full_packets(self.connection, body.length):
                self._write(b'')
                files.send(self.connection, body, self.server.socket_timeout)
        except (
            OSError,
            EOFError,
            filebody.TruncatedFile,
            filebody.Unsendable,
        ) as error:
            goes_on = body.rest is not None and files.is_of_file(error)
            if goes_on:
                self._sent = body.sent_bytes
                return self._checked(_instead(body, error))
            LOG.info(
                '%s: the transfer was interrupted: %s', self.requestline, error
            )
            self._broken = self.close_connection = True
        finally:
            if not goes_on:
                self._sent = body.sent_bytes
                body.close()
        return []

    # End of the connection.

    def finish(self) -> None:
        try:
            if self._broken:
                self._reset_on_close()
            else:
                self._say_goodbye()
        except (OSError, EOFError, ValueError):
            LOG.debug(
                '%s had closed the connection already', self.client_address
            )
        finally:
            for stream in (self.wfile, self.rfile, self.connection):
                with contextlib.suppress(OSError, ValueError):
                    stream.close()

    def _reset_on_close(self) -> None:
        """Reset the connection, so a truncated response is noticed."""
        self.connection.setsockopt(
            _socket.SOL_SOCKET, _socket.SO_LINGER, struct.pack('ii', 1, 0)
        )

    def _say_goodbye(self) -> None:
        """Close so that a client that still sends can read the response."""
        self.wfile.flush()
        if not self._unread:
            greenio.shutdown_safe(self.connection)
            return
        self.connection.shutdown(_socket.SHUT_WR)
        left = MAX_UNWANTED_BYTES
        with eventlet.Timeout(LINGER_SECONDS, False):
            while left > 0 and (data := self.connection.recv(65536)):
                left -= len(data)


def _instead(body: filebody.FileBody, error: Exception) -> Iterator[bytes]:
    """The missing rest of a file that cannot be read to its end."""
    try:
        yield from body.instead(error)
    finally:
        body.close()


def _close(body: object) -> None:
    if hasattr(body, 'close'):
        body.close()
