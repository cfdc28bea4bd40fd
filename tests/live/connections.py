"""Clients that are slow, that stop in the middle, that hang up."""

import json
import socket
from urllib import parse

TIMEOUT_SECONDS = 120
CHUNK = 1 << 20


class Slow:
    """One HTTP exchange over a socket, a piece at a time."""

    def __init__(
        self, url: str, method: str, path: str, *headers: str
    ) -> None:
        where = parse.urlsplit(url)
        self._socket = socket.create_connection(
            (where.hostname, where.port), timeout=TIMEOUT_SECONDS
        )
        lines = [
            f'{method} {path} HTTP/1.1',
            f'Host: {where.netloc}',
            'Connection: close',
            *headers,
        ]
        self._socket.sendall('\r\n'.join([*lines, '', '']).encode())
        self.got = b''

    def send(self, size: int) -> None:
        for _ in range(size // CHUNK):
            self._socket.sendall(b'\x5a' * CHUNK)

    def send_chunk(self, size: int) -> None:
        self._socket.sendall(b'%x\r\n%s\r\n' % (size, b'\x5a' * size))

    def read_some(self, size: int) -> None:
        while len(self.got) < size:
            more = self._socket.recv(65536)
            if not more:
                return
            self.got += more

    def read_all(self) -> bytes:
        """Read until the other side ends, cleanly or not."""
        try:
            while more := self._socket.recv(CHUNK):
                self.got += more
        except OSError:
            pass
        return self.got

    def status(self) -> int | None:
        """Give the status of the answer; None: it never came."""
        words = self.read_all().split(b' ', 2)
        return int(words[1]) if len(words) > 1 else None

    def hang_up(self) -> None:
        self._socket.close()


def upload(url: str, image_id: str, size: int) -> Slow:
    return Slow(
        url,
        'PUT',
        f'/v2/images/{image_id}/file',
        'Content-Type: application/octet-stream',
        f'Content-Length: {size}',
    )


def chunked_upload(url: str, image_id: str) -> Slow:
    return Slow(
        url,
        'PUT',
        f'/v2/images/{image_id}/file',
        'Content-Type: application/octet-stream',
        'Transfer-Encoding: chunked',
    )


def create(url: str) -> Slow:
    body = json.dumps({'disk_format': 'raw', 'container_format': 'bare'})
    slow = Slow(
        url,
        'POST',
        '/v2/images',
        'Content-Type: application/json',
        f'Content-Length: {len(body)}',
    )
    slow._socket.sendall(body.encode())
    return slow


def download(url: str, image_id: str) -> Slow:
    return Slow(url, 'GET', f'/v2/images/{image_id}/file')
