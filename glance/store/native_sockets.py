"""Sockets for native threads, which are not monkey-patched.

A green socket that waits in a native thread starts an event loop there. The
socket of the C module does not; TLS uses it through buffers in memory.
"""

import _socket
from collections.abc import Callable
import ssl
from typing import Any

from glance.common import deadlines

#: Max bytes to receive at once: a few TLS records.
_RECEIVED_BYTES = 64 * 1024

socket = _socket.socket


class Tls:
    """TLS over a connected socket, as :class:`deadlines.Limited` uses it.

    :param name: the host name that the certificate must have
    :param owner: its ``until`` is the time limit of all operations
    :raises OSError: the handshake fails or takes too long
    """

    def __init__(
        self,
        sock: _socket.socket,
        context: ssl.SSLContext,
        name: str,
        owner: deadlines.Owner,
    ) -> None:
        self._sock = sock
        self._owner = owner
        self._received = memoryview(bytearray(_RECEIVED_BYTES))
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=name
        )
        self._do(self._tls.do_handshake)

    def settimeout(self, _seconds: float | None) -> None:
        """Do nothing: the time limit is that of the owner."""

    def send(self, data: memoryview) -> int:
        sent: int = self._do(self._tls.write, data)
        return sent

    def recv_into(self, buffer: Any) -> int:
        got: int = self._do(self._tls.read, len(buffer), buffer)
        return got

    def shutdown(self, how: int) -> None:
        self._sock.shutdown(how)

    def close(self) -> None:
        self._sock.close()

    def _do(self, func: Callable[..., Any], *args: Any) -> Any:
        while True:
            try:
                result = func(*args)
            except ssl.SSLWantReadError:
                self._send()
                self._receive()
            else:
                self._send()
                return result

    def _send(self) -> None:
        rest = memoryview(self._outgoing.read())
        while rest:
            self._sock.settimeout(deadlines.left(self._owner.until))
            rest = rest[self._sock.send(rest) :]

    def _receive(self) -> None:
        self._sock.settimeout(deadlines.left(self._owner.until))
        got = self._sock.recv_into(self._received)
        if got:
            self._incoming.write(self._received[:got])
        else:
            self._incoming.write_eof()
