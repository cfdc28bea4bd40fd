"""The server, as a real process on loopback."""

import hashlib
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any
import unittest

from tests.live import daemon


class Case(unittest.TestCase):
    def setUp(self) -> None:
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.directory = kept.name

    def daemon(self, **options: object) -> daemon.Daemon:
        made = daemon.Daemon(self.directory, **options)
        self.addCleanup(lambda: hasattr(made, 'process') and made.stop())
        return made

    def assert_refused(self, code: int, text: str, **options: object) -> None:
        refused = self.daemon(**options).start()
        self.assertEqual(code, refused.wait(), refused.log())
        errors = [
            line
            for line in refused.log().splitlines()
            if line.startswith('ERROR: ')
        ]
        self.assertEqual(1, len(errors), refused.log())
        self.assertIn(text, errors[0])
        self.assertNotIn('Traceback', refused.log())


class TestStart(Case):
    def test_port_that_is_taken(self) -> None:
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assert_refused(1, 'bind_port', bind_port=port)

    def test_second_daemon_on_the_same_port(self) -> None:
        first = self.daemon().up()
        self.assert_refused(1, 'bind_port', bind_port=first.port)

    def test_value_out_of_bounds(self) -> None:
        self.assert_refused(5, 'backlog', backlog=0)

    def test_application_refuses_its_configuration(self) -> None:
        self.assert_refused(1, 'greeting', greeting='wrong')

    def test_certificate_without_key(self) -> None:
        self.assert_refused(1, 'key_file', cert_file='/nowhere')

    def test_certificate_that_is_missing(self) -> None:
        self.assert_refused(
            1, 'cert_file', cert_file='/nowhere', key_file='/nowhere'
        )

    def test_missing_configuration_file(self) -> None:
        missing = self.daemon()
        missing.conf_file.unlink()
        self.assertEqual(1, missing.start().wait())
        self.assertIn('ERROR: ', missing.log())

    def test_unknown_flag(self) -> None:
        script = str(daemon.ROOT / 'tests/live/tiny_daemon.py')
        done = subprocess.run(
            [sys.executable, script, '--no-such-flag'],
            env={**os.environ, 'PYTHONPATH': str(daemon.ROOT)},
            capture_output=True,
        )
        self.assertEqual(2, done.returncode)

    def test_ipv6(self) -> None:
        six = self.daemon(bind_host='::1').up()
        self.assertIn(b'hello', six.get('/hello'))

    def test_unix_socket(self) -> None:
        path = os.path.join(self.directory, 'socket')
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        served = self.daemon(bind_socket=path).up()
        self.assertIn(b'hello', served.get('/hello'))
        self.assertEqual(0o660, os.stat(path).st_mode & 0o777)
        self.assert_refused(1, 'bind_socket', bind_socket=path)
        self.assertIn(b'hello', served.get('/hello'))
        idle = served.connect()
        self.addCleanup(idle.close)
        served.signal(signal.SIGTERM)
        self.assertEqual(0, served.wait())

    def test_path_that_is_no_socket(self) -> None:
        path = pathlib.Path(self.directory, 'precious')
        path.write_text('data')
        self.assert_refused(1, 'bind_socket', bind_socket=path)
        self.assertEqual('data', path.read_text())


