"""The transport and what it does with its connections, without a network."""

import collections
import socket
import time
from typing import Any
import unittest

from glance import registry_client
from glance.common import context
from glance.common import errors
from glance.registry_client import connections
from glance.registry_client import transport

WHOLE = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'
HTML = b'<html><body><h1>503 Service Unavailable</h1></body></html>'
LATE = 0.05


class Peer:
    """An endpoint whose connections lead here.

    :ivar answers: what lies in each new connection from the beginning
    :ivar closes: there is nothing behind that
    :ivar opened: our ends of them, in order
    """

    host = 'registry:1'

    def __init__(self) -> None:
        self.answers: collections.deque[bytes] = collections.deque()
        self.closes = False
        self.opened: list[socket.socket] = []
        self.trouble: OSError | None = None

    def open(self, _until: float) -> socket.socket:
        if self.trouble is not None:
            raise self.trouble
        theirs, ours = socket.socketpair()
        ours.settimeout(10)
        self.opened.append(ours)
        if self.answers:
            ours.sendall(self.answers.popleft())
        if self.closes:
            ours.shutdown(socket.SHUT_WR)
        return theirs

    def close(self) -> None:
        for sock in self.opened:
            sock.close()


class WireTestCase(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.peer = Peer()
        self.addCleanup(self.peer.close)
        self.transport = self.make(10.0)

    def make(self, seconds: float) -> registry_client.HTTPTransport:
        made = registry_client.HTTPTransport(self.peer, 4, seconds)
        self.addCleanup(lambda: [sock.close() for sock, _ in made._idle])
        return made

    def send(self, *, repeatable: bool = True, **request: Any) -> Any:
        return self.transport.send(
            request.get('method', 'POST'),
            request.get('path', '/v1/x'),
            request.get('headers', {}),
            request.get('body', b'{}'),
            repeatable,
        )

    def assert_fails(self, kind: type[Exception], **request: Any) -> None:
        """Only with this, logged once, and nothing is kept."""
        with (
            self.assertLogs(transport.LOG, 'INFO') as logged,
            self.assertRaises(errors.RegistryUnavailable) as caught,
        ):
            self.send(**request)
        self.assertIs(kind, type(caught.exception))
        self.assertEqual(1, len(logged.output), logged.output)
        self.assertEqual(0, len(self.transport._idle))


class TestRequests(WireTestCase):
    def test_head_and_body(self) -> None:
        self.peer.answers.append(WHOLE)
        self.assertEqual((200, b'{}'), self.send(headers={'X-A': 'b'}))
        self.assertEqual(
            b'POST /v1/x HTTP/1.1\r\nHost: registry:1\r\n'
            b'Accept-Encoding: identity\r\nContent-Length: 2\r\nX-A: b\r\n'
            b'\r\n{}',
            self.peer.opened[0].recv(65536),
        )

    def test_what_fits_no_head_is_not_sent(self) -> None:
        for request in (
            {'headers': {'X-Auth-Token': 'a\r\nX-Roles: admin'}},
            {'headers': {'X-Auth-Token': 'a\0'}},
            {'headers': {'X-Auth-Token': '\u0100'}},
            {'path': '/v1/x HTTP/1.1\r\nX-Roles: admin'},
            {'path': '/v1/x y'},
            {'method': 'GET /v1/y HTTP/1.1\r\n\r\nGET'},
        ):
            self.assertRaises(ValueError, self.send, **request)
        self.assertEqual([], self.peer.opened)

    def test_its_connection_is_kept_nevertheless(self) -> None:
        self.peer.answers.append(WHOLE)
        self.send()
        self.assertRaises(ValueError, self.send, headers={'X': '\n'})
        self.assertEqual(1, len(self.transport._idle))

    def test_a_peer_that_does_not_read(self) -> None:
        self.transport = self.make(LATE)
        since = time.monotonic()
        self.assert_fails(
            errors.RegistryUnavailable, body=b'x' * (8 << 20), repeatable=True
        )
        self.assertLess(time.monotonic() - since, 5)
        self.assertEqual(1, len(self.peer.opened))


class TestAnswers(WireTestCase):
    def test_invited_to_go_on(self) -> None:
        self.peer.answers.append(b'HTTP/1.1 100 Continue\r\n\r\n' + WHOLE)
        self.assertEqual((200, b'{}'), self.send())
        self.assertEqual(1, len(self.transport._idle))

    def test_the_page_of_a_proxy(self) -> None:
        """It is no document: the registry cannot be reached."""
        caller = context.RequestContext(is_admin=True)
        for head in (
            b'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 58\r\n',
            b'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 58\r\n',
            b'HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 58\r\n'
            b'Connection: close\r\nContent-Type: text/html\r\n',
            b'HTTP/1.1 200 OK\r\nContent-Length: 58\r\n',
        ):
            self.peer.answers.append(head + b'\r\n' + HTML)
            client = registry_client.RegistryClient(self.make(10.0))
            with (
                self.assertLogs('glance.registry_client.client', 'INFO'),
                self.assertRaises(errors.RegistryUnavailable),
            ):
                client.get_image(caller, 'a')

    def test_only_what_can_be_used_again_is_kept(self) -> None:
        for answer, kept in (
            (WHOLE, 1),
            (b'HTTP/1.1 204 No Content\r\n\r\n', 1),
            (WHOLE.replace(b'1.1', b'1.0'), 0),
            (WHOLE.replace(b'OK\r\n', b'OK\r\nConnection: close\r\n'), 0),
            (WHOLE + b'{}', 0),
            (WHOLE + WHOLE, 0),
        ):
            self.transport = self.make(10.0)
            self.peer.answers.append(answer)
            self.send()
            self.assertEqual(kept, len(self.transport._idle), answer)

    def test_it_ends_with_its_connection(self) -> None:
        self.peer.answers.append(b'HTTP/1.0 200 OK\r\n\r\n{"a": 1}')
        self.peer.closes = True
        self.assertEqual((200, b'{"a": 1}'), self.send())
        self.assertEqual(0, len(self.transport._idle))


class TestTrouble(WireTestCase):
    """What may have been done is never Unreached."""

    def test_no_connection(self) -> None:
        for trouble in (ConnectionRefusedError(), TimeoutError(), OSError()):
            self.peer.trouble = trouble
            self.assert_fails(transport.Unreached, repeatable=False)

    def test_it_breaks_off(self) -> None:
        self.peer.closes = True
        for answer in (b'', WHOLE[:10], WHOLE[:-1]):
            for repeatable in (True, False):
                self.peer.answers.append(answer)
                before = len(self.peer.opened)
                self.assert_fails(
                    errors.RegistryUnavailable, repeatable=repeatable
                )
                self.assertEqual(before + 1, len(self.peer.opened))

    def test_an_answer_that_is_none_is_asked_for_again(self) -> None:
        """On a kept connection it may be what was left over."""
        for repeatable in (True, False):
            self.peer.answers.extend([WHOLE, WHOLE])
            self.transport = self.make(10.0)
            self.send()
            self.peer.opened[-1].sendall(b'{}garbage\r\n')
            if repeatable:
                self.assertEqual((200, b'{}'), self.send())
            else:
                self.assert_fails(errors.RegistryUnavailable, repeatable=False)
            self.peer.answers.clear()

    def test_a_kept_connection_is_silent(self) -> None:
        """There is no time left for another one."""
        self.peer.answers.append(WHOLE)
        self.send()
        self.transport._seconds = LATE
        self.assert_fails(errors.RegistryUnavailable, repeatable=True)
        self.assertEqual(1, len(self.peer.opened))

    def test_a_kept_connection_takes_nothing(self) -> None:
        """It was not sent: also what cannot be repeated goes elsewhere."""
        self.peer.answers.extend([WHOLE, WHOLE])
        self.send()
        self.peer.opened[0].close()
        self.assertEqual((200, b'{}'), self.send(repeatable=False))
        self.assertEqual(2, len(self.peer.opened))

    def test_nobody_takes_it(self) -> None:
        self.peer.answers.append(WHOLE)
        self.send()
        self.peer.opened[0].close()
        self.peer.trouble = ConnectionRefusedError()
        self.assert_fails(transport.Unreached, repeatable=False)


class TestPool(WireTestCase):
    def connection(self) -> connections.Connection:
        made = connections.Connection(self.peer)
        made.connect()
        return made

    def test_the_last_one_is_the_next_one(self) -> None:
        """So that the others get old, and are closed."""
        self.peer.answers.extend([WHOLE] * 3)
        kept = [self.connection() for _ in range(3)]
        now = time.monotonic()
        self.transport._idle.extend((each, now) for each in kept)
        self.send()
        self.assertEqual(kept[2], self.transport._idle[-1][0])
        self.peer.opened[2].sendall(WHOLE)
        self.send()
        self.assertEqual(kept, [each for each, _ in self.transport._idle])

    def test_old_ones_are_closed(self) -> None:
        self.peer.answers.extend([WHOLE] * 3)
        kept = [self.connection() for _ in range(2)]
        past = time.monotonic() - transport.MAX_IDLE_SECONDS
        self.transport._idle.extend((each, past) for each in kept)
        self.send()
        self.assertEqual([None, None], [each.sock for each in kept])
        self.assertEqual(3, len(self.peer.opened))
