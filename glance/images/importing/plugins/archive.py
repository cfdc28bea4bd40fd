"""A zip archive with one file, unpacked from its beginning.

Only archives that can be read without seeking are accepted: the file must be
deflated, or stored with its size. After the file, only the directory of an
archive with one file may follow.
"""

import struct
from typing import Any, NamedTuple
import zlib

from glance.images.importing.plugins import inflating

_LOCAL = struct.Struct('<4sHHHHHIIIHH')
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _HAS_DESCRIPTOR = 1, 8
_ZIP64 = 0xFFFFFFFF
_FILE, _DIRECTORY, _DESCRIPTOR = b'PK\3\4', b'PK\1\2', b'PK\7\x08'
#: Lengths of the variable fields of a directory entry, and its fixed size.
_ENTRY_LENGTHS, _ENTRY_BYTES = struct.Struct('<HHH'), 46
_END, _END_BYTES = b'PK\5\6', 22
_END64, _LOCATOR64_BYTES = b'PK\6\6', 20
#: Max size of the directory of one file, with the longest names and comments.
_MAX_REST_BYTES = 300 * 1024


class _Header(NamedTuple):
    """:ivar size_bytes: of the whole header, with name and extra fields

    :ivar crc: None if it follows after the file
    :ivar packed_bytes: None if unknown
    """

    size_bytes: int
    is_deflated: bool
    crc: int | None
    packed_bytes: int | None


class Zip:
    """See :class:`glance.images.importing.plugins.unpacking.Unpacker`."""

    def __init__(self) -> None:
        self._left = b''
        self._header: _Header | None = None
        self._member: Any = None
        self._crc = 0

    @property
    def needs_input(self) -> bool:
        if self._member is None or self._member.eof:
            return True
        return bool(self._member.needs_input)

    def finish(self) -> None:
        if self._header is None or not self._member.eof:
            raise inflating.Damaged(inflating.TRUNCATED)
        rest, crc = self._left, self._header.crc
        if crc is None:
            crc, rest = _descriptor(rest)
        if not rest.startswith(_DIRECTORY) or len(rest) < _ENTRY_BYTES:
            raise inflating.Damaged(inflating.TRUNCATED)
        end = _ENTRY_BYTES + sum(_ENTRY_LENGTHS.unpack_from(rest, 28))
        _check_end(rest[end:])
        if crc != self._crc:
            raise inflating.Damaged('the checksum of its file is wrong')

    def unpack(self, packed: bytes, max_bytes: int) -> bytes:
        packed, self._left = self._left + packed, b''
        if self._header is None:
            self._header = _header(packed)
            if self._header is None:
                self._left = packed
                return b''
            packed = packed[self._header.size_bytes :]
            self._member = _member(self._header)
        unpacked = b''
        if not self._member.eof:
            unpacked = self._member.decompress(packed, max_bytes)
            self._crc = zlib.crc32(unpacked, self._crc)
            packed = self._member.unused_data
        if self._member.eof:
            self._left = packed
            self._check_rest()
        return unpacked

    def _check_rest(self) -> None:
        """:raises Damaged: what follows the file is not the directory"""
        if self._left.startswith(_FILE):
            raise inflating.Damaged(_SEVERAL)
        if len(self._left) > _MAX_REST_BYTES:
            raise inflating.Damaged('other data follows its file')


class _Stored:
    """A file that is stored without compression."""

    needs_input = True

    def __init__(self, size_bytes: int) -> None:
        self._left_bytes = size_bytes
        self.unused_data = b''

    @property
    def eof(self) -> bool:
        return not self._left_bytes

    def decompress(self, packed: bytes, _max_bytes: int) -> bytes:
        data = packed[: self._left_bytes]
        self.unused_data = packed[self._left_bytes :]
        self._left_bytes -= len(data)
        return data


def _member(header: _Header) -> Any:
    if header.is_deflated:
        return inflating.Inflate(-zlib.MAX_WBITS)
    return _Stored(header.packed_bytes or 0)


def _header(packed: bytes) -> _Header | None:
    """Parse the header before the file; None if more bytes are needed.

    :raises Damaged: the file is of a kind that is refused
    """
    if len(packed) < _LOCAL.size:
        return None
    _, _, flags, method, _, _, crc, size, _, name, extra = _LOCAL.unpack_from(
        packed
    )
    end = _LOCAL.size + name + extra
    if len(packed) < end:
        return None
    has_descriptor = bool(flags & _HAS_DESCRIPTOR)
    if flags & _ENCRYPTED:
        raise inflating.Damaged('its file is encrypted')
    if packed[_LOCAL.size : _LOCAL.size + name].endswith(b'/'):
        raise inflating.Damaged('it begins with a directory, not a file')
    if method != _DEFLATED and (method != _STORED or has_descriptor):
        raise inflating.Damaged('its file is neither deflated nor stored')
    if size == _ZIP64 and not has_descriptor:
        size = _zip64_size(packed[_LOCAL.size + name : end])
    return _Header(
        end,
        method == _DEFLATED,
        None if has_descriptor else crc,
        None if has_descriptor else size,
    )


def _zip64_size(extra: bytes) -> int:
    """The packed size in extra field 1; it follows the unpacked size."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from('<HH', extra)
        if kind == 1 and length >= 16 and len(extra) >= 20:
            size: int = struct.unpack_from('<Q', extra, 12)[0]
            return size
        extra = extra[4 + length :]
    raise inflating.Damaged('it does not tell the size of its file')


def _descriptor(rest: bytes) -> tuple[int, bytes]:
    """Return the checksum that follows a file, and the bytes after it."""
    begin = 4 if rest.startswith(_DESCRIPTOR) else 0
    for size in (12, 20):  # the sizes have 4 bytes or 8
        if rest[begin + size : begin + size + 4] == _DIRECTORY:
            crc: int = struct.unpack_from('<I', rest, begin)[0]
            return crc, rest[begin + size :]
    raise inflating.Damaged(_SEVERAL)


def _check_end(rest: bytes) -> None:
    """Check that the end of the directory follows its only entry.

    :raises Damaged: another entry or another archive follows
    """
    if rest.startswith(_END64):
        rest = rest[12 + struct.unpack_from('<Q', rest.ljust(12), 4)[0] :]
        rest = rest[_LOCATOR64_BYTES:]
    if not rest.startswith(_END) or len(rest) < _END_BYTES:
        raise inflating.Damaged(_SEVERAL)
    comment: int = struct.unpack_from('<H', rest, _END_BYTES - 2)[0]
    if len(rest) != _END_BYTES + comment:
        raise inflating.Damaged(_SEVERAL)


_SEVERAL = 'it has more than one file, or is damaged'
