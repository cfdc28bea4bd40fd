"""The test suite of the contract of all stores (glance/store/base.py)."""

from collections.abc import Iterator
from concurrent import futures
import errno
import os
import random
from typing import Any
import unittest
from unittest import mock

from glance.common import errors
from glance.store import base as store_base
from glance.store import filesystem
from tests import base

ID = '7a000000-0000-4000-8000-000000000001'
OTHER = '7a000000-0000-4000-8000-000000000002'
MIB = 1024 * 1024


class StoreSuite:
    """The tests of every store; a mix-in for one test case per store."""

    store: store_base.Store

    def make_store(self) -> store_base.Store:
        raise NotImplementedError

    def count(self: Any) -> int:
        """Return the number of data objects, complete or partial."""
        raise NotImplementedError

    def setUp(self: Any) -> None:
        super().setUp()
        self.store = self.make_store()

    def write(self: Any, image_id: str, *chunks: bytes) -> str:
        def confirm() -> None:
            self.confirmed += 1

        self.confirmed = 0
        url: str = self.store.write(image_id, iter(chunks), confirm)
        return url

    def read(
        self: Any, url: str, offset: int = 0, length: int | None = None
    ) -> bytes:
        body = self.store.open(url, offset, length)
        try:
            content = b''.join(body)
        finally:
            body.close()
        self.assertEqual(len(content), body.length)
        return content

    def test_what_is_written_is_read(self: Any) -> None:
        data = random.Random(1).randbytes(3 * MIB + 1)
        url = self.write(ID, data[:MIB], data[MIB : MIB + 5], data[MIB + 5 :])
        self.assertEqual(data, self.read(url))
        self.assertEqual(data, self.read(url))
        self.assertEqual(1, self.count())

    def test_no_bytes_are_data(self: Any) -> None:
        for chunks in ((), (b'',)):
            url = self.write(ID, *chunks)
            self.assertEqual(b'', self.read(url))
            self.store.delete(url)

    def test_empty_chunks_mean_nothing(self: Any) -> None:
        url = self.write(ID, b'a', b'', b'b')
        self.assertEqual(b'ab', self.read(url))

    def test_parts_are_read(self: Any) -> None:
        data = bytes(range(256)) * 4096
        url = self.write(ID, data)
        for offset, length in (
            (0, 1),
            (0, len(data)),
            (5, 10),
            (len(data) - 1, 1),
            (len(data) - 3, None),
            (0, None),
            (MIB - 100, 100),
            (7, 0),
        ):
            end = None if length is None else offset + length
            with self.subTest(f'{offset} {length}'):
                self.assertEqual(
                    data[offset:end], self.read(url, offset, length)
                )

    def test_more_than_there_is_cannot_be_opened(self: Any) -> None:
        url = self.write(ID, b'12345')
        for offset, length in ((0, 6), (5, 1), (6, 0)):
            with (
                self.subTest(f'{offset} {length}'),
                self.assertRaises(errors.StoreUnavailable),
            ):
                self.store.open(url, offset, length)

    def test_missing_data_is_not_found(self: Any) -> None:
        url = self.write(ID, b'data')
        self.store.delete(url)
        with self.assertRaises(errors.NotFound):
            self.store.open(url, 0, None)

    def test_deleting_twice_is_no_error(self: Any) -> None:
        url = self.write(ID, b'data')
        kept = self.write(OTHER, b'other')
        self.store.delete(url)
        self.store.delete(url)
        self.assertEqual(1, self.count())
        self.assertEqual(b'other', self.read(kept))

    def test_a_broken_write_leaves_nothing(self: Any) -> None:
        def broken(trouble: BaseException) -> Iterator[bytes]:
            yield b'x' * MIB
            raise trouble

        for trouble in (
            errors.LimitExceeded(),
            OSError('gone'),
            RuntimeError(),
            KeyboardInterrupt(),
            GeneratorExit(),
        ):
            with (
                self.subTest(repr(trouble)),
                self.assertRaises(type(trouble)),
            ):
                self.store.write(ID, broken(trouble), lambda: None)
            self.assertEqual(0, self.count())
        self.assertEqual(b'again', self.read(self.write(ID, b'again')))

    def test_an_unfinished_write_is_not_there(self: Any) -> None:
        url = self.write(ID, b'x')
        self.store.delete(url)

        def looking() -> Iterator[bytes]:
            yield b'half'
            with self.assertRaises(errors.NotFound):
                self.store.open(url, 0, None)
            yield b' and half'

        again = self.store.write(ID, looking(), lambda: None)
        self.assertEqual(b'half and half', self.read(again))

    def test_data_of_nobody_is_replaced_once_that_is_confirmed(
        self: Any,
    ) -> None:
        self.write(ID, b'of a killed upload')
        self.assertEqual(1, self.confirmed)
        url = self.write(ID, b'new')
        self.assertEqual(1, self.confirmed)
        self.assertEqual(b'new', self.read(url))
        self.assertEqual(1, self.count())

    def test_data_of_another_holder_stays(self: Any) -> None:
        url = self.write(ID, b'of another holder')

        def refuse() -> None:
            raise errors.Conflict

        with self.assertRaises(errors.Conflict):
            self.store.write(ID, iter([b'late']), refuse)
        self.assertEqual(b'of another holder', self.read(url))
        self.assertEqual(1, self.count())

    def test_unregistered_data_is_deleted(self: Any) -> None:
        self.write(ID, b'left over')
        kept = self.write(OTHER, b'other')
        self.store.delete_unregistered(ID)
        self.store.delete_unregistered(ID)
        self.assertEqual(b'other', self.read(kept))
        self.assertEqual(1, self.count())

    def test_an_open_body_outlives_the_deletion(self: Any) -> None:
        url = self.write(ID, b'data')
        body = self.store.open(url, 0, None)
        self.store.delete(url)
        self.assertEqual(b'data', b''.join(body))
        body.close()

    def test_a_body_can_be_closed_half_read(self: Any) -> None:
        url = self.write(ID, b'x' * 3 * MIB)
        body = self.store.open(url, 0, None)
        next(iter(body))
        body.close()
        self.assertEqual(b'x' * 3 * MIB, self.read(url))

    def test_urls_of_others_lead_nowhere(self: Any) -> None:
        """OSSA-2014-041, OSSA-2015-002: no access to the host's files."""
        for url in (
            'file:///etc/passwd',
            'filesystem:///etc/passwd',
            'file:///proc/self/environ',
            'http://127.0.0.1/x',
            'swift+config://ref/c/o',
            'rbd://pool/image',
            '/etc/passwd',
            '',
            'file:',
            'file://',
            'file://[',
            'file:///a%00b/' + ID,
        ):
            with self.subTest(url):
                with self.assertRaises(store_base.Elsewhere) as caught:
                    self.store.open(url, 0, None)
                self.assertNotIn('passwd', str(caught.exception))
                with self.assertRaises(store_base.Elsewhere):
                    self.store.delete(url)

    def test_many_at_once(self: Any) -> None:
        ids = [f'{ID[:-2]}{number:02}' for number in range(12)]

        def work(image_id: str) -> str:
            data = image_id.encode() * 20_000
            url: str = self.store.write(
                image_id, iter([data, data]), lambda: None
            )
            self.assertEqual(data + data, self.read(url))
            return url

        with futures.ThreadPoolExecutor(6) as pool:
            urls = list(pool.map(work, ids))
        self.assertEqual(len(ids), len(set(urls)))
        self.assertEqual(len(ids), self.count())
        with futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(self.store.delete, urls))
        self.assertEqual(0, self.count())


