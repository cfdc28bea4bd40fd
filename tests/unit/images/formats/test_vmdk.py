"""VMDK: descriptors, parents, extents, footers."""

from typing import Any

from glance.common import errors
from tests import disks
from tests.unit.images.formats import inspecting

MIB = 1024 * 1024


class TestVmdk(inspecting.FormatsTestCase):
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
            self.assert_unsafe('not SPARSE', disks.vmdk(text=text))

    def test_descriptor_alone_is_refused_whatever_its_type(self) -> None:
        text = disks.descriptor(extent='RW 9 SPARSE "another-image"')
        for data in (
            text,
            text.ljust(512, '\0'),
            '# ' + 'x' * 700 + '\n' + text,
            '# caf\u00e9 ' + text,
            '\v\n' + text,
            ' \r\n \n' + text,
            '#' + '\0\x01\x1b' * 99 + '\n' + text,
            text.replace('\n', '\r\n'),
            text.replace('createType=', 'createType:'),
            text.replace('createType=', 'createType '),
            text.replace('createType=', 'createType#'),
            text.replace('createType=', 'createType\t'),
            text.replace('createType', 'nothing'),
            '# ' + 'x' * 700 + '\n# caf\u00e9\n' + text.upper(),
        ):
            self.assert_unsafe('in other files', data.encode())

    def test_text_that_is_opened_as_vmdk_because_it_is_declared(self) -> None:
        """qemu, told the format, looks for no version."""
        text = 'x\ncreateType="vmfs"\nRW 9 FLAT "/etc/passwd" 0\n'
        for data in (text, ' ' * 70_000 + text):
            self.assert_refused(
                'in other files', 'vmdk', data.encode(), must_match=False
            )
            self.assertEqual(len(data), self.verdict('raw', data.encode()))
        harmless = ('\0' + text).encode()
        self.assertIsNone(self.verdict('vmdk', harmless, must_match=False))

    def test_text_is_still_data(self) -> None:
        for text in (
            '# caf\u00e9\n' * 99_999,
            'createType=x\n' * 99_999,
            '<a createType="vmfs"/>',
            'version=10\n',
            '# version=1\n',
            '\n' * MIB,
        ):
            data = text.encode()
            self.assertEqual(len(data), self.verdict('raw', data))

    def test_sparse_extent_of_several(self) -> None:
        data = b'COWD'.ljust(512, b'\0') + b'parentFileNameHint="/etc/passwd"'
        self.assert_unsafe('in other files', data)

    def test_sparse_file_without_capacity_is_read_as_text(self) -> None:
        text = disks.descriptor().replace(
            'createType=', 'createType:"monolithicFlat"\ncreateType='
        )
        self.assert_unsafe('capacity is 0', disks.vmdk(0, text))
        self.assert_unsafe('capacity is 0', disks.vmdk(0))

    def test_parent(self) -> None:
        for why, line in (
            ('parentfilenamehint', 'parentFileNameHint="/etc/passwd"'),
            ('parentfilenamehint', 'parentFileNameHint="other.vmdk"'),
            ('parentfilenamehint', 'PARENTFILENAMEHINT = "other.vmdk"'),
            ('parentfilenamehint', '# parentFileNameHint:"other.vmdk"'),
            ('parentfilenamehint', 'ddb.parentFileNameHint#"other.vmdk"'),
            ('changetrackpath', 'changeTrackPath="/etc/passwd"'),
            ('parentCID', 'parentCID=22222222'),
            ('uuid.parent', 'ddb.uuid.parent="00000000-0000-0001"'),
        ):
            text = f'{disks.descriptor()}{line}\n'
            with self.subTest(line):
                self.assert_unsafe(why, disks.vmdk(text=text))
                stream = disks.stream_vmdk(text=text)
                self.assert_unsafe(why, stream)

    def test_parent_beyond_the_descriptor_in_what_qemu_reads(self) -> None:
        text = disks.descriptor().ljust(600) + 'parentFileNameHint="a"\n'
        self.assert_unsafe(
            'parentfilenamehint', disks.vmdk(text=text, desc_sectors=1)
        )

    def test_no_parent(self) -> None:
        text = (
            disks.descriptor() + 'ddb.uuid.parent="00000000-0000-0000-0000"\n'
        )
        self.assertEqual(MIB, self.verdict('vmdk', disks.vmdk(text=text)))

    def test_descriptor_beyond_ascii(self) -> None:
        text = disks.descriptor(extent='RW 2048 SPARSE "Pr\u00fcfstand.vmdk"')
        text = text.replace('CID=f', 'encoding="any"\nCID=f', 1)
        for encoding in ('cp1252', 'utf-8'):
            data = disks.vmdk(text=text.encode(encoding))
            self.assertEqual(MIB, self.verdict('vmdk', data))

    def test_bad_descriptors(self) -> None:
        for why, data in (
            ('not SPARSE', self.sparse('RW 9 SPARSE "/etc/passwd"')),
            ('not SPARSE', self.sparse('RW 9 SPARSE "../another"')),
            ('not SPARSE', self.sparse('RW 9 SPARSE "c:\\another"')),
            ('not SPARSE', self.sparse('RW\t9\tFLAT\t"/etc/a=b" 0')),
            ('neither a field', self.sparse('exec me')),
            ('0 extents', self.sparse('')),
            ('2 extents', self.sparse('RW 9 SPARSE "a"\nRW 9 SPARSE "b"')),
            ('neither a field', disks.vmdk(text='caf\u00e9' * 99)),
            ('no descriptor', disks.vmdk(text='')),
            ('one createType', disks.vmdk(text='version=1\n')),
            ('one createType', self.sparse('# createType:"vmfs"')),
            ('location', disks.vmdk(desc_at=7)),
            ('version', disks.vmdk(version=9)),
            ('ends before', disks.vmdk(desc_sectors=128)),
            ('too long', disks.vmdk(desc_sectors=129)),
            ('too long', disks.vmdk(desc_sectors=2**63)),
        ):
            with self.subTest(why):
                self.assert_unsafe(why, data)

    def test_type_in_the_answer_is_short(self) -> None:
        text = disks.descriptor('x' * 9999)
        with self.assertRaises(errors.UnsupportedMediaType) as caught:
            self.verdict('vmdk', disks.vmdk(text=text))
        self.assertLess(len(str(caught.exception)), 200)

    def sparse(self, extent: str) -> bytes:
        return disks.vmdk(text=disks.descriptor(extent=extent))

    def test_allowed_types_are_the_operators(self) -> None:
        sparse, stream = disks.vmdk(), disks.stream_vmdk()
        for allowed, good, bad in (
            ('monolithicsparse', sparse, stream),
            ('streamoptimized', stream, sparse),
        ):
            self.assertEqual(
                MIB,
                self.verdict('vmdk', good, vmdk_types=[allowed]),
            )
            self.assert_unsafe('vmdk_allowed_types', bad, vmdk_types=[allowed])
        for data in (sparse, stream):
            self.assert_unsafe('vmdk_allowed_types', data, vmdk_types=[])

    def test_footer_is_at_the_end(self) -> None:
        for grains in (
            0,
            512,
            64 * 1024,
            MIB - 512,
            3 * MIB + 512,
        ):
            data = disks.stream_vmdk(7 * MIB, grains=grains)
            for piece_bytes in (MIB, 256 * 1024, 65_537, 1000):
                found = self.verdict('vmdk', data, piece_bytes=piece_bytes)
                self.assertEqual(7 * MIB, found)

    def test_bad_footers(self) -> None:
        for why, changes in (
            ('marker', {'footer_marker': disks.marker(1, 0, 2)}),
            ('marker', {'footer_marker': disks.marker(1, 8, 3)}),
            ('end-of-stream', {'end_marker': disks.marker(1, 0, 0)}),
            ('end-of-stream', {'end_marker': b'\xa5' * 512}),
            ('another footer', {'directory': disks.AT_END}),
            ('contradicts', {'desc_at': 2}),
            ('contradicts', {'version': 2}),
            ('contradicts', {'footer_size': 2 * MIB}),
            ('whole sectors', {'grains': 2 * MIB + 17}),
        ):
            values: dict[str, Any] = changes
            with self.subTest(why):
                self.assert_unsafe(
                    why, disks.stream_vmdk(**{'grains': 2 * MIB, **values})
                )

    def test_cut_footer(self) -> None:
        self.assert_unsafe('footer', disks.stream_vmdk(grains=MIB)[:-512])
