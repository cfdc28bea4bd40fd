"""Connections with one deadline for a whole request.

The time-out of a socket applies to one operation: a peer that sends one byte
now and then never exceeds it. Here all operations of a request, including
the connecting before it, share one deadline.
"""

import functools
import io
import socket
import ssl
import time
from typing import Any, Protocol

#: Size of the read buffer of a response.
BUFFER_BYTES = 64 * 1024


class Owner(Protocol):
    """:ivar until: the deadline (monotonic); then TimeoutError is raised"""

    until: float


class Limited:
    """A connected socket as ``http.client`` uses it.

    :ivar has_rest: whether bytes after the last response had been received
        when its reader was closed
    """

    has_rest = False

    def __init__(self, sock: socket.socket, owner: Owner) -> None:
        self.socket = sock
        self._owner = owner
        self._readers = 0
        self._is_closed = False

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            limit(self.socket, self._owner.until)
            rest = rest[self.socket.send(rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        self._readers += 1
        return _Buffered(_Reader(self), BUFFER_BYTES)

    def read_into(self, buffer: Any) -> int:
        limit(self.socket, self._owner.until)
        return self.socket.recv_into(buffer)

    def close(self) -> None:
        """Close the socket when its last reader is closed."""
        self._is_closed = True
        if not self._readers:
            self.socket.close()

    def end_reading(self) -> None:
        self._readers -= 1
        if self._is_closed:
            self.close()


class _Buffered(io.BufferedReader):
    """Buffers the received bytes of a response."""

    raw: '_Reader'

    def close(self) -> None:
        if not self.closed:
            self.raw.stop()
            self.raw.source.has_rest = bool(self.peek())
        super().close()


class _Reader(io.RawIOBase):
    """The bytes of one response."""

    _is_stopped = False

    def __init__(self, source: Limited) -> None:
        self.source = source

    def stop(self) -> None:
        """Make later reads return no data instead of waiting."""
        self._is_stopped = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        return None if self._is_stopped else self.source.read_into(buffer)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self.source.end_reading()


def limit(sock: socket.socket, until: float) -> None:
    """Make the next operation of the socket end at the deadline.

    :raises TimeoutError: the deadline has passed
    """
    sock.settimeout(left(until))
    if isinstance(sock, ssl.SSLSocket):
        # One operation of eventlet's TLS sockets may wait several times,
        # because a record or a handshake arrives in pieces. Each time it
        # calls gettimeout().
        sock.gettimeout = functools.partial(  # type: ignore[method-assign]
            left, until
        )


def shake_hands(
    sock: socket.socket, context: ssl.SSLContext, name: str, until: float
) -> ssl.SSLSocket:
    """Start TLS on a connected socket, which is closed if this fails.

    :param name: the host name that the certificate must have
    """
    tls = context.wrap_socket(
        sock, server_hostname=name, do_handshake_on_connect=False
    )
    try:
        limit(tls, until)
        tls.do_handshake()
    except BaseException:
        tls.close()
        raise
    return tls


def left(until: float) -> float | None:
    """Seconds until the deadline; None if there is no deadline.

    :raises TimeoutError: the deadline has passed
    """
    if until == float('inf'):
        return None
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError('timed out')
    return seconds
