"""Uploads of data that is unsafe or does not have the declared format."""

import hashlib
from typing import Any

import webob

from glance_registry.db import models
from tests import base
from tests import disks

MIB = 1024 * 1024


class FormatsTestCase(base.ServiceTestCase):
    def put_data(self, image_id: str, data: bytes) -> webob.Response:
        """Upload data in chunks, as from a network."""
        pieces = (
            data[start : start + 65_537]
            for start in range(0, len(data), 65_537)
        )
        return self.put(image_id, base.Source(*pieces))

    def assert_refused(
        self, image_id: str, data: bytes, why: str, status: int = 415
    ) -> None:
        """Check that an upload is refused and does not change the image."""
        before = self.show(image_id)
        response = self.put_data(image_id, data)
        self.assert_status(status, response)
        self.assertIn(why, response.text)
        after = self.show(image_id)
        for changing in ('updated_at', 'os_glance_failed_reason'):
            before.pop(changing, None), after.pop(changing)
        self.assertEqual('queued', after['status'])
        self.assertEqual(before, after)
        self.assertEqual([], self.files())
        for table in (models.image_locations, models.image_transfers):
            rows = self.service.database.read(
                lambda connection, table=table: connection.execute(
                    table.select()
                ).all()
            )
            self.assertEqual([], rows)
        self.assert_status(
            204, self.call('GET', f'/v2/images/{image_id}/file')
        )


class TestUpload(FormatsTestCase):
    def test_virtual_size_is_in_the_header(self) -> None:
        # covers 19.2-2
        image_id = self.image(disk_format='qcow2')
        data = disks.qcow2(20 * MIB)
        self.assert_status(204, self.put_data(image_id, data))
        image = self.show(image_id)
        self.assertEqual('active', image['status'])
        self.assertEqual(20 * MIB, image['virtual_size'])
        self.assertEqual(len(data), image['size'])
        self.assertEqual(data, self.data(image_id))

    def test_raw_is_as_large_as_its_data(self) -> None:
        # covers 19.2-1..2
        image_id = self.image()
        self.assert_status(204, self.put_data(image_id, b'x' * 12_345))
        self.assertEqual(12_345, self.show(image_id)['virtual_size'])

    def test_what_nobody_inspects_has_no_virtual_size(self) -> None:
        # covers 19.2-2
        for values in (
            {'disk_format': 'ami'},
            {'container_format': 'ova'},
            {'container_format': 'docker', 'disk_format': 'qcow2'},
        ):
            image_id = self.image(data=b'anything', **values)
            self.assertIsNone(self.show(image_id)['virtual_size'])

    def test_mismatch_leaves_nothing(self) -> None:
        # covers 8.1-14, 19.2-1, 25-11, 25-13
        image_id = self.image(disk_format='qcow2')
        self.assert_refused(
            image_id,
            disks.vmdk() + bytes(3 * MIB),
            'disk_format is qcow2, but the data is vmdk',
        )
        self.assert_refused(image_id, b'text', 'but the data is raw')
        self.assert_status(204, self.put_data(image_id, disks.qcow2()))
        image = self.show(image_id)
        self.assertEqual('active', image['status'])
        self.assertEqual(MIB, image['virtual_size'])

    def test_ossa_2024_001_raw_with_a_data_file(self) -> None:
        # covers 19.2-3
        self.assert_refused(self.image(), disks.qcow2(features=4), 'data_file')

    def test_ossa_2015_014_backing_file(self) -> None:
        # covers 19.2-3
        self.assert_refused(
            self.image(disk_format='qcow2'),
            disks.qcow2(backing_offset=512),
            'backing_file',
        )

    def test_ossa_2023_002_flat_vmdk(self) -> None:
        flat = disks.descriptor('monolithicFlat', 'RW 1 FLAT "/etc/shadow" 0')
        self.assert_refused(
            self.image(disk_format='vmdk'), flat.encode(), 'in other files'
        )

    def test_boot_sector_with_a_wrong_table(self) -> None:
        # covers 25-52
        image_id = self.image()
        bad = disks.mbr(disks.partition(0x83, boot=7))
        self.assert_refused(image_id, bad, 'invalid boot flag')
        good = disks.mbr(disks.partition(0x83, start=2048))
        self.assert_status(204, self.put_data(image_id, good))

    def test_the_format_counts_that_the_image_has_when_bytes_come(
        self,
    ) -> None:
        image_id = self.image(disk_format='vdi')
        change = {'op': 'replace', 'path': '/disk_format', 'value': 'qcow2'}
        self.assert_status(200, self.patch(image_id, change))
        self.assert_refused(image_id, disks.vdi(), 'is qcow2, but')
        self.assert_status(204, self.put_data(image_id, disks.qcow2()))

    def test_checksum_is_filled(self) -> None:
        # covers 25-10
        data = disks.vdi()
        image_id = self.image(disk_format='vdi', data=data)
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self.assertEqual(md5, self.show(image_id)['checksum'])


