"""Several operations, one end."""

import contextlib
import itertools
import socket
import ssl
import time
import unittest
from unittest import mock

from glance.common import deadlines


class TestLimit(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        clock = mock.patch('time.monotonic', side_effect=itertools.count())
        clock.start()
        self.addCleanup(clock.stop)
        self.sock, self.peer = socket.socketpair()
        self.addCleanup(self.sock.close)
        self.addCleanup(self.peer.close)

    def test_a_socket_has_what_is_left(self) -> None:
        until = time.monotonic() + 3.0
        for seconds in (2.0, 1.0):
            deadlines.limit(self.sock, until)
            self.assertEqual(seconds, self.sock.gettimeout())
        with self.assertRaises(TimeoutError):
            deadlines.limit(self.sock, until)

    def test_no_end(self) -> None:
        deadlines.limit(self.sock, float('inf'))
        self.assertIsNone(self.sock.gettimeout())

    def test_time_passes_within_an_operation_of_tls(self) -> None:
        """eventlet asks before each wait for a piece of a record."""
        tls = ssl.create_default_context().wrap_socket(
            self.sock, server_hostname='x', do_handshake_on_connect=False
        )
        self.addCleanup(tls.close)
        deadlines.limit(tls, time.monotonic() + 4.0)
        self.assertEqual([2.0, 1.0], [tls.gettimeout(), tls.gettimeout()])
        self.assertRaises(TimeoutError, tls.gettimeout)
        deadlines.limit(tls, float('inf'))
        self.assertIsNone(tls.gettimeout())


class TestShakeHands(unittest.TestCase):
    def test_what_fails_is_closed(self) -> None:
        sock, peer = socket.socketpair()
        self.addCleanup(sock.close)
        with peer:
            peer.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')
            context = ssl.create_default_context()
            until = time.monotonic() + 10
            with self.assertRaises(ssl.SSLError):
                deadlines.shake_hands(sock, context, 'x', until)
            peer.settimeout(10)
            # Only closing makes an end of it.
            with contextlib.suppress(ConnectionResetError):
                while peer.recv(65536):
                    pass
