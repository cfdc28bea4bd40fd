"""Calls and data over a socket between a daemon and a helper process.

The sockets are those of the C module, which are not monkey-patched: both
sides use them in native threads.
"""

import _socket
import array
import contextlib
import json
import socket
import struct
from typing import Any

#: Max bytes of a frame. The length 0 marks the end of the data. Memory for
#: larger frames may be mapped anew each time (server.MAPPED_BYTES).
MAX_BYTES = 512 * 1024
_LENGTH = struct.Struct('>I')
#: Replaces a length: the data is aborted, and an error document follows.
_BROKEN = 0xFFFFFFFF
_MAX_DOCUMENT_BYTES = 1024 * 1024


class Failed(Exception):
    """The other side reports an error.

    :ivar name: the name of its exception class
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f'{name}: {message}')
        self.name = name


class Channel:
    """:param sock: a connected blocking socket; the caller closes it"""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def send_document(self, document: Any) -> None:
        content = json.dumps(document).encode()
        self._sock.sendall(_LENGTH.pack(len(content)) + content)

    def receive_document(self) -> Any:
        """:raises Failed: the document is an error"""
        size = self._length()
        if size == _BROKEN:
            return self.receive_document()
        if size > _MAX_DOCUMENT_BYTES:
            raise EOFError
        document = json.loads(self._exactly(size))
        if 'error' in document:
            raise Failed(document['error'], document['message'])
        return document

    def send(self, piece: bytes | memoryview) -> None:
        """Send a frame of data; an empty frame marks the end."""
        self._sock.sendall(_LENGTH.pack(len(piece)))
        if piece:
            self._sock.sendall(piece)

    def send_error(self, error: BaseException) -> None:
        """Send an error instead of a document or of data."""
        document = {'error': type(error).__name__, 'message': str(error)}
        content = json.dumps(document).encode()
        head = _LENGTH.pack(_BROKEN) + _LENGTH.pack(len(content))
        with contextlib.suppress(OSError):  # the other side has closed
            self._sock.sendall(head + content)

    def receive(self) -> bytes:
        """Receive a frame of data; empty at the end.

        :raises Failed: the other side reports an error
        """
        size = self._length()
        if size == _BROKEN:
            self.receive_document()
        if size > MAX_BYTES:
            raise EOFError
        return self._exactly(size)

    def _length(self) -> int:
        size: int = _LENGTH.unpack(self._exactly(_LENGTH.size))[0]
        return size

    def _exactly(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            part = self._sock.recv(size, socket.MSG_WAITALL)
            if not part:
                raise EOFError('the other side is gone')
            parts.append(part)  # a signal may end the waiting early
            size -= len(part)
        return parts[0] if len(parts) == 1 else b''.join(parts)


def pair() -> tuple[Any, Any]:
    """Create two connected sockets."""
    return _socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def send_socket(control: Any, sock: Any) -> None:
    """Pass a socket to the other process; the caller closes its copy."""
    rights = array.array('i', [sock.fileno()])
    control.sendmsg([b'.'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def receive_socket(control: socket.socket) -> socket.socket | None:
    """Receive the next socket; None if the other side has closed."""
    message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
    if not message or not descriptors:
        return None
    return socket.socket(fileno=descriptors[0])