class Listing:
    """Mixed in as well for stores that list data and set it aside."""

    def listed(self: Any) -> dict[str, store_base.Piece]:
        found = list(self.store.pieces())
        by_name = {each.name: each for each in found}
        self.assertEqual(len(found), len(by_name))
        return by_name

    def test_all_data_is_listed(self: Any) -> None:
        urls = {ID: self.write(ID, b'one'), OTHER: self.write(OTHER, b'')}
        found = {each.image_id: each for each in self.listed().values()}
        self.assertEqual(urls, {each: found[each].url for each in found})
        self.assertEqual(3, found[ID].size_bytes)
        self.assertEqual(0, found[OTHER].size_bytes)
        for piece in found.values():
            self.assertIn(str(piece.image_id), piece.name)
            self.assertFalse(piece.is_aside)
            self.assertLess(abs(piece.age_seconds), 600)
        held = found[ID].hold()
        held.remove()
        held.close()
        self.assertIsNone(found[ID].hold())
        (left,) = self.listed().values()
        self.assertEqual(OTHER, left.image_id)

    def test_what_replaced_listed_data_stays(self: Any) -> None:
        self.write(ID, b'first')
        (piece,) = self.listed().values()
        held = piece.hold()
        url = self.write(ID, b'second')
        held.remove()
        held.close()
        self.assertEqual(b'second', self.read(url))

    def test_damaged_data_is_set_aside(self: Any) -> None:
        url = self.write(ID, b'damaged')
        name = self.store.set_aside(url)
        with self.assertRaises(errors.NotFound):
            self.store.size(url)
        with self.assertRaises(errors.NotFound):
            self.store.set_aside(url)
        self.assertEqual(url, self.write(ID, b'repaired'))
        self.assertEqual(b'repaired', self.read(url))
        found = self.listed()
        aside = found.pop(name)
        self.assertEqual((ID, True), (aside.image_id, aside.is_aside))
        self.assertEqual(7, aside.size_bytes)
        self.assertLess(abs(aside.age_seconds), 600)
        self.assertEqual([False], [it.is_aside for it in found.values()])
        held = aside.hold()
        held.remove()
        held.close()
        self.assertEqual(list(found), list(self.listed()))
        self.assertEqual(b'repaired', self.read(url))
        self.store.delete(url)
        self.assertEqual(0, self.count())


class TestFilesystemStore(Listing, StoreSuite, unittest.TestCase):
    def make_store(self) -> store_base.Store:
        self.directory = base.temporary_directory(self)
        return filesystem.FilesystemStore(self.directory)

    def count(self) -> int:
        return len(base.names_in(self.directory))


class TestFilesystemStoreWithNames(TestFilesystemStore):
    """On a file system that cannot create files without a name (NFS)."""

    def make_store(self) -> store_base.Store:
        really_open = os.open

        def no_tmpfile(path: Any, flags: int, *args: Any, **rest: Any) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, 'not supported')
            return really_open(path, flags, *args, **rest)

        patched = mock.patch.object(os, 'open', no_tmpfile)
        patched.start()
        self.addCleanup(patched.stop)
        return super().make_store()