class TestLife(Case):
    def test_killed_worker_is_replaced(self) -> None:
        running = self.daemon(workers=2).up()
        killed: set[int] = set()
        for _ in range(2):
            alive_now = daemon.eventually(
                lambda gone=killed: (
                    len(found := running.workers() - gone) == 2 and found
                )
            )
            killed |= alive_now
            for pid in alive_now:
                os.kill(pid, signal.SIGKILL)
        daemon.eventually(lambda: running.worker() not in killed)

    def test_stop_lets_requests_finish(self) -> None:
        for workers in (2, 1):
            with self.subTest(workers=workers):
                running = self.daemon(workers=workers).up()
                with running.connect() as busy, running.connect() as idle:
                    idle.sendall(daemon.request('/hello'))
                    daemon.read_answer(idle)
                    busy.sendall(daemon.request('/slow?1'))
                    running.worker()
                    running.signal(signal.SIGTERM)
                    self.assertEqual(b'', idle.recv(1))
                    head, body = daemon.read_answer(busy)
                self.assertEqual(b'slept', body)
                self.assertIn(b'Connection: close', head)
                self.assertEqual(0, running.wait())

    def test_stop_does_not_wait_for_ever(self) -> None:
        for workers in (2, 1):
            with self.subTest(workers=workers):
                running = self.daemon(
                    graceful_shutdown_timeout=1, workers=workers
                ).up()
                with running.connect() as busy:
                    busy.sendall(daemon.request('/slow?60'))
                    running.worker()
                    running.signal(signal.SIGTERM)
                    self.assertEqual(1, running.wait())

    def test_second_signal_ends_at_once(self) -> None:
        for workers in (2, 1):
            with self.subTest(workers=workers):
                running = self.daemon(workers=workers).up()
                with running.connect() as busy:
                    busy.sendall(daemon.request('/slow?60'))
                    running.worker()
                    running.signal(signal.SIGTERM)
                    daemon.eventually(lambda d=running: not connects(d))
                    running.signal(signal.SIGINT)
                    self.assertEqual(1, running.wait())

    def test_worker_does_not_outlive_the_main_process(self) -> None:
        running = self.daemon(workers=2).up()
        workers = daemon.eventually(
            lambda: len(found := running.workers()) == 2 and found
        )
        running.signal(signal.SIGKILL)
        running.wait()
        daemon.eventually(lambda: not any(map(alive, workers)))

    def test_one_worker_is_the_main_process(self) -> None:
        for workers in (0, 1):
            running = self.daemon(workers=workers).up()
            self.assertEqual(running.process.pid, running.worker())
            self.assertEqual(set(), running.workers())


class TestReload(Case):
    def test_new_configuration(self) -> None:
        for workers in (2, 1):
            with self.subTest(workers=workers):
                running = self.daemon(workers=workers).up()
                with running.connect() as busy:
                    busy.sendall(daemon.request('/slow?1.5'))
                    running.worker()
                    running.configure(**running.options, greeting='salve')
                    running.signal(signal.SIGHUP)
                    daemon.eventually(
                        lambda d=running: d.get('/hello').startswith(b'salve')
                    )
                    self.assertEqual(b'slept', daemon.read_answer(busy)[1])

    def test_wrong_configuration_changes_nothing(self) -> None:
        for wrong in ({'backlog': 0}, {'greeting': 'wrong'}):
            for workers in (2, 1):
                with self.subTest(workers=workers, wrong=wrong):
                    running = self.daemon(workers=workers).up()
                    daemon.eventually(
                        lambda d=running, n=workers: (
                            len(d.workers()) == n - n % 2
                        )
                    )
                    before = running.workers() or {running.process.pid}
                    running.configure(**{**running.options, **wrong})
                    running.signal(signal.SIGHUP)
                    daemon.eventually(
                        lambda d=running: 'the old one stays' in d.log()
                    )
                    self.assertIn(running.worker(), before)
                    running.signal(signal.SIGTERM)
                    self.assertEqual(0, running.wait())

    def test_no_request_is_lost(self) -> None:
        running = self.daemon(workers=2).up()
        stop = threading.Event()
        failures: list[Exception] = []

        def ask() -> None:
            while not stop.is_set():
                try:
                    running.get('/hello')
                except (OSError, AssertionError) as error:
                    failures.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            before = running.worker()
            running.signal(signal.SIGHUP)
            daemon.eventually(lambda: not alive(before))
        finally:
            stop.set()
            asking.join()
        self.assertEqual([], failures)

    def test_other_port(self) -> None:
        running = self.daemon().up()
        old, running.port = running.port, daemon.free_port()
        running.configure(**{**running.options, 'bind_port': running.port})
        running.signal(signal.SIGHUP)
        daemon.eventually(running.connects)
        running.port = old
        daemon.eventually(lambda: not connects(running))


