"""HTTP on the wire: nothing that is not whole is taken for an answer."""

from collections.abc import Iterable
import contextlib
import http.client
import itertools
import time
from typing import Any
import unittest
from unittest import mock

import hypothesis
from hypothesis import strategies

from glance.registry_client import connections
from glance.registry_client import framing

MAX_BYTES = 100
BOUNDED = hypothesis.settings(deadline=None, derandomize=True, database=None)
OK = b'HTTP/1.1 200 OK\r\n'
CHUNKED = OK + b'Transfer-Encoding: chunked\r\n\r\n'
WHOLE = OK + b'Content-Length: 2\r\n\r\n{}'
HTML = b'<html><body><h1>503 Service Unavailable</h1></body></html>'

#: Answers, what they say, and whether another request may follow.
ANSWERS: dict[bytes, tuple[int, bytes, bool]] = {
    WHOLE: (200, b'{}', True),
    OK + b'content-length:2 \r\nX: \x80\xff\r\nY:\r\n\r\n{}': (
        200,
        b'{}',
        True,
    ),
    OK + b'Content-Length: 0\r\n\r\n': (200, b'', True),
    b'HTTP/1.1 404\r\nContent-Length: 2\r\n\r\n{}': (404, b'{}', True),
    b'HTTP/1.1 204 No Content\r\n\r\n': (204, b'', True),
    b'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n': (204, b'', True),
    b'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n': (
        304,
        b'',
        True,
    ),
    b'HTTP/1.1 100 Continue\r\n\r\n' + WHOLE: (200, b'{}', True),
    # Chunks, as proxies make them.
    CHUNKED + b'1\r\n{\r\n1\r\n}\r\n0\r\n\r\n': (200, b'{}', True),
    CHUNKED + b'0\r\n\r\n': (200, b'', True),
    CHUNKED + b'00A \t;name="value"\r\n0123456789\r\n0;x\r\n\r\n': (
        200,
        b'0123456789',
        True,
    ),
    CHUNKED + b'2\r\n{}\r\n0\r\nDigest: x\r\nServer-Timing: y\r\n\r\n': (
        200,
        b'{}',
        True,
    ),
    OK + b'transfer-encoding:  Chunked\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n': (
        200,
        b'\r\n',
        True,
    ),
    # The last one of its connection.
    OK + b'Connection: close\r\nContent-Length: 2\r\n\r\n{}': (
        200,
        b'{}',
        False,
    ),
    OK
    + b'Connection: x\r\nConnection: Close\r\nContent-Length: 2\r\n\r\n{}': (
        200,
        b'{}',
        False,
    ),
    b'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}': (200, b'{}', False),
    # More than was asked for.
    WHOLE + b'x': (200, b'{}', False),
    WHOLE + WHOLE: (200, b'{}', False),
    b'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}': (
        204,
        b'',
        False,
    ),
}

#: Answers that end with their connection: how long they are, nobody knows.
UNTIL_CLOSE: dict[bytes, tuple[int, bytes, bool]] = {
    OK + b'\r\n{}': (200, b'{}', False),
    b'HTTP/1.0 503 Service Unavailable\r\nContent-Type: text/html\r\n'
    b'Connection: close\r\n\r\n' + HTML: (503, HTML, False),
}

