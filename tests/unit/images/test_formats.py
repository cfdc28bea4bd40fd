"""What data is taken for, and what is refused (images-v2 section 19.2)."""

import os
import random
import resource
import shutil
import subprocess
import tracemalloc
from typing import Any
import unittest

from glance.common import errors
from glance.images import formats
from tests import base
from tests import disks

MIB = 1024 * 1024
RULES = formats.Rules(
    must_match=True,
    vmdk_types=frozenset(('streamoptimized', 'monolithicsparse')),
    nonfatal_gpt_checks=frozenset(),
)
RANDOM = b'\0' + random.Random(1).randbytes(2 * MIB - 1)
#: Good data of every format, and the size of the disk it describes.
GOOD: dict[str, tuple[bytes, int]] = {
    'qcow2': (disks.qcow2(5 * MIB), 5 * MIB),
    'vhd': (disks.vhd(6 * MIB), 6 * MIB),
    'vhdx': (disks.vhdx(7 * MIB), 7 * MIB),
    'vmdk': (disks.vmdk(8 * MIB), 8 * MIB),
    'vdi': (disks.vdi(9 * MIB), 9 * MIB),
    'iso': (disks.iso(100), 100 * 2048),
    'gpt': (disks.mbr(disks.PROTECTIVE, size=3 * MIB), 3 * MIB),
    'luks': (disks.luks(payload_sectors=8), MIB - 4096),
}


class FormatsTestCase(unittest.TestCase):
    def verdict(
        self,
        declared: str,
        data: bytes,
        *,
        piece_bytes: int = MIB,
        **rules: Any,
    ) -> int | None:
        """The virtual size, of data that comes in pieces."""
        looking = formats.Inspection(RULES._replace(**rules), declared)
        view = memoryview(data)
        while view:
            if looking.wants_more:
                looking.feed(view[:piece_bytes])
            view = view[piece_bytes:]
        return looking.conclude(len(data))

    def assert_refused(
        self, why: str, declared: str, data: bytes, **rules: Any
    ) -> None:
        with self.assertRaisesRegex(errors.UnsupportedMediaType, why):
            self.verdict(declared, data, **rules)


