"""Imports into several stores, and from another region, with real clients."""

import json
from typing import Any, ClassVar
import unittest

from tests import webserver
from tests.live import clients
from tests.live import cloud
from tests.live import daemons
from tests.live import inputs
from tests.live import keystone
from tests.live import processes
from tests.live import servers

SECONDS = 60
STORES = ('fast', 'cheap')


class Stores(cloud.Cloud, unittest.TestCase):
    """alice is in p1; admin is an administrator."""

    other: ClassVar[Any]

    @classmethod
    def setUpClass(cls) -> None:
        cls.stored = processes.private_directory()
        cls.web = webserver.WebServer(Cleanups(cls))
        cls.data = inputs.raw(1 << 20)
        cls.web.data['/a'] = cls.data.path.read_bytes()
        cls.options = {
            'enabled_backends': 'fast:file, cheap:file, web:http',
            'enabled_import_methods': (
                '[glance-direct,web-download,copy-image,glance-download]'
            ),
        }
        cls.remote = _remote()
        cls.addClassCleanup(cls.remote.stop)
        cls.remote.start()
        cls.remote_region = keystone.register(
            servers.keystone(), cls.remote.api_url
        )
        remote_port = cls.remote.api_url.rpartition(':')[2]
        cls.sections = {
            'glance_store': {'default_backend': 'fast'},
            'import_filtering_opts': {
                'allowed_hosts': '127.0.0.1',
                'allowed_ports': f'{cls.web.port},{remote_port}',
            },
            **{
                name: {'filesystem_store_datadir': cls.stored / name}
                for name in (*STORES, *_RESERVED)
            },
        }
        super().setUpClass()
        cls.alice, cls.admin = cls.people['alice'], cls.people['admin']

    def _image(self, image_id: str) -> Any:
        return (
            self.sdk['alice']
            .image.get(f'/images/{image_id}', raise_exc=True)
            .json()
        )

    def _assert_imported(self, image_id: str, *stores: str) -> Any:
        """It becomes active with these stores, and nothing is left over."""
        processes.wait_until(
            lambda: (
                set(self._image(image_id).get('stores', '').split(','))
                == set(stores)
                and 'os_glance_import_task' not in self._image(image_id)
            ),
            SECONDS,
            f'image {image_id} is in {stores}',
        )
        image = self._image(image_id)
        self.assertEqual('active', image['status'])
        self.assertEqual('', image['os_glance_importing_to_stores'])
        data = self.web.data['/a']
        for store in stores:
            self.assertEqual(
                data, (self.stored / store / image_id).read_bytes()
            )
        staged = self.stored / _RESERVED[0] / image_id
        processes.wait_until(
            lambda: not staged.exists(), SECONDS, 'the staged file is gone'
        )
        return image

    def _glance_create(self, *words: object) -> str:
        made = self.alice.run(
            *('glance', 'image-create-via-import', '--name', self._name()),
            *('--disk-format', 'raw', '--container-format', 'bare', *words),
            terminal=True,
        )
        rows = {row['Property']: row['Value'] for row in clients.table(made)}
        return rows['id']

    def test_glance_creates_from_the_web_in_named_stores(self) -> None:
        image_id = self._glance_create(
            *('--import-method', 'web-download', '--stores', 'cheap,fast'),
            *('--uri', self.web.url('/a')),
        )
        self._assert_imported(image_id, *STORES)
        (task,) = self.alice.glance('image-tasks', image_id)
        self.assertEqual('success', task['Status'])
        self.admin.run('glance', 'stores-delete', '--store', 'fast', image_id)
        self._assert_imported(image_id, 'cheap')
        saved = self._file()
        self.alice.run(
            *('glance', 'image-download', '--prefer', 'fast,cheap'),
            *('--file', saved, image_id),
        )
        self.assertEqual(self.web.data['/a'], saved.read_bytes())
        self.admin.run(
            *('glance', 'image-import', '--import-method', 'copy-image'),
            *('--stores', 'fast', image_id),
        )
        self._assert_imported(image_id, *STORES)

    def test_glance_creates_from_a_file_in_all_stores(self) -> None:
        image_id = self._glance_create(
            *('--import-method', 'glance-direct', '--all-stores', 'True'),
            *('--file', self.data.path),
        )
        self._assert_imported(image_id, *STORES)
        detail = self.admin.run('glance', 'stores-info', '--detail')
        self.assertIn('data_dir', detail)

    def test_openstack_stages_and_imports(self) -> None:
        # Without a terminal it would upload its standard input.
        name = self._name()
        made = self.alice.run(
            *('openstack', 'image', 'create', '--disk-format', 'raw'),
            *('--container-format', 'bare', '-f', 'json', name),
            terminal=True,
        )
        image_id = json.loads(made)['id']
        self.alice.run(
            'openstack', 'image', 'stage', '--file', self.data.path, name
        )
        self.assertEqual('uploading', self._image(image_id)['status'])
        said = self.alice.openstack(
            *('image', 'import', name, '--method', 'glance-direct'),
            *('--store', 'cheap'),
        )
        self.assertEqual(image_id, said['id'])
        self._assert_imported(image_id, 'cheap')
        self.admin.openstack(
            *('image', 'import', '--method', 'copy-image', '--all-stores'),
            image_id,
        )
        self._assert_imported(image_id, *STORES)
        info = self.alice.openstack('image', 'import', 'info')
        self.assertIn('copy-image', str(info))

    def test_openstacksdk_imports(self) -> None:
        image_client = self.sdk['alice'].image
        fields = {'disk_format': 'raw', 'container_format': 'bare'}
        image = image_client.create_image(
            self._name(), **fields, wait=False, validate_checksum=False
        )
        image_client.stage_image(image, filename=str(self.data.path))
        image_client.import_image(image, stores=list(STORES))
        self._assert_imported(image.id, *STORES)
        image = image_client.create_image(
            self._name(), **fields, wait=False, validate_checksum=False
        )
        image_client.import_image(
            image,
            method='web-download',
            uri=self.web.url('/a'),
            all_stores=True,
            all_stores_must_succeed=False,
        )
        self._assert_imported(image.id, *STORES)

    def test_an_image_of_another_region(self) -> None:
        other = keystone.connect(
            servers.keystone(), 'alice', self.remote_region
        ).image
        original = other.create_image(
            self._name(),
            filename=str(self.data.path),
            disk_format='raw',
            container_format='bare',
            hw_disk_bus='virtio',
            color='red',
        )
        image_id = self._glance_create(
            *('--import-method', 'glance-download'),
            *('--remote-region', self.remote_region),
            *('--remote-image-id', original.id),
            *('--remote-service-interface', 'internal'),
        )
        image = self._assert_imported(image_id, 'fast')
        self.assertEqual(
            other.get_image(original.id).hash_value, image['os_hash_value']
        )
        self.assertEqual('virtio', image['hw_disk_bus'])
        self.assertNotIn('color', image)
        name = self._name()
        made = (
            self.sdk['bob']
            .image.post(
                '/images',
                json={
                    'name': name,
                    'disk_format': 'raw',
                    'container_format': 'bare',
                },
            )
            .json()
        )
        refused = self.sdk['bob'].image
        refused.post(
            f'/images/{made["id"]}/import',
            json={
                'method': {
                    'name': 'glance-download',
                    'glance_region': self.remote_region,
                    'glance_image_id': original.id,
                }
            },
            raise_exc=True,
        )
        url = f'/images/{made["id"]}'
        processes.wait_until(
            lambda: 'os_glance_failed_reason' in refused.get(url).json(),
            SECONDS,
            'bob, who may not see the original, gets nothing',
        )
        image = refused.get(url).json()
        self.assertEqual('queued', image['status'])
        self.assertIn('404', image['os_glance_failed_reason'])


_RESERVED = ('os_glance_staging_store', 'os_glance_tasks_store')


def _remote() -> daemons.Glance:
    """The image service of another region, of the same Keystone."""
    return daemons.with_keystone('keystone', workers=1)


class Cleanups:
    """Lets a class be cleaned up as a test is."""

    def __init__(self, owner: type[unittest.TestCase]) -> None:
        self._owner = owner

    def addCleanup(self, *args: Any) -> None:  # noqa: N802 - unittest's
        self._owner.addClassCleanup(*args)
