"""What readers get from the cache, and how often the store is read."""

from collections.abc import Callable
from concurrent import futures
import contextlib
import errno
import itertools
import os
import sqlite3
import threading
from typing import Any
from unittest import mock

from glance.cache import blocks
from glance.cache import following
from glance.cache import index
from glance.cache import keys
from glance.cache import locks
from glance.cache import opening
from glance.common import errors
from glance.common import filebody
from glance.common import threads
from tests import slow_store
from tests.unit.cache import cases
from tests.unit.cache.cases import ID
from tests.unit.cache.cases import MIB


class TestReading(cases.CacheTestCase):
    def test_first_download_fills_and_second_is_a_file(self) -> None:
        image = self.image()
        content = self.store.data[ID]
        self.assertEqual(content, self.read(image))
        self.wait_complete(ID)
        given = self.store.given_bytes
        body = self.open(image)
        self.addCleanup(body.close)
        self.assertIsInstance(body, filebody.FileBody)
        self.assertEqual(content, b''.join(body))
        self.assertEqual(len(content), given)
        self.assertEqual(given, self.store.given_bytes)
        self.assertEqual([ID], self.files())

    def test_parts_of_a_cached_image_come_from_the_file(self) -> None:
        image = self.image()
        content = self.store.data[ID]
        self.read(image)
        self.wait_complete(ID)
        opened = len(self.store.opened)
        for offset, length in ((0, 1), (MIB - 1, 2), (5, 3 * MIB)):
            with self.subTest(f'{offset} {length}'):
                self.assertEqual(
                    content[offset : offset + length],
                    self.read(image, offset, length),
                )
        self.assertEqual(opened, len(self.store.opened))

    def test_part_of_a_cold_image_fetches_only_its_blocks(self) -> None:
        image = self.image(size=20 * MIB)
        content = self.store.data[ID]
        part = self.read(image, 5 * MIB + 7, MIB)
        self.assertEqual(content[5 * MIB + 7 : 6 * MIB + 7], part)
        # The same blocks again: nothing more is fetched.
        given = self.store.given_bytes
        self.assertEqual(2 * MIB, given)
        self.assertEqual(part, self.read(image, 5 * MIB + 7, MIB))
        self.assertEqual(given, self.store.given_bytes)
        # The rest goes around them.
        self.assertEqual(content, self.read(image))
        self.wait_complete(ID)
        self.assertEqual(len(content), self.store.given_bytes)

    def test_part_of_a_block_of_a_cold_image_is_cached(self) -> None:
        image = self.image(size=4 * MIB)
        for offset, length in ((0, 1), (MIB, 10), (2 * MIB + 5, 10)):
            with self.subTest(offset=offset, length=length):
                end = offset + length
                content = self.store.data[ID][offset:end]
                for _ in range(2):
                    self.assertEqual(content, self.read(image, offset, length))
                self.wait_for_fillers()
        self.assertEqual([n * MIB for n in range(3)], self.starts())
        self.assertEqual(3 * MIB, self.store.given_bytes)

    def starts(self) -> list[int]:
        return [offset for offset, _ in self.store.opened]

    def test_64_readers_of_a_cold_image_read_the_store_once(self) -> None:
        image = self.image(size=8 * MIB + 3)
        content = self.store.data[ID]
        barrier = threading.Barrier(64)
        others = [self.make() for _ in range(3)]

        def work(number: int) -> bool:
            barrier.wait(30)
            return content == self.read(image, cached=others[number % 3])

        with futures.ThreadPoolExecutor(64) as pool:
            self.assertTrue(all(pool.map(work, range(64))))
        self.wait_complete(ID)
        self.assertEqual(len(content), self.store.given_bytes)
        self.assertEqual([(0, image['size'])], self.store.opened)

    def test_worker_waits_while_another_one_opens_the_store(self) -> None:
        image = self.image()
        other = self.make()
        is_open, goes_on = threading.Event(), threading.Event()

        def fetch(offset: int, length: int) -> Any:
            is_open.set()
            self.assertTrue(goes_on.wait(30))
            return self.fetch(image)(offset, length)

        def first() -> bytes:
            with contextlib.closing(
                self.cached.open(image, 0, image['size'], fetch)
            ) as body:
                return b''.join(body)

        with futures.ThreadPoolExecutor(2) as pool:
            early = pool.submit(first)
            self.assertTrue(is_open.wait(30))
            with mock.patch.object(threads, 'pause') as pause:
                pause.side_effect = lambda _seconds: goes_on.set()
                late = pool.submit(self.read, image, cached=other)
                self.assertEqual(early.result(30), late.result(30))
        self.assertEqual(1, len(self.store.opened))

    def test_worker_that_waited_long_opens_the_store_itself(self) -> None:
        image = self.image()
        with (
            self.cached._openings.turn(ID),
            mock.patch.object(opening, '_HOST_SECONDS', 0),
        ):
            self.assertEqual(
                self.store.data[ID], self.read(image, cached=self.make())
            )

    def test_lock_that_cannot_be_taken_does_not_fail_a_download(self) -> None:
        image = self.image()
        trouble = OSError(errno.ENOLCK, 'No locks available')
        with mock.patch.object(
            self.cached.layout, 'open_locks', side_effect=trouble
        ):
            self.assertEqual(self.store.data[ID], self.read(image))
        self.wait_complete(ID)

    def test_late_reader_finds_what_was_cached_meanwhile(self) -> None:
        # It found no entry, and is then slower than all the others.
        image = self.image()
        self.assertEqual(
            self.store.data[ID],
            self.read_late(
                image, lambda: self.read(image, cached=self.make())
            ),
        )
        self.assertEqual(image['size'], self.store.given_bytes)

    def test_late_reader_keeps_blocks_in_their_places(self) -> None:
        # Its data of the store begins at a block that is there already.
        image = self.image(os_hash_value=None, checksum=None)
        content = self.store.data[ID]
        found = self.read_late(
            image, lambda: self.read(image, 0, MIB, cached=self.make())
        )
        self.assertEqual(content, found)
        self.wait_complete(ID)
        self.assertEqual(content, self.read(image))
        self.assertEqual(len(content), self.store.given_bytes)

    def test_readers_wait_for_the_first_one_only(self) -> None:
        image = self.image()
        self.store.data.clear()
        first = self.cached._openings._first[ID] = threading.Event()
        together = threading.Barrier(3)

        def fetch(offset: int, length: int) -> Any:
            self.assertTrue(first.is_set())
            together.wait(30)
            return self.fetch(image)(offset, length)

        def work(_number: int) -> None:
            with self.assertRaises(errors.NotFound):
                self.cached.open(image, 0, image['size'], fetch)

        with futures.ThreadPoolExecutor(3) as pool:
            ended = [pool.submit(work, number) for number in range(3)]
            first.set()
            for each in ended:
                each.result(60)

    def read_late(self, image: Any, others: Callable[[], Any]) -> bytes:
        """Read while another worker reads between its two looks.

        The other one does not wait until this one has opened the store.
        """

        def fetch(offset: int, length: int) -> Any:
            if not self.cached.index.get(ID):
                with mock.patch.object(opening, '_HOST_SECONDS', 0):
                    others()
                self.wait_for_fillers()
            return self.fetch(image)(offset, length)

        body = self.cached.open(image, 0, image['size'], fetch)
        try:
            return b''.join(body)
        finally:
            body.close()

    def test_unused_data_of_the_store_is_closed(self) -> None:
        image = self.image()
        closed = []

        class Body(slow_store.Body):
            def close(self) -> None:
                closed.append(self)

        self.store.body = Body
        self.read_late(
            image, lambda: self.read(image, 0, MIB, cached=self.make())
        )
        self.wait_for_fillers()
        self.assertEqual(len(self.store.opened), len(closed))

    def test_filler_keeps_its_turn_from_block_to_block(self) -> None:
        # Who waits for a block may fetch the next one when it is published.
        image = self.image()
        publish = blocks.Blocks.publish
        seen = []

        def check(file: blocks.Blocks, index: int) -> None:
            with contextlib.closing(
                blocks.Blocks(self.cached.layout.partial, file.key)
            ) as other:
                place = locks.block(index + 1)
                seen.append(locks.is_held(other.fd, place))
            publish(file, index)

        with mock.patch.object(blocks.Blocks, 'publish', check):
            self.read(image)
            self.wait_complete(ID)
        self.assertEqual([True, True, True, False], seen)

    def test_opened_while_the_map_is_cut_off(self) -> None:
        image = self.image()
        key = keys.key_of(image)
        assert key is not None
        blocks.create(self.cached.layout.partial, key)
        really = os.pread

        def cut(fd: int, size: int, offset: int) -> bytes:
            # The kernel may have emptied the page already.
            found = really(fd, size, offset)
            os.ftruncate(fd, key.size_bytes)
            return bytes(len(found))

        with mock.patch.object(os, 'pread', cut):
            file = blocks.Blocks(self.cached.layout.partial, key)
        self.addCleanup(file.close)
        self.assertTrue(file.has_range(0, key.size_bytes))

    def test_read_that_would_wait_is_done_in_a_thread(self) -> None:
        image = self.image()
        for answer in (OSError(errno.EAGAIN, 'wait'), itertools.repeat(7)):
            with (
                self.subTest(answer),
                mock.patch.object(os, 'preadv', side_effect=answer),
            ):
                self.cached.forget(ID)
                self.assertEqual(self.store.data[ID], self.read(image))

    def test_fill_goes_on_for_other_readers(self) -> None:
        image = self.image(size=4 * MIB)
        more = threading.Event()
        self.store.before_piece = lambda at: at < MIB or more.wait(30)
        first = self.open(image)
        second = self.open(image)
        next(iter(first))
        first.close()
        more.set()
        self.assertEqual(self.store.data[ID], b''.join(second))
        second.close()
        self.wait_complete(ID)
        self.assertEqual(4 * MIB, self.store.given_bytes)

    def test_fill_ends_when_nobody_reads_and_goes_on_later(self) -> None:
        image = self.image(size=20 * MIB)
        more = threading.Event()
        self.store.before_piece = lambda at: at < 2 * MIB or more.wait(30)
        body = self.open(image)
        next(iter(body))
        body.close()
        more.set()
        self.wait_for_fillers()
        self.assertLess(self.store.given_bytes, 20 * MIB)
        self.assertEqual(self.store.data[ID], self.read(image))
        self.wait_complete(ID)
        self.assertEqual(20 * MIB, self.store.given_bytes)

    def test_hits_and_times_are_counted(self) -> None:
        image = self.image()
        self.read(image)
        self.wait_complete(ID)
        (entry,) = self.cached.listed()
        self.assertEqual((0, 0.0), (entry.hits, entry.last_accessed))
        self.read(image)
        self.read(image, 1, 1)
        (entry,) = self.cached.listed()
        self.assertEqual(2, entry.hits)
        self.assertGreater(entry.last_accessed, 0)

    def test_data_of_this_host_is_not_copied(self) -> None:
        image = self.image()
        path = self.directory.parent / f'{self.directory.name}.raw'
        path.write_bytes(self.store.data[ID])
        self.addCleanup(path.unlink)
        body = self.cached.open(
            image,
            0,
            5,
            lambda offset, length: filebody.FileBody(
                path.open('rb'), offset, length
            ),
        )
        self.assertEqual(self.store.data[ID][:5], b''.join(body))
        body.close()
        self.assertEqual([], self.files())

    def test_new_data_of_an_image_replaces_the_old(self) -> None:
        old = self.image()
        self.read(old)
        self.wait_complete(ID)
        self.store.data[ID] = b'new' * MIB
        new = {**old, 'checksum': None, 'os_hash_value': None}
        new['size'] = 3 * MIB
        self.assertEqual(b'new' * MIB, self.read(new))
        self.wait_complete(ID)
        self.assertEqual([ID], self.files())

    def test_image_without_data_or_hash(self) -> None:
        empty = self.image(size=0)
        self.assertEqual(b'', self.read(empty))
        image = self.image(checksum=None, os_hash_value=None)
        self.assertEqual(self.store.data[ID], self.read(image))
        self.wait_complete(ID)

    def test_forgotten_while_it_is_read(self) -> None:
        image = self.image(size=4 * MIB)
        more = threading.Event()
        self.store.before_piece = lambda at: at < MIB or more.wait(30)
        body = self.open(image)
        pieces = iter(body)
        read = next(pieces)
        self.assertTrue(self.cached.forget(ID))
        more.set()
        self.assertEqual(self.store.data[ID], read + b''.join(pieces))
        body.close()
        self.wait_for_fillers()
        self.assertEqual([], self.files())
        self.assertEqual([], self.cached.index.all())