class TestTable(FormatsTestCase):
    """The rows of section 19.2."""

    def test_what_it_is_declared_to_be(self) -> None:
        # covers 19.2-1
        for name, (data, size) in GOOD.items():
            for piece_bytes in (MIB, 256 * 1024, 100_000):
                with self.subTest(name, piece_bytes=piece_bytes):
                    found = self.verdict(name, data, piece_bytes=piece_bytes)
                    self.assertEqual(size, found)

    def test_raw_is_as_large_as_its_data(self) -> None:
        for data in (b'', b'x', b'text\n' * 999, RANDOM, bytes(3 * MIB)):
            self.assertEqual(len(data), self.verdict('raw', data))
        for name, (data, _) in GOOD.items():
            with self.subTest(name):
                self.assertEqual(len(data), self.verdict('raw', data))

    def test_raw_is_checked_for_safety_all_the_same(self) -> None:
        unsafe = disks.qcow2(backing_offset=512)
        self.assert_refused('backing_file', 'raw', unsafe)

    def test_formats_that_nobody_can_inspect(self) -> None:
        # covers 19.2-1
        for declared in ('ami', 'ari', 'aki', 'ploop'):
            self.assertIsNone(self.verdict(declared, RANDOM))
            for name, (data, _) in GOOD.items():
                with self.subTest(declared, name=name):
                    self.assert_refused(
                        f'disk_format is {declared}, but the data is {name}',
                        declared,
                        data,
                    )

    def test_trap_11_another_format_is_named(self) -> None:
        for declared in GOOD:
            for name, (data, _) in GOOD.items():
                if name != declared:
                    self.assert_refused(
                        f'is {declared}, but the data is {name}',
                        declared,
                        data,
                    )
            self.assert_refused(
                f'is {declared}, but the data is raw', declared, RANDOM
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
        self.assertIsNone(self.verdict('qcow2', RANDOM, must_match=False))
        both = disks.iso(head=disks.vdi()[:512])
        self.assertIsNone(self.verdict('raw', both, must_match=False))
        for name, (data, size) in GOOD.items():
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

    def test_trap_52_boot_sector_needs_a_consistent_table(self) -> None:
        good = disks.mbr(disks.partition(0x83, boot=0x80, start=2048))
        self.assertEqual(len(good), self.verdict('raw', good))
        bad = disks.mbr(disks.partition(0x83, boot=0x12))
        self.assert_refused('mbr', 'raw', bad)

    def test_a_container_is_not_looked_into(self) -> None:
        # covers 19.2-4
        for container in ('ova', 'ovf', 'docker', 'compressed', 'ami'):
            image: Any = {'container_format': container, 'disk_format': 'raw'}
            self.assertIsNone(formats.inspection(RULES, image))


class TestSafety(FormatsTestCase):
    """Data that is refused whatever it is declared to be."""

    # covers 19.2-3

    def assert_unsafe(self, why: str, name: str, data: bytes) -> None:
        for declared in (name, 'raw'):
            for must_match in (True, False):
                self.assert_refused(why, declared, data, must_match=must_match)

    def test_ossa_2015_014_qcow2_with_a_backing_file(self) -> None:
        data = disks.qcow2(backing_offset=0x70)
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
            data = GOOD[name][0][:length]
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


class TestVmdk(FormatsTestCase):
    # covers 19.2-3
    def assert_unsafe(self, why: str, data: bytes, **rules: Any) -> None:
        for declared in ('vmdk', 'raw'):
            for piece_bytes in (MIB, 100_000):
                self.assert_refused(
                    why, declared, data, piece_bytes=piece_bytes, **rules
                )

    def test_ossa_2023_002_descriptor_that_names_a_host_file(self) -> None:
        for create_type in ('monolithicFlat', 'vmfs', 'custom'):
            text = disks.descriptor(create_type, 'RW 9 FLAT "/etc/passwd" 0')
            self.assert_unsafe('in other files', text.encode())
            self.assert_unsafe('descriptor', disks.vmdk(text=text))

    def test_descriptor_alone_is_refused_whatever_its_type(self) -> None:
        text = disks.descriptor(extent='RW 9 SPARSE "another-image"')
        for data in (
            text,
            text.ljust(512, '\0'),
            '# ' + 'x' * 700 + '\n' + text,
            '# caf\u00e9 ' + text,
            '\v\n' + text,
            ' ' * (MIB - 999) + text,
            '# ' + 'x' * 700 + '\n# caf\u00e9\n' + text.upper(),
        ):
            self.assert_unsafe('in other files', data.encode())

    def test_text_is_still_data(self) -> None:
        for text in ('# caf\u00e9\n' * 99_999, 'createType=x\n' * 99_999):
            data = text.encode()
            self.assertEqual(len(data), self.verdict('raw', data))

    def test_bad_descriptors(self) -> None:
        for why, data in (
            ('extent filenames', self.sparse('RW 9 SPARSE "/etc/passwd"')),
            ('extent filenames', self.sparse('RW 9 SPARSE "../another"')),
            ('Invalid VMDK descriptor', self.sparse('exec me')),
            ('No extents', self.sparse('')),
            ('No descriptor', disks.vmdk(text='caf\u00e9' * 99)),
            ('subformat', disks.vmdk(text='createType="' + 'x' * 99 + '"')),
            ('location', disks.vmdk(desc_at=7)),
            ('version', disks.vmdk(version=9)),
            ('Incomplete', disks.vmdk(desc_sectors=128)),
            ('too long', disks.vmdk(desc_sectors=129)),
            ('too long', disks.vmdk(desc_sectors=2**63)),
        ):
            with self.subTest(why):
                self.assert_unsafe(why, data)

    def sparse(self, extent: str) -> bytes:
        return disks.vmdk(text=disks.descriptor(extent=extent))

    def test_allowed_types_are_the_operators(self) -> None:
        sparse, stream = disks.vmdk(), disks.stream_vmdk()
        for allowed, good, bad in (
            ('monolithicsparse', sparse, stream),
            ('streamoptimized', stream, sparse),
        ):
            self.assertEqual(
                MIB, self.verdict('vmdk', good, vmdk_types=[allowed])
            )
            self.assert_unsafe('vmdk_allowed_types', bad, vmdk_types=[allowed])
        for data in (sparse, stream):
            self.assert_unsafe('vmdk_allowed_types', data, vmdk_types=[])

    def test_footer_is_at_the_end(self) -> None:
        for grains in (0, 1, 700, 64 * 1024, MIB - 512, 3 * MIB + 17):
            data = disks.stream_vmdk(7 * MIB, grains=grains)
            for piece_bytes in (MIB, 256 * 1024, 65_537, 1000):
                found = self.verdict('vmdk', data, piece_bytes=piece_bytes)
                self.assertEqual(7 * MIB, found)

    def test_bad_footers(self) -> None:
        for why, changes in (
            ('marker', {'footer_marker': disks.marker(1, 0, 2)}),
            ('marker', {'footer_marker': disks.marker(1, 8, 3)}),
            ('End-of-stream', {'end_marker': disks.marker(1, 0, 0)}),
            ('End-of-stream', {'end_marker': b'\xa5' * 512}),
            ('another footer', {'directory': disks.AT_END}),
            ('different descriptor', {'desc_at': 2}),
            ('versions', {'version': 2}),
        ):
            values: dict[str, Any] = changes
            with self.subTest(why):
                self.assert_unsafe(
                    why, disks.stream_vmdk(grains=2 * MIB, **values)
                )

    def test_cut_footer(self) -> None:
        self.assert_unsafe('footer', disks.stream_vmdk(grains=MIB)[:-512])


class TestEffort(FormatsTestCase):
    """Nobody looks longer, or holds more, than it needs."""

    def bytes_seen(self, declared: str, data: bytes) -> int:
        looking = formats.Inspection(RULES, declared)
        seen = 0
        while looking.wants_more and seen < len(data):
            looking.feed(memoryview(data)[seen : seen + 64 * 1024])
            seen += 64 * 1024
        return seen

    def test_bytes_bypass_once_it_is_decided(self) -> None:
        rest = bytes(8 * MIB)
        for name, most in (
            ('qcow2', 256 * 1024),
            ('vdi', 256 * 1024),
            ('iso', 256 * 1024),
            ('gpt', 256 * 1024),
            ('vhdx', 3 * MIB),
        ):
            seen = self.bytes_seen(name, GOOD[name][0] + rest)
            self.assertLessEqual(seen, most, name)
        self.assertLessEqual(self.bytes_seen('raw', RANDOM * 4), 256 * 1024)
        self.assertLessEqual(self.bytes_seen('raw', rest), 256 * 1024)
        self.assertLessEqual(self.bytes_seen('raw', b'text\n' * MIB), MIB)

    def hostile(self) -> dict[str, bytes]:
        lines = 'a=\n' * 400_000
        return {
            'long descriptor': disks.vmdk(text=lines, desc_sectors=2047),
            'many lines': disks.vmdk(
                text=(disks.descriptor() + lines)[:60_000], desc_sectors=128
            ),
            'text': b'x\n' * 4 * MIB,
            'far metadata': disks.vhdx(meta_at=2**40, total=8 * MIB),
            'late metadata': disks.vhdx(
                meta_at=200 * 1024, entries=2046, total=8 * MIB
            ),
            'many items': disks.vhdx(
                entries=2046, item=bytes(16), total=8 * MIB
            ),
            'endless footer': disks.stream_vmdk(grains=8 * MIB),
        }

    def test_ossa_2016_012_hostile_heads_cost_little(self) -> None:
        for name, data in self.hostile().items():
            self.judge(data)  # what is imported only once
            tracemalloc.start()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
            self.judge(data)
            spent = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            with self.subTest(name):
                self.assertLess(spent, 2)  # seconds, slowed by tracemalloc
                self.assertLess(peak, 8 * MIB)

    def judge(self, data: bytes) -> None:
        try:
            self.verdict('raw', data)
        except errors.UnsupportedMediaType:
            return

    def test_no_head_makes_an_error_of_ours(self) -> None:
        """Damaged heads: a verdict or a refusal, and nothing else."""
        chance = random.Random(7)
        heads = [data[: 300 * 1024] for data, _ in GOOD.values()]
        heads += [disks.vhdx()[: 3 * MIB], disks.stream_vmdk()]
        for _ in range(300):
            damaged = bytearray(chance.choice(heads))
            for _ in range(chance.randrange(1, 20)):
                at = chance.randrange(min(len(damaged), 4096))
                damaged[at] = chance.randrange(256)
            del damaged[chance.randrange(len(damaged)) :]
            self.judge(bytes(damaged))


@unittest.skipUnless(shutil.which('qemu-img'), 'qemu-img is not installed')
class TestRealImages(FormatsTestCase):
    """What qemu-img makes (Debian: qemu-utils)."""

    SIZE = 10 * MIB

    def made(self, kind: str, options: str = '') -> bytes:
        path = os.path.join(base.temporary_directory(self), 'disk')
        source = f'{path}.raw'
        with open(source, 'wb') as file:
            file.truncate(self.SIZE)
            file.seek(3 * MIB)
            file.write(RANDOM[:MIB])
        command = ['qemu-img', 'convert', '-f', 'raw', '-O', kind]
        command += ['-o', options] if options else []
        subprocess.run([*command, source, path], check=True)
        with open(path, 'rb') as file:
            return file.read()

    def test_every_kind(self) -> None:
        for declared, kind, options in (
            ('qcow2', 'qcow2', ''),
            ('qcow2', 'qcow2', 'compat=0.10'),
            ('qcow2', 'qcow2', 'compression_type=zstd,cluster_size=4096'),
            ('vdi', 'vdi', ''),
            ('vhd', 'vpc', 'subformat=dynamic,force_size=on'),
            ('vhdx', 'vhdx', ''),
            ('vhdx', 'vhdx', 'log_size=4194304,block_size=8388608'),
            ('vmdk', 'vmdk', 'subformat=monolithicSparse'),
            ('vmdk', 'vmdk', 'subformat=streamOptimized'),
        ):
            with self.subTest(kind, options=options):
                data = self.made(kind, options)
                for piece_bytes in (MIB, 256 * 1024):
                    found = self.verdict(
                        declared, data, piece_bytes=piece_bytes
                    )
                    self.assertEqual(self.SIZE, found)

    def test_refused_ones(self) -> None:
        flat = self.made('vmdk', 'subformat=monolithicFlat')
        self.assert_refused('in other files', 'vmdk', flat)
        self.assert_refused('not allowed', 'raw', self.made('qed'))

    def test_qcow2_with_other_files(self) -> None:
        directory = base.temporary_directory(self)
        top, below = (os.path.join(directory, name) for name in 'ab')
        create = ['qemu-img', 'create', '-q', '-f', 'qcow2']
        for why, command in (
            ('data_file', ['-o', f'data_file={below}', top, '1M']),
            ('backing_file', ['-b', below, '-F', 'raw', top]),
        ):
            subprocess.run([*create, *command], check=True)
            with open(top, 'rb') as file:
                self.assert_refused(why, 'qcow2', file.read())
            os.unlink(top)
