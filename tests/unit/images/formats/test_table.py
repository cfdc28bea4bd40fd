"""What data is taken for."""

from typing import Any

from glance.images import formats
from tests import disks
from tests.unit.images.formats import inspecting

MIB = 1024 * 1024


class TestTable(inspecting.FormatsTestCase):
    """What a declared format accepts."""

    def test_what_it_is_declared_to_be(self) -> None:
        # covers 19.2-1
        for name, (data, size) in inspecting.GOOD.items():
            for piece_bytes in (MIB, 256 * 1024, 100_000):
                with self.subTest(name, piece_bytes=piece_bytes):
                    found = self.verdict(name, data, piece_bytes=piece_bytes)
                    self.assertEqual(size, found)

    def test_raw_is_as_large_as_its_data(self) -> None:
        for data in (
            b'',
            b'x',
            b'text\n' * 999,
            inspecting.RANDOM,
            bytes(3 * MIB),
        ):
            self.assertEqual(len(data), self.verdict('raw', data))
        for name, (data, _) in inspecting.GOOD.items():
            with self.subTest(name):
                self.assertEqual(len(data), self.verdict('raw', data))

    def test_formats_that_nobody_can_inspect(self) -> None:
        # covers 19.2-1
        for declared in ('ami', 'ari', 'aki', 'ploop'):
            self.assertIsNone(self.verdict(declared, inspecting.RANDOM))
            for name, (data, _) in inspecting.GOOD.items():
                with self.subTest(declared, name=name):
                    self.assert_refused(
                        f'disk_format is {declared}, but the data is {name}',
                        declared,
                        data,
                    )

    def test_another_format_is_named(self) -> None:
        # covers 25-11
        for declared in inspecting.GOOD:
            for name, (data, _) in inspecting.GOOD.items():
                if name != declared:
                    self.assert_refused(
                        f'is {declared}, but the data is {name}',
                        declared,
                        data,
                    )
            self.assert_refused(
                f'is {declared}, but the data is raw',
                declared,
                inspecting.RANDOM,
            )

    def test_iso_that_is_a_disk_too(self) -> None:
        both = disks.iso(50, head=disks.mbr(disks.PROTECTIVE)[:512])
        self.assertEqual(50 * 2048, self.verdict('iso', both))
        self.assertEqual(len(both), self.verdict('raw', both))
        self.assert_refused('but the data is iso', 'gpt', both)

    def test_its_partition_table_is_nobodys_business(self) -> None:
        odd = disks.mbr(disks.partition(0, boot=7))[:512]
        self.assertEqual(2048, self.verdict('iso', disks.iso(1, head=odd)))

    def test_several_formats_at_once(self) -> None:
        sector = bytearray(disks.qcow2()[:512])
        sector[510:512] = b'\x55\xaa'
        sector[446:510] = disks.PROTECTIVE.ljust(64, b'\0')
        both = bytes(sector).ljust(MIB, b'\0')
        iso = disks.iso(head=disks.qcow2()[:512])
        for declared in ('qcow2', 'gpt', 'iso', 'raw', 'ami'):
            self.assert_refused('several formats', declared, both)
            self.assert_refused('several formats', declared, iso)

    def test_without_must_match_only_the_size_is_missing(self) -> None:
        for declared in ('qcow2', 'ami', 'iso'):
            data = disks.vdi()
            self.assertIsNone(self.verdict(declared, data, must_match=False))
        self.assertIsNone(
            self.verdict('qcow2', inspecting.RANDOM, must_match=False)
        )
        both = disks.iso(head=disks.vdi()[:512])
        self.assertIsNone(self.verdict('raw', both, must_match=False))
        for name, (data, size) in inspecting.GOOD.items():
            found = self.verdict(name, data, must_match=False)
            self.assertEqual(size, found)

    def test_without_must_match_safety_still_counts(self) -> None:
        for declared in ('qcow2', 'raw', 'vmdk', 'ami'):
            self.assert_refused(
                'data_file',
                declared,
                disks.qcow2(features=4),
                must_match=False,
            )

    def test_boot_sector_needs_a_consistent_table(self) -> None:
        # covers 25-52
        good = disks.mbr(disks.partition(0x83, boot=0x80, start=2048))
        self.assertEqual(len(good), self.verdict('raw', good))
        bad = disks.mbr(disks.partition(0x83, boot=0x12))
        self.assert_refused('mbr', 'raw', bad)

    def test_a_container_is_not_looked_into(self) -> None:
        # covers 19.2-4
        for container in ('ova', 'ovf', 'docker', 'compressed', 'ami'):
            image: Any = {'container_format': container, 'disk_format': 'raw'}
            self.assertIsNone(formats.inspection(inspecting.RULES, image))
