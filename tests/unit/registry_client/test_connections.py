"""Certificates that connections need."""

import unittest

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
