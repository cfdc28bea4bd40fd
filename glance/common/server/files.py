"""Files go out through the kernel: Python never touches their bytes.

Through TLS too, where the kernel encrypts (kTLS). OpenSSL does the handshake
and gives it the keys; what a descriptor is given then, by OpenSSL or by
sendfile, leaves in records of one sequence. Not every kernel can, nor with
every cipher: :func:`can_send` says so, and such a file goes out in pieces.
"""

from collections.abc import Iterator
import contextlib
import os
import struct
import time
from typing import Any

from eventlet import greenio
from eventlet import hubs
from eventlet import patcher
from eventlet import tpool

from glance.common import filebody

# Native threads must not see the event loop.
_socket = patcher.original('socket')
_poll = patcher.original('select').poll
_POLLOUT = patcher.original('select').POLLOUT

#: One call of sendfile.
SLICE_BYTES = 1 << 20
#: One stay in a native thread: a client that reads fast is served there,
#: one that does not is waited for by the event loop.
BURST_SECONDS = 0.1
FAST_CLIENT_MS = 10

# linux/tls.h: how the kernel encrypts what is sent; not asked for the keys.
_SOL_TLS = 282
_TLS_TX = 1
_CRYPTO_INFO = struct.Struct('=HH')  # version, cipher
_VERSIONS = {'TLSv1.2': 0x0303, 'TLSv1.3': 0x0304}


def can_send(sock: Any) -> bool:
    """Whether the peer may get what is written to the descriptor itself.

    Any doubt is a no, for plain bytes on a TLS connection would be the end
    of its secrets. That the kernel has TLS, or that its module is attached
    to the socket (TCP_ULP), says nothing: it stays attached where the kernel
    refused the keys for sending, and then sends plain bytes. That it tells
    a cipher says all: it has those keys, and until the socket is closed
    there is no way to make it send anything without them.
    """
    if isinstance(sock, greenio.GreenSocket):
        return True  # not a TLS one, which is no subclass
    try:
        told = sock.getsockopt(_SOL_TLS, _TLS_TX, _CRYPTO_INFO.size)
        version, cipher = _CRYPTO_INFO.unpack(told)
    except (OSError, struct.error):  # no module, no keys (yet)
        return False
    return bool(cipher) and version == _VERSIONS.get(sock.version(), -1)


@contextlib.contextmanager
def full_packets(sock: Any) -> Iterator[None]:
    """Let head and file leave in full packets.

    Not undone after an error: what is held back then is not wanted.
    """
    _cork(sock, 1)
    yield
    _cork(sock, 0)


def _cork(sock: Any, on: int) -> None:
    if sock.family != _socket.AF_UNIX:
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_CORK, on)


def send(
    sock: Any, body: filebody.FileBody, timeout_seconds: float | None
) -> None:
    """Send all of ``body``; its ``sent_bytes`` tell how far it came.

    :param timeout_seconds: how long a client may take nothing
    :raises OSError: the client is gone or stands still
    :raises filebody.TruncatedFile: the file is too short
    """
    while body.sent_bytes < body.length:
        _send_burst(sock, body, timeout_seconds)


def _send_burst(
    sock: Any, body: filebody.FileBody, timeout_seconds: float | None
) -> None:
    """Send what the client takes quickly, then wait until it takes more.

    sendfile reads the disk, which may stand still: a native thread does
    it. The wait for a slow client holds no thread.
    """
    target = sock.fileno()
    body.sent_bytes += tpool.execute(
        _burst,
        target,
        body.fileno(),
        body.offset + body.sent_bytes,
        body.length - body.sent_bytes,
    )
    if body.sent_bytes < body.length:
        hubs.trampoline(
            target,
            write=True,
            timeout=timeout_seconds,
            timeout_exc=TimeoutError('the client takes no more'),
        )


def _burst(target: int, file: int, offset: int, length: int) -> int:
    """Send until the client is slow, time is up or all is sent.

    Runs in a native thread. Returns the bytes sent.
    """
    sent = 0
    poll = None
    end = time.monotonic() + BURST_SECONDS
    while sent < length and time.monotonic() < end:
        size = min(SLICE_BYTES, length - sent)
        try:
            done = os.sendfile(target, file, offset + sent, size)
        except BlockingIOError:
            if poll is None:
                poll = _poll()
                poll.register(target, _POLLOUT)
            if sent < SLICE_BYTES or not poll.poll(FAST_CLIENT_MS):
                break
            continue
        if not done:
            raise filebody.TruncatedFile(f'{length - sent} bytes are missing')
        sent += done
    return sent
