"""Staged files and stored images as sources of an import."""

from collections.abc import Iterator
import os
import pathlib
import random
import tempfile
from typing import Any
import unittest

from glance.common import errors
from glance.images.importing import source
from glance.images.importing import sources

DATA = random.Random(6).randbytes(3 * source.PIECE_BYTES + 5)


def read(data: source.Data, size: int = 100_000) -> bytes:
    """All data, in pieces of another size than those of the source."""
    buffer = memoryview(bytearray(size))
    found = b''
    while got := data.readinto(buffer):
        found += bytes(buffer[:got])
    return found


class TestStaged(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name, 'image')
        self.path.write_bytes(DATA)

    def open(self) -> sources.Source:
        opened = sources.staged(self.path)
        self.addCleanup(opened.close)
        return opened

    def test_all_data_is_read(self) -> None:
        opened = self.open()
        self.assertEqual(len(DATA), opened.size_bytes)
        self.assertTrue(opened.go_native())
        self.assertEqual(DATA, read(opened))
        self.assertEqual(DATA, b''.join(bytes(each) for each in self.open()))

    def test_a_missing_file_is_not_found(self) -> None:
        self.path.unlink()
        with self.assertRaisesRegex(errors.NotFound, 'staged data'):
            self.open()

    def test_a_link_is_not_followed(self) -> None:
        self.path.rename(self.path.with_suffix('.real'))
        self.path.symlink_to(self.path.with_suffix('.real'))
        with self.assertRaises(errors.StoreUnavailable):
            self.open()

    def test_a_file_that_is_cut_off_while_it_is_read_fails(self) -> None:
        opened = self.open()
        os.truncate(self.path, 10)
        with self.assertRaises(errors.StoreUnavailable):
            read(opened)


class _Body:
    def __init__(self, data: bytes, breaks_after: int | None) -> None:
        self._data = data
        self._breaks_after = breaks_after
        self.length = len(data)

    def __iter__(self) -> Iterator[bytes]:
        if self._breaks_after is None:
            yield self._data
            return
        yield self._data[: self._breaks_after]
        raise errors.StoreUnavailable

    def close(self) -> None:
        pass


class _Stores:
    """A store for each location: it works, is broken or breaks off."""

    def id_of(self, _location: Any) -> str:
        return 'file'

    def __init__(self, **breaks_after: int | None) -> None:
        self._breaks_after = breaks_after
        self.opened: list[tuple[str, int]] = []

    def ordered(self, locations: Any, _prefer: Any) -> Any:
        return locations

    def open(
        self, url: str, offset: int, length: int, _store_id: str | None
    ) -> _Body:
        self.opened.append((url, offset))
        after = self._breaks_after[url]
        if after == 0:
            raise errors.NotFound
        return _Body(DATA[offset : offset + length], after)


def _image(*urls: str, size: int = len(DATA)) -> Any:
    return {
        'id': 'an-image',
        'size': size,
        'locations': [{'url': url, 'metadata': {}} for url in urls],
    }


class TestImage(unittest.TestCase):
    def read(self, stores: _Stores, *urls: str) -> bytes:
        opened = sources.image(stores, _image(*urls))  # type: ignore[arg-type]
        self.addCleanup(opened.close)
        self.assertEqual(len(DATA), opened.size_bytes)
        return read(opened)

    def test_all_data_is_read(self) -> None:
        self.assertEqual(DATA, self.read(_Stores(good=None), 'good'))

    def test_the_next_location_is_read_when_one_is_broken(self) -> None:
        stores = _Stores(broken=0, good=None)
        self.assertEqual(DATA, self.read(stores, 'broken', 'good'))

    def test_a_location_that_breaks_off_is_read_on_where_it_ended(
        self,
    ) -> None:
        stores = _Stores(breaks=2_000_000)
        self.assertEqual(DATA, self.read(stores, 'breaks'))
        self.assertEqual([('breaks', 0), ('breaks', 2_000_000)], stores.opened)

    def test_a_location_that_always_breaks_off_fails(self) -> None:
        stores = _Stores(breaks=1)
        with self.assertRaises(errors.StoreUnavailable):
            self.read(stores, 'breaks')
        self.assertEqual(sources.IMAGE_TRIES, len(stores.opened))

    def test_no_location_can_be_read(self) -> None:
        with self.assertRaises(errors.StoreUnavailable):
            self.read(_Stores(broken=0), 'broken')

    def test_an_image_without_data_has_none(self) -> None:
        opened = sources.image(_Stores(), _image(size=0))  # type: ignore[arg-type]
        self.assertEqual(b'', read(opened))
