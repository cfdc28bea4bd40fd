"""A store of web servers, and one that it really asks."""

from collections.abc import Callable
import time
from typing import Any
import unittest

from glance.common import errors
from glance.store import addresses
from glance.store import http
from glance.store import outbound
from tests import webserver

DATA = bytes(range(256)) * 4096


def filter_for(
    *ports: int,
    hosts: tuple[str, ...] = ('127.0.0.1',),
    resolver: addresses.Resolver = addresses.resolve,
) -> addresses.Filter:
    allowed = tuple(str(port) for port in ports)
    rules = addresses.AddressRules(allowed_hosts=hosts, allowed_ports=allowed)
    return addresses.Filter(rules, resolver)


class HTTPTestCase(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.web = webserver.WebServer(self)
        self.web.data['/a'] = DATA
        self.url = self.web.url('/a')
        self.closed = webserver.closed_port()
        self.store = self.make_store(
            filter_for(self.web.port, self.closed, 80)
        )

    def make_store(
        self, rules: addresses.Filter, **options: Any
    ) -> http.HTTPStore:
        return http.HTTPStore(outbound.Client(rules, **options))

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        body = self.store.open(self.url, offset, length)
        data = b''.join(body)
        self.assertEqual(body.length, len(data))
        body.close()
        return data

    def answer(self, act: Callable[[Any], None]) -> None:
        self.web.answers['/a'] = act

    def raw(self, *pieces: bytes | float) -> None:
        """Let the server say these bytes, and wait between them."""

        def say(handler: Any) -> None:
            handler.close_connection = True
            for piece in pieces:
                if isinstance(piece, bytes):
                    handler.wfile.write(piece)
                    handler.wfile.flush()
                else:
                    time.sleep(piece)

        self.answer(say)

    def fails(self, *pieces: bytes | float) -> None:
        self.raw(*pieces)
        with self.assertRaises(errors.StoreUnavailable) as caught:
            self.read()
        self.assertNotIn('127.0.0.1', str(caught.exception))
