"""HTTP to servers that the operator configured, for native threads only.

Connections are kept and reused. A request that failed to reach the server, or
found it busy, is sent again if its body can be sent again.
"""

from _queue import Empty  # native, not monkey-patched
from _queue import SimpleQueue  # native, not monkey-patched
from _socket import MSG_PEEK
from collections.abc import Callable, Mapping
import contextlib
import http.client
import logging
import ssl
import time
from typing import Any, cast, NamedTuple, TypeVar
import urllib.parse

from glance.common import errors
from glance.common import threads
from glance.store import addresses
from glance.store import connection

LOG = logging.getLogger(__name__)

T = TypeVar('T')

#: For one address of a host, while there are others to try.
ADDRESS_SECONDS = 5.0
#: To connect and send the head, or to send or receive a piece.
PIECE_SECONDS = 60.0
#: For a response, as a server may have to assemble a large object.
ANSWER_SECONDS = 300.0
PIECE_BYTES = 1024 * 1024
#: A connection is reused if its last use was so recent.
IDLE_SECONDS = 10.0
MAX_IDLE = 16
#: Max bytes of a response that is not image data.
MAX_TEXT_BYTES = 16 * 1024 * 1024
ATTEMPTS = 3
PAUSE_SECONDS = 0.3
_TROUBLES = (OSError, http.client.HTTPException, ValueError)
_BUSY = frozenset((408, 429, 500, 502, 503, 504))


class Unreachable(errors.StoreUnavailable):
    """There is no response, or none that can be understood."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class Answer(NamedTuple):
    """A response with its complete body, which is small."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Server:
    """Sends requests to one host.

    :param url: scheme, host and port
    :param tls: for https
    :raises errors.ConfigurationError: the URL is malformed
    """

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        try:
            self._target = addresses.parse(url)
        except errors.BadRequest as error:
            raise errors.ConfigurationError(
                f'{without_user(url)} is no http:// or https:// URL.'
            ) from error
        self._tls = tls if self._target.scheme == 'https' else None
        self._idle: SimpleQueue[tuple[float, connection.Connection]] = (
            SimpleQueue()
        )
        self.scheme = self._target.scheme
        self.host = self._target.host
        self.port = self._target.port

    @property
    def authority(self) -> str:
        """HOST:PORT, as in the Host header."""
        host = f'[{self.host}]' if ':' in self.host else self.host
        default = addresses.DEFAULT_PORTS[self.scheme]
        return host if self.port == default else f'{host}:{self.port}'

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | memoryview = b'',
    ) -> Answer:
        """Send a request once and read the complete response.

        :raises Unreachable: there is no response
        """
        response = self.open(method, path, headers, body)
        try:
            return Answer(
                response.status, response.headers, response.read_all()
            )
        finally:
            response.close()

    def open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | memoryview = b'',
    ) -> 'Response':
        """Send a request once; the caller reads and closes the response.

        :raises Unreachable: there is no response
        """
        sent = {'Content-Length': str(len(body)), **(headers or {})}
        if method in ('GET', 'HEAD', 'DELETE') and not body:
            sent.pop('Content-Length')
        sending = self.start(method, path, sent, may_reuse=True)
        try:
            sending.write(memoryview(body))
            return sending.finish()
        except BaseException:
            sending.abort()
            raise

    def start(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        may_reuse: bool = False,
    ) -> 'Sending':
        """Send the head of a request; the caller sends the body.

        :raises Unreachable: the server cannot be reached
        """
        opened = (self._kept() if may_reuse else None) or self._connection()
        opened.until = time.monotonic() + PIECE_SECONDS
        try:
            opened.putrequest(
                method, path, skip_host=True, skip_accept_encoding=True
            )
            usual = {'Host': self.authority, 'User-Agent': 'glance'}
            for name, value in {**usual, **headers}.items():
                opened.putheader(name, value)
            opened.endheaders()
        except _TROUBLES as error:
            opened.close()
            raise self._unreachable(error) from error
        return Sending(self, opened)

    def _connection(self) -> connection.Connection:
        target = self._target
        try:
            if target.address is not None:
                candidates = [target.address]
            else:
                rules = addresses.Filter(
                    addresses.AddressRules(), addresses.resolve_natively
                )
                candidates = rules.lookup(target.host, target.port)
        except OSError as error:
            raise self._unreachable(error) from error
        return connection.Connection(
            target, candidates, self._tls, None, ADDRESS_SECONDS, True
        )

    def _kept(self) -> connection.Connection | None:
        """Return a kept connection that is still open; None if none is."""
        while True:
            try:
                since, opened = self._idle.get_nowait()
            except Empty:
                return None
            if time.monotonic() - since < IDLE_SECONDS and _is_open(opened):
                return opened
            opened.close()

    def keep(self, opened: connection.Connection) -> None:
        """Keep a connection whose response was read to its end."""
        if self._idle.qsize() < MAX_IDLE:
            self._idle.put((time.monotonic(), opened))
        else:
            opened.close()

    def _unreachable(self, error: BaseException) -> Unreachable:
        return Unreachable(f'{self.authority} cannot be reached: {error!r}')


