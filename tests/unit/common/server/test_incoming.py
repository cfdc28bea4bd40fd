import io
import unittest

from glance.common import errors
from glance.common.server import incoming


def headers(*lines: bytes) -> incoming.Headers:
    return incoming.read_headers(
        io.BytesIO(b'\r\n'.join([*lines, b'', b''])).readline
    )


class TestRequestLine(unittest.TestCase):
    def test_targets(self) -> None:
        for target, path in {
            '/v2/images?a=b': '/v2/images?a=b',
            '*': '*',
            '//host/x': '/host/x',
            'http://host:1/x': '/x',
            'HTTPS://host?x': '/?x',
            'http://host': '/',
        }.items():
            with self.subTest(target=target):
                line = f'GET {target} HTTP/1.1\r\n'.encode()
                self.assertEqual(
                    ('GET', path, 'HTTP/1.1'),
                    incoming.parse_request_line(line),
                )

    def test_without_a_version(self) -> None:
        self.assertEqual(
            ('GET', '/', 'HTTP/1.0'), incoming.parse_request_line(b'GET /\n')
        )

    def test_refused(self) -> None:
        for line in (
            b'',
            b'GET\r\n',
            b'GET / HTTP/1.1',
            b'GET /a b HTTP/1.1\r\n',
            b'GET relative HTTP/1.1\r\n',
            b'GET /\0 HTTP/1.1\r\n',
            b'G@T / HTTP/1.1\r\n',
            b'GET / HTTP/1.10\r\n',
        ):
            with (
                self.subTest(line=line),
                self.assertRaises(incoming.BadHead) as caught,
            ):
                incoming.parse_request_line(line)
            self.assertEqual(400, caught.exception.status)


class TestHeaders(unittest.TestCase):
    def test_values(self) -> None:
        found = headers(b'A: 1', b'a:2 \t', b'B:', b'C: \xe4 b')
        self.assertEqual(['1', '2'], found.get_all('A'))
        self.assertEqual('1', found.get('a'))
        self.assertEqual('', found.get('b'))
        self.assertEqual('\xe4 b', found.get('c'))
        self.assertIsNone(found.get('d'))

    def test_head_without_an_end(self) -> None:
        with self.assertRaises(incoming.BadHead):
            incoming.read_headers(io.BytesIO(b'A: 1\r\n').readline)

    def test_framing_that_is_fine(self) -> None:
        for lines in (
            [],
            [b'Content-Length: 0'],
            [b'Content-Length: 10'],
            [b'Transfer-Encoding: Chunked'],
        ):
            incoming.check_framing(headers(*lines), 'HTTP/1.1')

    def test_chunks_in_http_1_0(self) -> None:
        with self.assertRaises(incoming.BadHead):
            incoming.check_framing(
                headers(b'Transfer-Encoding: chunked'), 'HTTP/1.0'
            )


class TestBody(unittest.TestCase):
    def test_announced_length(self) -> None:
        rest = io.BytesIO(b'abcdefGET')
        body = incoming.Body(rest, 6)
        self.assertEqual(b'abcd', body.read(4))
        self.assertEqual(2, body.remaining)
        self.assertEqual(b'ef', body.read(4))
        self.assertEqual(b'', body.read(4))
        self.assertTrue(body.finished)
        self.assertEqual(b'GET', rest.read())

    def test_chunks(self) -> None:
        data = b'4\r\nabcd\r\nA;x\r\n0123456789\r\n0\r\nT: 1\r\n\r\nGET'
        for size in (1, 2, 3, 5, 100, -1, None):
            with self.subTest(size=size):
                rest = io.BytesIO(data)
                body = incoming.Body(rest, None)
                found = b''
                while part := body.read(size):
                    found += part
                self.assertEqual(b'abcd0123456789', found)
                self.assertEqual(b'GET', rest.read())

    def test_lines_and_buffers(self) -> None:
        data = b'3\r\nab\n\r\n2\r\ncd\r\n0\r\n\r\n'
        body = incoming.Body(io.BytesIO(data), None)
        self.assertEqual([b'ab\n', b'cd'], list(body))
        body = incoming.Body(io.BytesIO(data), None)
        buffer = bytearray(10)
        self.assertEqual(3, body.readinto(buffer))
        self.assertEqual(2, body.readinto(memoryview(buffer)[3:]))
        self.assertEqual(0, body.readinto(buffer))
        self.assertEqual(b'ab\ncd', bytes(buffer[:5]))

    def test_body_that_ends_early_is_never_returned(self) -> None:
        for length, data in ((5, b'abc'), (None, b'5\r\nabc')):
            body = incoming.Body(io.BytesIO(data), length)
            for _ in range(2):
                with self.assertRaises(errors.BadRequest):
                    body.read(100)
            self.assertTrue(body.broken)

    def test_connection_that_fails(self) -> None:
        class Failing(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, buffer: object) -> int:
                raise TimeoutError

        body = incoming.Body(io.BufferedReader(Failing()), 5)
        with self.assertRaises(errors.BadRequest):
            body.read(1)

    def test_invitation_is_sent_once_and_only_when_read(self) -> None:
        sent: list[int] = []
        body = incoming.Body(io.BytesIO(b'ab'), 2, lambda: sent.append(1))
        self.assertTrue(body.should_send_hundred_continue)
        self.assertEqual([], sent)
        body.read(1)
        body.read(1)
        self.assertEqual([1], sent)
        self.assertFalse(body.should_send_hundred_continue)

    def test_no_invitation_after_the_answer_began(self) -> None:
        sent: list[int] = []
        body = incoming.Body(io.BytesIO(b'ab'), 2, lambda: sent.append(1))
        body.headers_sent.append(1)
        body.read()
        self.assertEqual([], sent)
