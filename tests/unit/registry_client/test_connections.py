"""Sockets and certificates."""

import functools
import unittest

from glance import registry_client
from glance.common import errors


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
