"""A registry that only glance-api can ask."""

import shutil
import unittest

from tests import certificates
from tests.live import daemons
from tests.live import processes
from tests.live.wire_faults import service


class Hidden(daemons.Glance):
    def wait_until_healthy(self) -> None:
        processes.wait_until(
            lambda: (
                self.request('GET', '/v2/images')[0] == 200
                if processes.answers(f'{self.api_url}/healthcheck')
                else False
            ),
            daemons.START_SECONDS,
            'glance-api with its registry',
            self.api,
        )


class HiddenRegistry(service.Service):
    def assert_works(self) -> None:
        image_id = self.glance.create(name='x')
        self.assertEqual(204, self.upload(image_id, b'data' * service.MIB))
        status, _, body = self.glance.request(
            'GET', f'/v2/images/{image_id}/file'
        )
        self.assertEqual((200, 4 * service.MIB), (status, len(body)))
        self.glance.registry.kill()
        self.assertEqual(503, self.call('GET', f'/v2/images/{image_id}'))
        self.glance.start_registry()
        self.assertEqual(204, self.call('DELETE', f'/v2/images/{image_id}'))


class UnixSocket(HiddenRegistry):
    def test_everything(self) -> None:
        directory = processes.private_directory()
        path = directory / 'socket'
        self.serve(
            Hidden(
                api={'DEFAULT': {'registry_socket': path}},
                registry={'DEFAULT': {'bind_socket': path}},
            )
        )
        self.assert_works()


class ClientCertificates(HiddenRegistry):
    @classmethod
    def setUpClass(cls) -> None:
        if shutil.which('openssl') is None:
            raise unittest.SkipTest('no openssl')
        directory = processes.private_directory()
        certificates.make(directory)
        glance = Hidden(
            api={
                'DEFAULT': {
                    'registry_host': 'localhost',
                    'registry_client_protocol': 'https',
                    'registry_client_ca_file': directory / 'ca.crt',
                    'registry_client_cert_file': directory / 'client.crt',
                    'registry_client_key_file': directory / 'client.key',
                }
            },
            registry={
                'DEFAULT': {
                    'cert_file': directory / 'server.crt',
                    'key_file': directory / 'server.key',
                    'ca_file': directory / 'ca.crt',
                }
            },
        )
        cls.certificates = directory
        cls.serve(glance)

    def test_everything(self) -> None:
        self.assert_works()

    def test_another_certificate(self) -> None:
        for name, value in (
            ('registry_client_cert_file', 'stranger.crt'),
            ('registry_client_ca_file', 'stranger.crt'),
            ('registry_host', '127.0.0.1'),  # not what it is issued to
        ):
            stranger = daemons.Glance(workers=1)
            text = (self.glance.directory / 'glance-api.conf').read_text()
            config = stranger.directory / 'glance-api.conf'
            port = int(stranger.api_url.rpartition(':')[2])
            config.write_text(text)
            settings = {'bind_port': port, 'workers': 1, name: value}
            if '.' in value and value.endswith('crt'):
                settings[name] = self.certificates / value
            if name == 'registry_client_cert_file':
                key = self.certificates / 'stranger.key'
                settings['registry_client_key_file'] = key
            stranger.configure('glance-api', settings)
            self.addCleanup(stranger.stop)
            stranger.api.start()
            processes.wait_until(
                lambda url=stranger.api_url: processes.answers(
                    f'{url}/healthcheck'
                ),
                service.SETTLE_SECONDS,
                'glance-api',
                stranger.api,
            )
            status, _, _ = stranger.request('GET', '/v2/images')
            self.assertEqual(503, status, name)
