"""Answers: early, late, broken, and from files."""

import os
import socket
import statistics
import time

from tests.live import processes
from tests.live.server import cases
from tests.live.server import daemon


class TestAnswers(cases.Shared):
    def test_expectation_is_met_only_when_the_body_is_read(self) -> None:
        expect = ('Expect: 100-continue', 'Content-Length: 4')
        with self.running.connect() as sock:
            sock.sendall(daemon.request('/digest', *expect))
            self.assertIn(b' 100 Continue', sock.recv(1000))
            sock.sendall(b'abcd')
            self.assertIn(b' 200 ', daemon.read_answer(sock)[0])
        answer = self.exchange(daemon.request('/refuse', *expect))
        self.assertTrue(answer.startswith(b'HTTP/1.1 413 '), answer)

    def test_early_refusal_of_a_big_body_can_be_read(self) -> None:
        size = 1 << 30
        head = daemon.request('/refuse', f'Content-Length: {size}')
        sent = 0
        with self.running.connect() as sock:
            sock.sendall(head)
            try:
                while sent < size:
                    sent += sock.send(bytes(1 << 16))
            except ConnectionError:
                pass
            answer = daemon.read_all(sock)
        self.assertTrue(answer.startswith(b'HTTP/1.1 413 '), answer)
        self.assertIn(b'Connection: close', answer)
        self.assertLess(sent, 100 << 20)

    def test_small_body_nobody_read_is_skipped(self) -> None:
        with self.running.connect() as sock:
            for _ in range(3):
                head = daemon.request('/refuse', 'Content-Length: 50000')
                sock.sendall(head + bytes(50000))
                self.assertEqual(b'no\n', daemon.read_answer(sock)[1])

    def test_failure_shows_nothing(self) -> None:
        answer = self.exchange(daemon.request('/fail'))
        self.assertTrue(answer.startswith(b'HTTP/1.1 500 '), answer)
        self.assertNotIn(b'secret', answer)
        self.assertIn('ZeroDivisionError: secret', self.running.log())

    def test_answer_that_fails_late_looks_broken(self) -> None:
        for version in (b'HTTP/1.0', b'HTTP/1.1'):
            with (
                self.running.connect() as sock,
                self.assertRaises(ConnectionResetError),
            ):
                sock.sendall(b'GET /late %s\r\nHost: a\r\n\r\n' % version)
                daemon.read_all(sock)

    def test_fewer_bytes_than_announced_is_an_error(self) -> None:
        answer = self.exchange(daemon.request('/short'))
        self.assertTrue(answer.startswith(b'HTTP/1.1 500 '), answer)

    def test_http_1_0(self) -> None:
        answer = self.exchange(b'GET /hello HTTP/1.0\r\n\r\n')
        self.assertIn(b'hello', answer)


class TestFiles(cases.Shared):
    data = os.urandom(5_000_000)

    @classmethod
    def prepare(cls) -> None:
        path = cls.directory / 'file'
        path.write_bytes(cls.data)
        cls.options = {'file': path, 'client_socket_timeout': 6}

    def test_ranges_on_one_connection(self) -> None:
        size = len(self.data)
        with self.running.connect() as sock:
            for first, length in (
                (0, size),
                (1, 1),
                (1000, 2_000_001),
                (size - 1, 1),
                (7, 0),
            ):
                ask = daemon.request(f'/file?{first},{length}')
                sock.sendall(ask)
                head, body = daemon.read_answer(sock)
                self.assertIn(b' 200 ', head)
                self.assertEqual(self.data[first : first + length], body)
            sock.sendall(daemon.request('/file?0,10', method='HEAD'))
            self.assertIn(b'Content-Length: 10\r\n', sock.recv(1000))
            sock.sendall(daemon.request('/hello'))
            self.assertIn(b'hello', daemon.read_answer(sock)[1])

    def test_file_shorter_than_announced(self) -> None:
        size = len(self.data)
        with (
            self.running.connect() as sock,
            self.assertRaises(ConnectionResetError),
        ):
            sock.sendall(daemon.request(f'/file?0,{size + 1}'))
            daemon.read_all(sock)

    def test_file_that_the_kernel_cannot_send(self) -> None:
        with (
            self.running.connect() as sock,
            self.assertRaises(ConnectionResetError),
        ):
            sock.sendall(daemon.request('/unreadable'))
            daemon.read_all(sock)
        cut = 'GET /unreadable HTTP/1.1: the transfer was interrupted: [Errno'
        daemon.eventually(lambda: cut in self.running.log())

    def test_file_that_is_still_being_written(self) -> None:
        with self.running.connect() as sock:
            for end in ('whole', 'gone'):
                sock.sendall(daemon.request(f'/growing?{end}'))
                self.assertEqual(self.data, daemon.read_answer(sock)[1])
        # The kernel sent both, and Python what was missing.
        self.assertEqual(b'0', self.running.get('/pieces'))

    def test_file_that_turns_out_to_be_wrong_is_cut(self) -> None:
        with (
            self.running.connect() as sock,
            self.assertRaises(ConnectionResetError),
        ):
            sock.sendall(daemon.request('/growing?cut'))
            daemon.read_all(sock)
        cut = '/growing?cut HTTP/1.1: the transfer was interrupted: it is'
        daemon.eventually(lambda: cut in self.running.log())

    def test_slow_readers_do_not_hold_others_up(self) -> None:
        for _ in range(50):
            sock = self.running.connect()
            self.addCleanup(sock.close)
            sock.sendall(daemon.request(f'/file?0,{len(self.data)}'))
        taken = []
        for _ in range(10):
            started = time.monotonic()
            self.running.get('/hello')
            taken.append(time.monotonic() - started)
        self.assertLess(statistics.median(taken), processes.allowed(0.2))

    def test_reader_that_stands_still_is_cut(self) -> None:
        with self.running.connect() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.sendall(daemon.request(f'/file?2,{len(self.data) - 2}'))
            cut = 'GET /file?2,{} HTTP/1.1: the transfer was interrupted'
            daemon.eventually(
                lambda: cut.format(len(self.data) - 2) in self.running.log()
            )

    def test_client_that_hangs_up_is_one_line(self) -> None:
        path = f'/file?3,{len(self.data) - 3}'
        with self.running.connect() as sock:
            sock.sendall(daemon.request(path))
            sock.recv(1000)
        cut = f'GET {path} HTTP/1.1: the transfer was interrupted'
        daemon.eventually(lambda: cut in self.running.log())
        log = self.running.log()
        (line,) = [line for line in log.splitlines() if cut in line]
        self.assertRegex(line, 'Broken pipe|reset by peer')
        self.assertNotIn('BrokenPipeError', log)
