"""Files through TLS: by the kernel where it can, else in pieces.

Either way the client gets the very bytes, and nobody on the way sees them.
"""

import contextlib
import fcntl
import functools
import hashlib
import os
import socket
import ssl
import subprocess
import termios
import threading
import time
from typing import IO

from tests import certificates
from tests import kernel
from tests.live import processes
from tests.live.server import cases
from tests.live.server import daemon

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
#: What a file is full of, to be found again where it must not be.
SECRET = b'not for anybody on the way'


class Relay:
    """A way to the daemon that notes what the daemon says."""

    def __init__(self, running: daemon.Daemon) -> None:
        self.heard = bytearray()
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.address = self._listener.getsockname()
        self._onward = running.connect()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        client, _ = self._listener.accept()
        with client, contextlib.suppress(OSError):
            up = threading.Thread(
                target=self._copy, args=(client, self._onward, bytearray())
            )
            up.start()
            self._copy(self._onward, client, self.heard)
            up.join()

    @staticmethod
    def _copy(
        source: socket.socket, target: socket.socket, seen: bytearray
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                seen += data
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._thread.join()
        self._onward.close()
        self._listener.close()

    def records(self) -> list[tuple[int, int]]:
        """Type and length of each record that was heard; all is records."""
        found, at = [], 0
        while at < len(self.heard):
            kind, length = self.heard[at], self.heard[at + 3 : at + 5]
            found.append((kind, int.from_bytes(length, 'big')))
            if kind not in (20, 21, 22, 23) or self.heard[at + 1] != 3:
                raise AssertionError(f'no TLS: {self.heard[at : at + 20]!r}')
            at += 5 + found[-1][1]
        return found


def unread_bytes(pipe: IO[bytes] | None) -> int:
    assert pipe is not None
    count = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
    return int.from_bytes(count, 'little')


class Secured(cases.Shared):
    """A daemon with TLS and a file."""

    data = SECRET * 40_000 + os.urandom(4_000_000) + SECRET * 1000

    @classmethod
    def prepare(cls) -> None:
        certificates.make(cls.directory)
        (cls.directory / 'file').write_bytes(cls.data)
        cls.options = {
            'cert_file': cls.directory / 'server.crt',
            'key_file': cls.directory / 'server.key',
            'file': cls.directory / 'file',
            'client_socket_timeout': 6,
        }

    def context(self, version: ssl.TLSVersion) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.directory / 'ca.crt')
        context.minimum_version = context.maximum_version = version
        return context

    def client(
        self,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        address: tuple[str, int] | None = None,
        buffer_bytes: int = 0,
    ) -> ssl.SSLSocket:
        """A connection; with a small buffer the client is a slow one."""
        return self.connect(self.context(version), address, buffer_bytes)

    def connect(
        self,
        context: ssl.SSLContext,
        address: tuple[str, int] | None = None,
        buffer_bytes: int = 0,
        resumed: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        sock = socket.socket()
        sock.settimeout(daemon.PATIENCE_SECONDS)
        if buffer_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        sock.connect(address or ('127.0.0.1', self.running.port))
        secure = context.wrap_socket(
            sock, server_hostname='localhost', session=resumed
        )
        self.addCleanup(secure.close)
        return secure

    def ask(self, sock: ssl.SSLSocket, first: int, length: int) -> None:
        sock.sendall(daemon.request(f'/file?{first},{length}'))

    def assert_file(
        self, sock: ssl.SSLSocket, first: int = 0, length: int | None = None
    ) -> None:
        if length is None:
            length = len(self.data) - first
        self.ask(sock, first, length)
        head, body = daemon.read_answer(sock)
        self.assertIn(b' 200 ', head)
        self.assertTrue(self.data[first : first + length] == body)

    def pieces(self) -> int:
        """How many files the daemon sent in pieces so far."""
        with self.client() as sock:
            sock.sendall(daemon.request('/pieces'))
            return int(daemon.read_answer(sock)[1])


class TestFiles(Secured):
    """What holds with and without the kernel."""

    def setUp(self) -> None:
        before = self.pieces()
        self.addCleanup(
            lambda: self.assertEqual(
                not kernel.HAS_TLS, self.pieces() > before
            )
        )
        self.addCleanup(lambda: self.assertFalse(self.logs('" 500 ')))

    def test_ranges_on_one_connection(self) -> None:
        size = len(self.data)
        for version in VERSIONS:
            with self.subTest(version), self.client(version) as sock:
                self.assert_file(sock)
                self.assert_file(sock, 1, 1)
                self.assert_file(sock, 1000, 2_000_001)
                self.assert_file(sock, size - 1, 1)
                self.assert_file(sock, 7, 0)
                self.assert_file(sock, 16_385, 16_384)
                ask = daemon.request('/file?0,10', method='HEAD')
                sock.sendall(ask)
                self.assertIn(b'Content-Length: 10\r\n', sock.recv(1000))
                sock.sendall(daemon.request('/hello'))
                self.assertIn(b'hello', daemon.read_answer(sock)[1])

    def test_nothing_plain_on_the_way(self) -> None:
        for version in VERSIONS:
            with self.subTest(version):
                relay = Relay(self.running)
                with self.client(version, relay.address) as sock:
                    self.assert_file(sock)
                    self.assert_file(sock, 5, 100)
                relay.close()
                self.assertNotIn(SECRET, relay.heard)
                self.assertNotIn(b'HTTP/1.1', relay.heard)
                carried = sum(n for kind, n in relay.records() if kind == 23)
                self.assertGreater(carried, len(self.data))

    def test_slow_client(self) -> None:
        for version in VERSIONS:
            with self.subTest(version):
                sock = self.client(version, buffer_bytes=16_384)
                self.ask(sock, 3, 1_500_000)
                got = bytearray()
                while not got.endswith(self.data[3:1_500_003]):
                    data = sock.recv(50_000)
                    self.assertTrue(data, len(got))
                    got += data
                    time.sleep(0.01)

    def test_many_at_once(self) -> None:
        failures: list[BaseException] = []

        def read(version: ssl.TLSVersion) -> None:
            try:
                with self.client(version) as sock:
                    self.assert_file(sock, 11)
            except BaseException as error:
                failures.append(error)

        readers = [
            threading.Thread(target=read, args=(VERSIONS[i % 2],))
            for i in range(8)
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        self.assertEqual([], failures)

    def test_resumed_session(self) -> None:
        for version in VERSIONS:
            context = self.context(version)
            with self.subTest(version), self.connect(context) as first:
                self.assert_file(first, 50, 100)
                with self.connect(context, resumed=first.session) as second:
                    self.assertTrue(second.session_reused)
                    self.assert_file(second)

    def test_file_shorter_than_announced(self) -> None:
        for version in VERSIONS:
            with self.subTest(version), self.client(version) as sock:
                self.ask(sock, 10, len(self.data))
                with self.assertRaises(OSError):
                    daemon.read_answer(sock)

    def test_client_that_stands_still_is_cut(self) -> None:
        for number, version in enumerate(VERSIONS):
            with self.client(version, buffer_bytes=4096) as sock:
                self.ask(sock, 20 + number, 4_000_000)
                started = time.monotonic()
                with self.client() as other:
                    other.sendall(daemon.request('/hello'))
                    daemon.read_answer(other)
                self.assertLess(
                    time.monotonic() - started, processes.allowed(2)
                )
                cut = f'"GET /file?{20 + number},4000000 HTTP/1.1" 200 '
                daemon.eventually(functools.partial(self.logs, cut))

    def logs(self, text: str) -> bool:
        return text in self.running.log()

    def test_client_that_hangs_up(self) -> None:
        for number, version in enumerate(VERSIONS):
            with self.client(version, buffer_bytes=4096) as sock:
                self.ask(sock, 30 + number, 4_000_000)
                sock.recv(1000)
            cut = f'"GET /file?{30 + number},4000000 HTTP/1.1" 200 '
            daemon.eventually(functools.partial(self.logs, cut))

    def test_new_keys_are_never_no_keys(self) -> None:
        """A client may ask for new keys at any time (TLS 1.3, KeyUpdate).

        Where OpenSSL cannot give them to the kernel the client cuts the
        connection; the next one works.
        """
        relay = Relay(self.running)
        with subprocess.Popen(
            [
                'openssl',
                's_client',
                '-connect',
                '{}:{}'.format(*relay.address),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        ) as asking:
            assert asking.stdin is not None
            asking.stdin.write(daemon.request('/file?0,50000'))
            daemon.eventually(lambda: len(relay.heard) > 50_000)
            asking.stdin.write(b'K\n')  # goes with what is sent next
            daemon.eventually(lambda: not unread_bytes(asking.stdin))
            asking.stdin.write(daemon.request('/file?0,100000'))
            daemon.eventually(
                lambda: asking.poll() is not None or len(relay.heard) > 150_000
            )
        relay.close()
        self.assertNotIn(SECRET, relay.heard)
        self.assertGreater(len(relay.records()), 3)
        with self.client() as sock:
            self.assert_file(sock, 40, 5000)

    def test_uploads(self) -> None:
        for version in VERSIONS:
            with self.subTest(version), self.client(version) as sock:
                length = f'Content-Length: {len(self.data)}'
                for _ in range(2):
                    sock.sendall(daemon.request('/digest', length))
                    sock.sendall(self.data)
                    found = daemon.read_answer(sock)[1].decode()
                    whole = hashlib.sha256(self.data).hexdigest()
                    self.assertEqual(whole, found)
                    self.assert_file(sock, 17, 100_000)


@kernel.needs_tls
class TestKernel(Secured):
    """It encrypts, fails, or cannot: then the file goes in pieces."""

    def test_file_that_the_kernel_cannot_send(self) -> None:
        for version in VERSIONS:
            with self.subTest(version), self.client(version) as sock:
                sock.sendall(daemon.request('/unreadable'))
                with self.assertRaises(OSError):
                    daemon.read_answer(sock)
        log = self.running.log()
        cut = 'GET /unreadable HTTP/1.1: the transfer was interrupted: [Errno'
        self.assertEqual(2, log.count(cut))
        self.assertNotIn('" 500 ', log)

    def test_cipher(self) -> None:
        before = self.pieces()
        context = self.context(ssl.TLSVersion.TLSv1_2)
        context.set_ciphers('ECDHE-ECDSA-AES256-SHA384')
        sock = self.connect(context)
        self.assert_file(sock)
        self.assert_file(sock, 1000, 100_000)
        self.assertEqual(before + 2, self.pieces())

    def test_small_records(self) -> None:
        before = self.pieces()
        got = subprocess.run(
            [
                *('openssl', 's_client', '-quiet', '-maxfraglen', '1024'),
                *('-connect', f'localhost:{self.running.port}'),
            ],
            input=daemon.request('/file?0,100000', 'Connection: close'),
            capture_output=True,
            timeout=daemon.PATIENCE_SECONDS,
        )
        self.assertTrue(got.stdout.endswith(self.data[:100_000]))
        self.assertEqual(before + 1, self.pieces())
