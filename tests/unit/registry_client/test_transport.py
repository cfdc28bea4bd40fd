"""Connections that are kept, get old, break, or are slow."""

import collections
from concurrent import futures
import socket
import threading
import time
from typing import Any
from unittest import mock

from glance import registry_client
from tests import webserver
from tests.live import processes
from tests.unit.registry_client import peer


class TestConnections(peer.TransportTestCase):
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
        closing = peer.OK.replace(b'OK\r\n', b'OK\r\nConnection: close\r\n')
        self.server.scripts.append(peer.raw(closing, close=True))
        self.send()
        self.assertEqual(0, len(self.transport._idle))
        self.send()
        self.assertEqual(2, self.server.connections)

    def test_an_empty_answer_keeps_the_connection(self) -> None:
        nothing = b'HTTP/1.1 204 No Content\r\n\r\n'
        self.server.scripts.append(peer.raw(nothing))
        self.assertEqual((204, b''), self.send())
        self.send()
        self.assertEqual(1, self.server.connections)

    def test_a_chunked_answer(self) -> None:
        chunked = (
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
            b'1\r\n{\r\n1\r\n}\r\n0\r\n\r\n'
        )
        self.server.scripts.append(peer.raw(chunked))
        self.assertEqual((200, b'{}'), self.send())

    def test_an_idle_connection_gets_old(self) -> None:
        self.send()
        with mock.patch.object(
            registry_client.transport, 'MAX_IDLE_SECONDS', 0.0
        ):
            self.send()
        self.assertEqual(2, self.server.connections)

    def test_a_connection_that_the_peer_closed_is_not_used(self) -> None:
        self.server.scripts.append(peer.raw(peer.OK, close=True))
        self.send()
        kept, _since = self.transport._idle[0]
        while kept.is_alive():
            pass  # until the kernel has seen the end
        self.send(repeatable=False)
        self.assertEqual(2, self.server.connections)
        self.assertEqual(2, len(self.server.requests))

    def test_kept_connection_that_another_thread_takes_first(self) -> None:
        self.send()

        class Raced(collections.deque[Any]):
            def __len__(self) -> int:
                """Another thread takes the last one after this answer."""
                length = super().__len__()
                if length:
                    super().pop()[0].close()
                return length

        self.transport._idle = Raced(self.transport._idle)
        self.assertEqual((200, b'{}'), self.send())

    def test_at_most_so_many_at_a_time(self) -> None:
        self.transport = self.make(most=1, timeout=0.05)
        self.transport._slots.acquire()
        self.assert_unavailable()
        self.assertEqual([], self.server.requests)
        self.transport._slots.release()
        self.transport._seconds = peer.TIMEOUT_SECONDS
        self.assertEqual(200, self.send().status)

    def test_a_slot_comes_back_after_every_failure(self) -> None:
        self.transport = self.make(most=1)
        for _ in range(3):
            self.server.scripts.append(peer.hang_up)
            self.server.scripts.append(peer.hang_up)
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


