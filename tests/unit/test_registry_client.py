"""The transport against a real server of a few lines."""

import collections
from collections.abc import Callable
import functools
import http.server
import socket
import tempfile
import threading
import time
from typing import Any
import unittest
from unittest import mock

from glance import registry_client
from glance.api import conf as api_conf
from glance.api import wire
from glance.common import errors
from tests import base

TIMEOUT_SECONDS = 5.0
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'

#: What to do with the next request: gets the connection's socket.
Script = Callable[[socket.socket], None]


class Registry(http.server.ThreadingHTTPServer):
    """Answers ``{}``, or does what the test put into ``scripts``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.scripts: collections.deque[Script] = collections.deque()
        self.requests: list[tuple[str, str, bytes]] = []
        self.connections = 0
        self.release = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Scripts break connections on purpose."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server: Registry

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_any(self) -> None:
        length = int(self.headers.get('Content-Length', 0))
        body = self.rfile.read(length)
        self.server.requests.append((self.command, self.path, body))
        if self.server.scripts:
            self.server.scripts.popleft()(self.connection)
        else:
            self.wfile.write(OK)

    # Names that http.server looks for.
    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_any  # noqa: N815

    def log_message(self, *_args: Any) -> None:
        pass


def raw(content: bytes, *, close: bool = False) -> Script:
    def send(connection: socket.socket) -> None:
        connection.sendall(content)
        if close:
            hang_up(connection)

    return send


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


class TransportTestCase(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = Registry()
        thread = threading.Thread(
            target=self.server.serve_forever, args=(0.01,), daemon=True
        )
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.shutdown)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.release.set)
        self.transport = self.make()

    def make(
        self, most: int = 4, timeout: float = TIMEOUT_SECONDS
    ) -> registry_client.HTTPTransport:
        connect = functools.partial(
            registry_client.TCPConnection,
            *self.server.server_address[:2],
            timeout=timeout,
        )
        transport = registry_client.HTTPTransport(connect, most, timeout)
        self.addCleanup(self.close, transport)
        return transport

    def close(self, transport: registry_client.HTTPTransport) -> None:
        for connection, _since in transport._idle:
            connection.close()

    def send(
        self,
        *,
        repeatable: bool = True,
        body: bytes | None = None,
        method: str = 'GET',
    ) -> registry_client.Answer:
        return self.transport.send(method, '/v1/x', {}, body, repeatable)

    def assert_unavailable(self, **request: Any) -> None:
        with self.assertRaises(errors.RegistryUnavailable):
            self.send(**request)


class TestConnections(TransportTestCase):
    def test_a_connection_is_kept(self) -> None:
        for _ in range(5):
            self.assertEqual((200, b'{}'), self.send())
        self.assertEqual(1, self.server.connections)

    def test_a_body_arrives(self) -> None:
        self.send(method='POST', body=b'{"a": 1}')
        self.assertEqual(
            [('POST', '/v1/x', b'{"a": 1}')], self.server.requests
        )

    def test_an_answer_that_closes_is_not_kept(self) -> None:
        closing = OK.replace(b'OK\r\n', b'OK\r\nConnection: close\r\n')
        self.server.scripts.append(raw(closing, close=True))
        self.send()
        self.assertEqual(0, len(self.transport._idle))
        self.send()
        self.assertEqual(2, self.server.connections)

    def test_an_empty_answer_keeps_the_connection(self) -> None:
        nothing = b'HTTP/1.1 204 No Content\r\n\r\n'
        self.server.scripts.append(raw(nothing))
        self.assertEqual((204, b''), self.send())
        self.send()
        self.assertEqual(1, self.server.connections)

    def test_a_chunked_answer(self) -> None:
        chunked = (
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
            b'1\r\n{\r\n1\r\n}\r\n0\r\n\r\n'
        )
        self.server.scripts.append(raw(chunked))
        self.assertEqual((200, b'{}'), self.send())

    def test_an_idle_connection_gets_old(self) -> None:
        self.send()
        with mock.patch.object(
            registry_client.transport, 'MAX_IDLE_SECONDS', 0.0
        ):
            self.send()
        self.assertEqual(2, self.server.connections)

    def test_a_connection_that_the_peer_closed_is_not_used(self) -> None:
        self.server.scripts.append(raw(OK, close=True))
        self.send()
        kept, _since = self.transport._idle[0]
        while registry_client.transport._alive(kept.sock.socket):
            pass  # until the kernel has seen the end
        self.send(repeatable=False)
        self.assertEqual(2, self.server.connections)
        self.assertEqual(2, len(self.server.requests))

    def test_at_most_so_many_at_a_time(self) -> None:
        self.transport = self.make(most=1, timeout=0.05)
        self.transport._slots.acquire()
        self.assert_unavailable()
        self.assertEqual([], self.server.requests)
        self.transport._slots.release()
        self.assertEqual(200, self.send().status)

    def test_a_slot_comes_back_after_every_failure(self) -> None:
        self.transport = self.make(most=1)
        for _ in range(3):
            self.server.scripts.append(hang_up)
            self.server.scripts.append(hang_up)
            self.assert_unavailable()
        self.server.scripts.clear()
        self.assertEqual(200, self.send().status)

    def test_many_threads_share_few_connections(self) -> None:
        statuses = []

        def work() -> None:
            statuses.extend(self.send().status for _ in range(10))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([200] * 80, statuses)
        self.assertLessEqual(self.server.connections, 4)


class TestStaleConnections(TransportTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.send()
        self.server.requests.clear()
        # The peer's end is not seen before the request is sent.
        patched = mock.patch.object(
            registry_client.transport, '_alive', return_value=True
        )
        patched.start()
        self.addCleanup(patched.stop)

    def test_a_repeatable_request_is_sent_again(self) -> None:
        self.server.scripts.append(hang_up)
        self.assertEqual(200, self.send(repeatable=True).status)
        self.assertEqual(2, len(self.server.requests))
        self.assertEqual(2, self.server.connections)

    def test_another_request_is_not(self) -> None:
        """It may have been done: only the caller can look."""
        self.server.scripts.append(hang_up)
        self.assert_unavailable(repeatable=False)
        self.assertEqual(1, len(self.server.requests))

    def test_a_request_is_repeated_once(self) -> None:
        self.server.scripts.extend([hang_up, hang_up, hang_up])
        self.assert_unavailable(repeatable=True)
        self.assertEqual(2, len(self.server.requests))

    def test_a_slow_answer_is_not_asked_for_again(self) -> None:
        self.transport = self.make(timeout=0.1)
        self.send()
        self.server.requests.clear()
        self.server.scripts.append(
            lambda _connection: self.server.release.wait()  # type: ignore
        )
        self.assert_unavailable(repeatable=True)
        self.assertEqual(1, len(self.server.requests))

    def test_a_request_that_was_never_sent_is_sent(self) -> None:
        kept, _since = self.transport._idle[0]
        kept.sock.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(200, self.send(repeatable=False).status)
        self.assertEqual(1, len(self.server.requests))


class TestTrouble(TransportTestCase):
    def test_nobody_listens(self) -> None:
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        connect = functools.partial(
            registry_client.TCPConnection, '127.0.0.1', port, timeout=1
        )
        self.transport = registry_client.HTTPTransport(connect, 1, 1)
        self.assert_unavailable()

    def test_a_name_that_is_unknown(self) -> None:
        connect = functools.partial(
            registry_client.TCPConnection, 'name.invalid', 1, timeout=1
        )
        self.transport = registry_client.HTTPTransport(connect, 1, 1)
        unknown = mock.patch.object(
            socket, 'getaddrinfo', side_effect=socket.gaierror(-2, 'unknown')
        )
        with unknown:
            self.assert_unavailable()

    def test_no_answer_in_time(self) -> None:
        self.transport = self.make(timeout=0.1)
        self.server.scripts.append(
            lambda _connection: self.server.release.wait()  # type: ignore
        )
        self.assert_unavailable()
        self.assertEqual(0, len(self.transport._idle))

    def test_answers_that_are_no_http(self) -> None:
        for content in (
            b'',
            b'garbage\r\n\r\n',
            b'HTTP/1.1 abc OK\r\n\r\n',
            b'SSH-2.0-OpenSSH_9\r\n',
            b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}',
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
            b'HTTP/1.1 200 OK\r\n' + b'X: y\r\n' * 500 + b'\r\n',
            b'HTTP/1.1 200 OK\r\nX: ' + b'y' * 70_000 + b'\r\n\r\n',
        ):
            self.server.scripts.append(raw(content, close=True))
            with self.subTest(repr(content[:40])):
                self.assert_unavailable()
                self.assertEqual(0, len(self.transport._idle))

    def test_an_answer_without_end(self) -> None:
        large = b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n[123456789]'
        with mock.patch.object(
            registry_client.transport, 'MAX_ANSWER_BYTES', 10
        ):
            self.server.scripts.append(raw(large))
            self.assert_unavailable()
            self.assertEqual(0, len(self.transport._idle))
        with mock.patch.object(
            registry_client.transport, 'MAX_ANSWER_BYTES', 11
        ):
            self.server.scripts.append(raw(large))
            self.assertEqual(b'[123456789]', self.send().body)


def trickle(
    content: bytes, until: threading.Event, pause_seconds: float = 0.02
) -> Script:
    """A byte now and then."""

    def send(connection: socket.socket) -> None:
        for number in range(len(content)):
            if until.wait(pause_seconds):
                return
            connection.sendall(content[number : number + 1])

    return send


class TestDeadline(TransportTestCase):
    """A byte now and then is not progress."""

    def assert_in_time(self, seconds: float) -> None:
        since = time.monotonic()
        self.assert_unavailable()
        self.assertLess(time.monotonic() - since, seconds)
        self.assertEqual(0, len(self.transport._idle))

    def test_a_head_that_trickles(self) -> None:
        self.transport = self.make(timeout=0.3)
        head = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Y: '
        self.server.scripts.append(
            trickle(head + b'z' * 1000, self.server.release)
        )
        self.assert_in_time(1)

    def test_a_body_that_trickles(self) -> None:
        self.transport = self.make(timeout=0.3)
        head = b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'

        def script(connection: socket.socket) -> None:
            connection.sendall(head)
            trickle(b'z' * 1000, self.server.release)(connection)

        self.server.scripts.append(script)
        self.assert_in_time(1)

    def test_the_next_request_has_all_the_time(self) -> None:
        self.transport = self.make(timeout=0.5)
        for _ in range(3):
            self.server.scripts.append(
                lambda connection: (time.sleep(0.3), connection.sendall(OK))
            )
            self.assertEqual(200, self.send().status)
        self.assertEqual(1, self.server.connections)

    def test_a_slot_and_the_answer_share_the_time(self) -> None:
        self.transport = self.make(most=1, timeout=0.5)
        self.server.scripts.extend(
            [lambda _connection: self.server.release.wait()] * 2  # type: ignore
        )
        since = time.monotonic()
        threads = [
            threading.Thread(target=self.assert_unavailable) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLess(time.monotonic() - since, 0.9)


class _Fake:
    """A transport that does what a test says."""

    def __init__(self) -> None:
        self.outcome: Any = registry_client.Answer(200, b'{}')
        self.requests = 0

    def send(self, *_request: Any) -> registry_client.Answer:
        self.requests += 1
        if isinstance(self.outcome, Exception):
            raise self.outcome
        answer: registry_client.Answer = self.outcome
        return answer


WITHOUT_DATABASE = registry_client.Answer(
    503, b'{"error": {"code": "database_unavailable", "message": "m"}}'
)
REFUSED = registry_client.transport.Unreached()
LOST = errors.RegistryUnavailable()


class TestFailover(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.one, self.two = _Fake(), _Fake()
        self.failover = registry_client.Failover(
            {'one': self.one, 'two': self.two}
        )

    def send(self, repeatable: bool = True) -> int:
        answer = self.failover.send('GET', '/', {}, None, repeatable)
        return answer.status

    def assert_requests(self, one: int, two: int) -> None:
        self.assertEqual((one, two), (self.one.requests, self.two.requests))
        self.one.requests = self.two.requests = 0

    def later(self) -> Any:
        later = time.monotonic() + registry_client.failover.ASIDE_SECONDS
        return mock.patch.object(time, 'monotonic', return_value=later + 0.1)

    def test_the_first_is_preferred(self) -> None:
        self.send()
        self.send()
        self.assert_requests(2, 0)

    def test_who_refuses_is_put_aside_for_a_while(self) -> None:
        for repeatable in (True, False):
            self.one.outcome = REFUSED
            self.assertEqual(200, self.send(repeatable))
            self.assert_requests(1, 1)
            self.send(repeatable)
            self.assert_requests(0, 1)
            self.one.outcome = registry_client.Answer(200, b'')
            with self.later():
                self.send(repeatable)
                self.send(repeatable)
            self.assert_requests(2, 0)

    def test_one_request_tries_it_again(self) -> None:
        self.one.outcome = REFUSED
        self.send()
        self.assert_requests(1, 1)
        with self.later():
            self.send()
            self.assert_requests(1, 1)
            self.send()
            self.assert_requests(0, 1)

    def test_what_may_be_done_is_not_done_elsewhere(self) -> None:
        self.one.outcome = LOST
        with self.assertRaises(errors.RegistryUnavailable):
            self.send(repeatable=False)
        self.assert_requests(1, 0)
        self.assertEqual(200, self.send(repeatable=False))
        self.assert_requests(0, 1)

    def test_what_can_be_repeated_is_asked_elsewhere(self) -> None:
        self.one.outcome = LOST
        self.assertEqual(200, self.send())
        self.assert_requests(1, 1)

    def test_a_registry_without_its_database(self) -> None:
        self.one.outcome = WITHOUT_DATABASE
        self.assertEqual(503, self.send(repeatable=False))
        self.assert_requests(1, 0)
        self.assertEqual(200, self.send(repeatable=False))
        self.assert_requests(0, 1)
        with self.later():
            self.assertEqual(200, self.send())
            self.assert_requests(1, 1)

    def test_other_failures_are_answers(self) -> None:
        for body in (b'', b'[]', b'{"error": {"code": "unavailable"}}'):
            self.one.outcome = registry_client.Answer(503, body)
            self.assertEqual(503, self.send())
        self.assert_requests(3, 0)

    def test_when_all_fail_all_are_asked(self) -> None:
        self.one.outcome = self.two.outcome = REFUSED
        for _ in range(2):
            with self.assertRaises(errors.RegistryUnavailable):
                self.send()
            self.assert_requests(1, 1)
        self.one.outcome = WITHOUT_DATABASE
        self.assertEqual(503, self.send())


class TestEndpoints(unittest.TestCase):
    def transport(self, **options: Any) -> Any:
        with tempfile.TemporaryDirectory() as directory:
            conf = base.configuration(api_conf, directory, default=options)
        return wire._transport(conf)

    def test_the_classic_options_name_one(self) -> None:
        for options in (
            {},
            {'registry_host': '::1', 'registry_client_protocol': 'https'},
            {'registry_socket': '/run/registry'},
        ):
            self.assertIsInstance(
                self.transport(**options), registry_client.HTTPTransport
            )

    def test_several_share_the_time(self) -> None:
        found = self.transport(
            registry_endpoints=['http://a:1', 'https://[::1]:2', 'unix:/c'],
            registry_client_timeout=60,
        )
        self.assertEqual(
            [20.0, 20.0, 20.0],
            [each._seconds for each in found._registries.values()],
        )
        connections = [each._connect() for each in found._registries.values()]
        self.assertEqual(('a', 1), (connections[0].host, connections[0].port))
        self.assertEqual('::1', connections[1].host)

    def test_ossn_0060_users_are_never_asked_for_as_admin(self) -> None:
        conf = base.configuration(
            api_conf, '', default={'use_user_token': False}
        )
        with self.assertRaisesRegex(
            errors.ConfigurationError, 'use_user_token'
        ):
            wire.client(conf)

    def test_nonsense_is_named(self) -> None:
        for wrong in ('a:1', 'http://a', 'ftp://a:1', 'http://a:b', 'unix:c'):
            with self.assertRaisesRegex(
                errors.ConfigurationError, 'registry_endpoints'
            ):
                self.transport(registry_endpoints=['http://a:1', wrong])


class TestUnixSocket(unittest.TestCase):
    def test_a_socket_that_is_not_there(self) -> None:
        connect = functools.partial(
            registry_client.UnixConnection, '/nonexistent/registry', 1.0
        )
        transport = registry_client.HTTPTransport(connect, 1, 1.0)
        with self.assertRaises(errors.RegistryUnavailable):
            transport.send('GET', '/', {}, None, True)


class TestTLS(unittest.TestCase):
    def test_files_that_cannot_be_used_are_named(self) -> None:
        for files in (
            ('/nonexistent', None, None),
            (None, '/nonexistent', None),
            (__file__, None, None),
        ):
            with self.assertRaises(errors.ConfigurationError) as caught:
                registry_client.tls_context(*files, insecure=False)
            self.assertIn('registry_client_ca_file', str(caught.exception))

    def test_the_certificate_is_checked_unless_told(self) -> None:
        strict = registry_client.tls_context(None, None, None, False)
        self.assertTrue(strict.check_hostname)
        lax = registry_client.tls_context(None, None, None, True)
        self.assertFalse(lax.check_hostname)
