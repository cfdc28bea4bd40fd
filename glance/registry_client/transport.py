"""The wire to one registry: requests over kept connections."""

from collections import deque
import logging
import socket
import threading
import time
from typing import NamedTuple, Protocol

from glance.common import errors
from glance.registry_client import connections
from glance.registry_client import http1

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

    :param most: connections at a time; more requests wait for one
    :param seconds: how long a request may take, with waiting and connecting
    """

    def __init__(
        self, endpoint: connections.Endpoint, most: int, seconds: float
    ) -> None:
        self._endpoint = endpoint
        self._seconds = seconds
        self._slots = threading.BoundedSemaphore(most)
        self._idle: deque[tuple[socket.socket, float]] = deque()

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
        :raises ValueError: something does not fit into a head
        """
        until = time.monotonic() + self._seconds
        data = http1.request(method, path, self._endpoint.host, headers, body)
        if not self._slots.acquire(timeout=self._seconds):
            raise Unreached
        try:
            return self._send(data, until, repeatable)
        except (OSError, http1.BadAnswer) as error:
            if errors.lacks_descriptors(error):
                raise errors.OutOfDescriptors from error
            LOG.info('%s %s at the registry: %r', method, path, error)
            if isinstance(error, _Unsent):
                raise Unreached from error
            raise errors.RegistryUnavailable from error
        finally:
            self._slots.release()

    def _send(self, data: bytes, until: float, repeatable: bool) -> Answer:
        kept = self._take()
        if kept is not None:
            try:
                return self._exchange(kept, data, until)
            except _Unsent:
                pass
            except (OSError, http1.BadAnswer) as error:
                if not repeatable or isinstance(error, TimeoutError):
                    raise
        return self._exchange(self._open(until), data, until)

    def _take(self) -> socket.socket | None:
        """The connection used last, if it is still good."""
        while True:
            try:  # not asked first: another thread may take the last one
                sock, since = self._idle.pop()
            except IndexError:
                return None
            if time.monotonic() - since < MAX_IDLE_SECONDS and _alive(sock):
                return sock
            sock.close()

    def _open(self, until: float) -> socket.socket:
        try:
            return self._endpoint.open(until)
        except OSError as error:
            raise _Unsent(*error.args) from error

    def _exchange(
        self, sock: socket.socket, data: bytes, until: float
    ) -> Answer:
        try:
            _hand_over(sock, data, until)
            status, body, may_follow = http1.receive(
                sock, until, MAX_ANSWER_BYTES
            )
        except BaseException:
            sock.close()
            raise
        if may_follow:
            self._idle.append((sock, time.monotonic()))
        else:
            sock.close()
        return Answer(status, body)


class _Unsent(OSError):
    """The peer was gone before it could have read the request."""


def _hand_over(sock: socket.socket, data: bytes, until: float) -> None:
    try:
        http1.send(sock, data, until)
    except ConnectionError as error:
        raise _Unsent(*error.args) from error


def _alive(sock: socket.socket) -> bool:
    if sock.family == socket.AF_UNIX:
        return True  # a dead peer shows at the first send
    state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    return state[0] == _TCP_ESTABLISHED
