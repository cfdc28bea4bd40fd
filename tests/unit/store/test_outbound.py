"""Requests to web servers: redirects, addresses, certificates."""

from typing import Any
import unittest
from unittest import mock

from glance.common import errors
from glance.store import addresses
from glance.store import connection
from glance.store import http
from glance.store import outbound
from tests import webserver
from tests.unit.store import web


class TestRedirects(web.HTTPTestCase):
    """Rule 8: by hand, judged, bounded (OSSA-2026-004)."""

    def test_followed(self) -> None:
        for status in (301, 302, 303, 307, 308):
            for place in (
                self.url,
                '/a',
                'a',
                f'//127.0.0.1:{self.web.port}/a',
            ):
                self.web.redirect('/r', place, status)
                self.assertEqual(
                    len(web.DATA), self.store.size(self.web.url('/r'))
                )

    def test_ranges_go_along(self) -> None:
        self.web.redirect('/r', '/a')
        self.url = self.web.url('/r')
        self.assertEqual(web.DATA[5:15], self.read(5, 10))

    def test_a_circle(self) -> None:
        self.web.redirect('/r', '/r')
        with self.assertRaises(errors.StoreUnavailable):
            self.store.size(self.web.url('/r'))
        self.assertEqual(outbound.MAX_REDIRECTS + 1, len(self.web.requests))

    def test_ossa_2026_004_refused_targets(self) -> None:
        other = webserver.WebServer(self)
        other.data['/a'] = b'secret'
        for place in (
            other.url('/a'),  # a port that is not allowed
            self.web.url('/a', 'localhost'),
            'http://[::1]/',
            'http://169.254.169.254/latest/meta-data/',
            'http://2130706433/',
            'file:///etc/passwd',
            'ftp://127.0.0.1/',
            'gopher://127.0.0.1:80/',
            'javascript:1',
            'http://user@127.0.0.1/',
            'http://[',
            'http://a\tb/',
            '',
        ):
            self.web.redirect('/r', place)
            with (
                self.subTest(place),
                self.assertRaises(errors.StoreUnavailable),
            ):
                self.store.open(self.web.url('/r'), 0, None)
        self.assertEqual([], other.requests)


class TestPinning(web.HTTPTestCase):
    """Rule 7: the connection goes where the judged address was."""

    def test_cve_2026_71198_dns_rebinding(self) -> None:
        answers = iter([['93.184.216.34'], ['127.0.0.1']])
        asked: list[str] = []

        def rebinding(name: str, _port: int) -> list[str]:
            asked.append(name)
            return next(answers)

        tried: list[Any] = []

        def no_network(_sock: Any, address: Any) -> None:
            tried.append(address)
            raise OSError('no network in tests')

        client = outbound.Client(
            addresses.Filter(
                addresses.AddressRules(allowed_ports=(str(self.web.port),)),
                rebinding,
            )
        )
        with (
            mock.patch.object(connection.socket.socket, 'connect', no_network),
            self.assertRaises(outbound.Unreachable),
        ):
            client.request('GET', self.web.url('/a', 'evil.example'))
        self.assertEqual(['evil.example'], asked)
        self.assertEqual([('93.184.216.34', self.web.port)], tried)
        # The second look-up would lead here; it is judged like the first.
        with self.assertRaises(addresses.Refused):
            client.request('GET', self.web.url('/a', 'evil.example'))
        self.assertEqual([], self.web.requests)

    def test_the_name_is_in_host(self) -> None:
        self.store = self.make_store(
            web.filter_for(
                self.web.port,
                hosts=('a.example',),
                resolver=lambda *_: ['127.0.0.1'],
            )
        )
        self.url = self.web.url('/a', 'A.Example')
        self.assertEqual(web.DATA, self.read())
        sent = self.web.requests[-1][2]
        self.assertEqual(f'a.example:{self.web.port}', sent['Host'])
        self.assertNotIn('X-Auth-Token', sent)

    def test_the_next_address_is_tried(self) -> None:
        self.store = self.make_store(
            web.filter_for(
                self.web.port,
                hosts=('a.example',),
                resolver=lambda *_: ['127.0.0.9', '127.0.0.1'],
            )
        )
        self.url = self.web.url('/a', 'a.example')
        self.assertEqual(web.DATA, self.read())


class TestTLS(unittest.TestCase):
    """https is verified, unless the operator says otherwise."""

    def setUp(self) -> None:
        super().setUp()
        self.tls = webserver.Certificate(self, 'web.example')
        self.web = webserver.WebServer(self, self.tls.context)
        self.web.data['/a'] = b'over TLS'

    def read(self, host: str, **options: Any) -> bytes:
        rules = web.filter_for(
            self.web.port,
            hosts=('web.example', 'other.example'),
            resolver=lambda *_: ['127.0.0.1'],
        )
        store = http.HTTPStore(outbound.Client(rules, **options))
        url = f'https://{host}:{self.web.port}/a'
        body = store.open(url, 0, None)
        try:
            return b''.join(body)
        finally:
            body.close()

    def test_verified_by_name(self) -> None:
        for insecure in (True, False):
            options = {'ca_file': self.tls.cert, 'insecure': insecure}
            data = self.read('web.example', **options)
            self.assertEqual(b'over TLS', data)
            with self.assertRaises(errors.StoreUnavailable):
                self.read('other.example', **options)

    def test_unknown_authority(self) -> None:
        with self.assertRaises(errors.StoreUnavailable):
            self.read('web.example')

    def test_insecure(self) -> None:
        self.assertEqual(
            b'over TLS', self.read('other.example', insecure=True)
        )

    def test_a_file_that_is_none(self) -> None:
        for path in ('/none', self.tls.key):
            with self.assertRaises(errors.ConfigurationError) as caught:
                outbound.tls_context(path, False)
            self.assertIn('https_ca_certificates_file', str(caught.exception))
