"""How a registry is connected to, and the certificates for that."""

import socket
import time
import unittest
from unittest import mock

from glance import registry_client
from glance.common import errors


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


class TestTCP(unittest.TestCase):
    def test_all_addresses_of_a_name(self) -> None:
        """The first that takes the connection; none: the last trouble."""
        with (
            socket.create_server(('127.0.0.1', 0)) as server,
            socket.socket() as closed,
        ):
            closed.bind(('127.0.0.1', 0))
            found = [
                (socket.AF_INET, socket.SOCK_STREAM, 6, '', each.getsockname())
                for each in (closed, server)
            ]
            endpoint = registry_client.TCPEndpoint('name.invalid', 1)
            with mock.patch.object(socket, 'getaddrinfo', return_value=found):
                with endpoint.open(time.monotonic() + 10) as sock:
                    self.assertEqual(server.getsockname(), sock.getpeername())
                    self.assertTrue(
                        sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                    )
                del found[1]
                with self.assertRaises(ConnectionRefusedError):
                    endpoint.open(time.monotonic() + 10)
                found.clear()
                with self.assertRaises(OSError):
                    endpoint.open(time.monotonic() + 10)

    def test_time_is_over_before_it_begins(self) -> None:
        for endpoint in (
            registry_client.TCPEndpoint('127.0.0.1', 1),
            registry_client.UnixEndpoint('/nonexistent'),
        ):
            with self.assertRaises(TimeoutError):
                endpoint.open(time.monotonic() - 1)

    def test_names_in_requests(self) -> None:
        for host, expected in {
            'registry': 'registry:1',
            '10.0.0.1': '10.0.0.1:1',
            '::1': '[::1]:1',
            'fe80::1%eth0': '[fe80::1]:1',
        }.items():
            endpoint = registry_client.TCPEndpoint(host, 1)
            self.assertEqual(expected, endpoint.host)
