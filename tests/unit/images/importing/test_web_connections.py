"""Connections of downloads: addresses, TLS, proxies."""

import socket
import threading
from typing import Any
import unittest
import unittest.mock

from glance.common import errors
from glance.images.importing import web
from glance.store import addresses
from glance.store import outbound
from glance.store import proxies
from tests import troubled
from tests import webserver
from tests.unit.images.importing import web_cases

MIB = web_cases.MIB
DATA = web_cases.DATA
SHORT_SECONDS = web_cases.SHORT_SECONDS


class TestAddresses(web_cases.WebTestCase):
    def test_redirects_to_where_nothing_may_be_asked(self) -> None:
        texts = set()
        for place in (
            'http://169.254.169.254/latest/meta-data/',
            'http://[::1]/',
            'http://0x7f.1/',
            'file:///etc/passwd',
        ):
            self.web.redirect('/a', place)
            with (
                self.subTest(place),
                self.assertRaises(errors.BadRequest) as caught,
            ):
                self.download()
            texts.add(str(caught.exception))
        self.url = f'http://127.0.0.1:{webserver.closed_port()}/'
        with self.assertRaises(errors.BadRequest) as caught:
            self.download()
        self.assertEqual({str(caught.exception)}, texts)

    def test_nobody_listens(self) -> None:
        """It has the same text as a refused address."""
        port = webserver.closed_port()
        self.url = f'http://127.0.0.1:{port}/'
        with self.assertRaises(errors.BadRequest) as caught:
            self.download(client=self.client(port))
        self.assertEqual(web.UNUSABLE, str(caught.exception))
        self.assertEqual([1.0, 2.0, 4.0, 8.0], self.pauses)

    def test_a_circle_of_redirects_is_not_tried_again(self) -> None:
        self.web.redirect('/a', '/a')
        self.fails('more redirects')
        self.assertEqual([], self.pauses)

    def test_only_one_address_of_a_name_answers(self) -> None:
        self.url = self.web.url('/a', 'dual.example')
        client = self.client(
            hosts=('dual.example',),
            resolver=lambda *_: ['::1', '127.0.0.1'],
        )
        self.assertEqual(DATA, self.download(client=client))

    def test_an_address_that_swallows_packets_costs_little(self) -> None:
        """And it is not tried first again."""
        full = socket.socket()
        self.addCleanup(full.close)
        full.bind(('127.0.0.9', self.web.port))
        full.listen(0)
        for _ in range(2):  # what is not accepted fills its queue
            waiting = socket.socket()
            self.addCleanup(waiting.close)
            waiting.setblocking(False)
            waiting.connect_ex(('127.0.0.9', self.web.port))
        self.url = self.web.url('/a', 'dual.example')
        client = self.client(
            hosts=('dual.example',),
            resolver=lambda *_: ['127.0.0.9', '127.0.0.1'],
        )
        self.assertEqual(DATA, self.download(client=client))
        target = addresses.parse(self.url)
        self.assertEqual(
            ['127.0.0.1', '127.0.0.9'],
            [str(it) for it in client._connection(target, None)._found],
        )


class TestTls(web_cases.WebTestCase):
    """Native TLS, which goes through buffers in memory."""

    def setUp(self) -> None:
        super().setUp()
        certificate = webserver.Certificate(self, 'web.example')
        self.web = webserver.WebServer(self, certificate.context)
        self.web.answers['/a'] = self.served
        self.url = f'https://web.example:{self.web.port}/a'
        self.options: dict[str, Any] = {
            'hosts': ('web.example', 'other.example'),
            'resolver': lambda *_: ['127.0.0.1'],
            'ca_file': certificate.cert,
        }

    def test_data(self) -> None:
        client = self.client(**self.options)
        self.assertEqual(DATA, self.download(client=client))

    def test_it_goes_on_after_a_reset(self) -> None:
        self.served.stops_after = [MIB]
        self.served.resets = True
        client = self.client(**self.options)
        self.assertEqual(DATA, self.download(client=client))

    def test_another_name_is_refused(self) -> None:
        self.url = f'https://other.example:{self.web.port}/a'
        with self.assertRaises(errors.BadRequest):
            self.download(client=self.client(**self.options))

    def test_a_server_that_stalls_in_the_handshake(self) -> None:
        self.times = self.times._replace(head_seconds=SHORT_SECONDS)
        silent = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(silent.close)
        port = silent.getsockname()[1]
        self.url = f'https://web.example:{port}/a'
        self.limits = self.limits._replace(tries=1)
        client = self.client(port, **self.options)
        with self.assertRaises(errors.BadRequest):
            self.download(client=client)


