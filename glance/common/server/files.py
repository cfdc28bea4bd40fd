"""Send files with sendfile: the kernel copies the bytes, not Python.

This also works with TLS if the kernel encrypts (kTLS). OpenSSL does the
handshake and gives the keys to the kernel. The kernel then encrypts all data
that is written to the descriptor, by OpenSSL or by sendfile, as one sequence
of TLS records. Not every kernel supports this, and not with every cipher. If
:func:`can_send` returns False, the file is sent in pieces by Python.
"""

from collections.abc import Iterator
import contextlib
import errno
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

#: Maximum number of bytes per call of sendfile.
SLICE_BYTES = 1 << 20
#: Maximum time of one call in a native thread, and how long the thread waits
#: for a fast client. The event loop waits for slower clients.
BURST_SECONDS = 0.1
FAST_CLIENT_MS = 10
#: Not more than this is read in the event loop, if it is in the page cache: a
#: thread costs more than copying so many bytes.
CACHED_BYTES = 64 * 1024

#: Errors of sendfile that concern the file; all others concern the client.
_OF_FILE = frozenset(
    (errno.EIO, errno.ESTALE, errno.EREMOTEIO, errno.ENXIO, errno.ENODEV)
)

# linux/tls.h: query how the kernel encrypts sent data, without the keys.
_SOL_TLS = 282
_TLS_TX = 1
_CRYPTO_INFO = struct.Struct('=HH')  # version, cipher
_VERSIONS = {'TLSv1.2': 0x0303, 'TLSv1.3': 0x0304}


def can_send(sock: Any) -> bool:
    """Whether bytes may be written to the descriptor directly.

    In doubt this returns False, because plain bytes on a TLS connection
    would disclose secret data. It is not enough that the kernel supports TLS
    or that its TLS module is attached to the socket (TCP_ULP): the module
    stays attached if the kernel refused the keys for sending, and then sends
    plain bytes. If the kernel reports a cipher, it has the keys, and it
    encrypts everything that is sent until the socket is closed.
    """
    if isinstance(sock, greenio.GreenSocket):
        return True  # plain: TLS sockets are not a subclass of it
    try:
        told = sock.getsockopt(_SOL_TLS, _TLS_TX, _CRYPTO_INFO.size)
        version, cipher = _CRYPTO_INFO.unpack(told)
    except (OSError, struct.error):  # no module, no keys (yet)
        return False
    return bool(cipher) and version == _VERSIONS.get(sock.version(), -1)


@contextlib.contextmanager
def full_packets(sock: Any, length: int) -> Iterator[None]:
    """Send the head and a small file in full packets.

    The head of a larger file is sent at once, because the data may have to
    wait for a store, or for downloads that began earlier. Data that is held
    back when an error is raised is discarded.

    :param length: bytes of the file
    """
    if length > SLICE_BYTES:
        yield
        return
    _cork(sock, 1)
    yield
    _cork(sock, 0)


def _cork(sock: Any, on: int) -> None:
    if sock.family != _socket.AF_UNIX:
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_CORK, on)


def is_of_file(error: BaseException) -> bool:
    """Whether the error is caused by the file and not by the client."""
    return isinstance(error, filebody.TruncatedFile) or (
        isinstance(error, OSError) and error.errno in _OF_FILE
    )


def send(
    sock: Any, body: filebody.FileBody, timeout_seconds: float | None
) -> None:
    """Send all of ``body``; its ``sent_bytes`` counts the bytes sent so far.

    :param timeout_seconds: how long a client may receive nothing
    :raises OSError: the client has disconnected or receives nothing
    :raises filebody.TruncatedFile: the file is too short
    :raises filebody.Unsendable: the rest must not be sent
    """
    while body.sent_bytes < body.length:
        ready = body.ready_bytes(body.offset + body.sent_bytes)
        _send_burst(sock, body, ready, timeout_seconds)


def _send_burst(
    sock: Any,
    body: filebody.FileBody,
    length: int,
    timeout_seconds: float | None,
) -> None:
    """Send what the client receives quickly, then wait for the client.

    sendfile reads the disk and may block, so it runs in a native thread.
    A small file that is in the page cache, and the wait for a slow client, use
    no native thread.

    :param length: bytes that are there
    """
    target = sock.fileno()
    position = body.offset + body.sent_bytes
    sent = 0
    if length <= CACHED_BYTES:
        sent = _send_cached(target, body.fileno(), position, length)
    if not sent:
        sent = tpool.execute(_burst, target, body.fileno(), position, length)
    body.sent_bytes += sent
    if sent < length:
        hubs.trampoline(
            target,
            write=True,
            timeout=timeout_seconds,
            timeout_exc=TimeoutError('the client takes no more'),
        )


def _send_cached(target: int, file: int, offset: int, length: int) -> int:
    """Send bytes that can be read and sent without waiting.

    Returns the bytes sent; 0 also if the kernel or the file system does not
    support this, or if the file ends here.

    :raises OSError: the client has disconnected
    """
    data = bytearray(length)
    try:
        size = os.preadv(file, [data], offset, os.RWF_NOWAIT)
    except OSError:
        return 0
    try:
        return os.write(target, memoryview(data)[:size]) if size else 0
    except BlockingIOError:
        return 0


def _burst(target: int, file: int, offset: int, length: int) -> int:
    """Send until the client is slow, the time is over or all is sent.

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
        except OSError:
            if not sent:
                raise
            break  # report the sent bytes; the next burst raises again
        if not done and sent:
            break
        if not done:
            raise filebody.TruncatedFile(f'{length - sent} bytes are missing')
        sent += done
    return sent
