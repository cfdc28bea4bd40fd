"""Fillers that lack threads, that wait for each other, or that hang."""

from collections.abc import Callable
from concurrent import futures
import contextlib
import errno
import os
import threading
from typing import Any
from unittest import mock

from glance.cache import blocks
from glance.cache import filler
from glance.cache import following
from glance.cache import hashing
from glance.cache import keys
from glance.cache import waiting
from glance.common import threads
from tests.unit.cache import cases
from tests.unit.cache.cases import ID
from tests.unit.cache.cases import MIB

SECONDS = 30
NO_THREAD = RuntimeError("can't start new thread")
NO_DESCRIPTOR = OSError(errno.EMFILE, 'Too many open files')


def key_of(image: Any) -> blocks.Key:
    key = keys.key_of(image)
    assert key is not None
    return key


class FillerTestCase(cases.CacheTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.pool = futures.ThreadPoolExecutor(4)
        self.addCleanup(self.pool.shutdown)

    def read_in_time(self, image: Any, *part: Any) -> bytes:
        return self.pool.submit(self.read, image, *part).result(SECONDS)

    def open_files(self) -> list[str]:
        """The descriptors of this process in the cache's directory."""
        names = []
        for name in os.listdir('/proc/self/fd'):
            with contextlib.suppress(OSError):
                names.append(os.readlink(f'/proc/self/fd/{name}'))
        return [n for n in names if n.startswith(f'{self.directory}/partial')]


class TestMissingThreads(FillerTestCase):
    def test_end_without_a_thread_or_descriptor(self) -> None:
        for error in (NO_THREAD, NO_DESCRIPTOR):
            with self.subTest(error):
                self.cached.forget(ID)
                image = self.image()

                def run(
                    func: Callable[..., Any],
                    *args: Any,
                    error: BaseException = error,
                ) -> Any:
                    if func.__name__ == '_end':
                        raise error
                    return func(*args)

                with mock.patch.object(threads, 'run', run):
                    self.assertEqual(self.store.data[ID], self.read(image))
                    self.wait_for_fillers()
                self.assertEqual([], self.open_files())

    def test_filler_that_cannot_be_started(self) -> None:
        starts = (
            (filler.threading.Thread, 'start', NO_THREAD),
            (hashing, 'Digest', ValueError('unsupported hash type')),
        )
        for place, name, error in starts:
            with self.subTest(error):
                self.cached.forget(ID)
                self.cached.failures._at.clear()
                image = self.image()
                before = len(self.store.opened)
                with mock.patch.object(place, name, side_effect=error):
                    body = self.open(image)
                self.assertEqual(self.store.data[ID], b''.join(body))
                body.close()
                self.assertEqual(set(), filler.Filler.running)
                self.assertEqual([], self.open_files())
                self.assertEqual(2, len(self.store.opened) - before)

    def test_hash_that_cannot_be_started(self) -> None:
        image = self.image()
        with mock.patch.object(threads, 'start', side_effect=NO_THREAD):
            self.assertEqual(self.store.data[ID], self.read_in_time(image))
            self.wait_for_fillers()
        self.assertEqual([], self.open_files())


class TestWaiting(FillerTestCase):
    def test_filler_that_waits_for_another_fetches_nothing(self) -> None:
        """Or the reader that holds the block would wait for that filler."""
        image = self.image(size=4 * MIB)
        made = self.cached._create(key_of(image), image['checksum'], 2)
        assert made is not None
        held = contextlib.ExitStack()
        self.addCleanup(held.close)
        held.callback(made.close)
        waits = threading.Event()
        wait_for_other = filler.Filler._wait_for_other

        def note(each: filler.Filler, index: int) -> bool:
            waits.set()
            return wait_for_other(each, index)

        with mock.patch.object(filler.Filler, '_wait_for_other', note):
            whole = self.pool.submit(self.read, image)
            self.assertTrue(waits.wait(SECONDS))
            body = self.fetch(image)(2 * MIB, MIB)
            begun = filler.Begun(made, body)
            file = self.cached._open_file(key_of(image))
            assert file is not None
            held.pop_all()
            body = self.pool.submit(
                self.cached._body,
                image,
                file,
                2 * MIB,
                MIB,
                self.fetch(image),
                begun,
            )
            try:
                part = body.result(SECONDS)
            except futures.TimeoutError:
                made.close()
                raise
        self.addCleanup(part.close)
        content = self.store.data[ID]
        self.assertEqual(content[2 * MIB : 3 * MIB], b''.join(part))
        self.assertEqual(content, whole.result(SECONDS))

    def test_block_that_does_not_come_is_read_from_the_store(self) -> None:
        """Its filler, in another process, holds its lock and hangs."""
        image = self.image()
        made = self.cached._create(key_of(image), image['checksum'], 1)
        assert made is not None
        closed = contextlib.ExitStack()
        self.addCleanup(closed.close)
        closed.callback(made.close)
        with mock.patch.object(following, '_STALL_SECONDS', 0.1, create=True):
            reading = self.pool.submit(self.read, image)
            try:
                self.assertEqual(self.store.data[ID], reading.result(SECONDS))
            finally:
                closed.close()


class TestLookingAhead(FillerTestCase):
    def test_a_part_of_the_map_is_read_for_each_part(self) -> None:
        count = 1000
        key = blocks.Key(ID, 'x', count * MIB - 7)
        blocks.create(self.cached.layout.partial, key)
        file = blocks.Blocks(self.cached.layout.partial, key)
        place = key.size_bytes + blocks.HEADER_BYTES
        os.pwrite(file.fd, b'\1' * count, place)
        read: list[int] = []
        whole_map = blocks.Blocks._map

        def note(each: blocks.Blocks, index: int, count: int) -> bytes:
            read.append(count)
            return whole_map(each, index, count)

        follower = following.Follower(
            file, lambda _first, _stop: None, lambda: False, waiting.Beat()
        )
        body = following.FollowingBody(
            follower, mock.Mock(), 5, key.size_bytes - 5
        )
        self.addCleanup(body.close)
        position = 5
        with mock.patch.object(blocks.Blocks, '_map', note):
            while position < key.size_bytes:
                ready = body.ready_bytes(position)
                self.assertLessEqual(position + ready, key.size_bytes)
                position += min(ready, 8 * MIB)
        self.assertEqual(key.size_bytes, position)
        self.assertLessEqual(max(read), 64)

    def test_blocks_that_this_process_wrote_are_known_to_all_its_readers(
        self,
    ) -> None:
        """A look into the file lets another thread have the interpreter."""
        key = blocks.Key(ID, 'x', 10 * MIB)
        blocks.create(self.cached.layout.partial, key)
        files = [self.opened(key) for _ in range(3)]
        for index in range(4):
            files[0].publish(index)
        with mock.patch.object(os, 'pread', side_effect=AssertionError):
            for file in files:
                self.assertTrue(file.has_range(0, 4 * MIB))
                self.assertEqual(4, file.known_end(0, 10))
        self.assertEqual(4, files[1].first_missing(0, 10))

    def test_blocks_of_another_process_are_seen(self) -> None:
        key = blocks.Key(ID, 'x', 3 * MIB)
        blocks.create(self.cached.layout.partial, key)
        file, late = self.opened(key), self.opened(key)
        self.assertFalse(file.has(1))
        os.pwrite(file.fd, b'\1', key.size_bytes + blocks.HEADER_BYTES + 1)
        self.assertTrue(file.has(1))
        self.assertFalse(late.has_range(0, 3 * MIB))
        late.cut_map()
        self.assertTrue(file.has_range(0, 3 * MIB))

    def test_nothing_is_known_of_a_new_file_of_the_same_image(self) -> None:
        """Even if it gets the number (inode) of the deleted one."""
        key = blocks.Key(ID, 'x', 3 * MIB)
        partial = self.cached.layout.partial
        blocks.create(partial, key)
        old = blocks.Blocks(partial, key)
        old.publish(1)
        os.unlink(partial / ID)
        old.close()  # but the object lives, as in a body that is closed
        blocks.create(partial, key)
        new = self.opened(key)
        self.assertTrue(old.known_end(1, 2) == 2)
        self.assertEqual(0, new.known_end(0, 3))
        self.assertFalse(new.has(1))

    def test_file_of_an_older_release_is_read_each_time(self) -> None:
        key = blocks.Key(ID, 'x', 3 * MIB)
        blocks.create(self.cached.layout.partial, key)
        with open(self.cached.layout.partial / ID, 'r+b') as raw:
            raw.seek(key.size_bytes + 120)
            raw.write(bytes(16))
        first, second = self.opened(key), self.opened(key)
        first.publish(0)
        self.assertEqual(1, first.known_end(0, 3))
        self.assertEqual(0, second.known_end(0, 3))
        self.assertTrue(second.has(0))

    def test_last_missing_block_is_found_by_constant_work(self) -> None:
        count = 20_000
        key = blocks.Key(ID, 'x', count * MIB)
        blocks.create(self.cached.layout.partial, key)
        file = self.opened(key)
        really = os.pread
        read: list[int] = []

        def note(fd: int, size: int, offset: int) -> bytes:
            read.append(size)
            return really(fd, size, offset)

        order = [*range(7, count), *range(7)]
        for index in order[:-1]:
            with mock.patch.object(os, 'pread', note):
                self.assertFalse(file.is_only_missing(index))
            file.publish(index)
            self.assertLessEqual(len(read), 2)
            self.assertLessEqual(sum(read), 2 * 4096)
            read.clear()
        self.assertTrue(file.is_only_missing(order[-1]))

    def opened(self, key: blocks.Key) -> blocks.Blocks:
        file = blocks.Blocks(self.cached.layout.partial, key)
        self.addCleanup(file.close)
        return file

    def test_first_missing_block_ends_the_look(self) -> None:
        count = 20_000
        key = blocks.Key(ID, 'x', count * MIB)
        blocks.create(self.cached.layout.partial, key)
        file = blocks.Blocks(self.cached.layout.partial, key)
        self.addCleanup(file.close)
        really = os.pread
        read: list[int] = []

        def note(fd: int, size: int, offset: int) -> bytes:
            read.append(size)
            return really(fd, size, offset)

        with mock.patch.object(os, 'pread', note):
            self.assertEqual(3, file.first_missing(3, count))
        self.assertLessEqual(sum(read), 4096)
        for index in range(count - 1):
            file.publish(index)
        self.assertEqual(count - 1, file.first_missing(0, count))
        self.assertIsNone(file.first_missing(0, count - 1))
        file.publish(count - 1)
        self.assertIsNone(file.first_missing(0, count))
