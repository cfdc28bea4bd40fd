"""A file with some blocks of an image.

The data is at the same offsets as in the image; missing blocks are holes.
After the data come a header and a map with one byte per block, so the file
itself records what it has. The map is cut off when the image is complete and
its hash is correct: a file without a map has all the data.
"""

import functools
import os
import pathlib
import struct
from typing import NamedTuple
import uuid
import weakref

BLOCK_BYTES = 1024 * 1024
_HEADER = struct.Struct('<8sQ64s40s')
#: After the header: a random number, which no other file has.
_NUMBER_BYTES = 16
_MAGIC = b'glanceB1'
#: Includes the byte that marks the data as wrong.
HEADER_BYTES = 256
_INVALID_AT = HEADER_BYTES - 1
_MODE = 0o640
#: Bytes of the map that are read at once while looking for a missing block.
_MAP_STEP = 4096
TEMPORARY = '.new-'


class Unreadable(Exception):
    """Not a file of blocks, or of another image, or before a reboot."""


class Key(NamedTuple):
    """Identifies the data of an image.

    :ivar fingerprint: changes with the data of the image
    """

    image_id: str
    fingerprint: str
    size_bytes: int

    @property
    def block_count(self) -> int:
        return -(-self.size_bytes // BLOCK_BYTES)

    def length(self, index: int) -> int:
        """Bytes of a block; the last one may be shorter."""
        return min(BLOCK_BYTES, self.size_bytes - index * BLOCK_BYTES)

    def whole_blocks(self, offset: int, length: int) -> tuple[int, int]:
        """Offset and length of the blocks that contain a range."""
        start = offset - offset % BLOCK_BYTES
        end = -(-(offset + length) // BLOCK_BYTES) * BLOCK_BYTES
        return start, min(end, self.size_bytes) - start


@functools.cache
def boot_id() -> bytes:
    """An id that changes with each start of the machine.

    Data that was not flushed is lost then, so older maps are not valid.
    """
    text = pathlib.Path('/proc/sys/kernel/random/boot_id').read_text()
    return text.strip().encode()[:40]


def create(directory: pathlib.Path, key: Key) -> None:
    """Create the file of an image, without any block.

    It gets its name after its header was written.
    """
    temporary = directory / f'{TEMPORARY}{uuid.uuid4()}'
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    fd = os.open(temporary, flags, _MODE)
    try:
        os.ftruncate(fd, key.size_bytes + HEADER_BYTES + key.block_count)
        os.pwrite(fd, _header(key) + uuid.uuid4().bytes, key.size_bytes)
        os.rename(temporary, directory / key.image_id)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)


def _header(key: Key) -> bytes:
    return _HEADER.pack(
        _MAGIC, key.size_bytes, key.fingerprint.encode(), boot_id()
    )


def read_key(path: pathlib.Path) -> Key:
    """Read the key from the header of a file of blocks.

    :raises Unreadable: it is not such a file, or from before a reboot
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(path, flags)
    try:
        end = os.fstat(fd).st_size
        # The map has one byte per block of the data, so the position of the
        # header can be calculated from the size of the whole file.
        size = _size_of_data(end)
        raw = os.pread(fd, _HEADER.size, size) if size else b''
    finally:
        os.close(fd)
    if len(raw) < _HEADER.size:
        raise Unreadable(path.name)
    magic, said, fingerprint, boot = _HEADER.unpack(raw)
    if magic != _MAGIC or said != size or boot.rstrip(b'\0') != boot_id():
        raise Unreadable(path.name)
    text = fingerprint.rstrip(b'\0').decode(errors='replace')
    return Key(path.name, text, size)


def _size_of_data(file_bytes: int) -> int:
    """Solve: data + header + number of blocks = size of the file."""
    rest = file_bytes - HEADER_BYTES
    count = -(-rest // (BLOCK_BYTES + 1))
    return max(rest - count, 0)


class _Known:
    """The blocks of one file that this process knows to be present.

    A block that is present stays so, until the file is deleted. Hundreds of
    readers of one file look here first, because each read of the map lets
    another thread have the interpreter.

    :ivar map: like that of the file; None if the file has all blocks
    """

    def __init__(self, count: int) -> None:
        self.map: bytearray | None = bytearray(count)

    def first_unknown(self, start: int, stop: int) -> int | None:
        known = self.map  # another thread may replace it
        if known is None:
            return None
        found = known.find(0, start, stop)
        return None if found < 0 else found

    def note(self, start: int, part: bytes) -> None:
        """:param part: of the file's map; empty if the map was cut off"""
        known = self.map
        if not part:
            self.map = None
        elif known is not None:
            known[start : start + len(part)] = part


#: By the numbers in the headers of files.
_known: weakref.WeakValueDictionary[bytes, _Known]
_known = weakref.WeakValueDictionary()


class Blocks:
    """An open file of blocks; the opener must call close()."""

    def __init__(self, directory: pathlib.Path, key: Key) -> None:
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        self.key = key
        self.fd = os.open(directory / key.image_id, flags)
        try:
            self._known = self._check()
        except BaseException:
            os.close(self.fd)
            raise

    def _check(self) -> _Known:
        raw = os.pread(self.fd, HEADER_BYTES, self.key.size_bytes)
        expected = _header(self.key)
        if raw.startswith(expected):
            number = raw[len(expected) : len(expected) + _NUMBER_BYTES]
            if not any(number):  # of an older release
                return _Known(self.key.block_count)
            found = _known.get(number)
            return found or _known.setdefault(
                number, _Known(self.key.block_count)
            )
        # The page that was read may just be cut off by another thread. So
        # the size, which is read afterwards, decides.
        if os.fstat(self.fd).st_size != self.key.size_bytes:
            raise Unreadable(self.key.image_id)
        whole = _Known(0)
        whole.map = None
        return whole

    def has(self, index: int) -> bool:
        return self.first_missing(index, index + 1) is None

    def has_range(self, offset: int, length: int) -> bool:
        first = offset // BLOCK_BYTES
        last = (offset + max(length, 1) - 1) // BLOCK_BYTES
        return self.first_missing(first, last + 1) is None

    def is_only_missing(self, index: int) -> bool:
        """Whether all blocks but this one are present."""
        count = self.key.block_count
        return (
            self.first_missing(index + 1, count) is None
            and self.first_missing(0, index) is None
        )

    def first_missing(self, start: int, stop: int) -> int | None:
        while True:
            unknown = self._known.first_unknown(start, stop)
            if unknown is None:
                return None
            part = self._map(unknown, min(stop - unknown, _MAP_STEP))
            offset = part.find(b'\0')
            if offset >= 0:
                return unknown + offset
            start = unknown + len(part)

    def known_end(self, start: int, stop: int) -> int:
        """The end of the blocks from ``start`` on known to be present.

        More may be present: this looks into memory only.
        """
        unknown = self._known.first_unknown(start, stop)
        return stop if unknown is None else unknown

    def run_of_missing(self, start: int, stop: int) -> int:
        """The end of the consecutive missing blocks from ``start`` on."""
        here = self._map(start, stop - start)
        return start + len(here) - len(here.lstrip(b'\0'))

    def present_bytes(self) -> int:
        count = self.key.block_count
        there = count - self._map(0, count).count(0)
        last = count - 1
        short = BLOCK_BYTES - self.key.length(last) if self.has(last) else 0
        return there * BLOCK_BYTES - short

    def _map(self, index: int, count: int) -> bytes:
        """A part of the map; empty if it was cut off: all blocks are there."""
        place = self.key.size_bytes + HEADER_BYTES + index
        part = os.pread(self.fd, count, place)
        self._known.note(index, part)
        return part

    def write(self, index: int, data: memoryview) -> None:
        offset = index * BLOCK_BYTES
        while data:
            done = os.pwrite(self.fd, data, offset)
            data, offset = data[done:], offset + done

    def publish(self, index: int) -> None:
        """Mark a block as present, for all readers."""
        place = self.key.size_bytes + HEADER_BYTES + index
        os.pwrite(self.fd, b'\1', place)
        self._known.note(index, b'\1')

    def mark_invalid(self) -> None:
        os.pwrite(self.fd, b'\1', self.key.size_bytes + _INVALID_AT)

    def is_invalid(self) -> bool:
        """Whether the data was found to differ from that of the image."""
        place = self.key.size_bytes + _INVALID_AT
        return os.pread(self.fd, 1, place) == b'\1'

    def is_named(self) -> bool:
        """Whether the file is still in the cache and not deleted."""
        return os.fstat(self.fd).st_nlink > 0

    def cut_map(self) -> None:
        """Flush the data to the disk, then make it an ordinary file."""
        os.fdatasync(self.fd)
        os.ftruncate(self.fd, self.key.size_bytes)

    def close(self) -> None:
        os.close(self.fd)