BAD = (
    b'',
    b'\r\n' + WHOLE,
    b'garbage\r\n\r\n',
    b'SSH-2.0-OpenSSH_9\r\n',
    b'\x15\x03\x03\x00\x02\x02\x16',  # TLS: unexpected message
    b'{}\r\n\r\n',
    # Status lines.
    WHOLE.replace(b'1.1', b'1.2'),
    WHOLE.replace(b'1.1', b'2'),
    WHOLE.replace(b'HTTP', b'http'),
    WHOLE.replace(b' 200', b'  200'),
    WHOLE.replace(b'200', b'abc'),
    WHOLE.replace(b'200', b'20'),
    WHOLE.replace(b'200', b'2000'),
    WHOLE.replace(b'200', b'099'),
    WHOLE.replace(b'200', b'-20'),
    WHOLE.replace(b'200', b'600'),
    WHOLE.replace(b'OK', b'O\rK'),
    WHOLE.replace(b'OK', b'O\nX: y'),
    # Not the last one: what follows would be taken for the next answer.
    b'HTTP/1.1 101 Switching Protocols\r\n\r\n' + WHOLE,
    b'HTTP/1.1 103 Early Hints\r\n\r\n' + WHOLE,
    # Fields.
    OK + b'Content-Length 2\r\n\r\n{}',
    OK + b'Content-Length : 2\r\n\r\n{}',
    OK + b' Content-Length: 2\r\n\r\n{}',
    OK + b': 2\r\nContent-Length: 2\r\n\r\n{}',
    OK + b'X: y\r\n folded\r\nContent-Length: 2\r\n\r\n{}',
    OK + b'X: y\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}',
    OK + b'X: y\rContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}',
    OK + b'X: \0\r\nContent-Length: 2\r\n\r\n{}',
    OK + b'X\xe9: y\r\nContent-Length: 2\r\n\r\n{}',
    OK + b'Content-Length: 2\n\n{}',
    # How long the body is.
    *(
        OK + b'Content-Length: ' + length + b'\r\n\r\n{}'
        for length in (
            *(b'', b'-2', b'+2', b'2.0', b'0x2', b'2 2', b'2,2', b'2;2'),
            *(b'\xb2', b'two', b'1_0', b'9' * 19, b'9' * 5000),
        )
    ),
    OK + b'Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}',
    OK + b'Content-Length: 2\r\nContent-Length: 1\r\n\r\n{}',
    OK + b'Content-Length: 2\r\ncontent-length: 3\r\n\r\n{}',
    b'HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n',
    OK + b'Content-Length: 3\r\n\r\n{}',
    OK + b'Content-Length: 101\r\n\r\n' + b'x' * 101,
    OK + b'\r\n' + b'x' * 101,
    # Codings.
    *(
        OK + b'Transfer-Encoding:' + coding + b'\r\n\r\n2\r\n{}\r\n0\r\n\r\n'
        for coding in (
            *(b'', b' gzip', b' gzip, chunked', b' chunked, chunked'),
            *(b' identity', b' chunked;x=y', b' chunked '),
        )
    ),
    CHUNKED.replace(b'\r\n\r\n', b'\r\nTransfer-Encoding: chunked\r\n\r\n')
    + b'2\r\n{}\r\n0\r\n\r\n',
    CHUNKED.replace(b'\r\n\r\n', b'\r\nContent-Length: 2\r\n\r\n')
    + b'2\r\n{}\r\n0\r\n\r\n',
    # Chunks.
    *(
        CHUNKED + size + b'\r\n{}\r\n0\r\n\r\n'
        for size in (
            *(b'', b'x', b'-2', b'+2', b'0x2', b' 2', b'2 2', b'2_', b'2\n'),
            *(b'1', b'3', b'2;\0', b'f' * 16, b'f' * 15, b'ffff'),
        )
    ),
    CHUNKED + b'3\r\n{}',
    CHUNKED + b'2\r\n{}0\r\n\r\n',
    CHUNKED + b'2\r\n{}\n0\r\n\r\n',
    CHUNKED + b'2\r\n{}\r\n',
    CHUNKED + b'2\r\n{}\r\n0\r\n',
    CHUNKED + b'2\r\n{}\r\n0\r\ntrailer\r\n\r\n',
    CHUNKED + b'2\r\n{}\r\n0\n\n',
    CHUNKED + b'33\r\n' + b'x' * 51 + b'\r\n33\r\n' + b'x' * 51 + b'\r\n0\r\n',
    CHUNKED + b'2\r\n{}\r\n0\r\n' + b'X: y\r\n' * 101 + b'\r\n',
    # Limits.
    OK + b'X: y\r\n' * 101 + b'\r\n',
    OK + b'X: ' + b'y' * (64 << 10) + b'\r\n\r\n',
    OK + (b'X: ' + b'y' * 8188 + b'\r\n') * 9 + b'\r\n',
    b'HTTP/1.1 200 ' + b'y' * (64 << 10) + b'\r\n\r\n',
    CHUNKED + b'2;' + b'x' * (64 << 10) + b'\r\n{}\r\n0\r\n\r\n',
    b'HTTP/1.1 100 Continue\r\n\r\n' * 10 + WHOLE,
)
BROKEN = (http.client.HTTPException, OSError, ValueError)


class Replay:
    """An endpoint, and a socket from which pieces come, one at a time."""

    host = 'registry:1'

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.time_outs: list[float | None] = []

    def open(self, _until: float) -> Any:
        return self

    def settimeout(self, seconds: float | None) -> None:
        self.time_outs.append(seconds)

    def send(self, data: Any) -> int:
        return len(data)

    def recv_into(self, buffer: memoryview) -> int:
        piece = next(self._pieces, b'')
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        pass


def connected(pieces: Iterable[bytes]) -> connections.Connection:
    connection = connections.Connection(Replay(pieces))
    connection.connect()
    connection.request('GET', '/')
    return connection


def received(*pieces: bytes) -> tuple[int, bytes, bool]:
    """Status, body, and whether another request may follow."""
    connection = connected(pieces)
    status, body = connection.receive()
    return status, body, connection.may_be_kept()


