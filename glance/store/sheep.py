"""Requests to a daemon of Sheepdog (sheep); for native threads only.

A request and its response have a header of 48 bytes: 16 that are the same for
all operations, and 32 that depend on the operation. All numbers are
little-endian.
"""

from _queue import Empty  # native, not monkey-patched
from _queue import SimpleQueue  # native, not monkey-patched
from _socket import MSG_PEEK
import contextlib
import socket
import struct
import time
from typing import Any, NamedTuple

from glance.common import deadlines
from glance.common import errors
from glance.store import addresses
from glance.store import native_sockets
from glance.store import servers

#: Operations.
CREATE_OBJECT, READ_OBJECT, WRITE_OBJECT = 0x01, 0x02, 0x03
NEW_VDI, GET_VDI_INFO, DELETE_VDI = 0x11, 0x14, 0x17
GET_CLUSTER_DEFAULT = 0x18

#: Results.
OK, NO_OBJECT, EXISTS, NO_VDI, STARTING, FULL = 0, 2, 4, 8, 0x0F, 0x15
_MEANINGS = {
    1: 'unknown error',
    NO_OBJECT: 'no such object',
    3: 'I/O error',
    EXISTS: 'the VDI exists already',
    5: 'invalid parameters',
    7: 'the VDI is locked',
    NO_VDI: 'no such VDI',
    STARTING: 'the daemon is starting',
    0x14: 'another version of the protocol',
    FULL: 'no space left',
    0x16: 'the cluster is not formatted yet',
    0x19: 'the cluster is halted',
}

#: Daemons leave zeros out of what they read for clients of version 2.
_VERSION, _READ_VERSION = 2, 1
_HAS_DATA = 1
_HEADER_BYTES = 48
#: Version, operation, flags, epoch, id of the request, bytes of data.
_HEAD = struct.Struct('<BBHIII')
_RESULT = struct.Struct('<I')
#: To connect, or to send or receive one request or response.
_SECONDS = 60.0
_CONNECT_SECONDS = 5.0
_MAX_IDLE = 16


class Reply(NamedTuple):
    """A response.

    :ivar header: all of its 48 bytes
    """

    result: int
    header: bytes
    data: bytes


class Sheep:
    """Sends requests to one daemon, each over a connection of its own.

    Connections are kept for later requests.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._idle: SimpleQueue[_Connection] = SimpleQueue()

    def ask(
        self,
        operation: int,
        fields: bytes,
        data: bytes | memoryview = b'',
        wanted: int = 0,
        is_repeatable: bool = True,
    ) -> Reply:
        """Send a request.

        :param fields: the operation's part of the header, up to 32 bytes
        :param wanted: max number of bytes of data in the response
        :param is_repeatable: the request has the same effect if it is done
            twice, so it is repeated if it fails
        :raises servers.Unreachable: there is no valid response
        """

        def attempt() -> Reply:
            return self._attempt(operation, fields, data, wanted)

        if not is_repeatable:
            return attempt()
        return servers.again(attempt, lambda reply: reply.result == STARTING)

    def _attempt(
        self,
        operation: int,
        fields: bytes,
        data: bytes | memoryview,
        wanted: int,
    ) -> Reply:
        try:
            opened = self._kept() or _Connection(self.host, self.port)
        except (OSError, ValueError) as error:
            raise self._unreachable(error) from error
        try:
            reply = opened.ask(operation, fields, data, wanted)
        except (OSError, struct.error) as error:
            opened.close()
            raise self._unreachable(error) from error
        except BaseException:
            opened.close()
            raise
        if self._idle.qsize() < _MAX_IDLE:
            self._idle.put(opened)
        else:
            opened.close()
        return reply

    def _kept(self) -> '_Connection | None':
        while True:
            try:
                opened = self._idle.get_nowait()
            except Empty:
                return None
            if opened.is_usable():
                return opened
            opened.close()

    def _unreachable(self, error: BaseException) -> servers.Unreachable:
        return servers.Unreachable(
            f'sheep at {self.host}:{self.port} cannot be asked: {error!r}'
        )


class _Connection:
    """:ivar until: time (monotonic) at which the current request fails"""

    def __init__(self, host: str, port: int) -> None:
        self.until = time.monotonic() + _CONNECT_SECONDS
        self._used = 0.0
        self._number = 0
        trouble: OSError = OSError('the name has no address')
        for address in addresses.resolve_natively(host, port):
            try:
                self._socket = self._opened(address, port)
            except OSError as error:
                trouble = error
                continue
            return
        raise trouble

    def _opened(self, address: str, port: int) -> Any:
        family = socket.AF_INET6 if ':' in address else socket.AF_INET
        sock: Any = native_sockets.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadlines.left(self.until))
            sock.connect((address, port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            sock.close()
            raise
        return sock

    def ask(
        self,
        operation: int,
        fields: bytes,
        data: bytes | memoryview,
        wanted: int,
    ) -> Reply:
        """:raises OSError: the connection fails, or the response is wrong"""
        self.until = time.monotonic() + _SECONDS
        self._number = (self._number + 1) & 0xFFFFFFFF
        flags = _HAS_DATA if data else 0
        size = len(data) if data else wanted
        version = _READ_VERSION if operation == READ_OBJECT else _VERSION
        head = _HEAD.pack(version, operation, flags, 0, self._number, size)
        self._send(head + fields.ljust(_HEADER_BYTES - _HEAD.size, b'\0'))
        self._send(data)
        header = self._receive(_HEADER_BYTES)
        _, echoed, _, _, number, length = _HEAD.unpack_from(header)
        if (echoed, number) != (operation, self._number) or length > wanted:
            raise OSError('the response does not belong to the request')
        (result,) = _RESULT.unpack_from(header, _HEAD.size)
        reply = Reply(result, header, self._receive(length))
        self._used = time.monotonic()
        return reply

    def _send(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(deadlines.left(self.until))
            rest = rest[self._socket.send(rest) :]

    def _receive(self, size: int) -> bytes:
        view = memoryview(bytearray(size))
        got = 0
        while got < size:
            self._socket.settimeout(deadlines.left(self.until))
            more = self._socket.recv_into(view[got:])
            if not more:
                raise OSError('the connection was closed')
            got += more
        return bytes(view)

    def is_usable(self) -> bool:
        """Whether it was used recently, and the peer has not closed it."""
        if time.monotonic() - self._used > servers.IDLE_SECONDS:
            return False
        try:
            self._socket.settimeout(0)
            self._socket.recv(1, MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()


def require(reply: Reply, doing: str) -> Reply:
    """:raises errors.Error: the response reports a failure"""
    if reply.result == OK:
        return reply
    meaning = _MEANINGS.get(reply.result, 'unknown result')
    reason = f'{doing}: {meaning} (0x{reply.result:02x})'
    if reply.result == NO_VDI:
        raise errors.NotFound(
            'The data of the image was not found in the store.'
        )
    if reply.result == FULL:
        raise errors.LimitExceeded(
            'The image store has no space left; ask the operator to free some.'
        ) from RuntimeError(reason)
    raise servers.Unreachable(reason)
