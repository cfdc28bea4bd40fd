"""Import plug-ins that also run on plain uploads."""

import gzip
import hashlib
import os
import pathlib
import subprocess
from typing import Any
import unittest

from glance.images.importing import qemu_img
from tests import base
from tests import disks

DATA = bytes(range(256)) * 4096


class TestDecompression(base.ServiceTestCase):
    api_options = {
        'image_import_opts.image_import_plugins': [
            'image_decompression',
            'inject_image_metadata',
        ],
        'image_import_opts.plugins_on_upload': True,
        'inject_metadata_properties.inject': {'imported': 'yes'},
        'image_size_cap': 2 * len(DATA),
    }

    def test_packed_data_is_stored_unpacked(self) -> None:
        packed = gzip.compress(DATA)
        for announced in (len(packed), None):
            image_id = self.image()
            response = self.put(
                image_id, base.Source(packed), length=announced
            )
            self.assert_status(204, response)
            self.assertEqual(DATA, self.data(image_id))
            image = self.show(image_id)
            self.assertEqual(len(DATA), image['size'])
            self.assertEqual(
                hashlib.sha512(DATA).hexdigest(), image['os_hash_value']
            )
            self.assertEqual(
                f'sha256:{hashlib.sha256(packed).hexdigest()}',
                image['os_glance_source_hash'],
            )
            self.assertEqual('yes', image['imported'])

    def test_plain_data_and_ignored_roles(self) -> None:
        image_id = self.image(data=DATA, caller='admin')
        image = self.show(image_id, 'admin')
        self.assertEqual(DATA, self.data(image_id, 'admin'))
        self.assertNotIn('imported', image)
        self.assertNotIn('os_glance_source_hash', image)

    def refused(self, status: int, data: bytes, reason: str) -> None:
        image_id = self.image()
        response = self.put(image_id, base.Source(data))
        self.assert_status(status, response)
        self.assertIn(reason, response.text)
        image = self.show(image_id)
        self.assertEqual('queued', image['status'])
        self.assertIn(reason, image['os_glance_failed_reason'])
        self.assertEqual([], self.files())

    def test_damaged_data_is_refused(self) -> None:
        self.refused(400, gzip.compress(DATA)[:500], 'cannot be unpacked')

    def test_a_bomb_is_refused(self) -> None:
        bomb = gzip.compress(bytes(3 * len(DATA)))
        self.refused(413, bomb, 'image_size_cap')

    def test_a_body_that_is_not_as_announced_is_refused(self) -> None:
        image_id = self.image()
        packed = gzip.compress(DATA)
        response = self.put(
            image_id,
            base.Source(packed),
            headers={'x-openstack-image-size': str(len(packed) + 1)},
        )
        self.assert_status(400, response)
        self.assertEqual([], self.files())


@unittest.skipIf(qemu_img.is_missing(), 'qemu-img is not installed')
class TestConversion(base.ServiceTestCase):
    def setUp(self) -> None:
        self.scratch = pathlib.Path(base.temporary_directory(self), 'staging')
        self.api_options: dict[str, Any] = {
            'image_import_opts.image_import_plugins': ['image_conversion'],
            'image_import_opts.plugins_on_upload': True,
            'node_staging_uri': self.scratch.as_uri(),
        }
        super().setUp()

    def test_a_disk_is_stored_converted(self) -> None:
        raw, made = f'{self.directory}/raw', f'{self.directory}/made'
        pathlib.Path(raw).write_bytes(DATA)
        command = ['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2']
        subprocess.run([*command, raw, made], check=True)
        image_id = self.image(disk_format='qcow2')
        self.upload(image_id, pathlib.Path(made).read_bytes())
        image = self.show(image_id)
        self.assertEqual(
            ('raw', 'bare', len(DATA), len(DATA), 'active'),
            (
                image['disk_format'],
                image['container_format'],
                image['size'],
                image['virtual_size'],
                image['status'],
            ),
        )
        self.assertEqual(DATA, self.data(image_id))
        self.assertEqual([], os.listdir(self.scratch))

    def test_unsafe_data_is_refused(self) -> None:
        image_id = self.image(disk_format='qcow2')
        unsafe = disks.qcow2(backing_offset=512)
        response = self.put(image_id, base.Source(unsafe))
        self.assert_status(415, response)
        self.assertEqual('queued', self.show(image_id)['status'])
        self.assertEqual([], self.files())
        self.assertEqual([], os.listdir(self.scratch))
