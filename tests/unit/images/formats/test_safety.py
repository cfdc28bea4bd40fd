"""Data that is refused whatever it is declared to be."""

import struct

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
        for version in (2, 3):
            head = struct.pack('>II', 7, 3) + bytes(8)
            head += struct.pack('>II', 0x44415441, 4) + b'name'
            data = disks.qcow2(version=version, extensions=head)
            self.assert_unsafe('data_file', 'qcow2', data)

    def test_qcow2_of_unknown_features_or_version(self) -> None:
        for bit in (5, 8, 33, 63):
            data = disks.qcow2(features=1 << bit)
            self.assert_unsafe('unknown_features', 'qcow2', data)
        for version in (0, 1, 4):
            data = disks.qcow2(version=version)
            self.assert_unsafe('version', 'qcow2', data)
        self.assertEqual(MIB, self.verdict('qcow2', disks.qcow2(version=2)))
        for bit in (0, 1, 3, 4):
            data = disks.qcow2(features=1 << bit)
            self.assertEqual(MIB, self.verdict('qcow2', data))
        old = disks.qcow2(version=2, extensions=b'\0' * 4 + b'\xff' * 99)
        self.assertEqual(MIB, self.verdict('qcow2', old))

    def test_qcow2_of_one_sector_or_less(self) -> None:
        """qemu reads whole sectors, and zeros after the end."""
        head = disks.qcow2(backing_offset=80)[:80] + b'/etc/passwd'
        for data in (head, head.ljust(512, b'\0'), head.ljust(513, b'\0')):
            self.assert_unsafe('backing_file', 'qcow2', data)
        self.assert_unsafe('not allowed', 'qed', disks.qed()[:70])

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
            ('boot flag', [linux, disks.partition(0, boot=1)]),
            ('start LBA', [disks.partition(0xEE, start=2)]),
            ('start LBA', [linux, disks.partition(0xEE, start=2)]),
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

    def test_tables_that_real_tools_write(self) -> None:
        linux = disks.partition(0x83, start=2048)
        for table in (
            [],  # parted mklabel msdos
            [disks.partition(0xEE, chs=b'\0\1\0')],
            [disks.partition(0xEE, chs=b'\xfe\xff\xff')],
            [disks.PROTECTIVE, linux],  # sgdisk --hybrid
            [linux, disks.PROTECTIVE],
            [disks.PROTECTIVE, linux, disks.partition(0xEE, start=9)],
        ):
            data = disks.mbr(*table)
            for declared in ('raw', 'gpt'):
                self.assertEqual(MIB, self.verdict(declared, data))

    def test_boot_sectors_without_a_partition_table(self) -> None:
        for name, data in {
            'FAT': disks.boot_sector(b'\xeb\x3c\x90', b'mkfs.fat'),
            'far jump': disks.boot_sector(b'\xe9\x00\x01', b'MSDOS5.0'),
            'NTFS': disks.boot_sector(b'\xeb\x52\x90', b'NTFS    ', 0xF4),
            'exFAT': disks.boot_sector(b'\xeb\x76\x90', b'EXFAT   ', 0),
            'kernel': disks.kernel(),
        }.items():
            for declared, size in (('raw', MIB), ('ami', None), ('aki', None)):
                with self.subTest(name, declared=declared):
                    self.assertEqual(size, self.verdict(declared, data))
            for declared in ('gpt', 'qcow2'):
                self.assert_refused('the data is raw', declared, data)

    def test_boot_loader_beside_a_table_is_no_file_system(self) -> None:
        grub = disks.boot_sector(b'\xeb\x63\x90', b'\x10\x8e\xd0\xbc', 0)
        self.assert_unsafe('boot flag', 'gpt', grub)

    def test_head_that_ends_too_early(self) -> None:
        for why, name, length in (
            ('ends before', 'vhd', 100),
            ('Incomplete', 'luks', 200),
            ('location', 'vmdk', 16),
            ('ends before', 'vmdk', 50),
        ):
            data = inspecting.GOOD[name][0][:length]
            self.assert_unsafe(why, name, data)
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
        data = disks.iso(name=b'NSR03', blocks=0)
        self.assertIsNone(self.verdict('iso', data))

    def test_no_data_has_every_format(self) -> None:
        for declared in (*inspecting.GOOD, 'ami', 'ploop', None):
            for rules in ({}, {'vmdk_types': []}):
                self.assertIsNone(self.verdict(declared, b'', **rules))
        self.assertEqual(0, self.verdict('raw', b''))

    def test_differencing_disks(self) -> None:
        footer = disks.vhd_footer(disk_type=4)
        for name, data in (
            ('vhd', disks.vhd(disk_type=4)),
            ('vhd', disks.vhd(disk_type=0)),
            ('vhd', disks.vhd()[:-512] + footer),
            ('vhd', disks.vhd()[:-512] + bytes(3 * MIB) + footer),
            ('vhd', disks.vhd()[:-512] + footer[:511]),
            ('vdi', disks.vdi(image_type=3)),
            ('vdi', disks.vdi(image_type=4)),
            ('vhdx', disks.vhdx(parameter_bits=2)),
            ('vhdx', disks.vhdx(entries=3, more_items=disks.PARENT_LOCATOR)),
        ):
            self.assert_unsafe('parent', name, data)
        self.assert_unsafe('parent', 'vdi', disks.vdi(parent=b'x'))
        self.assert_unsafe('version', 'vdi', disks.vdi(version=1))

    def test_vhdx_whose_metadata_may_change(self) -> None:
        self.assert_unsafe('log', 'vhdx', disks.vhdx(log_id=b'x'))
        again = b'regi' + b'x' * 99
        data = disks.vhdx(regions_again=again)
        self.assert_unsafe('two tables', 'vhdx', data)

    def test_fixed_vhd_is_one_if_declared_so(self) -> None:
        table = disks.mbr(disks.partition(0x83))
        for disk in (bytes(MIB), inspecting.RANDOM, table):
            data = disk + disks.vhd_footer(disk_type=2)
            self.assertEqual(len(disk), self.verdict('vhd', data))
            self.assertEqual(len(data), self.verdict('raw', data))
        self.assertIsNone(self.verdict('ami', bytes(MIB) + data[-512:]))
        self.assert_refused(
            'parent', 'vhd', bytes(MIB) + disks.vhd_footer(disk_type=4)
        )
        self.assert_refused(
            'several formats', 'vhd', disks.qcow2() + data[-512:]
        )

    def test_vhdx_that_breaks_its_inspector(self) -> None:
        for data in (
            disks.vhdx(signature=b'none'),
            disks.vhdx(meta_at=512),
            disks.vhdx(meta_at=2**63),
            disks.vhdx(entries=2048),
            disks.vhdx(entries=1),
            disks.vhdx(parameters=bytes(16)),
        ):
            self.assert_unsafe('data is vhdx', 'vhdx', data)
        self.assert_refused(
            'cannot be read', 'vhdx', disks.vhdx(item_bytes=99)
        )
