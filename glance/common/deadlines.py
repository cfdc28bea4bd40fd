"""Connections that end what they do in time.

The time-outs of sockets hold for one operation each: a peer that sends a
byte now and then is never late. Here all operations of a request, and the
connecting before it, share one moment at which they end.
"""

import functools
import io
import socket
import ssl
import time
from typing import Any, Protocol

#: What of an answer is read at once.
BUFFER_BYTES = 64 * 1024


class Owner(Protocol):
    """:ivar until: when (monotonic) everything ends with TimeoutError"""

    until: float


class Limited:
    """A connected socket as ``http.client`` uses it."""

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
        return io.BufferedReader(_Reader(self), BUFFER_BYTES)

    def read_into(self, buffer: Any) -> int:
        limit(self.socket, self._owner.until)
        return self.socket.recv_into(buffer)

    def close(self) -> None:
        """Close once nobody reads: an answer may be the last one."""
        self._is_closed = True
        if not self._readers:
            self.socket.close()

    def end_reading(self) -> None:
        self._readers -= 1
        if self._is_closed:
            self.close()


class _Reader(io.RawIOBase):
    """The bytes of one answer."""

    def __init__(self, source: Limited) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.read_into(buffer)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._source.end_reading()


def limit(sock: socket.socket, until: float) -> None:
    """The next operation of the socket ends with TimeoutError in time.

    :raises TimeoutError: nothing is left
    """
    sock.settimeout(left(until))
    if isinstance(sock, ssl.SSLSocket):
        # eventlet's wait more than once in it, as a record or a handshake
        # comes in pieces, and ask each time for how long.
        sock.gettimeout = functools.partial(  # type: ignore[method-assign]
            left, until
        )


def shake_hands(
    sock: socket.socket, context: ssl.SSLContext, name: str, until: float
) -> ssl.SSLSocket:
    """TLS over a connected socket, which is closed if that fails.

    :param name: whose certificate it should be
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
    """Seconds; None if there is no end.

    :raises TimeoutError: nothing is left
    """
    if until == float('inf'):
        return None
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError('timed out')
    return seconds
