"""A registry whose TLS comes byte by byte, and never to an end."""

import socket
import threading
import time
import unittest

from tests.live import daemons
from tests.live import processes
from tests.live.wire_faults import service

PAUSE_SECONDS = 0.2


class TricklingTLS(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.stop = threading.Event()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(self.listener.close)
        self.addCleanup(self.stop.set)
        threading.Thread(target=self.accept, daemon=True).start()
        self.glance = daemons.Glance(
            api={
                'DEFAULT': {
                    'registry_client_protocol': 'https',
                    'registry_port': self.listener.getsockname()[1],
                    'registry_client_timeout': service.TIMEOUT_SECONDS,
                }
            },
            workers=1,
        )
        self.addCleanup(self.glance.stop)
        self.glance.api.start()
        processes.wait_until(
            lambda: processes.answers(f'{self.glance.api_url}/healthcheck'),
            daemons.START_SECONDS,
            'glance-api',
            self.glance.api,
        )

    def accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(
                target=self.trickle, args=(sock,), daemon=True
            ).start()

    def trickle(self, sock: socket.socket) -> None:
        """The beginning of a long handshake."""
        with sock:
            for byte in b'\x16\x03\x03\x40\x00' + bytes(80):
                try:
                    sock.sendall(bytes([byte]))
                except OSError:
                    return
                if self.stop.wait(PAUSE_SECONDS):
                    return

    def test_answered_in_time(self) -> None:
        since = time.monotonic()
        status, _, _ = self.glance.request('GET', '/v2/images')
        self.assertEqual(503, status)
        self.assertLess(
            time.monotonic() - since,
            service.TIMEOUT_SECONDS + processes.allowed(service.SLACK_SECONDS),
        )
