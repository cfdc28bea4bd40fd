"""The wire to one registry: requests over kept connections."""

from collections import deque
from collections.abc import Callable
import http.client
import logging
import socket
import threading
import time
from typing import NamedTuple, Protocol

from glance.common import errors
from glance.registry_client import connections

LOG = logging.getLogger(__name__)

#: Larger answers are refused: a page of 1,000 images with 128 properties
#: each stays below it.
MAX_ANSWER_BYTES = 256 * 1024 * 1024
#: A kept connection is not used again after this long; the registry closes
#: idle ones after client_socket_timeout (900 s by default).
MAX_IDLE_SECONDS = 60.0
_TCP_ESTABLISHED = 1


class Answer(NamedTuple):
    status: int
    body: bytes


class Transport(Protocol):
    """Sends one request, returns the answer, keeps its connections."""

    def send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
        repeatable: bool,
    ) -> Answer: ...


class Unreached(errors.RegistryUnavailable):
    """The registry cannot have got the whole request."""


class HTTPTransport:
    """Pooled keep-alive connections to one registry.

    :param connect: makes a connection that is not connected yet
    :param most: connections at a time; more requests wait for one
    :param seconds: how long a request may take, with waiting and connecting
    """

    def __init__(
        self,
        connect: Callable[[], connections.Connection],
        most: int,
        seconds: float,
    ) -> None:
        self._connect = connect
        self._seconds = seconds
        self._slots = threading.BoundedSemaphore(most)
        self._idle: deque[tuple[connections.Connection, float]] = deque()

    def send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
        repeatable: bool,
    ) -> Answer:
        """:raises Unreached: also a request that is not repeatable may be
        sent elsewhere
        """
        until = time.monotonic() + self._seconds
        if not self._slots.acquire(timeout=self._seconds):
            raise Unreached
        request = _Request(method, path, headers, body, until)
        try:
            return self._send(request, repeatable)
        except (OSError, http.client.HTTPException) as error:
            cause = error.__cause__ or error
            LOG.error('%s %s at the registry: %r', method, path, cause)
            if isinstance(error, _Unsent):
                raise Unreached from error
            raise errors.RegistryUnavailable from error
        finally:
            self._slots.release()

    def _send(self, request: '_Request', repeatable: bool) -> Answer:
        kept = self._take()
        if kept is not None:
            try:
                return self._exchange(kept, request)
            except _Unsent:
                pass
            except (OSError, http.client.HTTPException) as error:
                if not repeatable or isinstance(error, TimeoutError):
                    raise
        return self._exchange(self._connect(), request)

    def _take(self) -> connections.Connection | None:
        """The connection used last, if it is still good."""
        while self._idle:
            connection, since = self._idle.pop()
            if time.monotonic() - since < MAX_IDLE_SECONDS and _alive(
                connection.sock.socket
            ):
                return connection
            connection.close()
        return None

    def _exchange(
        self, connection: connections.Connection, request: '_Request'
    ) -> Answer:
        connection.until = request.until
        try:
            _hand_over(connection, request)
            response = connection.getresponse()
            with response:
                content = response.read(MAX_ANSWER_BYTES)
                if not response.isclosed():
                    raise http.client.HTTPException('the answer is too large')
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._idle.append((connection, time.monotonic()))
        return Answer(response.status, content)


class _Request(NamedTuple):
    """:ivar until: when (monotonic) the answer must have come"""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    until: float


class _Unsent(OSError):
    """The peer was gone before it could have read the request."""


def _hand_over(connection: connections.Connection, request: _Request) -> None:
    if connection.sock is None:
        try:
            connection.connect()
        except OSError as error:
            raise _Unsent(*error.args) from error
    try:
        connection.request(
            request.method, request.path, request.body, request.headers
        )
    except ConnectionError as error:
        raise _Unsent(*error.args) from error


def _alive(sock: socket.socket) -> bool:
    if sock.family == socket.AF_UNIX:
        return True  # a dead peer shows at the first send
    state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    return state[0] == _TCP_ESTABLISHED
