"""Requests that no good client sends."""

import hashlib
import socket
import statistics
import time

from tests.live import processes
from tests.live.server import cases
from tests.live.server import daemon


class TestHostileRequests(cases.Shared):
    options = {'header_read_timeout': 6}

    def test_refused_heads(self) -> None:
        ask = daemon.request
        chunked = 'Transfer-Encoding: chunked'
        heads = {
            b'400': [
                ask('/hello', 'Content-Length: -1'),
                ask('/hello', 'Content-Length: +1'),
                ask('/hello', 'Content-Length: 1_0'),
                ask('/hello', 'Content-Length: ten'),
                ask('/hello', 'Content-Length: 1', 'Content-Length: 1'),
                ask('/hello', 'Content-Length: 1', chunked),
                ask('/hello', chunked, chunked),
                ask('/hello', 'Host: other'),
                ask('/hello', 'Content-Length : 5'),
                ask('/hello', 'X: 1', ' folded'),
                ask('/hello', 'X: a\rb'),
                ask('/hello', 'X: a\0b'),
                ask('/hello', 'no colon'),
                ask('/hello', 'X: ' + 'x' * 20000),
                ask('no-slash'),
                b'\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n',
                b'GET /\x1b[31m HTTP/1.1\r\n\r\n',
                b'GET /hello HTTP/1.1\r\n\r\n',
                b'GET /hello HTTP/1.1\r\nHost: evil"><script>\r\n\r\n',
                b'GET /hello HTTP/1.1\r\nHost: a/b?c#d\r\n\r\n',
                b'GET /hello HTTP/1.1\nHost: a\n\n',
                b'GET /hello HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n',
                b'GET /hello\r\n\r\n',
            ],
            b'413': [ask('/hello', 'Content-Length: ' + '9' * 30)],
            b'414': [ask('/' + 'x' * 10000)],
            b'431': [ask('/hello', *['X: 1'] * 2000)],
            b'501': [ask('/hello', 'Transfer-Encoding: gzip, chunked')],
            b'505': [b'GET / HTTP/2.0\r\n\r\n'],
        }
        for status, requests in heads.items():
            for data in requests:
                with self.subTest(data=data[:60]):
                    answer = self.exchange(data)
                    self.assertEqual(status, answer.split()[1], answer)
                    self.assertEqual(1, answer.count(b'HTTP/1.'))
        self.assert_still_well()

    def test_many_headers_that_a_client_may_send(self) -> None:
        many = [f'x-image-meta-property-{i}: {i}' for i in range(300)]
        answer = self.exchange(
            daemon.request('/hello', 'Connection: close', *many)
        )
        self.assertIn(b' 200 ', answer)

    def test_whole_url_and_double_slash(self) -> None:
        for target in ('http://any.host/environ?a=1', '//environ?a=1'):
            answer = self.exchange(daemon.request(target, 'Connection: close'))
            self.assertIn(b"PATH_INFO='/environ'", answer)
            host = b'any.host' if target.startswith('http') else b'localhost'
            self.assertIn(b"HTTP_HOST='%b'" % host, answer)

    def test_body_that_ends_early(self) -> None:
        with self.running.connect() as sock:
            head = daemon.request('/digest', 'Content-Length: 10')
            sock.sendall(head + b'1234')
            sock.shutdown(socket.SHUT_WR)
            answer = daemon.read_all(sock)
        self.assertTrue(answer.startswith(b'HTTP/1.1 400 '), answer)

    def test_broken_chunks(self) -> None:
        head = daemon.request('/digest', 'Transfer-Encoding: chunked')
        for body in (
            b'-1\r\n',
            b'0x2\r\nab\r\n0\r\n\r\n',
            b'1_0\r\n',
            b'2\r\nabc\r\n0\r\n\r\n',
            b'z\r\n',
            b'1' * 100000,
            b'0\r\n' + b'a: b\r\n' * 1000,
            b'fffffffffffffffff\r\n',
            b'2\nab\r\n0\r\n\r\n',
            b'2\r\nab\n0\r\n\r\n',
            b'2\r\nab\r\n0\r\n\n',
        ):
            with self.subTest(body=body[:20]):
                answer = self.exchange(head + body)
                self.assertTrue(answer.startswith(b'HTTP/1.1 400 '), answer)
        self.assertNotIn('Traceback', self.running.log())
        self.assert_still_well()

    def test_good_chunks(self) -> None:
        head = daemon.request('/digest', 'Transfer-Encoding: chunked')
        body = b'3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: 1\r\n\r\n'
        with self.running.connect() as sock:
            for _ in range(3):
                sock.sendall(head + body)
                _, found = daemon.read_answer(sock)
                expected = hashlib.sha256(b'abcd').hexdigest()
                self.assertEqual(expected, found.decode())

    def test_head_that_never_ends(self) -> None:
        started = time.monotonic()
        with self.running.connect() as slow, self.running.connect() as mute:
            slow.sendall(b'GET /hello HTTP/1.1\r\n')
            answer = b''
            for _ in range(600):
                slow.settimeout(0.1)
                try:
                    answer = slow.recv(1000)
                    break
                except TimeoutError:
                    slow.sendall(b'X: y\r\n')
            self.assertTrue(answer.startswith(b'HTTP/1.1 408 '), answer)
            self.assertEqual(b'', mute.recv(1))
        self.assertLess(time.monotonic() - started, processes.allowed(30))

    def test_many_half_open_clients(self) -> None:
        held = [self.running.connect() for _ in range(200)]
        for sock in held:
            self.addCleanup(sock.close)
            sock.sendall(b'GET /hello HT')
        taken = []
        for _ in range(20):
            started = time.monotonic()
            self.assert_still_well()
            taken.append(time.monotonic() - started)
        self.assertLess(statistics.median(taken), processes.allowed(0.1))
