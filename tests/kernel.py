"""What the kernel that runs the tests can do."""

import pathlib
import unittest

_OFFERS = pathlib.Path('/proc/sys/net/ipv4/tcp_available_ulp')
HAS_TLS = _OFFERS.exists() and 'tls' in _OFFERS.read_text().split()

needs_tls = unittest.skipUnless(
    HAS_TLS, 'the kernel has no TLS (its module tls is not loaded)'
)