class TestFailures(cases.CacheTestCase):
    def test_wrong_hash_cuts_the_reader_and_is_set_aside(self) -> None:
        image = self.image(os_hash_value='0' * 64)
        body = self.open(image)
        read = 0
        with self.assertRaises(following.WrongData):
            for piece in body:
                read += len(piece)
        body.close()
        self.assertEqual(3 * MIB, read)  # the last block is held back
        self.wait_for_fillers()
        self.assertEqual([f'invalid/{ID}'], self.files())
        self.assertEqual([], self.cached.index.all())

    def test_wrong_hash_of_one_block_is_unavailable(self) -> None:
        image = self.image(size=10, os_hash_value='0' * 64)
        with self.assertRaises(errors.StoreUnavailable):
            self.open(image)
        with self.assertRaises(errors.StoreUnavailable):
            self.open(image)

    def test_store_that_fails_at_once_fails_the_request(self) -> None:
        image = self.image()
        self.store.data.clear()
        with self.assertRaises(errors.NotFound):
            self.open(image)
        self.assertEqual([], self.files())

    def test_store_that_breaks_off(self) -> None:
        image = self.image(size=4 * MIB)
        trouble = [errors.StoreUnavailable()]

        def break_off(position: int) -> None:
            if position >= 2 * MIB and trouble:
                raise trouble[0]

        self.store.before_piece = break_off
        for _ in range(2):
            body = self.open(image)
            with self.assertRaises(errors.StoreUnavailable):
                b''.join(body)
            body.close()
        trouble.clear()
        # What was fetched counts; the store is asked for the rest.
        self.assertEqual(self.store.data[ID], self.read(image))

    def test_full_disk_stops_caching_and_no_reader(self) -> None:
        image = self.image()
        really = os.pwrite

        def full(fd: int, data: Any, offset: int) -> int:
            if len(data) > 1000:
                raise OSError(errno.ENOSPC, 'No space left on device')
            return really(fd, data, offset)

        with mock.patch.object(os, 'pwrite', full):
            self.assertEqual(self.store.data[ID], self.read(image))
            self.assertEqual(self.store.data[ID], self.read(image))
        self.assertEqual([], self.complete())

    def test_filler_that_cannot_count_gives_its_blocks_up(self) -> None:
        # For instance on a full disk: others wait for a block that is locked.
        image = self.image(size=20 * MIB)
        more = threading.Event()
        self.store.before_piece = lambda at: at < 2 * MIB or more.wait(30)
        broken = mock.patch.object(
            index.Index, 'set_used', side_effect=sqlite3.OperationalError
        )
        with broken:
            body = self.open(image)
            next(iter(body))
            body.close()
            more.set()
            self.wait_for_fillers()
        self.assertEqual(self.store.data[ID], self.read(image))
        self.wait_complete(ID)

    def test_broken_directory_stops_caching_and_no_reader(self) -> None:
        image = self.image()
        (self.directory / 'partial').rmdir()
        self.assertEqual(self.store.data[ID], self.read(image))
