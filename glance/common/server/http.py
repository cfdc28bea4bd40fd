"""HTTP on one connection.

Requests are read by ``incoming``; eventlet writes the answers, ``files``
those that lie in one. What is added here: nothing that is not whole ever
looks whole to a client, and one that is slow, gone or hostile costs little.
"""

from collections.abc import Callable, Iterable, Iterator
import contextlib
import logging
import os
import struct
import time
from typing import Any
from wsgiref.types import WSGIApplication

import eventlet
from eventlet import greenio
from eventlet import patcher
from eventlet import wsgi
from oslo_config import cfg

from glance.common import errors
from glance.common import filebody
from glance.common.server import files
from glance.common.server import incoming

LOG = logging.getLogger(__name__)
#: The access log, under the name that operators' logging files have.
ACCESS_LOG = logging.getLogger('eventlet.wsgi.server')

# Native threads must not see the event loop.
_socket = patcher.original('socket')

MAX_REQUEST_LINE = 8192
MAX_HEAD_BYTES = 1 << 20
#: What is read of a body nobody wanted, so that a connection can go on.
MAX_UNWANTED_BYTES = 1 << 20
UNWANTED_SECONDS = 5.0
#: How long a client that was answered early gets to notice it.
LINGER_SECONDS = 2.0
#: A native socket without any time-out would make the descriptor blocking.
_NO_TIMEOUT_SECONDS = 10.0 * 365 * 86400


class SlowHead(Exception):
    """The head of a request took too long."""


class Server(wsgi.Server):
    """What all connections of one configuration have in common."""

    def __init__(
        self, conf: cfg.ConfigOpts, sock: Any, app: WSGIApplication, tls: bool
    ) -> None:
        secure = {'wsgi.url_scheme': 'https', 'HTTPS': 'on'}
        super().__init__(
            sock,
            sock.getsockname(),
            app,
            environ={
                'wsgi.multiprocess': conf.workers not in (0, 1),
                'wsgi.input_terminated': True,
                **(secure if tls else {}),
            },
            max_http_version='HTTP/1.1',
            protocol=Connection,
            keepalive=conf.http_keepalive,
            log_output=False,
            log_x_forwarded_for=False,
            url_length_limit=MAX_REQUEST_LINE,
            debug=False,
            socket_timeout=conf.client_socket_timeout or None,
        )
        # As an argument it would warn of what we want.
        self.capitalize_response_headers = False
        self.log = _Quiet()
        self.tls = tls
        self.draining = False
        self.head_seconds: int = conf.header_read_timeout
        _limit_heads(conf.max_header_line)


def _limit_heads(line_bytes: int) -> None:
    wsgi.MAX_HEADER_LINE = line_bytes + 1 if line_bytes else MAX_HEAD_BYTES
    wsgi.MAX_TOTAL_HEADER_SIZE = MAX_HEAD_BYTES


class _Quiet:
    """What eventlet wants to log: only failures to write to a client.

    Failures of the application are caught and logged before eventlet sees
    them. A client that goes away deserves a line, not a traceback.
    """

    def info(self, message: str) -> None:
        LOG.info(
            'Could not send the response: %s',
            message.rstrip().rpartition('\n')[2],
        )

    debug = error = info


class Connection(wsgi.HttpProtocol):
    """Serves one client until either side has enough."""

    def setup(self) -> None:
        super().setup()
        self._requests = 0
        self._head_timer: Any = None
        self._unread = False  # the client may still be sending
        self._broken = False  # an answer began and cannot be completed

    # Heads.

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
        """Wait long for a request to begin, but not for its head to end."""
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
        if line == b'\r\n':  # left over from the body before, some say
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
        """Answer what never became a request, and close."""
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

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ['SERVER_PROTOCOL'] = self.request_version
        length: int | None = int(self.headers.get('content-length') or 0)
        if environ.get('HTTP_TRANSFER_ENCODING'):
            length = None
        expect = environ.get('HTTP_EXPECT', '').lower()
        waits = expect == '100-continue' and self.request_version != 'HTTP/1.0'
        self._body = incoming.Body(
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
        """The connection for a native thread.

        A time-out keeps the descriptor, which both share, non-blocking:
        the thread polls, and the event loop goes on.
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
            self._settle_body()
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

    def _settle_body(self) -> None:
        """Skip a small body nobody read; before a large one, close."""
        body = self._body
        if body.native is not None:
            # Nothing of it is left for the event loop to read.
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
        """Call the application and see to it that its answer is whole."""

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
        """The chunks of ``body``, exactly as many as were announced."""
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
        try:
            with files.full_packets(self.connection):
                self._write(b'')
                files.send(self.connection, body, self.server.socket_timeout)
        except (OSError, EOFError, filebody.TruncatedFile) as error:
            LOG.info(
                '%s: the transfer was interrupted: %s', self.requestline, error
            )
            self._broken = self.close_connection = True
        finally:
            self._sent = body.sent_bytes
            body.close()
        return []

    # The end.

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
        """A reset: an answer that ends early must not look complete."""
        self.connection.setsockopt(
            _socket.SOL_SOCKET, _socket.SO_LINGER, struct.pack('ii', 1, 0)
        )

    def _say_goodbye(self) -> None:
        """Close so that a client which still sends can read its answer."""
        self.wfile.flush()
        if not self._unread:
            greenio.shutdown_safe(self.connection)
            return
        self.connection.shutdown(_socket.SHUT_WR)
        left = MAX_UNWANTED_BYTES
        with eventlet.Timeout(LINGER_SECONDS, False):
            while left > 0 and (data := self.connection.recv(65536)):
                left -= len(data)


def _close(body: object) -> None:
    if hasattr(body, 'close'):
        body.close()
