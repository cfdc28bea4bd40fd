"""Many readers of one image at the same moment.

They are sockets of one thread: as threads or processes they would compete
with the services for the processors, and the time to the first byte would be
theirs.
"""

import select
import socket
import time
from typing import NamedTuple

from benchmark import client

_END_OF_HEAD = b'\r\n\r\n'


class Times(NamedTuple):
    """Seconds from the call of connect() on."""

    head: float
    data: float


class _Reader:
    """One connection; see :func:`read`."""

    def __init__(
        self, address: tuple[str, int], request: bytes, size: int
    ) -> None:
        self._request = request
        self._size = size
        self._raw = b''
        self._got = 0
        self._has_length = False
        self._head_seconds = self._data_seconds = 0.0
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._began = time.perf_counter()
        self.socket.connect_ex(address)

    @property
    def has_head(self) -> bool:
        return bool(self._head_seconds)

    @property
    def times(self) -> Times:
        return Times(self._head_seconds, self._data_seconds)

    def send(self) -> None:
        """Send the request; the connection is there.

        :raises OSError: it could not be made
        """
        self.socket.sendall(self._request)

    def receive(self, now: float, scratch: bytearray) -> bool:
        """Receive what is there.

        :param now: when it was there
        :returns: whether the image is complete
        :raises client.Failed: it is not the whole image
        """
        if not self.has_head:
            self._receive_head(now)
        else:
            size = len(scratch)
            if self._has_length:
                size = min(size, self._size - self._got)
            got = self.socket.recv_into(scratch, size, socket.MSG_TRUNC)
            if not got:
                return self._close()
            self._take(got, now)
        return self._has_length and self._got == self._size

    def _receive_head(self, now: float) -> None:
        got = self.socket.recv(65536)
        if not got:
            raise client.Failed('the server closed the connection')
        self._raw += got
        head, end, rest = self._raw.partition(_END_OF_HEAD)
        if end:
            self._head_seconds = now - self._began
            self._has_length = _has_length(head, self._size)
            self._take(len(rest), now)

    def _take(self, size: int, now: float) -> None:
        if size and not self._data_seconds:
            self._data_seconds = now - self._began
        self._got += size

    def _close(self) -> bool:
        """Without a length, the frames of chunks may have been counted too."""
        if self._has_length or self._got < self._size:
            raise client.Failed(f'the body was cut after {self._got} bytes')
        return True


def _has_length(head: bytes, size: int) -> bool:
    """Whether the response tells its length.

    :raises client.Failed: it is not a response with ``size`` bytes
    """
    line, *lines = head.decode('latin-1').split('\r\n')
    fields = dict(each.lower().split(': ', 1) for each in lines)
    length = fields.get('content-length')
    if ' 200 ' not in line or length not in (None, str(size)):
        raise client.Failed(f'{line}, {length} bytes')
    return length is not None


def read(
    address: tuple[str, int],
    request: bytes,
    count: int,
    size: int,
    seconds: float,
) -> list[Times]:
    """Send one request on each of ``count`` connections; drop the data.

    A response without a length, as upstream sends it, ends with its
    connection.

    :param size: bytes of the image
    :param seconds: how long a silence may take
    :raises client.Failed: one of them did not get the whole image
    """
    readers = [_Reader(address, request, size) for _ in range(count)]
    by_fd = {reader.socket.fileno(): reader for reader in readers}
    scratch = bytearray(client.SCRATCH_BYTES)
    with select.epoll() as poll:
        for fd in by_fd:
            poll.register(fd, select.EPOLLOUT)
        while by_fd:
            events = poll.poll(seconds)
            if not events:
                raise client.Failed('nothing came for too long')
            now = time.perf_counter()
            # Heads first: the time at which they are seen is the result.
            events.sort(key=lambda event: by_fd[event[0]].has_head)
            for fd, kind in events:
                reader = by_fd[fd]
                if kind & select.EPOLLOUT:
                    reader.send()
                    poll.modify(fd, select.EPOLLIN)
                elif reader.receive(now, scratch):
                    poll.unregister(fd)
                    reader.socket.close()
                    del by_fd[fd]
    return [reader.times for reader in readers]
