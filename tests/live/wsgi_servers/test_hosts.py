"""What is the same, and what is not, under other servers: doc/'s table."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
from typing import Any
import unittest

from tests import base
from tests.live import processes
from tests.live.wsgi_servers import hosts
from tests.live.wsgi_servers import service

MIB = 1024 * 1024
SECONDS = 120.0
CHUNKED = 'Transfer-Encoding: chunked'
OCTETS = 'Content-Type: application/octet-stream'
IDENTITY = tuple(
    f'{name}: {value}' for name, value in base.identity('alice').items()
)


class HostTestCase(service.Hosted):
    """Requests byte by byte."""

    def setUp(self) -> None:
        super().setUp()
        self.address = self.service.app._address

    def connect(self) -> socket.socket:
        sock = socket.create_connection(self.address)
        sock.settimeout(SECONDS)
        self.addCleanup(sock.close)
        return sock

    def ask(
        self, method: str, path: str, *headers: str, body: bytes = b''
    ) -> bytes:
        """Everything that comes back until the server closes."""
        sock = self.connect()
        self.send(sock, method, path, 'Connection: close', *headers)
        received = b''
        try:
            sock.sendall(body)
            while data := sock.recv(65536):
                received += data
        except ConnectionError:
            pass  # it has closed without reading the rest
        return received

    @staticmethod
    def send(sock: socket.socket, method: str, path: str, *more: str) -> None:
        secret = f'X-Glance-Shared-Secret: {base.SECRET}'
        lines = [f'{method} {path} HTTP/1.1', 'Host: localhost', secret]
        lines += [*IDENTITY, *more, '', '']
        sock.sendall('\r\n'.join(lines).encode())

    def assert_answer(self, status: int, received: bytes) -> None:
        self.assertEqual(b'%d' % status, received[9:12], received[:200])

    def put_chunks(self, body: bytes) -> tuple[bytes, dict[str, Any]]:
        image_id = self.image()
        path = f'/v2/images/{image_id}/file'
        received = self.ask('PUT', path, OCTETS, CHUNKED, body=body)
        return received, self.show(image_id)


class SharedTests:
    """What holds under every server."""

    def test_many_headers(self: Any) -> None:
        many = [f'x-image-meta-property-{i}: {i}' for i in range(300)]
        self.assert_answer(200, self.ask('GET', '/v2/images', *many))

    def test_long_header(self: Any) -> None:
        self.assert_answer(
            200, self.ask('GET', '/v2/images', f'X-Long: {"x" * 16000}')
        )

    def test_slashes_are_one(self: Any) -> None:
        for path in ('//v2/images', '/v2//images'):
            self.assert_answer(200, self.ask('GET', path))

    def test_large_chunk(self: Any) -> None:
        size = 8 * MIB
        body = b'%x\r\n' % size + bytes(size) + b'\r\n0\r\n\r\n'
        received, image = self.put_chunks(body)
        self.assert_answer(204, received)
        self.assertEqual(('active', size), (image['status'], image['size']))

    def test_chunk_that_is_longer_than_its_size(self: Any) -> None:
        received, image = self.put_chunks(b'2\r\nabc\r\n0\r\n\r\n')
        self.assert_answer(400, received)
        self.assertEqual('queued', image['status'])

    def test_other_transfer_encoding(self: Any) -> None:
        image_id = self.image()
        received = self.ask(
            'PUT',
            f'/v2/images/{image_id}/file',
            OCTETS,
            'Transfer-Encoding: gzip',
        )
        self.assert_answer(501, received)
        self.assertEqual('queued', self.show(image_id)['status'])

    def test_head_is_without_a_body(self: Any) -> None:
        received = self.ask('HEAD', f'/v2/images/{self.image()}')
        self.assert_answer(200, received)
        self.assertTrue(received.endswith(b'\r\n\r\n'), received)

    def test_data_that_is_lost_while_it_is_sent(self: Any) -> None:
        """A truncated response is never mistaken for a complete one."""
        size = 64 * MIB
        image_id = self.image(data=bytes(size))
        sock = self.connect()
        self.send(sock, 'GET', f'/v2/images/{image_id}/file')
        received = len(sock.recv(1))
        os.truncate(self.service.images / image_id, size // 2)
        try:
            while data := sock.recv(1 << 20):
                received += len(data)
        except ConnectionError:
            pass
        self.assertLess(received, size)

    def test_client_that_hangs_up(self: Any) -> None:
        image_id = self.image(data=bytes(16 * MIB))
        sock = self.connect()
        self.send(sock, 'GET', f'/v2/images/{image_id}/file')
        sock.recv(1)
        sock.close()
        self.assertEqual(16 * MIB, len(self.data(image_id)))

    def test_stop_lets_a_download_finish(self: Any) -> None:
        pair = service.Pair(self.server, {}, {})
        self.addCleanup(pair.stop)
        pair.start()
        self.service = service.Service(pair)
        size = 32 * MIB
        image_id = self.image(data=bytes(size))
        response = self.call('GET', f'/v2/images/{image_id}/file')
        pair.api.process.signal(signal.SIGTERM)
        self.assertEqual(size, len(response.body))
        self.assertEqual(0, pair.api.process.wait(SECONDS))

    def test_wrong_configuration_ends_the_start(self: Any) -> None:
        directory = processes.private_directory()
        hosts.write_configuration(directory, 'glance-api', {'backlog': 0})
        port = processes.free_port()
        host = hosts.Host(self.server, 'glance-api', directory, port)
        host.start()
        self.addCleanup(host.stop)
        code = host.process.wait(SECONDS)
        self.assertEqual(self.failed_start_code, code)
        log = host.process.log.read_text()
        lines = re.findall('^ERROR: .*', log, re.MULTILINE)
        self.assertEqual(1, len(lines), log)
        self.assertIn('backlog', lines[0])
        self.assertFalse(processes.accepts(('127.0.0.1', port)))


class TestGunicorn(SharedTests, HostTestCase):
    server = 'gunicorn'
    failed_start_code = 3

    def test_malformed_chunk_size_is_refused(self) -> None:
        received, image = self.put_chunks(b'z\r\n')
        self.assert_answer(400, received)
        self.assertEqual('queued', image['status'])

    def test_expectation_is_met_at_once(self) -> None:
        sock = self.connect()
        path = f'/v2/images/{self.image(data=b"data")}/file'
        expect = ('Expect: 100-continue', 'Content-Length: 1')
        self.send(sock, 'PUT', path, OCTETS, *expect)
        self.assertTrue(sock.recv(1000).startswith(b'HTTP/1.1 100 '))

    def test_contradictory_lengths_are_refused(self) -> None:
        for headers in (
            ('Content-Length: 1', CHUNKED),
            ('Content-Length: 1', 'Content-Length: 2'),
            ('Content-Length: +1',),
        ):
            received = self.ask('GET', '/v2/images', *headers)
            self.assert_answer(400, received)


class TestUwsgi(SharedTests, HostTestCase):
    server = 'uwsgi'
    failed_start_code = 22

    def test_malformed_chunk_size_ends_the_body(self) -> None:
        """uWSGI takes it for zero; nothing tells the application."""
        received, image = self.put_chunks(b'1\r\na\r\nz\r\n')
        self.assert_answer(204, received)
        self.assertEqual(1, image['size'])

    def test_nothing_invites_the_body(self) -> None:
        image_id = self.image(data=b'data')
        expect = ('Expect: 100-continue', 'Content-Length: 1')
        path = f'/v2/images/{image_id}/file'
        self.assert_answer(409, self.ask('PUT', path, OCTETS, *expect))

    def test_length_and_chunks_are_refused(self) -> None:
        received = self.ask('GET', '/v2/images', 'Content-Length: 1', CHUNKED)
        self.assert_answer(400, received)

    def test_every_connection_is_closed(self) -> None:
        """So contradictory lengths can hide no second request."""
        sock = self.connect()
        self.send(sock, 'GET', '/v2/images', 'Content-Length: 0')
        received = b''
        while data := sock.recv(65536):
            received += data
        self.assert_answer(200, received)
        self.assertIn(b'Connection: close', received)


class TestModules(unittest.TestCase):
    """Under native threads nothing may be green."""

    def check(self, module: str, name: str, **options: object) -> None:
        directory = processes.private_directory()
        hosts.write_configuration(directory, name, options)
        text = (
            f'import sys, {module} as loaded\n'
            'assert callable(loaded.application)\n'
            'assert "eventlet" not in sys.modules\n'
            # oslo.middleware imports greenlet, for its health check.
            'hub = sys.modules.get("greenlet")\n'
            'assert hub is None or hub.getcurrent().parent is None\n'
        )
        environment = {**os.environ, 'OS_GLANCE_CONFIG_DIR': str(directory)}
        environment['PYTHONPATH'] = str(pathlib.Path(__file__).parents[3])
        done = subprocess.run(
            [sys.executable, '-c', text],
            env=environment,
            capture_output=True,
            text=True,
        )
        self.assertEqual(('', 0), (done.stderr, done.returncode))

    def test_api(self) -> None:
        store = str(processes.private_directory())
        self.check(
            'glance.wsgi.api',
            'glance-api',
            bind_host='127.0.0.1',
            **{'glance_store.filesystem_store_datadir': store},
        )

    def test_registry(self) -> None:
        self.check(
            'glance_registry.wsgi',
            'glance-registry',
            bind_host='127.0.0.1',
            **{'database.connection': 'mysql+pymysql://nowhere/glance'},
        )