def connects(running: daemon.Daemon) -> bool:
    try:
        running.connect().close()
    except ConnectionError:
        return False
    return True


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Shared(unittest.TestCase):
    """One daemon for all tests of a class."""

    options: dict[str, object] = {}
    running: daemon.Daemon

    @classmethod
    def setUpClass(cls) -> None:
        kept = tempfile.TemporaryDirectory()
        cls.addClassCleanup(kept.cleanup)
        cls.directory = pathlib.Path(kept.name)
        cls.prepare()
        cls.running = daemon.Daemon(kept.name, **cls.options)
        cls.addClassCleanup(lambda: cls.running.stop())
        cls.running.up()

    @classmethod
    def prepare(cls) -> None:
        """Make what the options name."""

    def exchange(self, data: bytes) -> bytes:
        """Everything that comes back, until the daemon closes."""
        with self.running.connect() as sock:
            sock.sendall(data)
            return daemon.read_all(sock)

    def assert_still_well(self) -> None:
        self.assertIn(b'hello', self.running.get('/hello'))


class TestHostileRequests(Shared):
    options = {'header_read_timeout': 2}

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
            for _ in range(100):
                slow.settimeout(0.1)
                try:
                    answer = slow.recv(1000)
                    break
                except TimeoutError:
                    slow.sendall(b'X: y\r\n')
            self.assertTrue(answer.startswith(b'HTTP/1.1 408 '), answer)
            self.assertEqual(b'', mute.recv(1))
        self.assertLess(time.monotonic() - started, 8)

    def test_many_half_open_clients(self) -> None:
        held = [self.running.connect() for _ in range(200)]
        for sock in held:
            self.addCleanup(sock.close)
            sock.sendall(b'GET /hello HT')
        started = time.monotonic()
        for _ in range(20):
            self.assert_still_well()
        self.assertLess((time.monotonic() - started) / 20, 0.1)


class TestAnswers(Shared):
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
                sock.sendall(b'GET /late %s\r\n\r\n' % version)
                daemon.read_all(sock)

    def test_fewer_bytes_than_announced_is_an_error(self) -> None:
        answer = self.exchange(daemon.request('/short'))
        self.assertTrue(answer.startswith(b'HTTP/1.1 500 '), answer)

    def test_http_1_0(self) -> None:
        answer = self.exchange(b'GET /hello HTTP/1.0\r\n\r\n')
        self.assertIn(b'hello', answer)


class TestFiles(Shared):
    data = os.urandom(5_000_000)

    @classmethod
    def prepare(cls) -> None:
        path = cls.directory / 'file'
        path.write_bytes(cls.data)
        cls.options = {'file': path, 'client_socket_timeout': 3}

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

    def test_slow_readers_do_not_hold_others_up(self) -> None:
        for _ in range(50):
            sock = self.running.connect()
            self.addCleanup(sock.close)
            sock.sendall(daemon.request(f'/file?0,{len(self.data)}'))
        started = time.monotonic()
        for _ in range(10):
            self.running.get('/hello')
        self.assertLess((time.monotonic() - started) / 10, 0.2)

    def test_reader_that_stands_still_is_cut(self) -> None:
        with self.running.connect() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.sendall(daemon.request(f'/file?2,{len(self.data) - 2}'))
            cut = 'GET /file?2,{} HTTP/1.1: the transfer is cut'
            daemon.eventually(
                lambda: cut.format(len(self.data) - 2) in self.running.log()
            )

    def test_client_that_hangs_up_is_one_line(self) -> None:
        with self.running.connect() as sock:
            sock.sendall(daemon.request(f'/file?3,{len(self.data) - 3}'))
            sock.recv(1000)
        daemon.eventually(
            lambda: (
                'GET /file?3' in self.running.log()
                and 'Broken pipe' in self.running.log()
                or 'reset by peer' in self.running.log()
            )
        )
        self.assertNotIn('BrokenPipeError', self.running.log())


