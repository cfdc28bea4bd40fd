"""Unpackers with bounded memory: the output of each call is limited."""

import bz2
from collections.abc import Callable
import lzma
import sys
from typing import Any, NamedTuple, Protocol
import zlib

from glance.images.importing.plugins import archive
from glance.images.importing.plugins import inflating

#: Limit of the window of xz or zstd. It is what both tools need for their
#: highest levels without --ultra or --memlimit.
_WINDOW_LOG = 27
_MEMORY_BYTES = 2 * 2**_WINDOW_LOG


class Unpacker(Protocol):
    @property
    def needs_input(self) -> bool:
        """Whether more packed bytes are needed for any output."""

    def finish(self) -> None:
        """:raises Damaged: the packed data may not end here"""

    def unpack(self, packed: bytes, max_bytes: int) -> bytes:
        """Unpack some bytes; return at most ``max_bytes``.

        :raises Damaged: the packed bytes are not valid
        """


class Members:
    """Packed members one after the other; zeros may follow the last.

    :param make: creates the unpacker of one member: an object of ``bz2`` or
        ``lzma``, or one with the same interface
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._member = make()
        self._is_padding = False
        self._left = b''

    @property
    def needs_input(self) -> bool:
        if self._left:
            return False
        return bool(self._member.eof or self._member.needs_input)

    def finish(self) -> None:
        if not self._is_padding and not self._member.eof:
            raise inflating.Damaged(inflating.TRUNCATED)

    def unpack(self, packed: bytes, max_bytes: int) -> bytes:
        packed, self._left = self._left + packed, b''
        if self._member.eof or self._is_padding:
            packed = self._next_member(packed)
            if not packed:
                return b''
        try:
            data: bytes = self._member.decompress(packed, max_bytes)
        except Exception as error:
            raise inflating.Damaged(str(error) or 'it is damaged') from error
        if self._member.eof:
            self._left = self._member.unused_data
        return data

    def _next_member(self, packed: bytes) -> bytes:
        """Check what follows a member: another one, or only zeros."""
        rest = packed.lstrip(b'\0')
        if self._is_padding or len(rest) != len(packed):
            if rest:
                raise inflating.Damaged('other data follows its end')
            self._is_padding = True
            return b''
        if packed:
            self._member = self._make()
        return packed


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    limit = {int(zstd.DecompressionParameter.window_log_max): _WINDOW_LOG}
    return zstd.ZstdDecompressor(options=limit)


def _gzip() -> inflating.Inflate:
    return inflating.Inflate(16 + zlib.MAX_WBITS)


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY_BYTES)


class _Kind(NamedTuple):
    name: str
    magic: bytes
    make: Callable[[], Unpacker]


_KINDS = (
    _Kind('gzip', b'\x1f\x8b\x08', lambda: Members(_gzip)),
    _Kind('bzip2', b'BZh', lambda: Members(bz2.BZ2Decompressor)),
    _Kind('xz', b'\xfd7zXZ\0', lambda: Members(_xz)),
    _Kind('zstd', b'\x28\xb5\x2f\xfd', lambda: Members(_zstd)),
    _Kind('zip', b'PK\3\4', archive.Zip),
)


def kind_of(head: bytes) -> tuple[str, Callable[[], Unpacker] | None]:
    """Name and unpacker of data by its first bytes; None if not packed."""
    for kind in _KINDS:
        if head.startswith(kind.magic):
            return kind.name, kind.make
    return '', None
