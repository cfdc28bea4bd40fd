"""VMDK: descriptors, extents, footers (images-v2 section 19.2)."""

from typing import Any

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
                MIB,
                self.verdict('vmdk', good, vmdk_types=[allowed]),
            )
            self.assert_unsafe('vmdk_allowed_types', bad, vmdk_types=[allowed])
        for data in (sparse, stream):
            self.assert_unsafe('vmdk_allowed_types', data, vmdk_types=[])

    def test_footer_is_at_the_end(self) -> None:
        for grains in (
            0,
            1,
            700,
            64 * 1024,
            MIB - 512,
            3 * MIB + 17,
        ):
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
