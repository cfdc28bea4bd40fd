"""HTTP on the wire: nothing that is not whole is taken for an answer."""

from collections.abc import Iterable
import contextlib
import http.client
import io
import itertools
import time
from typing import Any
import unittest
from unittest import mock

import hypothesis
from hypothesis import strategies

from glance.registry_client import http1

MOST = 100
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
    b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n'
    b'Connection: close\r\n\r\n' + WHOLE: (200, b'{}', True),
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
    b'HTTP/1.1 101 Switching Protocols\r\n\r\n' + WHOLE,
    WHOLE.replace(b'OK', b'O\rK'),
    WHOLE.replace(b'OK', b'O\nX: y'),
    # Fields.
    OK + b'Content-Length 2\r\n\r\n{}',
    OK + b'Content-Length : 2\r\n\r\n{}',
    OK + b' Content-Length: 2\r\n\r\n{}',
    OK + b': 2\r\nContent-Length: 2\r\n\r\n{}',
    OK + b'X: y\r\n folded\r\nContent-Length: 2\r\n\r\n{}',
    OK + b'X: y\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}',
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
    OK + b'Transfer-Encoding: gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
    OK + b'Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
    OK + b'Transfer-Encoding:\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
    CHUNKED.replace(b'\r\n\r\n', b'\r\nTransfer-Encoding: chunked\r\n\r\n')
    + b'2\r\n{}\r\n0\r\n\r\n',
    CHUNKED.replace(b'\r\n\r\n', b'\r\nContent-Length: 2\r\n\r\n')
    + b'2\r\n{}\r\n0\r\n\r\n',
    # Chunks.
    *(
        CHUNKED + size + b'\r\n{}\r\n0\r\n\r\n'
        for size in (
            *(b'', b'x', b'-2', b'+2', b'0x2', b' 2', b'2 2', b'2_', b'2\n'),
            *(b'1', b'3', b'2;\0', b'f' * 16, b'f' * 15),
        )
    ),
    CHUNKED + b'2\r\n{}0\r\n\r\n',
    CHUNKED + b'2\r\n{}\n0\r\n\r\n',
    CHUNKED + b'2\r\n{}\r\n',
    CHUNKED + b'2\r\n{}\r\n0\r\n',
    CHUNKED + b'2\r\n{}\r\n0\r\ntrailer\r\n\r\n',
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


