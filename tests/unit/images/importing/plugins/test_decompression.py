"""Packed data: every format, damaged, hostile, or not packed at all."""

import bz2
from collections.abc import Callable
import gzip
import hashlib
import io
import lzma
import random
import struct
from typing import Any
import unittest
import unittest.mock
import zipfile
import zlib

from backports import zstd

from glance.common import errors
from glance.images.importing import plugins
from glance.images.importing.plugins import decompression
from tests.unit.images.importing import targets

MIB = 1024 * 1024
DATA = random.Random(9).randbytes(70_000) + bytes(300_000) + b'the end'


CHECKED = {zstd.CompressionParameter.checksum_flag: 1}


def zipped(
    *names: str, method: int = zipfile.ZIP_DEFLATED, data: bytes = DATA
) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, 'w', method) as archive:
        for name in names:
            archive.writestr(name, data)
    return made.getvalue()


def streamed_zip(data: bytes = DATA) -> bytes:
    """Written to a pipe, so the sizes follow the file."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.written = b''

        def writable(self) -> bool:
            return True

        def write(self, piece: Any) -> int:
            self.written += bytes(piece)
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('disk', data)
    return pipe.written


PACKED: dict[str, bytes] = {
    'gzip': gzip.compress(DATA),
    'gzip of two members': gzip.compress(DATA[:10]) + gzip.compress(DATA[10:]),
    'gzip before zeros': gzip.compress(DATA) + bytes(600_000),
    'bzip2': bz2.compress(DATA),
    'bzip2 of two members': bz2.compress(DATA[:10]) + bz2.compress(DATA[10:]),
    'xz': lzma.compress(DATA),
    'xz of two members': lzma.compress(DATA[:9]) + lzma.compress(DATA[9:]),
    'zstd': zstd.compress(DATA),
    'zstd of two members': zstd.compress(DATA[:9]) + zstd.compress(DATA[9:]),
    'zip': zipped('disk.raw'),
    'stored zip': zipped('disk.raw', method=zipfile.ZIP_STORED),
    'streamed zip': streamed_zip(),
}


class DecompressionTestCase(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.container = 'bare'
        self.cap_bytes = 100 * MIB
        self.max_ratio = 1000

    def open(self, packed: bytes, make: Any = targets.Source) -> Any:
        image: Any = {
            'id': targets.ID,
            'disk_format': 'raw',
            'container_format': self.container,
        }
        self.job = plugins.Job(image, (), self.cap_bytes)
        chain = plugins.Chain([decompression.Decompress(self.max_ratio)])
        self.assertFalse(chain.needs_file)
        return chain.wrap(self.job, make(packed))

    def unpack(self, packed: bytes, size: int = 100_000, **how: Any) -> bytes:
        opened = self.open(packed, **how)
        self.assertTrue(opened.go_native())
        buffer = memoryview(bytearray(size))
        found = b''
        while got := opened.readinto(buffer):
            found += bytes(buffer[:got])
        return found

    def fails(
        self,
        packed: bytes,
        pattern: str,
        kind: type[errors.Error] = errors.BadRequest,
    ) -> None:
        with self.assertRaisesRegex(kind, pattern):
            self.unpack(packed)
        self.assertEqual({}, self.job.properties)


class TestFormats(DecompressionTestCase):
    def test_every_format_is_unpacked(self) -> None:
        for name, packed in PACKED.items():
            with self.subTest(name):
                self.assertEqual(DATA, self.unpack(packed))
                self.assertEqual(
                    {
                        'os_glance_source_hash': 'sha256:'
                        + hashlib.sha256(packed).hexdigest()
                    },
                    self.job.properties,
                )

    def test_however_the_bytes_come(self) -> None:
        for name, packed in PACKED.items():
            with self.subTest(name):
                self.assertEqual(DATA, self.unpack(packed, make=Padded))

    def test_other_data_passes_unchanged(self) -> None:
        for data in (b'', b'\x1f', b'QFI\xfb' + DATA, DATA):
            self.assertEqual(data, self.unpack(data))
            self.assertEqual({}, self.job.properties)

    def test_a_compressed_image_stays_packed(self) -> None:
        self.container = 'compressed'
        self.assertEqual(PACKED['gzip'], self.unpack(PACKED['gzip']))
        self.assertEqual({}, self.job.properties)

    def test_nothing_in_it(self) -> None:
        for pack in _packers():
            self.assertEqual(b'', self.unpack(pack(b'')))

    def test_a_closed_source(self) -> None:
        closed = unittest.mock.Mock()
        opened = self.open(b'', make=lambda _data: closed)
        opened.close()
        closed.close.assert_called_once_with()


class Padded(targets.Source):
    """Gives at most 1000 bytes at once, but fills the buffer at the first
    time, as the look at the first bytes needs some."""

    def readinto(self, view: memoryview) -> int:
        return super().readinto(view[:1000])


def _packers() -> list[Callable[[bytes], bytes]]:
    return [
        gzip.compress,
        bz2.compress,
        lambda data: lzma.compress(data, preset=0),
        lambda data: zstd.compress(data, options=CHECKED),
        lambda data: zipped('disk', data=data),
        streamed_zip,
    ]


class TestDamage(DecompressionTestCase):
    def test_truncated_data_is_refused(self) -> None:
        for pack in _packers():
            packed = pack(DATA)
            for size in (len(packed) // 2, len(packed) - 100, 12):
                self.fails(packed[:size], 'cannot be unpacked.*too early|seve')

    def test_changed_data_is_refused(self) -> None:
        for pack in _packers():
            packed = bytearray(pack(DATA))
            middle = len(packed) // 2
            packed[middle : middle + 8] = b'damaged!'
            self.fails(bytes(packed), 'cannot be unpacked')

    def test_other_data_behind_it_is_refused(self) -> None:
        for name in ('gzip', 'bzip2', 'xz', 'zstd'):
            with self.subTest(name):
                self.fails(PACKED[name] + b'other', 'cannot be unpacked')
                self.fails(PACKED[name] + b'\0\0other', 'other data follows')

    def test_a_zip_of_several_files_is_refused(self) -> None:
        self.fails(zipped('a', 'b'), 'more than one file')
        small = streamed_zip(b'x') + streamed_zip(b'x')
        self.fails(small, 'more than one file')

    def test_a_zip_that_hides_a_file_in_its_directory_is_refused(self) -> None:
        two, one = zipped('a', 'b'), zipped('a')
        begin = one.index(b'PK\1\2')
        self.fails(one[:begin] + two[two.index(b'PK\1\2') :], 'more than one')

    def test_a_directory_in_a_zip_is_refused(self) -> None:
        self.fails(zipped('a/', data=b''), 'a directory')

    def test_an_encrypted_zip_is_refused(self) -> None:
        packed = bytearray(zipped('a'))
        packed[6] |= 1
        self.fails(bytes(packed), 'encrypted')

    def test_another_method_of_zip_is_refused(self) -> None:
        self.fails(zipped('a', method=zipfile.ZIP_BZIP2), 'neither deflated')

    def test_a_wrong_checksum_of_zip_is_refused(self) -> None:
        packed = bytearray(zipped('a'))
        packed[14] ^= 1
        self.fails(bytes(packed), 'checksum')

    def test_much_data_behind_a_zip_is_refused(self) -> None:
        self.fails(PACKED['zip'] + bytes(MIB), 'other data follows')

    def test_a_window_that_takes_too_much_memory_is_refused(self) -> None:
        header = lzma.compress(b'x')
        # The dictionary size of an LZMA2 block is one byte of its header.
        packed = bytearray(header)
        packed[12:24] = _block_header(packed[12:24], 39)
        self.fails(bytes(packed), 'cannot be unpacked')


def _block_header(header: bytearray, dictionary: int) -> bytes:
    """The header of an xz block with another size of the dictionary."""
    header = bytearray(header)
    at = header.index(b'\x21\x01') + 2
    header[at] = dictionary
    header[8:12] = struct.pack('<I', zlib.crc32(header[:8]))
    return bytes(header)


class TestBombs(DecompressionTestCase):
    def test_more_than_the_cap_is_refused(self) -> None:
        self.cap_bytes = MIB
        for pack in _packers():
            packed = pack(bytes(2 * MIB))
            self.fails(packed, f'more than {MIB} bytes', errors.LimitExceeded)

    def test_a_ratio_beyond_the_limit_is_refused(self) -> None:
        self.max_ratio = 2
        with unittest.mock.patch.object(decompression, '_SMALL_BYTES', 9):
            for pack in _packers():
                packed = pack(bytes(2 * MIB))
                self.fails(packed, 'more than 2 times', errors.LimitExceeded)

    def test_little_data_has_any_ratio(self) -> None:
        self.max_ratio = 20
        self.unpack(gzip.compress(bytes(2 * MIB)))

    def test_no_more_is_unpacked_at_once_than_is_asked_for(self) -> None:
        """Memory stays flat: 8 MiB of zeros are 8 KiB of gzip."""
        for pack in _packers():
            opened = self.open(pack(bytes(8 * MIB)))
            got = opened.readinto(memoryview(bytearray(1)))
            self.assertEqual(1, got)
            self.assertLessEqual(len(opened._rest), decompression._READ_BYTES)
