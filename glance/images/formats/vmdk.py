"""VMDK: one file with data, or a text that names other files.

The rules follow the most careless reader, qemu. It searches the whole
descriptor, including comments, for the words it knows; it accepts any two
characters in place of ``="``; and it reads a sparse file with the capacity 0
as a descriptor. Data that qemu could open with data of other files is refused.
"""

import re
import struct
from typing import NamedTuple

from glance.images.formats import kinds
from glance.images.formats import sample

#: The only kinds of VMDK that consist of a single file.
TYPES = frozenset(('monolithicsparse', 'streamoptimized'))
#: A longer descriptor is refused; 10 KiB is usual.
DESCRIPTOR_BYTES = sample.HEAD_BYTES - sample.SECTOR
#: qemu reads so many bytes, whatever length the header states.
_QEMU_DESCRIPTOR_BYTES = 20 * sample.SECTOR
_SPARSE = b'KDMV'
#: A sparse file of ESX, without a descriptor: one of several files.
_ESX_SPARSE = b'COWD'
#: A text is a descriptor if its first line after comments and blank lines is
#: the version. qemu requires exactly ``version=1``, 2 or 3.
_DESCRIPTOR_TEXT = re.compile(
    rb'(?:\s|#[^\n]*+\n)*+version[ \t]*=[ \t]*[123][ \t\r]*(?:\n|\0|\Z)',
    re.IGNORECASE,
)
_AT_END = 2**64 - 1
_FOOTER_MARKER = struct.pack('<QII', 1, 0, 3)
_ACCESS = (b'rw', b'rdonly', b'noaccess')
#: Fields that name another file.
_FILE_FIELDS = (b'parentfilenamehint', b'changetrackpath')
_NO_PARENT = b'ffffffff'


class Header(NamedTuple):
    """Header of a sparse extent; positions and sizes are in sectors."""

    magic: bytes
    version: int
    flags: int
    capacity: int
    grain: int
    descriptor_at: int
    descriptor_sectors: int
    entries: int
    copy_at: int
    directory_at: int

    @classmethod
    def read(cls, sector: bytes | bytearray) -> 'Header':
        return cls(*struct.unpack_from('<4sIIQQQQIQQ', sector))


class Vmdk:
    """Monolithic sparse and stream-optimised files; others are refused.

    :param is_declared: the reader will be told that the data is VMDK
    """

    name = 'vmdk'

    def __init__(self, is_declared: bool) -> None:
        self._is_declared = is_declared

    def matches(self, data: sample.Sample) -> bool:
        return (
            data.head.startswith((_SPARSE, _ESX_SPARSE))
            or _DESCRIPTOR_TEXT.match(data.head) is not None
            or (self._is_declared and _has_type(data))
        )

    def check(self, data: sample.Sample, rules: kinds.FormatRules) -> None:
        if not data.head.startswith(_SPARSE):
            raise kinds.Unsafe(
                'it has no header of a hosted sparse file, so its data is in '
                'other files'
            )
        header = Header.read(data.head)
        _check_header(header, data)
        if header.directory_at == _AT_END:
            _check_footer(header, data)
        create_type = _checked_descriptor(_text(header, data))
        if create_type not in rules.vmdk_types:
            raise kinds.Unsafe(
                f'the type {create_type} is not in vmdk_allowed_types'
            )

    def virtual_size(self, data: sample.Sample) -> int | None:
        return Header.read(data.head).capacity * sample.SECTOR


def has_footer(head: bytes | bytearray) -> bool:
    """Whether the file has a footer, so the last bytes are needed."""
    return (
        head.startswith(_SPARSE) and Header.read(head).directory_at == _AT_END
    )


def _has_type(data: sample.Sample) -> bool:
    """Whether the text has a type, or may have one after the head."""
    text, end, _ = data.head.partition(b'\0')
    goes_on = not end and data.size_bytes > len(text)
    return goes_on or b'createtype' in text.lower()


