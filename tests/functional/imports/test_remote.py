"""glance-download: images from the image service of another region."""

import hashlib
import json
import re
from typing import Any
from unittest import mock
import uuid

from glance.tasks import engine
from glance.tasks import image_import
from tests import webserver
from tests.functional.imports import importing
from tests.functional.imports import test_page

DATA = importing.DATA
TOKEN = 'token-of-alice'
REMOTE_ID = str(uuid.uuid4())


class RemoteTestCase(importing.ImportTestCase):
    INTERFACE = 'glance_service_interface'
    options = {
        'enabled_import_methods': ['glance-download'],
        'import_downloads.tries': 1,
        'glance_download_properties.extra_properties': ['hw_', 'os_', 'self'],
    }

    def setUp(self) -> None:
        super().setUp()
        self.document: dict[str, Any] = {
            'id': REMOTE_ID,
            'status': 'active',
            'name': 'noble',
            'disk_format': 'raw',
            'container_format': 'bare',
            'min_disk': 3,
            'min_ram': 512,
            'size': len(DATA),
            'os_hash_algo': 'sha512',
            'os_hash_value': hashlib.sha512(DATA).hexdigest(),
            'os_hidden': False,
            'os_type': 'linux',
            'os_glance_import_task': 'not ours',
            'hw_disk_bus': 'virtio',
            'color': 'red',
            'self': '/v2/images/x',
        }
        self.path = f'/v2/images/{REMOTE_ID}'
        self.web.answers[self.path] = lambda handler: handler.reply(
            200, json.dumps(self.document).encode()
        )
        self.web.data[f'{self.path}/file'] = DATA
        self.catalogue: Any = [
            {'type': 'identity', 'endpoints': [{'region': 'two'}]},
            {
                'type': 'image',
                'endpoints': [
                    {'region': 'one', 'publicURL': 'http://127.0.0.1:1'},
                    {
                        'region': 'two',
                        'publicURL': 'http://169.254.169.254',
                        'internalURL': self.web.url('/'),
                    },
                ],
            },
        ]

    def download(
        self,
        image_id: str,
        region: str = 'two',
        interface: str | None = 'internal',
        headers: dict[str, str] | None = None,
    ) -> Any:
        method: dict[str, Any] = {
            'name': 'glance-download',
            'glance_region': region,
            'glance_image_id': REMOTE_ID,
        }
        if interface is not None:
            method[self.INTERFACE] = interface
        if headers is None:
            headers = {
                'X-Auth-Token': TOKEN,
                'X-Service-Catalog': json.dumps(self.catalogue),
            }
        return self.post(image_id, method, headers=headers)

    def fails(self, reason: str) -> None:
        image_id = self.image()
        self.assert_status(202, self.download(image_id))
        self.assert_failed(image_id, reason)


class TestRemote(RemoteTestCase):
    # covers 9-1, 9-2
    def test_data_and_metadata_come_along(self) -> None:
        image_id = self.image(disk_format='iso', container_format='ovf')
        self.assert_status(202, self.download(image_id))
        self.assert_imported(image_id)
        image = self.show(image_id)
        self.assertEqual(
            ('noble', 'raw', 'bare', 3, 512, 'virtio', 'linux'),
            tuple(
                image[name]
                for name in ('name', 'disk_format', 'container_format')
                + ('min_disk', 'min_ram', 'hw_disk_bus', 'os_type')
            ),
        )
        self.assertNotIn('color', image)
        self.assertEqual(f'/v2/images/{image_id}', image['self'])
        tokens = {sent['X-Auth-Token'] for _, _, sent in self.web.requests}
        self.assertEqual({TOKEN}, tokens)
        self.assertNotIn(TOKEN, str(self.task(image_id)))

    def test_the_body_of_the_page(self) -> None:
        bodies = re.findall(
            r'```json\n(.*?)```', test_page.PAGE.read_text(), re.DOTALL
        )
        (body,) = (each for each in bodies if 'glance-download' in each)
        method = json.loads(body)['method']
        self.assertEqual(
            {'name', 'glance_region', 'glance_image_id', self.INTERFACE},
            method.keys(),
        )
        image_id = self.image()
        self.assert_status(
            202, self.download(image_id, interface=method[self.INTERFACE])
        )
        self.assert_imported(image_id)

    def test_own_values_stay(self) -> None:
        image_id = self.image(name='mine', min_disk=9)
        self.download(image_id)
        image = self.show(image_id)
        self.assertEqual(('mine', 9), (image['name'], image['min_disk']))

    def test_a_catalogue_of_keystone_v3(self) -> None:
        endpoint = {'region_id': 'two', 'interface': 'public'}
        endpoint['url'] = self.web.url('/v2')
        self.catalogue = [{'type': 'image', 'endpoints': [endpoint]}]
        image_id = self.image()
        self.assert_status(202, self.download(image_id, interface=None))
        self.assert_imported(image_id)

    # covers 9-3
    def test_where_there_is_no_service(self) -> None:
        image_id = self.image()
        for response in (
            self.download(image_id, region='three'),
            self.download(image_id, interface='admin'),
            self.download(image_id, headers={'X-Auth-Token': TOKEN}),
            self.download(image_id, headers={'X-Service-Catalog': '[1]'}),
        ):
            self.assert_status(400, response)
            self.assertIn('catalogue', response.json['message'])
        self.assertEqual('queued', self.show(image_id)['status'])

    # covers 9-4
    def test_an_endpoint_that_may_not_be_asked(self) -> None:
        image_id = self.image()
        response = self.download(image_id, interface='public')
        self.assert_status(400, response)
        self.assertIn('import_filtering_opts', response.json['message'])

    def test_images_that_cannot_be_downloaded(self) -> None:
        self.document['status'] = 'queued'
        self.fails('is not active')
        self.document |= {'status': 'active', 'id': 'another'}
        self.fails('did not respond with an image')
        self.document |= {'id': REMOTE_ID, 'size': 5}
        self.fails('its image has 5')
        self.document |= {'size': None, 'os_hash_value': '0' * 128}
        self.fails('sha512')
        self.web.answers[self.path] = lambda handler: handler.reply(401, b'')
        self.fails('401')

    def test_no_redirect_takes_the_token_along(self) -> None:
        other = webserver.WebServer(self)
        self.service.conf.set_override(
            'allowed_ports',
            [str(self.web.port), str(other.port)],
            'import_filtering_opts',
        )
        self.app_again()
        other.data['/'] = b'{}'
        self.web.redirect(self.path, other.url('/'))
        self.fails('did not respond with an image')
        ((_, _, sent),) = other.requests
        self.assertNotIn('X-Auth-Token', sent)


class TestInterrupted(RemoteTestCase):
    def test_another_worker_does_not_know_the_token(self) -> None:
        other, image_id = self.engine(), self.image()
        with mock.patch.object(
            image_import.Importer, 'run', lambda _importer, _job: None
        ):
            self.app_again()
            self.assert_status(202, self.download(image_id))
        self.assertEqual([], self.lapse())
        other.wake()
        self.assert_failed(image_id, 'needs the token of the caller')

    def test_no_other_worker_begins(self) -> None:
        other, image_id = self.engine(), self.image()
        with mock.patch.object(engine.Engine, 'wake'):
            self.assert_status(202, self.download(image_id))
        other.wake()
        self.assertEqual('pending', self.task(image_id)['status'])
        self.assertEqual([image_id], self.lapse())
        self.assert_failed(image_id, 'needs the token of the caller')
