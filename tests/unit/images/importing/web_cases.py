"""What tests of downloads share: a web server with every trouble."""

import time
from typing import Any
import unittest
import unittest.mock

from glance.common import errors
from glance.images.importing import web
from glance.store import addresses
from glance.store import outbound
from tests import troubled
from tests import webserver

MIB = 1024 * 1024
DATA = troubled.DATA
#: For what has to take too long.
SHORT_SECONDS = 0.3
LONG_SECONDS = 30.0
#: Nothing here takes longer.
BOUND_SECONDS = 20


class WebTestCase(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.web = webserver.WebServer(self)
        self.served = troubled.Served()
        self.web.answers['/a'] = self.served
        self.pauses: list[float] = []
        self.times = outbound.Times(LONG_SECONDS, SHORT_SECONDS, LONG_SECONDS)
        self.limits = web.Limits(cap_bytes=10 * MIB)
        self.url = self.web.url('/a')

    def client(self, *ports: int, **options: Any) -> outbound.Client:
        options = {
            'times': self.times,
            'native': True,
        } | options
        rules = addresses.AddressRules(
            allowed_hosts=options.pop('hosts', ('127.0.0.1',)),
            allowed_ports=tuple(map(str, (self.web.port, *ports))),
        )
        resolver = options.pop('resolver', addresses.resolve_natively)
        return outbound.Client(addresses.Filter(rules, resolver), **options)

    def open(self, **options: Any) -> web.Download:
        """Without waiting between tries."""
        download = web.Download(
            options.pop('client', None) or self.client(),
            self.url,
            self.limits,
            pause=self.pauses.append,
            **options,
        )
        self.addCleanup(download.close)
        return download

    def download(self, **options: Any) -> bytes:
        return b''.join(bytes(it) for it in self.open(**options))

    def fails(
        self, pattern: str, kind: type[errors.Error] = errors.BadRequest
    ) -> None:
        started = time.monotonic()
        with self.assertRaisesRegex(kind, pattern) as caught:
            self.download()
        self.assertLess(time.monotonic() - started, BOUND_SECONDS)
        self.assertNotIn('127.0.0.1', str(caught.exception))

    def ranges(self) -> list[str | None]:
        return [headers.get('Range') for *_, headers in self.web.requests]