class Sending:
    """A request whose body is being sent."""

    def __init__(self, server: Server, opened: connection.Connection) -> None:
        self._server = server
        self._connection = opened
        self._trouble: BaseException | None = None

    def write(
        self,
        data: memoryview,
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        """Send a piece of the body.

        A server that refuses a request closes the connection early;
        :meth:`finish` reads its response.

        :param watch: called regularly; it raises to abort the sending
        """
        while data and self._trouble is None:
            watch()
            self._connection.until = time.monotonic() + PIECE_SECONDS
            try:
                self._connection.send(data[:PIECE_BYTES])
            except _TROUBLES as error:
                self._trouble = error
            data = data[PIECE_BYTES:]

    @property
    def is_refused(self) -> bool:
        """Whether the server accepts no more of the body."""
        return self._trouble is not None

    def require_working(self) -> None:
        """:raises Unreachable: the server did not accept the whole body"""
        if self._trouble is not None:
            raise Unreachable(
                f'{self._server.authority} took only a part of the data: '
                f'{self._trouble!r}'
            ) from self._trouble

    def finish(self) -> 'Response':
        """Read the response's head.

        :raises Unreachable: there is no response
        """
        opened = self._connection
        opened.until = time.monotonic() + (
            PIECE_SECONDS if self._trouble else ANSWER_SECONDS
        )
        try:
            return Response(
                self._server,
                opened,
                opened.getresponse(),
                self._trouble is not None,
            )
        except _TROUBLES as error:
            opened.close()
            cause = self._trouble or error
            raise Unreachable(
                f'{self._server.authority} sent no answer: {cause!r}'
            ) from cause

    def abort(self) -> None:
        """Break the connection, so that the server discards the data."""
        self._connection.abort()
        self._connection.close()


class Response:
    """A response whose body is not read yet."""

    def __init__(
        self,
        server: Server,
        opened: connection.Connection,
        response: http.client.HTTPResponse,
        is_broken: bool,
    ) -> None:
        self._server = server
        self._connection: connection.Connection | None = opened
        self._response = response
        self._is_broken = is_broken
        self.status = response.status
        self.headers: Mapping[str, str] = cast(Any, response.headers)
        self.length: int | None = response.length

    def read_all(self) -> bytes:
        """Read the body of a small response."""
        try:
            self._limit(ANSWER_SECONDS)
            body = self._response.read(MAX_TEXT_BYTES + 1)
        except _TROUBLES as error:
            raise self._broken(error) from error
        if len(body) > MAX_TEXT_BYTES:
            raise Unreachable(
                f'{self._server.authority} sent more than {MAX_TEXT_BYTES} '
                'bytes where no image data was expected'
            )
        return body

    def readinto(self, view: memoryview) -> int:
        """Fill ``view``; return the number of bytes, less only at the end.

        :raises Unreachable: the connection failed, or is too slow
        """
        got = 0
        self._limit(PIECE_SECONDS)
        try:
            while got < len(view):
                amount = self._response.readinto(view[got:])
                if not amount:
                    break
                got += amount
        except _TROUBLES as error:
            raise self._broken(error) from error
        return got

    def _limit(self, seconds: float) -> None:
        if self._connection is not None:
            self._connection.until = time.monotonic() + seconds

    def _broken(self, error: BaseException) -> Unreachable:
        self._is_broken = True
        return Unreachable(
            f'the connection to {self._server.authority} failed in the '
            f'middle of the data: {error!r}'
        )

    def abort(self) -> None:
        """Wake a thread that reads: no more data will come."""
        self._is_broken = True
        opened = self._connection
        if opened is not None:
            opened.abort()

    def close(self) -> None:
        opened, self._connection = self._connection, None
        if opened is None:
            return
        is_whole = self._response.isclosed() and not self._is_broken
        with contextlib.suppress(*_TROUBLES):
            self._response.close()
        if is_whole and not self._response.will_close:
            self._server.keep(opened)
        else:
            opened.abort()
            opened.close()


def again(attempt: Callable[[], T], is_busy: Callable[[T], bool]) -> T:
    """Repeat an attempt that failed for a temporary reason.

    :raises Unreachable: every attempt failed
    """
    for number in range(1, ATTEMPTS):
        try:
            result = attempt()
            if not is_busy(result):
                return result
        except Unreachable as error:
            LOG.info('A store is asked again: %s', error.reason)
        threads.pause(PAUSE_SECONDS * number)
    return attempt()


def is_busy(status: int) -> bool:
    """Whether another attempt of the same request may succeed."""
    return status in _BUSY


def tls_context(
    option: str, ca_file: str | None, insecure: bool = False
) -> ssl.SSLContext:
    """:raises errors.ConfigurationError: the file of the option is unusable"""
    try:
        tls = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise errors.ConfigurationError(
            f'{option} {ca_file} cannot be used: {error}'
        ) from error
    if insecure:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return tls


def without_user(url: str) -> str:
    """Return the URL without its user and password."""
    scheme, mark, rest = url.partition('://')
    return f'{scheme}{mark}{rest.rpartition("@")[2]}'


def translated(status: int, code: str, doing: str) -> errors.Error:
    """Return the error for a response that reports a failure.

    :param code: the server's own name of the error
    :param doing: the operation that failed, for the log
    """
    if status == 404:
        return errors.NotFound(
            'The data of the image was not found in the store.'
        )
    full = status == 507 or 'quota' in code.lower()
    if full or status == 413:
        error: errors.Error = errors.LimitExceeded(
            'The image store has no space left; ask the operator to free some.'
        )
        error.__cause__ = RuntimeError(f'{doing}: {status} {code}')
        return error
    return Unreachable(f'{doing}: the response was {status} {code}'.strip())


def range_header(offset: int, length: int | None) -> dict[str, str]:
    if not offset and length is None:
        return {}
    last = '' if length is None else str(offset + length - 1)
    return {'Range': f'bytes={offset}-{last}'}


def quoted(text: str) -> str:
    return urllib.parse.quote(text, safe='/~')


def unquoted(text: str) -> str:
    return urllib.parse.unquote(text)


def _is_open(opened: connection.Connection) -> bool:
    """Whether the server has neither closed the connection nor sent data."""
    limited: Any = opened.sock
    sock: Any = limited and limited.socket
    sock = getattr(sock, '_sock', sock)  # below TLS
    if sock is None:
        return False
    try:
        sock.settimeout(0)
        sock.recv(1, MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
