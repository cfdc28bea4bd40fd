"""A connection as a native thread reads it: nothing lost, nothing twice."""

import random
import socket
import threading
import unittest

from glance.common import errors
from glance.common.server import incoming


def chunked(data: bytes, sizes: list[int]) -> bytes:
    """The data as a chunked body, in chunks of these sizes by turns."""
    parts, position, turn = [], 0, 0
    while position < len(data):
        piece = data[position : position + sizes[turn % len(sizes)]]
        parts.append(b'%x\r\n%b\r\n' % (len(piece), piece))
        position += len(piece)
        turn += 1
    return b''.join([*parts, b'0\r\n\r\n'])


class NativeStreamTestCase(unittest.TestCase):
    def setUp(self) -> None:
        self.theirs, self.ours = socket.socketpair()
        self.addCleanup(self.theirs.close)
        self.addCleanup(self.ours.close)
        self.ours.settimeout(10)
        self.theirs.settimeout(10)

    def body(
        self, sent: bytes, length: int | None, *, close: bool = False
    ) -> incoming.RequestBody:
        """A body that went native after its first bytes."""

        def send() -> None:
            self.theirs.sendall(sent)
            if close:
                self.theirs.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=send)
        thread.start()
        self.addCleanup(thread.join)
        body = incoming.RequestBody(
            self.ours.makefile('rb'),
            length,
            detach=lambda first, looks_ahead: incoming.NativeStream(
                self.ours.dup(), first, looks_ahead
            ),
        )
        self.assertTrue(body.go_native())
        assert body.native is not None
        self.addCleanup(body.native.close)
        return body

    def read(self, body: incoming.RequestBody, size: int = 1 << 20) -> bytes:
        found, buffer = bytearray(), memoryview(bytearray(size))
        while got := body.readinto(buffer):
            found += buffer[:got]
        return bytes(found)

    def test_sized(self) -> None:
        data = random.Random(1).randbytes(3_000_017)
        body = self.body(data, len(data))
        self.assertEqual(data, self.read(body))
        self.assertTrue(body.finished)

    def test_sized_leaves_the_next_request(self) -> None:
        data = random.Random(2).randbytes(700_000)
        body = self.body(data + b'GET / HTTP/1.1\r\n', len(data))
        self.assertEqual(data, self.read(body))
        assert body.native is not None
        self.assertFalse(body.native.has_surplus)

    def test_small_sized_leaves_the_next_request(self) -> None:
        body = self.body(b'12345GET / HTTP/1.1\r\n', 5)
        self.assertEqual(b'12345', self.read(body))
        assert body.native is not None
        self.assertFalse(body.native.has_surplus)

    def test_chunks_of_all_sizes(self) -> None:
        data = random.Random(3).randbytes(2_500_003)
        for sizes in ([65536], [1 << 20], [1 << 20, 1, 300_000], [131_072]):
            body = self.body(chunked(data, sizes), None)
            self.assertEqual(data, self.read(body), sizes)
            self.assertTrue(body.finished)

    def test_tiny_chunks(self) -> None:
        data = random.Random(4).randbytes(5_000)
        body = self.body(chunked(data, [1, 2, 3]), None)
        self.assertEqual(data, self.read(body, 1000))

    def test_chunked_tells_of_a_surplus(self) -> None:
        body = self.body(chunked(b'x' * 400_000, [65536]) + b'GET', None)
        self.assertEqual(b'x' * 400_000, self.read(body))
        assert body.native is not None
        self.assertTrue(body.native.has_surplus)

    def test_end_of_the_connection_is_an_error(self) -> None:
        for length, sent in ((400_000, b'x' * 300_000), (None, b'5\r\nab')):
            with self.subTest(length=length):
                body = self.body(sent, length, close=True)
                with self.assertRaises(errors.BadRequest):
                    self.read(body)
                self.setUp()

    def test_malformed_chunk_is_an_error(self) -> None:
        body = self.body(b'3\r\nabcdef', None, close=True)
        with self.assertRaises(errors.BadRequest):
            self.read(body)

    def test_silence_is_an_error(self) -> None:
        body = self.body(b'ab', 5)
        assert body.native is not None
        body.native._sock.settimeout(0.05)
        with self.assertRaises(errors.BadRequest):
            self.read(body)

    def test_empty_body_stays_where_it_is(self) -> None:
        body = incoming.RequestBody(self.ours.makefile('rb'), 0)
        self.assertFalse(body.go_native())
