"""Formats that are parsed by oslo.utils' inspectors, with more checks.

The inspectors parse hostile data, so any exception counts as a result.
"""

from collections.abc import Callable, Iterator
import logging
import struct
from typing import Any
import uuid

from glance.images.formats import kinds
from glance.images.formats import sample

LOG = logging.getLogger(__name__)

#: Their inspectors use the data's length, but get only the head.
_SIZED_BY_DATA = ('luks',)
#: Their inspectors return 0 if the header has no size.
_ZERO_IS_UNKNOWN = ('iso',)
#: Incompatible features of qcow2 that only need a newer reader: dirty,
#: corrupt, compression type, extended L2 entries.
_QCOW2_FEATURES = 0b11011
_QCOW2_DATA_FILE = 0b00100
#: The extension of the header that holds the name of a data file.
_QCOW2_DATA_FILE_NAME = 0x44415441
_QCOW2_V2_HEADER_BYTES = 72
_VDI_VERSION = 0x00010001
#: Self-contained VDI images: dynamic and fixed; 3 and 4 have a parent.
_VDI_TYPES = (1, 2)


class Inspected:
    """A format that can be checked by the head of the data alone.

    :param inspector: one of oslo.utils' inspectors
    :param check: replaces the inspector's own checks of the head; raises
        kinds.Unsafe
    """

    def __init__(
        self,
        name: str,
        inspector: Any,
        check: Callable[[bytes], None] | None = None,
    ) -> None:
        self.name = name
        self._inspector = inspector
        self._check = check
        self._trouble: Exception | None = None

    def finish(self, data: sample.Sample) -> None:
        """Give the head to the inspector; called once, at the end."""
        self.eat(memoryview(data.head))
        self._inspector.finish()

    def eat(self, part: memoryview) -> None:
        try:
            self._inspector.eat_chunk(part)
        except Exception as error:
            # Without its traceback, which would keep the upload's buffers.
            self._trouble = error.with_traceback(None)

    def matches(self, data: sample.Sample) -> bool:
        try:
            return bool(self._inspector.format_match)
        except Exception as error:
            LOG.info('The data is not in the format %s: %r', self.name, error)
            return False

    def check(self, data: sample.Sample, rules: kinds.FormatRules) -> None:
        if self._trouble is not None:
            raise kinds.Unsafe(self._trouble)
        if self._check is not None:
            self._check(bytes(data.head))
            return
        failures = self._failures()
        if failures:
            raise kinds.Unsafe(
                '; '.join(
                    f'{check} ({reason})' for check, reason in failures.items()
                )
            )

    def _failures(self) -> dict[str, Any]:
        """Names of the failed checks, with the reasons."""
        try:
            self._inspector.safety_check()
        except Exception as error:
            failures: dict[str, Any] = getattr(error, 'failures', {})
            return dict(failures) or {'format': error}
        return {}

    def virtual_size(self, data: sample.Sample) -> int | None:
        virtual: int = self._inspector.virtual_size
        if self.name in _SIZED_BY_DATA:
            virtual += data.size_bytes - self._inspector.actual_size
        if not virtual and self.name in _ZERO_IS_UNKNOWN:
            return None
        return virtual


def check_qcow2(head: bytes) -> None:
    version, backing_at = struct.unpack_from('>4xIQ', head)
    if version not in (2, 3):
        raise kinds.Unsafe(f'unknown_features (version {version})')
    if backing_at:
        raise kinds.Unsafe('backing_file (it names one)')
    end = _QCOW2_V2_HEADER_BYTES
    if version == 3:
        (features,) = struct.unpack_from('>Q', head, 72)
        if features & _QCOW2_DATA_FILE:
            raise kinds.Unsafe('data_file (its data is in another file)')
        if features & ~_QCOW2_FEATURES:
            raise kinds.Unsafe(f'unknown_features ({features:#x})')
        (end,) = struct.unpack_from('>I', head, 100)
    if _QCOW2_DATA_FILE_NAME in _qcow2_extensions(head, end):
        raise kinds.Unsafe('data_file (it names one)')


def _qcow2_extensions(head: bytes, at: int) -> Iterator[int]:
    """Yield the types of the extensions, which follow the header."""
    while at + 8 <= len(head):
        kind, size = struct.unpack_from('>II', head, at)
        if not kind:
            return
        yield kind
        at += 8 + size + -size % 8


