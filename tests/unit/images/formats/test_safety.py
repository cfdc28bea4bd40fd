"""Data that is refused whatever it is declared to be (section 19.2)."""

from tests import disks
from tests.unit.images.formats import inspecting

MIB = 1024 * 1024


class TestSafety(inspecting.FormatsTestCase):
    # covers 19.2-3

    def assert_unsafe(self, why: str, name: str, data: bytes) -> None:
        for declared in (name, 'raw'):
            for must_match in (True, False):
                self.assert_refused(why, declared, data, must_match=must_match)

    def test_ossa_2015_014_qcow2_with_a_backing_file(self) -> None:
        for offset in (0x70, 512):
            data = disks.qcow2(backing_offset=offset)
            self.assert_unsafe('backing_file', 'qcow2', data)

    def test_ossa_2024_001_qcow2_with_a_data_file(self) -> None:
        self.assert_unsafe('data_file', 'qcow2', disks.qcow2(features=4))

    def test_qcow2_of_unknown_features_or_version(self) -> None:
        for bit in (4, 5, 8, 33, 63):
            data = disks.qcow2(features=1 << bit)
            self.assert_unsafe('unknown_features', 'qcow2', data)
        for version in (0, 1, 4):
            data = disks.qcow2(version=version)
            self.assert_unsafe('version', 'qcow2', data)
        self.assertEqual(MIB, self.verdict('qcow2', disks.qcow2(version=2)))
        self.assertEqual(MIB, self.verdict('qcow2', disks.qcow2(features=1)))

    def test_qed_always(self) -> None:
        self.assert_unsafe('not allowed', 'qed', disks.qed())

    def test_luks_of_another_version(self) -> None:
        self.assert_unsafe('version', 'luks', disks.luks(2))

    def test_luks_without_room_for_its_header(self) -> None:
        short = disks.luks(payload_sectors=99, size=8192)
        self.assert_refused('virtual size', 'luks', short)
        self.assertIsNone(self.verdict('luks', short, must_match=False))

    def test_mbr_inconsistencies(self) -> None:
        linux = disks.partition(0x83, start=2048)
        for why, table in (
            ('no partitions', []),
            ('boot flag', [linux, disks.partition(0, boot=1)]),
            ('start CHS', [disks.partition(0xEE, chs=b'\0\1\0')]),
            ('start LBA', [disks.partition(0xEE, start=2)]),
            ('extra partitions', [disks.PROTECTIVE, linux]),
        ):
            data = disks.mbr(*table)
            with self.subTest(why):
                self.assert_unsafe(why, 'gpt', data)
                for declared in ('raw', 'gpt'):
                    self.assertEqual(
                        len(data),
                        self.verdict(
                            declared, data, nonfatal_gpt_checks=['mbr']
                        ),
                    )

    def test_nonfatal_checks_are_those_of_partition_tables(self) -> None:
        for check in ('backing_file', 'format'):
            self.assert_refused(
                'backing_file',
                'qcow2',
                disks.qcow2(backing_offset=1),
                nonfatal_gpt_checks=[check],
            )

    def test_fat_is_no_partition_table(self) -> None:
        self.assertEqual(MIB, self.verdict('raw', disks.fat()))

    def test_head_that_ends_too_early(self) -> None:
        for name, length in (('vhd', 100), ('luks', 200), ('vmdk', 50)):
            data = inspecting.GOOD[name][0][:length]
            self.assert_unsafe('Incomplete', name, data)
        self.assert_unsafe('Incomplete', 'vhdx', disks.vhdx()[:MIB])

    def test_virtual_size_that_no_disk_can_have(self) -> None:
        for name, data in (
            ('qcow2', disks.qcow2(2**64 - 1)),
            ('vdi', disks.vdi(2**63)),
            ('vhdx', disks.vhdx(2**63)),
            ('vhd', disks.vhd(2**63)),
        ):
            with self.subTest(name):
                self.assert_refused('virtual size', name, data)
                self.assertIsNone(self.verdict(name, data, must_match=False))
        self.assertEqual(
            2**63 - 1, self.verdict('qcow2', disks.qcow2(2**63 - 1))
        )

    def test_virtual_size_of_no_bytes(self) -> None:
        for name, data in (
            ('qcow2', disks.qcow2(0)),
            ('vdi', disks.vdi(0)),
            ('vhdx', disks.vhdx(0)),
            ('vhd', disks.vhd(0)),
        ):
            with self.subTest(name):
                self.assertEqual(0, self.verdict(name, data))

    def test_virtual_size_that_is_not_told(self) -> None:
        for name, data in (
            ('iso', disks.iso(name=b'NSR03', blocks=0)),
            ('vhdx', disks.vhdx(item=bytes(16))),
            ('vhdx', disks.vhdx(entries=2048)),
        ):
            self.assertIsNone(self.verdict(name, data))

    def test_vhdx_that_breaks_its_inspector(self) -> None:
        for data in (
            disks.vhdx(signature=b'none'),
            disks.vhdx(meta_at=512),
            disks.vhdx(meta_at=2**63),
        ):
            self.assert_unsafe('data is vhdx', 'vhdx', data)
        self.assert_refused(
            'cannot be read', 'vhdx', disks.vhdx(item_bytes=99)
        )
