"""What every driver promises, checked against its real server.

Beside the suite of all stores (tests/contract/test_stores.py): sizes around
the parts in which a driver sends data, servers that die, bounded memory.
"""

from collections.abc import Iterator, Mapping
import hashlib
import random
import threading
from typing import Any

from glance.api.conf import stores as options
from glance.common import errors
from glance.store import base as store_base
from glance.store import config
from glance.store import drivers
from tests.contract import test_stores
from tests.stores import gate

ID = test_stores.ID
MIB = 1024 * 1024
#: Chunks as they come from a socket: no part ends where a chunk does.
CHUNK_BYTES = 200_003
WAIT_SECONDS = 60


def backend(kind: str, settings: Mapping[str, Any]) -> config.Backend:
    """A store as the configuration would describe it."""
    found = {option.dest: option.default for option in options.BY_KIND[kind]}
    unknown = settings.keys() - found.keys()
    assert not unknown, unknown
    return config.Backend(kind, kind, {**found, **settings})


def chunks(data: bytes) -> Iterator[bytes]:
    for begin in range(0, len(data), CHUNK_BYTES):
        yield data[begin : begin + CHUNK_BYTES]


class Driver(test_stores.StoreSuite):
    """Mixed into a test case per driver, with :meth:`settings`, :meth:`held`.

    :cvar kind: its type
    :cvar part_bytes: how much a driver with these settings sends at once
    """

    kind: str
    part_bytes: int

    def settings(self) -> dict[str, Any]:
        """The options of the store by their names."""
        raise NotImplementedError

    def held(self) -> list[str]:
        """All that the server keeps, found without the driver.

        Each name has the id of its image: objects, segments, open uploads,
        volumes and snapshots.
        """
        raise NotImplementedError

    def make_store(self: Any) -> store_base.Store:
        return drivers.make(backend(self.kind, self.settings()))

    def count(self: Any) -> int:
        ids = [f'{ID[:-2]}{number:02}' for number in range(16)]
        names = self.held()
        return sum(any(each in name for name in names) for each in ids)

    def _sizes(self: Any) -> list[int]:
        part = self.part_bytes
        return [
            *(0, 1, part - 1, part, part + 1),
            *(2 * part, 3 * part + 17),
        ]

    def _check_size(self: Any, size: int, announced: int | None) -> None:
        data = random.Random(size).randbytes(size)
        url = self.store.write(ID, chunks(data), lambda: None, announced)
        self.assertTrue(self.store.owns(url))
        self.assertEqual(size, self.store.size(url))
        got = self.read(url)
        self.assertEqual(
            hashlib.sha256(data).digest(), hashlib.sha256(got).digest()
        )
        body = self.store.open(url, 0, None)
        if isinstance(body, store_base.Direct):
            view = memoryview(bytearray(size))
            for start in range(0, size, 700_001):
                body.read_into(view[start : start + 700_001])
            self.assertTrue(view == data, 'other data came')
        body.close()
        part = self.part_bytes
        for offset, length in (
            (0, min(size, 10)),
            (max(size - 3, 0), None),
            (max(min(part, size) - 5, 0), min(10, size - min(part, size))),
        ):
            end = None if length is None else offset + length
            self.assertEqual(data[offset:end], self.read(url, offset, length))
        self.store.delete(url)
        self.assertEqual([], self.held())

    def test_any_size_that_is_known(self: Any) -> None:
        for size in self._sizes():
            with self.subTest(size):
                self._check_size(size, size)

    def test_any_size_that_is_not_known(self: Any) -> None:
        for size in self._sizes():
            with self.subTest(size):
                self._check_size(size, None)

    def test_a_broken_source_of_several_parts_leaves_nothing(
        self: Any,
    ) -> None:
        def broken(size: int) -> Iterator[bytes]:
            yield from chunks(b'x' * size)
            raise errors.LimitExceeded

        for size in (self.part_bytes - 1, 2 * self.part_bytes + 1):
            for announced in (None, size + 1):
                with (
                    self.subTest(f'{size} {announced}'),
                    self.assertRaises(errors.LimitExceeded),
                ):
                    self.store.write(ID, broken(size), lambda: None, announced)
                self.assertEqual([], self.held())

    def test_less_data_than_announced_is_no_image(self: Any) -> None:
        for size in (3, self.part_bytes + 3):
            data = bytes(size)
            try:
                url = self.store.write(
                    ID, chunks(data), lambda: None, 2 * size + 1
                )
            except errors.StoreUnavailable:
                self.assertEqual([], self.held())
            else:  # a store that counts for itself
                self.assertEqual(data, self.read(url))
                self.store.delete(url)

    def test_a_lost_claim_leaves_the_data_of_the_other(self: Any) -> None:
        url = self.store.write(ID, iter([b'of the other']), lambda: None)
        before = self.held()

        def refuse() -> None:
            raise errors.Conflict

        for size in (1, self.part_bytes, 2 * self.part_bytes + 1):
            for announced in (None, size):
                with (
                    self.subTest(f'{size} {announced}'),
                    self.assertRaises(errors.Conflict),
                ):
                    self.store.write(
                        ID, chunks(b'x' * size), refuse, announced
                    )
                self.assertEqual(b'of the other', self.read(url))
                self.assertEqual(before, self.held())

    def test_data_of_several_parts_is_replaced(self: Any) -> None:
        part = self.part_bytes
        for size in (3 * part, 2 * part + 1, 5):
            data = random.Random(size).randbytes(size)
            url = self.store.write(ID, chunks(data), lambda: None)
            self.assertEqual(data, self.read(url))
        self.store.delete(url)
        self.assertEqual([], self.held())

    def test_what_a_killed_upload_left_is_held_and_removed(self: Any) -> None:
        data = bytes(2 * self.part_bytes + 1)
        self.store.write(ID, chunks(data), lambda: None)
        held = self.store.hold(ID)
        held.remove()
        held.close()
        self.assertEqual([], self.held())
        self.assertIsNone(self.store.hold(ID))

    def test_what_replaced_held_data_stays(self: Any) -> None:
        self.store.write(ID, iter([b'first']), lambda: None)
        held = self.store.hold(ID)
        url = self.store.write(ID, iter([b'second']), lambda: None)
        held.remove()
        held.close()
        self.assertEqual(b'second', self.read(url))

    def test_two_writers_of_one_image_leave_one_whole(self: Any) -> None:
        half = threading.Barrier(2, timeout=WAIT_SECONDS)
        size = 2 * self.part_bytes + 1
        urls: list[str] = []

        def slowly(letter: bytes) -> Iterator[bytes]:
            yield letter * (size // 2)
            half.wait()
            yield letter * (size - size // 2)

        def write(letter: bytes) -> None:
            urls.append(self.store.write(ID, slowly(letter), lambda: None))

        writers = [
            threading.Thread(target=write, args=(letter,))
            for letter in (b'a', b'b')
        ]
        for each in writers:
            each.start()
        for each in writers:
            each.join(WAIT_SECONDS)
        self.assertEqual(2, len(urls))
        got = self.read(urls[0])
        self.assertIn(got, (b'a' * size, b'b' * size))
        self.store.delete(urls[0])
        self.store.delete_unregistered(ID)
        self.assertEqual([], self.held())

    def test_urls_tell_no_secret(self: Any) -> None:
        url = self.store.write(ID, iter([b'x']), lambda: None)
        for secret in self.secrets():
            self.assertNotIn(secret, url)

    def secrets(self) -> list[str]:
        """What no URL may contain."""
        return []


class Listing(test_stores.Listing):
    """Mixed in as well where a driver lists data and sets it aside."""

    def test_data_of_several_parts_is_listed_and_set_aside(self: Any) -> None:
        data = random.Random(4).randbytes(2 * self.part_bytes + 1)
        url = self.store.write(ID, chunks(data), lambda: None)
        (piece,) = self.listed().values()
        self.assertEqual((ID, len(data)), (piece.image_id, piece.size_bytes))
        name = self.store.set_aside(url)
        again = self.store.write(ID, chunks(data[::-1]), lambda: None)
        found = self.listed()
        self.assertEqual({len(data)}, {it.size_bytes for it in found.values()})
        body = self.store.open(found[name].url, 0, None)
        self.assertEqual(data, b''.join(body))
        body.close()
        held = found[name].hold()
        held.remove()
        held.close()
        self.assertEqual(data[::-1], self.read(again))
        self.store.delete(again)
        self.assertEqual([], self.held())


class Served:
    """Mixed in as well where there is a server that can die."""

    def connect(self: Any) -> gate.Gate:
        """A gate to the server."""
        raise NotImplementedError

    def settings_through(self: Any, way: gate.Gate) -> dict[str, Any]:
        """The options of a store whose server is behind a gate."""
        raise NotImplementedError

    def behind(self: Any) -> tuple[store_base.Store, gate.Gate]:
        way = self.connect()
        self.addCleanup(way.close)
        settings = self.settings_through(way)
        return drivers.make(backend(self.kind, settings)), way

    def test_a_server_that_dies_in_a_write_leaves_nothing(self: Any) -> None:
        size = 3 * self.part_bytes
        for announced in (None, size):
            store, way = self.behind()

            def dying(way: gate.Gate = way) -> Iterator[bytes]:
                for number, chunk in enumerate(chunks(b'x' * size)):
                    if number == size // CHUNK_BYTES // 2:
                        way.shut()
                    yield chunk

            with (
                self.subTest(announced),
                self.assertRaises(errors.StoreUnavailable),
            ):
                store.write(ID, dying(), lambda: None, announced)
            way.open()
            # What could not be removed then is removed as a leftover.
            store.delete_unregistered(ID)
            self.assertEqual([], self.held())
            url = store.write(ID, iter([b'again']), lambda: None)
            store.delete(url)

    def test_a_server_that_dies_in_a_read_is_an_error(self: Any) -> None:
        store, way = self.behind()
        url = store.write(ID, chunks(b'x' * 32 * MIB), lambda: None)
        body = store.open(url, 0, None)
        pieces = iter(body)
        got = len(next(pieces))
        way.shut()
        with self.assertRaises(errors.StoreUnavailable):
            got += sum(map(len, pieces))
        body.close()
        self.assertLess(got, 32 * MIB)
        with self.assertRaises(errors.StoreUnavailable):
            store.open(url, 0, None)
        way.open()
        store.delete(url)

    def test_a_dead_server_is_unavailable_and_comes_back(self: Any) -> None:
        store, way = self.behind()
        url = store.write(ID, iter([b'data']), lambda: None)
        way.shut()
        for call in (
            lambda: store.open(url, 0, None),
            lambda: store.size(url),
            lambda: store.delete(url),
            lambda: store.write(ID, iter([b'x']), lambda: None),
            lambda: store.hold(ID),
        ):
            with self.assertRaises(errors.StoreUnavailable):
                call()
        self.assertIsNotNone(store.find_trouble())
        way.open()
        self.assertIsNone(store.find_trouble())
        body = store.open(url, 0, None)
        self.assertEqual(b'data', b''.join(body))
        store.delete(url)

    def test_a_store_whose_server_is_down_cannot_be_set_up(self: Any) -> None:
        way = self.connect()
        self.addCleanup(way.close)
        way.shut()
        with self.assertRaises(errors.Error) as caught:
            drivers.make(backend(self.kind, self.settings_through(way)))
        for secret in self.secrets():
            self.assertNotIn(secret, str(caught.exception))
