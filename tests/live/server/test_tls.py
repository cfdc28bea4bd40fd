"""Clients that show a certificate, and others."""

import os
import ssl
from typing import Any

from tests import certificates
from tests.live.server import cases
from tests.live.server import daemon


class TestTls(cases.Shared):
    data = os.urandom(5_000_000)

    @classmethod
    def prepare(cls) -> None:
        certificates.make(cls.directory)
        (cls.directory / 'file').write_bytes(cls.data)
        cls.options = {
            'cert_file': cls.directory / 'server.crt',
            'key_file': cls.directory / 'server.key',
            'ca_file': cls.directory / 'ca.crt',
            'file': cls.directory / 'file',
            'header_read_timeout': 6,
        }

    def secure(self, name: str = 'client') -> Any:
        context = ssl.create_default_context(cafile=self.directory / 'ca.crt')
        if name:
            context.load_cert_chain(
                self.directory / f'{name}.crt', self.directory / f'{name}.key'
            )
        return context.wrap_socket(
            self.running.connect(), server_hostname='localhost'
        )

    def test_known_client(self) -> None:
        with self.secure() as sock:
            sock.sendall(daemon.request('/environ'))
            self.assertIn(b'wsgi.url_scheme', daemon.read_answer(sock)[1])
            sock.sendall(daemon.request('/file?10,3000000'))
            body = daemon.read_answer(sock)[1]
        self.assertEqual(self.data[10:3000010], body)

    def test_unknown_clients(self) -> None:
        for name in ('', 'stranger'):
            with (
                self.subTest(name=name),
                self.assertRaises((ssl.SSLError, ConnectionError)),
                self.secure(name) as sock,
            ):
                sock.sendall(daemon.request('/hello'))
                daemon.read_answer(sock)

    def test_plain_http(self) -> None:
        with self.running.connect() as sock:
            sock.sendall(daemon.request('/hello'))
            try:
                answer = daemon.read_all(sock)
            except ConnectionError:
                answer = b''
        self.assertNotIn(b'hello', answer)

    def test_silent_client_stops_nobody_and_is_cut(self) -> None:
        silent = self.running.connect()
        self.addCleanup(silent.close)
        with self.secure() as sock:
            sock.sendall(daemon.request('/hello'))
            self.assertIn(b'hello', daemon.read_answer(sock)[1])
        self.assertEqual(b'', silent.recv(1))
