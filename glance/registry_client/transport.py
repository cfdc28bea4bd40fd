"""Send requests to one registry over persistent connections."""

from collections import deque
import http.client
import json
import logging
import re
import threading
import time
from typing import NamedTuple, Protocol

from glance.common import errors
from glance.registry_client import connections

LOG = logging.getLogger(__name__)

#: An idle connection is not used again after this time. The registry closes
#: idle connections after client_socket_timeout (900 s by default).
MAX_IDLE_SECONDS = 60.0
_REQUEST_LINE = re.compile(r'[A-Z]+ [!-~]+')
_UNSAFE = re.compile(r'[\r\n\0]|[^\x00-\xff]')
_TROUBLES = (OSError, http.client.HTTPException, ValueError)


class Answer(NamedTuple):
    status: int
    body: bytes

    @property
    def code(self) -> str | None:
        """The code of the registry's error; None if there is no code."""
        try:
            code: str = json.loads(self.body)['error']['code']
        except (ValueError, KeyError, TypeError):
            return None
        return code


class Transport(Protocol):
    """Sends one request and returns the response; reuses connections."""

    def send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
        repeatable: bool,
    ) -> Answer: ...


class Unreached(errors.RegistryUnavailable):
    """The registry cannot have received the whole request."""


class HTTPTransport:
    """Pooled keep-alive connections to one registry.

    :param max_connections: maximum number of concurrent connections; further
        requests wait for a free one
    :param seconds: time-out of a request, including waiting and connecting
    """

    def __init__(
        self,
        endpoint: connections.Endpoint,
        max_connections: int,
        seconds: float,
    ) -> None:
        self._endpoint = endpoint
        self._seconds = seconds
        self._slots = threading.BoundedSemaphore(max_connections)
        self._idle: deque[tuple[connections.Connection, float]] = deque()

    def send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
        repeatable: bool,
    ) -> Answer:
        """
        :raises Unreached: the request, even if it is not repeatable, may be
            sent to another registry
        :raises ValueError: a value cannot be part of a request head
        """
        until = time.monotonic() + self._seconds
        request = _Request(method, path, body, headers)
        _check(request)
        if not self._slots.acquire(timeout=self._seconds):
            raise Unreached
        try:
            return self._send(request, until, repeatable)
        except _TROUBLES as error:
            if errors.lacks_descriptors(error):
                raise errors.OutOfDescriptors from error
            LOG.info('%s %s at the registry: %r', method, path, error)
            if isinstance(error, _Unsent):
                raise Unreached from error
            raise errors.RegistryUnavailable from error
        finally:
            self._slots.release()

    def _send(
        self, request: '_Request', until: float, repeatable: bool
    ) -> Answer:
        kept = self._take()
        if kept is not None:
            try:
                return self._exchange(kept, request, until)
            except _Unsent:
                pass
            except _TROUBLES as error:
                if not repeatable or isinstance(error, TimeoutError):
                    raise
        return self._exchange(
            connections.Connection(self._endpoint), request, until
        )

    def _take(self) -> connections.Connection | None:
        """The idle connection that was used last; None if none is usable."""
        while True:
            try:  # no check before: another thread may take the last one
                connection, since = self._idle.pop()
            except IndexError:
                return None
            is_recent = time.monotonic() - since < MAX_IDLE_SECONDS
            if is_recent and connection.is_alive():
                return connection
            connection.close()

    def _exchange(
        self,
        connection: connections.Connection,
        request: '_Request',
        until: float,
    ) -> Answer:
        connection.until = until
        try:
            _hand_over(connection, request)
            answer = Answer(*connection.receive())
        except BaseException:
            connection.close()
            raise
        if connection.may_be_kept():
            self._idle.append((connection, time.monotonic()))
        else:
            connection.close()
        return answer


class _Request(NamedTuple):
    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]


def _check(request: _Request) -> None:
    """Refuse values that could add lines or a second request.

    http.client accepts some of them.

    :raises ValueError: a value cannot be part of a request head
    """
    fields = ''.join((*request.headers, *request.headers.values()))
    line = f'{request.method} {request.path}'
    if not _REQUEST_LINE.fullmatch(line) or _UNSAFE.search(fields):
        raise ValueError('A line of the request would not be one line.')


class _Unsent(OSError):
    """The peer disconnected before it could read the request."""


def _hand_over(connection: connections.Connection, request: _Request) -> None:
    try:
        if connection.sock is None:
            connection.connect()
    except OSError as error:
        raise _Unsent(*error.args) from error
    try:
        connection.request(*request)
    except ConnectionError as error:
        raise _Unsent(*error.args) from error