def in_bytes(content: bytes) -> Iterable[bytes]:
    return (content[i : i + 1] for i in range(len(content)))


def in_blocks(content: bytes) -> Iterable[bytes]:
    return (content[i : i + 65536] for i in range(0, len(content), 65536))


class TestAnswers(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(
            mock.patch.object(connections, 'MAX_ANSWER_BYTES', MAX_BYTES)
        )

    def test_at_once(self) -> None:
        for content, expected in (ANSWERS | UNTIL_CLOSE).items():
            with self.subTest(content):
                self.assertEqual(expected, received(content))

    def test_byte_by_byte(self) -> None:
        """What comes after the answer is not waited for."""
        for content, expected in (ANSWERS | UNTIL_CLOSE).items():
            status, body, may_follow = received(*in_bytes(content))
            with self.subTest(content):
                self.assertEqual(expected[:2], (status, body))
                self.assertLessEqual(expected[2], may_follow)

    def test_bad_ones(self) -> None:
        for content in BAD:
            for pieces in (in_blocks(content), in_bytes(content)):
                with (
                    self.subTest(content[:80]),
                    self.assertRaises(BROKEN),
                ):
                    received(*pieces)

    def test_what_is_cut_is_refused(self) -> None:
        for content, (_, _, may_follow) in ANSWERS.items():
            if not may_follow and b'lose\r\n' not in content:
                continue  # there is something behind it
            for end in range(len(content)):
                with self.subTest(content[:end]):
                    self.assertRaises(BROKEN, received, content[:end])

    def test_the_largest_ones(self) -> None:
        body = b'x' * MAX_BYTES
        head = b'Content-Length: %d\r\n' % MAX_BYTES
        for content in (
            OK + head + b'\r\n' + body,
            OK + head + b'X: y\r\n' * 98 + b'\r\n' + body,
            OK + head + b'X: ' + b'y' * 65000 + b'\r\n\r\n' + body,
            OK + b'\r\n' + body,
            CHUNKED + b'32\r\n' + body[:50] + b'\r\n'
            b'32\r\n' + body[50:] + b'\r\n0\r\n' + b'X: y\r\n' * 100 + b'\r\n',
            b'HTTP/1.1 100 Continue\r\n\r\n' * 9 + OK + head + b'\r\n' + body,
        ):
            with self.subTest(content[:80]):
                self.assertEqual(body, received(*in_blocks(content))[1])

    @BOUNDED
    @hypothesis.given(strategies.binary(max_size=200))
    def test_nonsense_is_refused_or_read(self, content: bytes) -> None:
        """Nothing but the errors that the transport knows is raised."""
        for begin in (b'', b'HTTP/1.1 ', OK, CHUNKED):
            with contextlib.suppress(*BROKEN):
                received(begin + content)

    @BOUNDED
    @hypothesis.given(
        strategies.lists(
            strategies.binary(min_size=1, max_size=9), max_size=9
        ),
        strategies.integers(1, 40),
    )
    def test_chunks_in_whatever_pieces(
        self, chunks: list[bytes], step: int
    ) -> None:
        content = CHUNKED
        for chunk in chunks:
            content += b'%x\r\n%s\r\n' % (len(chunk), chunk)
        content += b'0\r\n\r\n'
        pieces = [content[i : i + step] for i in range(0, len(content), step)]
        self.assertEqual((200, b''.join(chunks), True), received(*pieces))

    def test_size_alone_tells_that_it_is_too_large(self) -> None:
        endless = itertools.repeat(b'x' * 1024)
        for head in (
            OK + b'Content-Length: 101\r\n\r\n',
            OK + b'\r\n',
            CHUNKED + b'fffffff\r\n',
        ):
            with (
                self.subTest(head),
                self.assertRaisesRegex(framing.BadAnswer, 'more than'),
            ):
                connected(itertools.chain([head], endless)).receive()

    def test_time_is_shared_by_all_operations(self) -> None:
        """Whatever comes and goes in a second, it ends after ten."""
        self.enterContext(
            mock.patch('time.monotonic', side_effect=itertools.count())
        )
        for begin, rest in (
            (b'H', b'TTP/1.1 200 ' + b'y' * 100),
            (OK, b'X: ' + b'y' * 100),
            (OK + b'Content-Length: 100\r\n\r\n', b'y' * 99),
            (CHUNKED, b'1\r\ny\r\n' * 20),
            (OK + b'\r\n', b'y' * 100),
        ):
            connection = connected([begin, *in_bytes(rest)])
            connection.until = time.monotonic() + 10.0
            with self.subTest(begin), self.assertRaises(TimeoutError):
                connection.receive()
