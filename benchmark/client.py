"""An HTTP/1.1 client that costs little: one socket, kept open.

Bodies that only have to arrive are dropped in the kernel (MSG_TRUNC), so
the client takes next to nothing from the servers that are measured.
"""

from collections.abc import Iterable
import json
import socket
from typing import Any

JSON = 'application/json'
PATCH = 'application/openstack-images-v2.1-json-patch'
BYTES = 'application/octet-stream'
SECONDS = 120.0
_PIECE = 64 * 1024
SCRATCH_BYTES = 1024 * 1024


class Failed(Exception):
    """The server did not answer as it should."""


class Connection:
    """One connection to one server; opened when needed.

    :param head: header lines that go with every request
    """

    def __init__(
        self,
        address: tuple[str, int],
        prefix: str,
        head: str,
        seconds: float = SECONDS,
    ) -> None:
        self._address = address
        self._prefix = prefix
        self._head = head
        self._seconds = seconds
        self._socket: socket.socket | None = None
        self._buffer = b''

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._buffer = b''

    def json(self, method: str, path: str, document: Any = None) -> Any:
        return json.loads(self.call(method, path, document))

    def call(
        self,
        method: str,
        path: str,
        document: Any = None,
        *,
        kind: str = JSON,
        headers: str = '',
    ) -> bytes:
        """One request; the body of a good answer.

        :raises Failed: any other status than 2xx
        """
        body = b'' if document is None else json.dumps(document).encode()
        if body:
            headers += (
                f'Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n'
            )
        status, fields = self._exchange(method, path, headers, body)
        content = self._body(status, fields)
        self._finish(status, fields, f'{method} {path}', content)
        return content

    def location(self, method: str, path: str) -> str:
        """One request without a body; the Location of its answer."""
        headers = 'Content-Length: 0\r\n'
        status, fields = self._exchange(method, path, headers, b'')
        content = self._body(status, fields)
        self._finish(status, fields, f'{method} {path}', content)
        return fields['location']

    def drop(
        self,
        path: str,
        headers: str = '',
    ) -> int:
        """GET; the number of bytes that came."""
        status, fields = self._exchange('GET', path, headers, b'')
        size = int(fields.get('content-length', -1))
        if status >= 300 or size < 0:
            content = self._body(status, fields)
            self._finish(status, fields, f'GET {path}', content)
            return len(content)
        self._discard(size)
        self._finish(status, fields, path, b'')
        return size

    def upload(
        self, path: str, blocks: Iterable[memoryview], size: int | None
    ) -> None:
        """PUT; chunked if no size is given."""
        framing = (
            'Transfer-Encoding: chunked'
            if size is None
            else f'Content-Length: {size}'
        )
        headers = f'Content-Type: {BYTES}\r\n{framing}\r\n'
        self.close()
        peer = self._connected()
        peer.sendall(self.request('PUT', path, headers))
        for block in blocks:
            if size is None:
                _send_chunks(peer, block)
            else:
                peer.sendall(block)
        if size is None:
            peer.sendall(b'0\r\n\r\n')
        status, fields = self._answer()
        content = self._body(status, fields)
        self._finish(status, fields, f'PUT {path}', content)

    def _exchange(
        self, method: str, path: str, headers: str, body: bytes
    ) -> tuple[int, dict[str, str]]:
        request = self.request(method, path, headers) + body
        fresh = self._socket is None
        try:
            self._connected().sendall(request)
            return self._answer()
        except (Failed, ConnectionError):
            self.close()
            if fresh:
                raise
        # The server may close a kept connection at any time.
        self._connected().sendall(request)
        return self._answer()

    def request(self, method: str, path: str, headers: str = '') -> bytes:
        """The head of a request, as it is sent."""
        line = f'{method} {self._prefix}{path} HTTP/1.1\r\n'
        return f'{line}{self._head}{headers}\r\n'.encode()

    def _connected(self) -> socket.socket:
        if self._socket is None:
            peer = socket.create_connection(self._address, self._seconds)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket, self._buffer = peer, b''
        return self._socket

    def _more(self) -> None:
        data = self._connected().recv(262144)
        if not data:
            raise Failed('the server closed the connection')
        self._buffer += data

    def _answer(self) -> tuple[int, dict[str, str]]:
        while b'\r\n\r\n' not in self._buffer:
            self._more()
        raw, self._buffer = self._buffer.split(b'\r\n\r\n', 1)
        lines = raw.decode('latin-1').split('\r\n')
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(':')
            fields[name.lower()] = value.strip()
        if lines[0].startswith('HTTP/1.0'):
            fields['connection'] = 'close'
        return int(lines[0].split()[1]), fields

    def _body(self, status: int, fields: dict[str, str]) -> bytes:
        if status in (204, 304):
            return b''
        if fields.get('transfer-encoding', '').lower() == 'chunked':
            return self._chunks()
        if 'content-length' in fields:
            size = int(fields['content-length'])
            return self._exactly(size)
        fields['connection'] = 'close'
        return self._until_closed()

    def _exactly(self, size: int) -> bytes:
        body = bytearray(size)
        have = min(size, len(self._buffer))
        body[:have], self._buffer = self._buffer[:have], self._buffer[have:]
        view, peer = memoryview(body), self._connected()
        while have < size:
            got = peer.recv_into(view[have:])
            if not got:
                raise Failed('the body was cut')
            have += got
        return bytes(body)

    def _until_closed(self) -> bytes:
        parts, self._buffer = [self._buffer], b''
        while data := self._connected().recv(262144):
            parts.append(data)
        return b''.join(parts)

    def _chunks(self) -> bytes:
        parts = []
        while True:
            while b'\r\n' not in self._buffer:
                self._more()
            line, self._buffer = self._buffer.split(b'\r\n', 1)
            size = int(line.split(b';')[0], 16)
            while len(self._buffer) < size + 2:
                self._more()
            parts.append(self._buffer[:size])
            self._buffer = self._buffer[size + 2 :]
            if size == 0:
                return b''.join(parts)

    def _discard(self, size: int) -> None:
        left = size - len(self._buffer)
        self._buffer = b''
        scratch = bytearray(min(SCRATCH_BYTES, max(left, 1)))
        peer = self._connected()
        while left > 0:
            got = peer.recv_into(
                scratch, min(left, len(scratch)), socket.MSG_TRUNC
            )
            if not got:
                raise Failed('the body was cut')
            left -= got

    def _finish(
        self, status: int, fields: dict[str, str], what: str, body: bytes
    ) -> None:
        if fields.get('connection', '').lower() == 'close' or status >= 300:
            self.close()
        if status >= 300:
            raise Failed(f'{what}: {status} {body[:200]!r}')


def _send_chunks(peer: socket.socket, block: memoryview) -> None:
    for start in range(0, len(block), _PIECE):
        piece = block[start : start + _PIECE]
        parts = [b'%x\r\n' % len(piece), piece, b'\r\n']
        sent = peer.sendmsg(parts)
        if sent < sum(map(len, parts)):
            peer.sendall(b''.join(parts)[sent:])
