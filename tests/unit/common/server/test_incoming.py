import errno
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
        for target, path, host in (
            ('/v2/images?a=b', '/v2/images?a=b', None),
            ('*', '*', None),
            ('//host/x', '/host/x', None),
            ('http://host:1/x', '/x', 'host:1'),
            ('HTTPS://host?x', '/?x', 'host'),
            ('http://host', '/', 'host'),
            ('http:///x', '/x', ''),
        ):
            with self.subTest(target=target):
                line = f'GET {target} HTTP/1.1\r\n'.encode()
                self.assertEqual(
                    ('GET', path, 'HTTP/1.1', host),
                    incoming.parse_request_line(line),
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
            b'GET /\r\n',
            b'GET / HTTP/1.1\n',
            b'GET  / HTTP/1.1\r\n',
            b'GET /  HTTP/1.1\r\n',
            b'GET / HTTP/1.1 \r\n',
            b'GET\t/ HTTP/1.1\r\n',
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

    def test_lines_end_with_both_characters(self) -> None:
        for head in (
            b'A: 1\nB: 2\r\n\r\n',
            b'A: 1\r\n\n',
            b'A: 1\r\n B\r\n\r\n',
            b'A: 1\r\r\n\r\n',
            b'\n',
        ):
            with self.subTest(head=head), self.assertRaises(incoming.BadHead):
                incoming.read_headers(io.BytesIO(head).readline)

    def check_host(
        self, *hosts: bytes, target: str = '/', version: str = '1.1'
    ) -> str | None:
        found = headers(*(b'Host: ' + host for host in hosts))
        line = f'GET {target} HTTP/{version}\r\n'.encode()
        incoming.check_host(found, incoming.parse_request_line(line))
        return found.get('host')

    def test_hosts(self) -> None:
        for host in (
            b'a',
            b'a-b.c_d.example.:9292',
            b'192.0.2.1:80',
            b'[::1]:9292',
            b'[fe80::1%eth0]',
            b'a:',
        ):
            self.assertEqual(host.decode(), self.check_host(host))
        self.assertIsNone(self.check_host(version='1.0'))
        self.assertEqual('b:1', self.check_host(b'a', target='http://b:1/x'))

    def test_hosts_that_are_refused(self) -> None:
        for hosts in (
            [],
            [b''],
            [b'a', b'a'],
            [b'evil"><script>'],
            [b'a/b?c#d'],
            [b'a b'],
            [b'a,b'],
            [b'user@a'],
            [b'a:b'],
            [b'a:123456'],
            [b':80'],
            [b'[a'],
            [b'[::1]x'],
            [b'a\xe4'],
        ):
            with (
                self.subTest(hosts=hosts),
                self.assertRaises(incoming.BadHead),
            ):
                self.check_host(*hosts)
        for target in ('http:///x', 'http://a@b/', 'http://a"/'):
            with self.assertRaises(incoming.BadHead):
                self.check_host(b'a', target=target)

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
        body = incoming.RequestBody(rest, 6)
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
                body = incoming.RequestBody(rest, None)
                found = b''
                while part := body.read(size):
                    found += part
                self.assertEqual(b'abcd0123456789', found)
                self.assertEqual(b'GET', rest.read())

    def test_lines_and_buffers(self) -> None:
        data = b'3\r\nab\n\r\n2\r\ncd\r\n0\r\n\r\n'
        body = incoming.RequestBody(io.BytesIO(data), None)
        self.assertEqual([b'ab\n', b'cd'], list(body))
        body = incoming.RequestBody(io.BytesIO(data), None)
        buffer = bytearray(10)
        self.assertEqual(3, body.readinto(buffer))
        self.assertEqual(2, body.readinto(memoryview(buffer)[3:]))
        self.assertEqual(0, body.readinto(buffer))
        self.assertEqual(b'ab\ncd', bytes(buffer[:5]))

    def test_body_that_ends_early_is_never_returned(self) -> None:
        for length, data in ((5, b'abc'), (None, b'5\r\nabc')):
            body = incoming.RequestBody(io.BytesIO(data), length)
            for _ in range(2):
                with self.assertRaises(errors.BadRequest):
                    body.read(100)
            self.assertTrue(body.broken)

    def test_body_that_cannot_be_handed_to_a_thread_is_broken(self) -> None:
        def detach(*_: object) -> incoming.NativeStream:
            raise OSError(errno.EMFILE, 'Too many open files')

        rest = io.BufferedReader(io.BytesIO(b'abcdef'))
        body = incoming.RequestBody(rest, 6, None, detach)
        with self.assertRaises(OSError):
            body.go_native()
        self.assertTrue(body.broken)

    def test_chunk_lines_that_others_may_read_differently(self) -> None:
        for data in (
            b'3\nabc\r\n0\r\n\r\n',
            b'3\r\nabc\n0\r\n\r\n',
            b'3\r\nabc\r\n0\n\r\n',
            b'3\r\nabc\r\n0\r\n\n',
            b'3\r\nabc\r\n0\r\nT: 1\n\r\n',
            b'3\r\nabc\r\n0\r\nno trailer\r\n\r\n',
            b'3\r\nabc\r\n0\r\nT: 1\r\n folded\r\n\r\n',
            b'3 \r\nabc\r\n0\r\n\r\n',
            b' 3\r\nabc\r\n0\r\n\r\n',
            b'+3\r\nabc\r\n0\r\n\r\n',
            b'0x3\r\nabc\r\n0\r\n\r\n',
            b'3,3\r\nabc\r\n0\r\n\r\n',
            b'3;\r\nabc\r\n0\r\n\r\n',
            b'3;a\nb\r\nabc\r\n0\r\n\r\n',
            b'3;a="\r\nabc\r\n0\r\n\r\n',
            b'\r\nabc\r\n0\r\n\r\n',
        ):
            with self.subTest(data=data), self.assertRaises(errors.BadRequest):
                incoming.RequestBody(io.BytesIO(data), None).read()

    def test_chunk_extensions_and_trailers(self) -> None:
        data = (
            b'3;a=b ; c;d="e;\\"f"\r\nabc\r\n000000\r\nT: 1\r\nU:\r\n\r\nGET'
        )
        rest = io.BytesIO(data)
        self.assertEqual(b'abc', incoming.RequestBody(rest, None).read())
        self.assertEqual(b'GET', rest.read())

    def test_connection_that_fails(self) -> None:
        class Failing(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, buffer: object) -> int:
                raise TimeoutError

        body = incoming.RequestBody(io.BufferedReader(Failing()), 5)
        with self.assertRaises(errors.BadRequest):
            body.read(1)

    def test_invitation_is_sent_once_and_only_when_read(self) -> None:
        sent: list[int] = []
        body = incoming.RequestBody(
            io.BytesIO(b'ab'), 2, lambda: sent.append(1)
        )
        self.assertTrue(body.should_send_hundred_continue)
        self.assertEqual([], sent)
        body.read(1)
        body.read(1)
        self.assertEqual([1], sent)
        self.assertFalse(body.should_send_hundred_continue)

    def test_no_invitation_after_the_answer_began(self) -> None:
        sent: list[int] = []
        body = incoming.RequestBody(
            io.BytesIO(b'ab'), 2, lambda: sent.append(1)
        )
        body.headers_sent.append(1)
        body.read()
        self.assertEqual([], sent)