def _check_header(header: Header, data: sample.Sample) -> None:
    if header.version not in (1, 2, 3):
        raise kinds.Unsafe(f'the version is {header.version}, not 1, 2 or 3')
    if not header.capacity:
        raise kinds.Unsafe('the capacity is 0, its data is in other files')
    if header.descriptor_at != 1:
        raise kinds.Unsafe('the location of the descriptor is not sector 1')
    size = header.descriptor_sectors * sample.SECTOR
    if size > DESCRIPTOR_BYTES:
        raise kinds.Unsafe(
            f'the descriptor is too long, the limit is {DESCRIPTOR_BYTES} '
            'bytes'
        )
    if data.size_bytes < sample.SECTOR + size:
        raise kinds.Unsafe('the data ends before its descriptor does')


def _check_footer(header: Header, data: sample.Sample) -> None:
    """Check that the footer, which replaces the header, is the same."""
    if data.size_bytes % sample.SECTOR:
        raise kinds.Unsafe('there is no footer in whole sectors at the end')
    first, second, last = (
        data.tail[start : start + sample.SECTOR]
        for start in range(0, sample.TAIL_BYTES, sample.SECTOR)
    )
    if first[8:] != _FOOTER_MARKER[8:].ljust(504, b'\0'):
        raise kinds.Unsafe('the marker of the footer is invalid')
    if any(last):
        raise kinds.Unsafe('the end-of-stream marker is invalid')
    footer = Header.read(second)
    if footer.directory_at == _AT_END:
        raise kinds.Unsafe('the footer says that there is another footer')
    expected = header._replace(
        flags=footer.flags,
        copy_at=footer.copy_at,
        directory_at=footer.directory_at,
    )
    if footer != expected:
        raise kinds.Unsafe('the footer contradicts the header')


def _text(header: Header, data: sample.Sample) -> bytes:
    """The descriptor up to the first zero, in lower case."""
    size = max(
        header.descriptor_sectors * sample.SECTOR, _QEMU_DESCRIPTOR_BYTES
    )
    area = data.head[sample.SECTOR : sample.SECTOR + size]
    return bytes(area.partition(b'\0')[0]).lower()


def _checked_descriptor(text: bytes) -> str:
    """Check the descriptor.

    :param text: in lower case, in any encoding that contains ASCII
    :returns: the type, in lower case
    :raises kinds.Unsafe: it names other files, or is not valid
    """
    if not text.strip():
        raise kinds.Unsafe('there is no descriptor')
    for name in _FILE_FIELDS:
        if name in text:
            raise kinds.Unsafe(
                f'the descriptor names another file ({name.decode()})'
            )
    types: list[bytes] = []
    extents: list[bytes] = []
    for line in map(bytes.strip, re.split(rb'[\r\n]', text)):
        _check_line(line, types, extents)
    if text.count(b'createtype') != 1 or len(types) != 1:
        raise kinds.Unsafe('the descriptor must have one createType')
    if len(extents) != 1:
        raise kinds.Unsafe(
            f'the descriptor has {len(extents)} extents instead of one'
        )
    return types[0][:64].decode('ascii', 'replace')


def _check_line(line: bytes, types: list[bytes], extents: list[bytes]) -> None:
    if not line or line.startswith(b'#'):
        return
    if line.split(maxsplit=1)[0] in _ACCESS:
        _check_extent(line)
        extents.append(line)
        return
    field = re.fullmatch(rb'([a-z0-9._:-]+)[ \t]*=[ \t]*"?(.*?)"?', line)
    if field is None:
        raise kinds.Unsafe(
            'the descriptor has a line that is neither a field nor an '
            f'extent: {_shown(line)}'
        )
    name, value = field.groups()
    if name == b'createtype':
        types.append(value)
    if name == b'parentcid' and value != _NO_PARENT:
        raise kinds.Unsafe('the descriptor names a parent (parentCID)')
    if name == b'ddb.uuid.parent' and value.strip(b'{}0-'):
        raise kinds.Unsafe('the descriptor names a parent (ddb.uuid.parent)')


def _check_extent(line: bytes) -> None:
    extent = re.fullmatch(rb'\w+\s+\d+\s+sparse\s+"([^"/\\]+)"', line)
    if extent is None:
        raise kinds.Unsafe(
            'an extent is not SPARSE with a file name without directories: '
            f'{_shown(line)}'
        )


def _shown(line: bytes) -> str:
    return ascii(line[:40].decode('ascii', 'replace'))