class Replay:
    """A socket from which pieces come, one at a time."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.time_outs: list[float | None] = []

    def settimeout(self, seconds: float | None) -> None:
        self.time_outs.append(seconds)

    def recv(self, most: int) -> bytes:
        piece = next(self._pieces, b'')
        assert len(piece) <= most
        return piece


def received(*pieces: bytes) -> tuple[int, bytes, bool]:
    sock: Any = Replay(pieces)
    return http1.receive(sock, float('inf'), MOST)


def in_bytes(content: bytes) -> Iterable[bytes]:
    return (content[i : i + 1] for i in range(len(content)))


def in_blocks(content: bytes) -> Iterable[bytes]:
    return (content[i : i + 65536] for i in range(0, len(content), 65536))


class TestAnswers(unittest.TestCase):
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
            with self.subTest(content[:80]):
                with self.assertRaises(http1.BadAnswer):
                    received(*in_blocks(content))
                if len(content) < 1000:
                    with self.assertRaises(http1.BadAnswer):
                        received(*in_bytes(content))

    def test_what_is_cut_is_not_whole(self) -> None:
        for content, (_, _, may_follow) in ANSWERS.items():
            if not may_follow and b'lose\r\n' not in content:
                continue  # there is something behind it
            for end in range(len(content)):
                with self.subTest(content[:end]):
                    self.assertRaises(http1.BadAnswer, received, content[:end])

    def test_the_largest_ones(self) -> None:
        body = b'x' * MOST
        head = b'Content-Length: %d\r\n' % MOST
        for content in (
            OK + head + b'\r\n' + body,
            OK + head + b'X: y\r\n' * 99 + b'\r\n' + body,
            OK + head + b'X: ' + b'y' * 65000 + b'\r\n\r\n' + body,
            OK + b'\r\n' + body,
            CHUNKED + b'32\r\n' + body[:50] + b'\r\n'
            b'32\r\n' + body[50:] + b'\r\n0\r\n' + b'X: y\r\n' * 100 + b'\r\n',
            b'HTTP/1.1 100 Continue\r\n\r\n' * 9 + OK + head + b'\r\n' + body,
        ):
            with self.subTest(content[:80]):
                self.assertEqual(body, received(*in_blocks(content))[1])

    def test_too_much_is_not_waited_for(self) -> None:
        """A length alone tells that it is too much."""
        for content in (
            OK + b'Content-Length: 101\r\n\r\n',
            CHUNKED + b'65\r\n',
            CHUNKED + b'64\r\n' + b'x' * MOST + b'\r\n1\r\n',
        ):
            with self.assertRaisesRegex(http1.BadAnswer, 'large'):
                received(content)

    def test_what_never_ends_is_not_kept(self) -> None:
        for begin in (b'HTTP/1.1 200 ', OK + b'X: ', OK + b'\r\n', CHUNKED):
            endless = itertools.repeat(b'x' * 1024, 1024)
            sock: Any = Replay(itertools.chain([begin], endless))
            with self.assertRaisesRegex(http1.BadAnswer, 'large'):
                http1.receive(sock, float('inf'), MOST)
            self.assertLess(len(sock.time_outs), 70)

    @BOUNDED
    @hypothesis.given(strategies.binary(max_size=200))
    def test_nonsense_is_nothing_else(self, content: bytes) -> None:
        for begin in (b'', b'HTTP/1.1 ', OK, CHUNKED):
            with contextlib.suppress(http1.BadAnswer):
                received(begin + content)

    @BOUNDED
    @hypothesis.given(
        strategies.lists(strategies.binary(min_size=1, max_size=30)),
        strategies.integers(1, 40),
    )
    def test_chunks_as_the_standard_library_reads_them(
        self, chunks: list[bytes], step: int
    ) -> None:
        content = CHUNKED
        for chunk in chunks:
            content += b'%x\r\n%s\r\n' % (len(chunk), chunk)
        content += b'0\r\n\r\n'
        pieces = [content[i : i + step] for i in range(0, len(content), step)]
        expected = _as_the_standard_library_reads(content)
        sock: Any = Replay(pieces)
        status, body, may_follow = http1.receive(sock, float('inf'), 1000)
        self.assertEqual((*expected, True), (status, body, may_follow))


def _as_the_standard_library_reads(content: bytes) -> tuple[int, bytes]:
    sock = mock.Mock()
    sock.makefile.return_value = io.BytesIO(content)
    response = http.client.HTTPResponse(sock)
    response.begin()
    return response.status, response.read()


TEXT = strategies.text(
    strategies.characters(max_codepoint=0x17F), max_size=20
) | strategies.text('\r\n\0 :x', max_size=5)
METHODS = strategies.sampled_from(['GET', 'PATCH']) | TEXT
PATHS = strategies.text('/%a1?=&#:@', min_size=1) | TEXT


class TestTime(unittest.TestCase):
    """Whatever comes and goes in a second, it ends after ten."""

    def setUp(self) -> None:
        super().setUp()
        clock = mock.patch('time.monotonic', side_effect=itertools.count())
        clock.start()
        self.addCleanup(clock.stop)

    def test_answers(self) -> None:
        for begin, rest in (
            (b'', b'HTTP/1.1 200 ' + b'y' * MOST),
            (OK, b'X: ' + b'y' * MOST),
            (OK + b'Content-Length: 100\r\n\r\n', b'y' * 99),
            (CHUNKED, b'1\r\ny\r\n' * 20),
            (CHUNKED, b'0\r\nX: ' + b'y' * MOST),
            (OK + b'\r\n', b'y' * MOST),
        ):
            sock: Any = Replay([begin or b'H', *in_bytes(rest)])
            until = time.monotonic() + 10.0
            with self.subTest(begin), self.assertRaises(TimeoutError):
                http1.receive(sock, until, MOST)
            self.assertEqual(list(range(9, 0, -1)), sock.time_outs)

    def test_requests(self) -> None:
        sock = mock.Mock()
        sock.send.return_value = 1
        with self.assertRaises(TimeoutError):
            http1.send(sock, b'x' * 100, time.monotonic() + 10.0)
        self.assertEqual(9, sock.send.call_count)


class TestRequests(unittest.TestCase):
    def test_head_and_body(self) -> None:
        self.assertEqual(
            b'POST /v1/x HTTP/1.1\r\nHost: registry:1\r\n'
            b'Accept-Encoding: identity\r\nX-A: \xe9\r\nX-B: \r\n'
            b'Content-Length: 2\r\n\r\n{}',
            http1.request(
                'POST',
                '/v1/x',
                'registry:1',
                {'X-A': '\xe9', 'X-B': ''},
                b'{}',
            ),
        )

    def test_no_body(self) -> None:
        for method, length in (
            ('GET', b''),
            ('DELETE', b'Content-Length: 0\r\n'),
            ('POST', b'Content-Length: 0\r\n'),
        ):
            head = http1.request(method, '/', 'registry', {}, None)
            self.assertTrue(head.endswith(b'identity\r\n' + length + b'\r\n'))

    def test_nothing_is_smuggled_in(self) -> None:
        good = ('GET', '/', 'registry', {'X': 'y'}, None)
        http1.request(*good)
        for bad in ('a\rb', 'a\nb', 'a\0b', 'a\r\nX-Roles: admin', '\n', '\r'):
            for request in (
                (bad, *good[1:]),
                ('GET', bad, *good[2:]),
                ('GET', '/' + bad, *good[2:]),
                ('GET', '/', bad, *good[3:]),
                ('GET', '/', 'registry', {'X': bad}, None),
                ('GET', '/', 'registry', {bad: 'y'}, None),
            ):
                with self.subTest(request):
                    self.assertRaises(ValueError, http1.request, *request)
        for method, path in (
            ('GET', '/a b'),
            ('GET', '/a\tb'),
            ('GET', '/\xe9'),
            ('GET', ''),
            ('GET /', '/'),
            ('get', '/'),
            ('', '/'),
        ):
            with self.subTest(method=method, path=path):
                self.assertRaises(
                    ValueError, http1.request, method, path, 'h', {}, None
                )

    def test_what_is_not_latin_1(self) -> None:
        for bad in ('\u0100', '\u2028', '\ud800'):
            self.assertRaises(
                UnicodeEncodeError,
                http1.request,
                *('GET', '/', 'registry', {'X': bad}, None),
            )

    @BOUNDED
    @hypothesis.given(METHODS, PATHS, TEXT)
    def test_a_server_reads_what_was_meant(
        self, method: str, path: str, value: str
    ) -> None:
        try:
            head = http1.request(method, path, 'registry', {'X': value}, None)
        except ValueError:
            return
        source = io.BytesIO(head)
        self.assertEqual(f'{method} {path} HTTP/1.1', _line(source))
        lines = list(iter(lambda: _line(source), ''))
        self.assertEqual(
            ['Host: registry', 'Accept-Encoding: identity', f'X: {value}'],
            lines[:3],
        )
        self.assertLessEqual(set(lines[3:]), {'Content-Length: 0'})
        self.assertEqual(b'', source.read())


def _line(source: io.BytesIO) -> str:
    """As far as any server may think that it goes."""
    line = source.readline().decode('latin-1')
    return line.removesuffix('\n').removesuffix('\r')
