"""Staging, import and tasks with the clients people use, through Keystone."""

from typing import Any
import unittest

from tests.live import clients
from tests.live import cloud
from tests.live import inputs
from tests.live import processes

SECONDS = 60


class Imports(cloud.Cloud, unittest.TestCase):
    """alice is in p1; admin is an administrator."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.staging = processes.private_directory() / 'staging'
        cls.options = {'node_staging_uri': cls.staging.as_uri()}
        super().setUpClass()
        cls.alice = cls.people['alice']
        cls.data = inputs.raw(1 << 20)

    def _made(self) -> str:
        """A new image of alice; its id."""
        fields = {'disk_format': 'raw', 'container_format': 'bare'}
        image = self.sdk['alice'].image.post(
            '/images', json={'name': self._name(), **fields}, raise_exc=True
        )
        return str(image.json()['id'])

    def _wait(self, image_id: str) -> Any:
        """The image, once it is active."""
        image = self.sdk['alice'].image
        processes.wait_until(
            lambda: image.get_image(image_id).status == 'active',
            SECONDS,
            f'image {image_id} is active',
        )
        return image.get_image(image_id)

    def _assert_imported(self, image_id: str) -> None:
        found = self._wait(image_id)
        self.assertEqual(self.data.size, found.size)
        processes.wait_until(
            lambda: not (self.staging / image_id).exists(),
            SECONDS,
            'the staged file is gone',
        )

    def test_glance_create_via_import(self) -> None:
        said = self.alice.run(
            'glance',
            *('image-create-via-import', '--name', self._name()),
            *('--disk-format', 'raw', '--container-format', 'bare'),
            *('--file', self.data.path),
            terminal=True,
        )
        image = {row['Property']: row['Value'] for row in clients.table(said)}
        self._assert_imported(image['id'])

    def test_glance_stage_and_import(self) -> None:
        image_id = self._made()
        self.alice.run(
            'glance', 'image-stage', '--file', self.data.path, image_id
        )
        self.alice.run(
            'glance',
            'image-import',
            '--import-method',
            'glance-direct',
            image_id,
        )
        self._assert_imported(image_id)
        said = self.alice.run('glance', 'import-info')
        self.assertIn('web-download', said)
        admin = self.people['admin']
        listed = admin.glance('task-list')
        shown = admin.glance_one('task-show', listed[0]['ID'])
        self.assertEqual('api_image_import', shown['type'])

    def test_openstack_stage_import_and_tasks(self) -> None:
        made = self.alice.openstack(
            *('image', 'create', self._name(), '--disk-format', 'raw'),
            *('--container-format', 'bare', '--import'),
            *('--file', self.data.path),
        )
        self._assert_imported(made['id'])
        admin = self.people['admin']
        tasks = admin.openstack('image', 'task', 'list')
        self.assertIn('success', {task['Status'] for task in tasks})
        shown = admin.openstack('image', 'task', 'show', tasks[0]['ID'])
        self.assertEqual(tasks[0]['ID'], shown['id'])

    def test_openstacksdk(self) -> None:
        image = self.sdk['alice'].image.create_image(
            self._name(),
            filename=str(self.data.path),
            disk_format='raw',
            container_format='bare',
            use_import=True,
            wait=True,
            timeout=SECONDS,
        )
        self._assert_imported(image.id)

    def test_what_the_service_refuses(self) -> None:
        image_id = self._made()
        with self.assertRaises(clients.Failed) as caught:
            self.alice.run(
                *('glance', 'image-import', image_id),
                *('--import-method', 'web-download'),
                *('--uri', 'http://169.254.169.254/latest'),
            )
        self.assertIn('400', str(caught.exception))
        self.assertIn('not permitted', str(caught.exception))