class TestStaleConnections(peer.TransportTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.send()
        self.server.requests.clear()
        # The peer's end is not seen before the request is sent.
        patched = mock.patch.object(
            registry_client.connections.Connection,
            'is_alive',
            return_value=True,
        )
        patched.start()
        self.addCleanup(patched.stop)

    def test_a_repeatable_request_is_sent_again(self) -> None:
        self.server.scripts.append(peer.hang_up)
        self.assertEqual(200, self.send(repeatable=True).status)
        self.assertEqual(2, len(self.server.requests))
        self.assertEqual(2, self.server.connections)

    def test_another_request_is_not(self) -> None:
        """It may have been done: only the caller can look."""
        self.server.scripts.append(peer.hang_up)
        self.assert_unavailable(repeatable=False)
        self.assertEqual(1, len(self.server.requests))

    def test_a_request_is_repeated_once(self) -> None:
        self.server.scripts.extend([peer.hang_up, peer.hang_up, peer.hang_up])
        self.assert_unavailable(repeatable=True)
        self.assertEqual(2, len(self.server.requests))

    def test_a_slow_answer_is_not_asked_for_again(self) -> None:
        self.transport._seconds = 2.0
        self.server.scripts.append(self.silence)
        self.assert_unavailable(repeatable=True)
        processes.wait_until(
            lambda: self.server.requests != [],
            peer.TIMEOUT_SECONDS,
            'a request',
        )
        self.assertEqual(1, len(self.server.requests))

    def test_a_request_that_was_never_sent_is_sent(self) -> None:
        kept, _since = self.transport._idle[0]
        kept._limited.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(200, self.send(repeatable=False).status)
        self.assertEqual(1, len(self.server.requests))


class TestTrouble(peer.TransportTestCase):
    def test_nobody_listens(self) -> None:
        port = webserver.closed_port()
        for endpoint in (
            registry_client.TCPEndpoint('127.0.0.1', port),
            registry_client.UnixEndpoint('/nonexistent/registry'),
        ):
            self.transport = registry_client.HTTPTransport(endpoint, 1, 1)
            self.assert_unavailable()

    def test_a_name_that_is_unknown(self) -> None:
        endpoint = registry_client.TCPEndpoint('name.invalid', 1)
        self.transport = registry_client.HTTPTransport(endpoint, 1, 1)
        unknown = mock.patch.object(
            socket, 'getaddrinfo', side_effect=socket.gaierror(-2, 'unknown')
        )
        with unknown:
            self.assert_unavailable()

    def test_no_answer_in_time(self) -> None:
        self.transport = self.make(timeout=0.1)
        self.server.scripts.append(self.silence)
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
            self.server.scripts.append(peer.raw(content, close=True))
            with self.subTest(repr(content[:40])):
                self.assert_unavailable()
                self.assertEqual(0, len(self.transport._idle))

    def test_an_answer_without_end(self) -> None:
        large = b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n[123456789]'
        with mock.patch.object(
            registry_client.connections, 'MAX_ANSWER_BYTES', 10
        ):
            self.server.scripts.append(peer.raw(large))
            self.assert_unavailable()
            self.assertEqual(0, len(self.transport._idle))
        with mock.patch.object(
            registry_client.connections, 'MAX_ANSWER_BYTES', 11
        ):
            self.server.scripts.append(peer.raw(large))
            self.assertEqual(b'[123456789]', self.send().body)


class TestDeadline(peer.TransportTestCase):
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
            peer.trickle(head + b'z' * 1000, self.server.release)
        )
        self.assert_in_time(5)

    def test_a_body_that_trickles(self) -> None:
        self.transport = self.make(timeout=0.3)
        head = b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'

        def script(connection: socket.socket) -> None:
            connection.sendall(head)
            peer.trickle(b'z' * 1000, self.server.release)(connection)

        self.server.scripts.append(script)
        self.assert_in_time(5)

    def test_the_next_request_has_all_the_time(self) -> None:
        monotonic = time.monotonic
        passed = 0.0

        def answer_late(connection: socket.socket) -> None:
            nonlocal passed
            passed += 0.6 * peer.TIMEOUT_SECONDS
            connection.sendall(peer.OK)

        with mock.patch.object(
            time, 'monotonic', lambda: monotonic() + passed
        ):
            for _ in range(3):
                self.server.scripts.append(answer_late)
                self.assertEqual(200, self.send().status)
        self.assertEqual(1, self.server.connections)

    def test_a_slot_and_the_answer_share_the_time(self) -> None:
        self.transport = self.make(most=1, timeout=3)
        self.server.scripts.extend([self.silence] * 2)
        since = time.monotonic()
        with futures.ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(self.assert_unavailable) for _ in range(2)]
        for each in asked:
            each.result()
        self.assertLess(time.monotonic() - since, 5.9)