class TestOptions(FormatsTestCase):
    api_options = {
        'image_format.require_image_format_match': False,
        'image_format.vmdk_allowed_types': ['streamOptimized'],
        'image_format.gpt_safety_checks_nonfatal': ['mbr'],
        'image_format.disk_formats': ['raw', 'qcow2', 'vmdk', 'gpt', 'luks'],
        'image_format.container_formats': ['bare', 'None'],
    }

    def test_mismatch_only_loses_the_virtual_size(self) -> None:
        # covers 19.2-1
        image_id = self.image(disk_format='qcow2', data=disks.vdi())
        image = self.show(image_id)
        self.assertEqual('active', image['status'])
        self.assertIsNone(image['virtual_size'])

    def test_unsafe_data_is_refused_all_the_same(self) -> None:
        # covers 19.2-3
        image_id = self.image(disk_format='qcow2')
        self.assert_refused(image_id, disks.qed(), 'qed')

    def test_kinds_of_vmdk(self) -> None:
        image_id = self.image(disk_format='vmdk')
        self.assert_refused(image_id, disks.vmdk(), 'vmdk_allowed_types')
        data = disks.stream_vmdk(grains=2 * MIB)
        self.assert_status(204, self.put_data(image_id, data))

    def test_checks_that_only_warn(self) -> None:
        data = disks.mbr(disks.partition(0x83, boot=7))
        image_id = self.image(disk_format='gpt', data=data)
        self.assertEqual(len(data), self.show(image_id)['virtual_size'])

    def test_luks_is_as_large_as_what_follows_its_header(self) -> None:
        data = disks.luks(payload_sectors=8, size=3 * MIB)
        image_id = self.image(disk_format='luks', data=data)
        size = self.show(image_id)['virtual_size']
        self.assertEqual(3 * MIB - 8 * 512, size)

    def test_kind_of_vmdk_that_is_never_accepted(self) -> None:
        flat = {'image_format.vmdk_allowed_types': ['monolithicFlat']}
        with self.assertLogs('glance.api.parts', 'WARNING') as logs:
            service = base.Service(base.temporary_directory(self), flat)
        self.addCleanup(service.close)
        self.assertIn('monolithicflat', logs.output[0])

    def test_lists_are_the_schema(self) -> None:
        # covers 19.1-1, 17.2-3
        schema = self.call('GET', '/v2/schemas/image').json['properties']
        self.assertEqual(
            [None, 'raw', 'qcow2', 'vmdk', 'gpt', 'luks'],
            schema['disk_format']['enum'],
        )
        self.assertEqual([None, 'bare'], schema['container_format']['enum'])
        for values, status in (
            ({'disk_format': 'luks'}, 201),
            ({'disk_format': 'iso'}, 400),
            ({'disk_format': 'RAW'}, 400),
            ({'container_format': 'ova'}, 400),
            ({'container_format': 'None'}, 400),
            ({'container_format': None}, 201),
        ):
            body: Any = values
            response = self.call('POST', '/v2/images', body)
            self.assertEqual(status, response.status_int, values)


class TestKnown(FormatsTestCase):
    """Images that have a size and hashes before their data."""

    def know(self, image_id: str, **values: Any) -> None:
        """Set values in the row, as API v1 and older releases do."""
        self.service.database.write(
            lambda connection: connection.execute(
                models.images.update()
                .where(models.images.c.id == image_id)
                .values(**values)
            )
        )

    def test_data_that_differs_is_refused(self) -> None:
        # covers 19.3-3
        for name, value in (
            ('size', 5),
            ('checksum', '0' * 32),
            ('os_hash_value', '0' * 128),
        ):
            image_id = self.image()
            self.know(image_id, **{name: value})
            response = self.put_data(image_id, b'data')
            self.assert_status(400, response)
            self.assertIn(name, response.text)
            self.assertEqual('queued', self.show(image_id)['status'])
            self.assertEqual([], self.files())

    def test_data_that_does_not_is_taken(self) -> None:
        # covers 19.3-3
        image_id = self.image()
        self.know(
            image_id,
            size=4,
            checksum=hashlib.md5(b'data', usedforsecurity=False).hexdigest(),
            os_hash_algo='sha256',
            os_hash_value=hashlib.sha256(b'data').hexdigest(),
        )
        self.assert_status(204, self.put_data(image_id, b'data'))
        image = self.show(image_id)
        self.assertEqual('sha256', image['os_hash_algo'])
        digest = hashlib.sha256(b'data').hexdigest()
        self.assertEqual(digest, image['os_hash_value'])

    def test_algorithm_that_is_unknown_here(self) -> None:
        for name in ('sha9000', 'shake_128'):
            image_id = self.image()
            self.know(image_id, os_hash_algo=name)
            response = self.put_data(image_id, b'data')
            self.assert_status(409, response)
            self.assertEqual('queued', self.show(image_id)['status'])