def make_certificates(directory: pathlib.Path) -> None:
    """A certificate for the server, one for a client, by one authority."""
    run = ['openssl', 'req', '-newkey', 'ec', '-pkeyopt']
    run += ['ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    for name in ('ca', 'server', 'client', 'stranger'):
        made = [*run, '-x509', '-subj', f'/CN={name}']
        made += ['-keyout', f'{name}.key', '-out', f'{name}.crt']
        if name in ('server', 'client'):
            made += ['-CA', 'ca.crt', '-CAkey', 'ca.key']
            made += ['-addext', 'subjectAltName=DNS:localhost']
        subprocess.run(made, cwd=directory, check=True, capture_output=True)


class TestTls(Shared):
    @classmethod
    def prepare(cls) -> None:
        make_certificates(cls.directory)
        data = TestFiles.data
        (cls.directory / 'file').write_bytes(data)
        cls.options = {
            'cert_file': cls.directory / 'server.crt',
            'key_file': cls.directory / 'server.key',
            'ca_file': cls.directory / 'ca.crt',
            'file': cls.directory / 'file',
            'header_read_timeout': 2,
        }

    def secure(self, name: str = 'client') -> Any:
        context = ssl.create_default_context(cafile=self.directory / 'ca.crt')
        if name:
            context.load_cert_chain(
                self.directory / f'{name}.crt', self.directory / f'{name}.key'
            )
        return context.wrap_socket(
            self.running.connect(), server_hostname='localhost'
        )

    def test_known_client(self) -> None:
        with self.secure() as sock:
            sock.sendall(daemon.request('/environ'))
            self.assertIn(b'wsgi.url_scheme', daemon.read_answer(sock)[1])
            sock.sendall(daemon.request('/file?10,3000000'))
            body = daemon.read_answer(sock)[1]
        self.assertEqual(TestFiles.data[10:3000010], body)

    def test_unknown_clients(self) -> None:
        for name in ('', 'stranger'):
            with (
                self.subTest(name=name),
                self.assertRaises((ssl.SSLError, ConnectionError)),
                self.secure(name) as sock,
            ):
                sock.sendall(daemon.request('/hello'))
                daemon.read_answer(sock)

    def test_plain_http(self) -> None:
        with self.running.connect() as sock:
            sock.sendall(daemon.request('/hello'))
            try:
                answer = daemon.read_all(sock)
            except ConnectionError:
                answer = b''
        self.assertNotIn(b'hello', answer)

    def test_silent_client_stops_nobody_and_is_cut(self) -> None:
        silent = self.running.connect()
        self.addCleanup(silent.close)
        with self.secure() as sock:
            sock.sendall(daemon.request('/hello'))
            self.assertIn(b'hello', daemon.read_answer(sock)[1])
        self.assertEqual(b'', silent.recv(1))


class TestFullHouse(Shared):
    options = {'client_connections': 3}

    def test_idle_connection_gives_way(self) -> None:
        held = []
        for _ in range(3):
            sock = self.running.connect()
            self.addCleanup(sock.close)
            sock.sendall(daemon.request('/hello'))
            daemon.read_answer(sock)
            held.append(sock)
        self.assertIn(b'hello', self.running.get('/hello'))
        self.assertEqual(b'', held[0].recv(1))

    def test_full_house_says_so_at_once(self) -> None:
        busy = []
        for _ in range(3):
            sock = self.running.connect()
            self.addCleanup(sock.close)
            sock.sendall(daemon.request('/slow?3'))
            busy.append(sock)
        head = daemon.eventually(self._refused)
        self.assertIn(b'Retry-After: 5', head)
        self.assertIn(b'Too many connections', head)
        for sock in busy:
            self.assertEqual(b'slept', daemon.read_answer(sock)[1])
        self.assertIn(b'hello', self.running.get('/hello'))

    def _refused(self) -> bytes | None:
        with self.running.connect() as late:
            # More than the kernel keeps: it must not end in a reset.
            late.sendall(daemon.request('/hello') + bytes(300_000))
            answer = daemon.read_all(late)
        return answer if answer.startswith(b'HTTP/1.1 503 ') else None
