"""Files go out through the kernel: Python never touches their bytes."""

from collections.abc import Iterator
import contextlib
import os
import time
from typing import Any

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