def check_vdi(head: bytes) -> None:
    version, _, image_type = struct.unpack_from('<III', head, 0x44)
    if version != _VDI_VERSION:
        raise kinds.Unsafe(f'the version is {version:#x}, not 1.1')
    if image_type not in _VDI_TYPES:
        raise kinds.Unsafe(
            f'it has the image type {image_type} (3, 4: its data is in a '
            'parent) where only 1 and 2 are accepted'
        )
    if any(head[0x1A8:0x1C8]):
        raise kinds.Unsafe('it names a parent by its UUID')


KIB = 1024
#: Offsets of the two copies of the header.
_VHDX_HEADERS_AT = (64 * KIB, 128 * KIB)
_VHDX_LOG_ID = slice(48, 64)
#: Offset of the copy of the table of regions.
_VHDX_REGIONS_AGAIN_AT = 256 * KIB
_VHDX_REGIONS_BYTES = 64 * KIB
_VHDX_FILE_PARAMETERS = uuid.UUID('CAA16737-FA36-4D43-B3B6-33F0AA44E76B')
_VHDX_PARENT_LOCATOR = uuid.UUID('A8D35F2D-B30B-454D-ABF7-D3D84834AB0C')
_VHDX_HAS_PARENT = 0b10


class Vhdx(Inspected):
    """VHDX: its metadata may be anywhere after the head.

    :param region: oslo.utils' class of regions that an inspector captures
    """

    def __init__(self, inspector: Any, region: Any) -> None:
        super().__init__('vhdx', inspector)
        self._region = region
        self._is_done = False
        for at in _VHDX_HEADERS_AT:
            inspector.new_region(f'header at {at}', region(at, 64))
        inspector.new_region(
            'regions again',
            region(_VHDX_REGIONS_AGAIN_AT, _VHDX_REGIONS_BYTES),
        )

    @property
    def wants_more(self) -> bool:
        """Whether this may be VHDX and its metadata were not read yet."""
        if self._is_done or self._trouble is not None:
            return False
        ident = self._inspector.region('ident')
        return not ident.complete or self._inspector.format_match

    def finish(self, data: sample.Sample) -> None:
        self._inspector.finish()

    def eat(self, part: memoryview) -> None:
        super().eat(part)
        if self._trouble is None and self._metadata_are_read():
            self._look_for_parameters(part)
        self._is_done = self._inspector.complete and (
            self._inspector.has_region('parameters')
        )

    def _metadata_are_read(self) -> bool:
        return (
            self._inspector.has_region('metadata')
            and self._inspector.region('metadata').complete
            and not self._inspector.has_region('parameters')
        )

    def _look_for_parameters(self, part: memoryview) -> None:
        item = self._metadata_item(_VHDX_FILE_PARAMETERS)
        if item is None:
            self._trouble = ValueError('the file parameters are missing')
            return
        at = self._inspector.region('metadata').offset + item
        parameters = self._region(at, 8)
        parameters.capture(part, self._inspector.actual_size)
        self._inspector.new_region('parameters', parameters)

    def _metadata_item(self, guid: uuid.UUID) -> int | None:
        """Offset of an item in the metadata; None if absent."""
        table = bytes(self._inspector.region('metadata').data)
        (count,) = struct.unpack_from('<H', table, 10)
        for at in range(32, 32 * min(count + 1, len(table) // 32), 32):
            if table[at : at + 16] == guid.bytes_le:
                return int(struct.unpack_from('<I', table, at + 16)[0])
        return None

    def check(self, data: sample.Sample, rules: kinds.FormatRules) -> None:
        super().check(data, rules)
        for name in ('parameters', 'vds'):
            if not self._inspector.has_region(name):
                raise kinds.Unsafe('its metadata are incomplete')
        if self._needs_replay():
            raise kinds.Unsafe(
                'its log must be replayed: attach and detach it once'
            )
        again = self._inspector.region('regions again').data
        if again.startswith(b'regi') and (
            again != self._inspector.region('header').data
        ):
            raise kinds.Unsafe('its two tables of regions differ')
        (bits,) = struct.unpack_from(
            '<I', self._inspector.region('parameters').data, 4
        )
        if bits & _VHDX_HAS_PARENT or (
            self._metadata_item(_VHDX_PARENT_LOCATOR) is not None
        ):
            raise kinds.Unsafe('its data is in a parent')

    def _needs_replay(self) -> bool:
        """Whether the log has entries, which may change the metadata."""
        headers = (
            self._inspector.region(f'header at {at}').data
            for at in _VHDX_HEADERS_AT
        )
        return any(
            header.startswith(b'head') and any(header[_VHDX_LOG_ID])
            for header in headers
        )
