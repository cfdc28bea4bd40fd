"""Whether a file may go to the descriptor itself: when in doubt, never."""

from collections.abc import Iterator
import contextlib
import errno
import os
import pathlib
import random
import socket
import ssl
import struct
import tempfile
import threading
from typing import Any
import unittest
from unittest import mock

from eventlet import greenio
from oslo_config import cfg

from glance.common import config
from glance.common import filebody
from glance.common.server import files
from glance.common.server import listening
from tests import certificates
from tests import kernel

AES_GCM_256 = 52
_KTLS = 1 << 3


class Told:
    """A TLS connection of which the kernel tells what the test wants."""

    def __init__(
        self, told: bytes | OSError, version: str | None = 'TLSv1.3'
    ) -> None:
        self._told = told
        self._version = version

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        if (level, option) != (282, 1):
            raise OSError(errno.ENOPROTOOPT, 'not about sending')
        if isinstance(self._told, OSError):
            raise self._told
        return self._told[:size]

    def version(self) -> str | None:
        return self._version


class TestCanSend(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        kept = tempfile.TemporaryDirectory()
        cls.addClassCleanup(kept.cleanup)
        cls.directory = pathlib.Path(kept.name)
        certificates.make(cls.directory)

    def test_plain_connection(self) -> None:
        for family in (socket.AF_UNIX, socket.AF_INET):
            with pair(family) as (sock, _):
                self.assertTrue(files.can_send(greenio.GreenSocket(sock)))

    def test_kernel_has_the_keys(self) -> None:
        for version, number in (('TLSv1.2', 0x303), ('TLSv1.3', 0x304)):
            told = struct.pack('=HH', number, AES_GCM_256)
            self.assertTrue(files.can_send(Told(told, version)))

    def test_kernel_has_not(self) -> None:
        for code in (errno.ENOPROTOOPT, errno.EBUSY, errno.EINVAL):
            with self.subTest(errno.errorcode[code]):
                told = OSError(code, os.strerror(code))
                self.assertFalse(files.can_send(Told(told)))

    def test_what_the_kernel_says_makes_no_sense(self) -> None:
        whole = struct.pack('=HH', 0x304, AES_GCM_256)
        for told, version in (
            (b'', 'TLSv1.3'),
            (whole[:3], 'TLSv1.3'),
            (bytes(4), 'TLSv1.3'),
            (struct.pack('=HH', 0x304, 0), 'TLSv1.3'),
            (struct.pack('=HH', 0, AES_GCM_256), 'TLSv1.3'),
            (whole, 'TLSv1.2'),
            (whole, 'TLSv1.1'),
            (whole, None),  # OpenSSL has left the connection
            (struct.pack('=HH', 0, AES_GCM_256), None),
        ):
            with self.subTest(told=told, version=version):
                self.assertFalse(files.can_send(Told(told, version)))

    def test_connection_of_which_openssl_keeps_the_keys(self) -> None:
        for family in (socket.AF_UNIX, socket.AF_INET):
            context = self.context()
            context.options &= ~ssl.Options(1 << 3)
            with pair(family) as (ours, theirs):
                sock = self.handshake(context, ours, theirs)
                self.assertFalse(files.can_send(sock))

    def test_connection_that_can_have_no_kernel_tls(self) -> None:
        with pair(socket.AF_UNIX) as (ours, theirs):
            sock = self.handshake(self.context(), ours, theirs)
            self.assertFalse(files.can_send(sock))

    def test_no_handshake_yet(self) -> None:
        with pair(socket.AF_INET) as (ours, _):
            sock = self.wrapped(self.context(), ours)
            self.assertFalse(files.can_send(sock))

    @kernel.needs_tls
    def test_kernel_that_is_ready_but_has_no_keys(self) -> None:
        with pair(socket.AF_INET) as (ours, theirs):
            ours.setsockopt(socket.IPPROTO_TCP, 31, b'tls')  # TCP_ULP
            ours.sendall(b'plain')
            self.assertEqual(b'plain', theirs.recv(5))
            sock = self.wrapped(self.context(), ours)
            self.assertFalse(files.can_send(sock))

    @kernel.needs_tls
    def test_kernel_encrypts(self) -> None:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.context()
            context.maximum_version = version
            with pair(socket.AF_INET) as (ours, theirs):
                sock = self.handshake(context, ours, theirs)
                self.assertTrue(files.can_send(sock))
                # What is written past OpenSSL is no plain text any more.
                os.write(sock.fileno(), b'secret')
                theirs.setblocking(True)
                self.assertNotIn(b'secret', theirs.recv(1000))

    def test_is_asked_for_unless_told_not_to(self) -> None:
        self.assertTrue(self.context().options & _KTLS)
        self.assertFalse(self.context(kernel_tls=False).options & _KTLS)

    def context(self, **options: Any) -> ssl.SSLContext:
        conf = cfg.ConfigOpts()
        config.register(conf, 9292)
        conf(args=[], default_config_files=[])
        for name, value in options.items():
            conf.set_override(name, value)
        conf.set_override('cert_file', str(self.directory / 'server.crt'))
        conf.set_override('key_file', str(self.directory / 'server.key'))
        context: ssl.SSLContext = listening.tls_context(conf)
        return context

    def wrapped(
        self, context: ssl.SSLContext, sock: socket.socket
    ) -> ssl.SSLSocket:
        made = context.wrap_socket(
            sock, server_side=True, do_handshake_on_connect=False
        )
        self.addCleanup(made.close)
        return made

    def handshake(
        self,
        context: ssl.SSLContext,
        ours: socket.socket,
        theirs: socket.socket,
    ) -> ssl.SSLSocket:
        """Our side after it; their side is left as the plain socket."""
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        their = client.wrap_bio(incoming, outgoing)

        def shake() -> None:
            while True:
                try:
                    their.do_handshake()
                except ssl.SSLWantReadError:
                    theirs.sendall(outgoing.read())
                    incoming.write(theirs.recv(65536))
                else:
                    return theirs.sendall(outgoing.read())

        peer = threading.Thread(target=shake)
        peer.start()
        sock = self.wrapped(context, ours)
        sock.do_handshake()
        peer.join()
        return sock


@contextlib.contextmanager
def pair(
    family: socket.AddressFamily,
) -> Iterator[tuple[socket.socket, socket.socket]]:
    if family == socket.AF_UNIX:
        ours, theirs = socket.socketpair()
    else:
        with socket.create_server(('127.0.0.1', 0)) as listener:
            theirs = socket.create_connection(listener.getsockname())
            ours, _ = listener.accept()
    with ours, theirs:
        yield ours, theirs


class TestFullPackets(unittest.TestCase):
    def test_only_the_head_of_a_large_file_is_sent_at_once(self) -> None:
        """The data may have to wait for a store or for other clients."""
        for length, is_held in (
            (files.SLICE_BYTES, 1),
            (files.SLICE_BYTES + 1, 0),
        ):
            with self.subTest(length), pair(socket.AF_INET) as (sock, _):
                with files.full_packets(sock, length):
                    self.assertEqual(is_held, _is_corked(sock))
                self.assertEqual(0, _is_corked(sock))


class TestSend(unittest.TestCase):
    """Small files in the page cache need no native thread, others do."""

    def setUp(self) -> None:
        self.data = random.Random(7).randbytes(files.CACHED_BYTES + 1)
        self.threads = 0
        patch = mock.patch.object(files.tpool, 'execute', self.in_thread)
        patch.start()
        self.addCleanup(patch.stop)

    def in_thread(self, func: Any, *args: Any) -> Any:
        self.threads += 1
        return func(*args)

    def sent(self, offset: int, length: int) -> bytes:
        with tempfile.TemporaryFile() as file, pair(socket.AF_UNIX) as socks:
            file.write(self.data)
            file.flush()
            ours, theirs = socks
            ours.setblocking(False)
            received = bytearray()

            def receive() -> None:
                while piece := theirs.recv(1 << 20):
                    received.extend(piece)

            peer = threading.Thread(target=receive)
            peer.start()
            try:
                body = filebody.FileBody(file, offset, length)
                files.send(ours, body, 60)
            finally:
                ours.shutdown(socket.SHUT_WR)
                peer.join()
            self.assertEqual(length, body.sent_bytes)
            return bytes(received)

    def test_a_small_part_in_the_page_cache(self) -> None:
        for offset, length in ((0, files.CACHED_BYTES), (5, 1), (3, 0)):
            with self.subTest(offset):
                wanted = self.data[offset : offset + length]
                self.assertEqual(wanted, self.sent(offset, length))
        self.assertEqual(0, self.threads)

    def test_a_larger_part(self) -> None:
        self.assertEqual(self.data, self.sent(0, len(self.data)))
        self.assertGreater(self.threads, 0)

    def test_what_would_wait_for_the_disk_or_the_client(self) -> None:
        for name, code in (
            ('preadv', errno.EAGAIN),
            ('preadv', errno.EOPNOTSUPP),
            ('preadv', errno.EIO),
            ('write', errno.EAGAIN),
        ):
            error = OSError(code, os.strerror(code))
            with (
                self.subTest(name=name, code=code),
                mock.patch.object(os, name, side_effect=error),
            ):
                self.threads = 0
                self.assertEqual(self.data[:9], self.sent(0, 9))
                self.assertEqual(1, self.threads)

    def test_a_client_that_takes_a_part_at_a_time(self) -> None:
        write = os.write

        def some(target: int, data: memoryview) -> int:
            return write(target, data[:7])

        with (
            mock.patch.object(os, 'write', some),
            mock.patch.object(files.hubs, 'trampoline') as wait,
        ):
            self.assertEqual(self.data[:20], self.sent(0, 20))
        self.assertEqual(2, wait.call_count)

    def test_a_file_that_ends_too_early(self) -> None:
        with self.assertRaises(filebody.TruncatedFile):
            self.sent(len(self.data) - 3, 4)


def _is_corked(sock: socket.socket) -> int:
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK)