class TestProxies(web_cases.WebTestCase):
    """The proxy is asked; what it is asked for is judged all the same."""

    def setUp(self) -> None:
        super().setUp()
        self.proxy = webserver.WebServer(self)
        self.through = proxies.Proxies(
            http=f'http://us%40er:secret@127.0.0.1:{self.proxy.port}',
            exceptions=('.direct.example',),
        )

    def unknown(self, host: str, _port: int) -> list[str]:
        if host == '127.0.0.1':
            return [host]
        raise OSError('only the proxy knows it')

    def test_http_goes_through_the_proxy(self) -> None:
        self.url = self.web.url('/a', 'far.example')
        self.proxy.answers[self.url] = troubled.Served(b'from afar')
        client = self.client(
            hosts=('far.example',),
            resolver=self.unknown,
            through=self.through,
        )
        self.assertEqual(b'from afar', self.download(client=client))
        _, path, headers = self.proxy.requests[0]
        self.assertEqual(self.url, path)
        self.assertEqual(f'far.example:{self.web.port}', headers['Host'])
        self.assertEqual(
            'Basic dXNAZXI6c2VjcmV0', headers['Proxy-Authorization']
        )

    def test_exceptions_are_asked_directly(self) -> None:
        self.url = self.web.url('/a', 'a.direct.example')
        client = self.client(
            hosts=('a.direct.example',),
            resolver=lambda *_: ['127.0.0.1'],
            through=self.through,
        )
        self.assertEqual(DATA, self.download(client=client))
        self.assertEqual([], self.proxy.requests)
        self.assertNotIn('Proxy-Authorization', self.web.requests[0][2])

    def test_what_may_not_be_asked_is_not_asked_of_a_proxy(self) -> None:
        rules = addresses.AddressRules(allowed_ports=('80',))
        client = outbound.Client(
            addresses.Filter(rules, lambda *_: ['169.254.169.254']),
            through=self.through,
            native=True,
        )
        for url in ('http://rebound.example/', 'http://169.254.169.254/'):
            self.url = url
            with self.assertRaises(errors.BadRequest):
                self.download(client=client)
        self.assertEqual([], self.proxy.requests)

    def test_https_is_tunnelled(self) -> None:
        certificate = webserver.Certificate(self, 'web.example')
        secure = webserver.WebServer(self, certificate.context)
        secure.answers['/a'] = self.served
        tunnel = Tunnel(self, secure.port)
        self.url = f'https://web.example:{secure.port}/a'
        for native in (True, False):
            client = self.client(
                secure.port,
                hosts=('web.example',),
                resolver=self.unknown,
                ca_file=certificate.cert,
                native=native,
                through=proxies.Proxies(
                    https=f'http://127.0.0.1:{tunnel.port}'
                ),
            )
            self.assertEqual(DATA, self.download(client=client))
            self.assertIn(
                f'CONNECT web.example:{secure.port} HTTP/1.1'.encode(),
                tunnel.heads.pop(),
            )


class Tunnel:
    """A proxy that knows CONNECT only."""

    def __init__(self, test: unittest.TestCase, to_port: int) -> None:
        self._to_port = to_port
        self.heads: list[bytes] = []
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.port = self._listener.getsockname()[1]
        test.addCleanup(self._listener.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            head = b''
            while not head.endswith(b'\r\n\r\n'):
                head += client.recv(1)
            self.heads.append(head)
            server = socket.create_connection(('127.0.0.1', self._to_port))
            client.sendall(b'HTTP/1.1 200 go on\r\nVia: me\r\n\r\n')
            for one, other in ((client, server), (server, client)):
                threading.Thread(
                    target=self._copy, args=(one, other), daemon=True
                ).start()

    @staticmethod
    def _copy(one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass
