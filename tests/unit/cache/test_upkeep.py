"""The queue, what a killed process leaves, and caches of other services."""

import os
import sqlite3
import time
from typing import Any
from unittest import mock

from glance.cache import blocks
from glance.cache import queue
from glance.cache import upkeep
from glance.common import errors
from tests.unit.cache import cases
from tests.unit.cache.cases import ID
from tests.unit.cache.cases import MIB
from tests.unit.cache.cases import OTHER


class UpkeepTestCase(cases.CacheTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.upkeep = upkeep.Upkeep(self.cached, stall_seconds=100)
        self.images: dict[str, Any] = {}

    def show(self, image_id: str) -> Any:
        try:
            return self.images[image_id]
        except KeyError:
            raise errors.NotFound from None

    def age(self, name: str, seconds: int) -> None:
        at = time.time() - seconds
        os.utime(self.directory / name, (at, at))


class TestQueue(UpkeepTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.queue = queue.Queue(self.cached.layout)
        self.prefetcher = queue.Prefetcher(
            self.cached,
            self.queue,
            self.show,
            lambda image, *part: self.fetch(image)(*part),
        )

    def test_marks(self) -> None:
        self.queue.add(ID)
        self.age(f'queue/{ID}', -5)
        self.queue.add(OTHER)
        self.queue.add(OTHER)
        self.assertEqual([OTHER, ID], self.queue.ids())
        self.assertTrue(self.queue.remove(ID))
        self.assertFalse(self.queue.remove(ID))
        self.assertFalse(self.queue.remove('x' * 300))
        self.assertEqual(1, self.queue.clear())
        for name in ('', 'a/b', '..', 'x' * 37):
            with self.subTest(name), self.assertRaises(errors.BadRequest):
                self.queue.add(name)

    def test_queued_images_are_fetched(self) -> None:
        self.images[ID] = self.image(ID)
        self.images[OTHER] = self.image(OTHER, status='deactivated')
        for image_id in (ID, OTHER, 'unknown'):
            self.queue.add(image_id)
        self.assertEqual(0, self.prefetcher.run())
        self.wait_complete(ID)
        self.assertEqual([ID], self.files())
        self.assertEqual([], self.queue.ids())
        # Again, when it is there already: the store is not asked.
        opened = len(self.store.opened)
        self.queue.add(ID)
        self.assertEqual(0, self.prefetcher.run())
        self.assertEqual(opened, len(self.store.opened))

    def test_what_may_work_later_stays_queued(self) -> None:
        self.images[ID] = self.image(ID)
        self.queue.add(ID)

        def refuse(_image: Any, _offset: int, _length: int) -> Any:
            raise errors.StoreUnavailable

        down = queue.Prefetcher(self.cached, self.queue, self.show, refuse)
        self.assertEqual(1, down.run())
        self.assertEqual([ID], self.queue.ids())

    def test_one_worker_of_the_host_fetches(self) -> None:
        self.images[ID] = self.image(ID)
        self.queue.add(ID)
        with self.cached.layout.alone('prefetch'):
            self.assertEqual(0, self.prefetcher.run())
        self.assertEqual([ID], self.queue.ids())


class TestReconcile(UpkeepTestCase):
    def fill_half(self) -> Any:
        image = self.image(size=4 * MIB)
        self.read(image, 0, 2 * MIB)
        self.wait_for(
            lambda: self.cached.index.all()[0].used == 2 * MIB, 'two blocks'
        )
        return image

    def test_lost_index_is_made_from_the_files(self) -> None:
        half = self.fill_half()
        for name in self.directory.glob('cache.db*'):
            name.unlink()
        self.cached = self.make()
        self.upkeep = upkeep.Upkeep(self.cached, 100)
        self.upkeep.reconcile()
        (entry,) = self.cached.index.all()
        self.assertEqual((ID, 2 * MIB), (entry.image_id, entry.used))
        self.assertEqual(self.store.data[ID], self.read(half))
        self.assertEqual(4 * MIB, self.store.given_bytes)

    def test_broken_index_is_set_aside(self) -> None:
        self.fill_half()
        for name in self.directory.glob('cache.db-*'):
            name.unlink()
        (self.directory / 'cache.db').write_bytes(b'no database' * 1000)
        self.cached = self.make()
        upkeep.Upkeep(self.cached, 100).reconcile()
        self.assertEqual(1, len(self.cached.index.all()))
        self.assertTrue((self.directory / 'cache.db.broken').exists())

    def test_entries_without_files_go(self) -> None:
        image = self.fill_half()
        (self.directory / 'partial' / ID).unlink()
        self.upkeep.reconcile()
        self.assertEqual([], self.cached.index.all())
        self.assertEqual(self.store.data[ID], self.read(image))

    def test_entry_without_file_is_no_trouble_for_readers(self) -> None:
        image = self.image()
        self.read(image)
        self.wait_complete(ID)
        (self.directory / ID).unlink()
        self.assertEqual(self.store.data[ID], self.read(image))

    def test_blocks_from_before_a_reboot_are_dropped(self) -> None:
        image = self.fill_half()
        with mock.patch.object(blocks, 'boot_id', lambda: b'another'):
            self.upkeep.reconcile()
            self.assertEqual([], self.files())
            self.assertEqual([], self.cached.index.all())
        self.assertEqual(self.store.data[ID], self.read(image))

    def test_killed_before_the_last_name(self) -> None:
        """The map is cut off: the data is whole and its hash was right."""
        image = self.image()
        self.read(image)
        self.wait_complete(ID)
        self.wait_for_fillers()
        os.rename(self.directory / ID, self.directory / 'partial' / ID)
        with self.cached.index.transaction() as connection:
            connection.execute('UPDATE split_entries SET is_complete = 0')
        self.upkeep.reconcile()
        self.assertEqual([ID], self.files())
        given = self.store.given_bytes
        self.assertEqual(self.store.data[ID], self.read(image))
        self.assertEqual(given, self.store.given_bytes)

    def test_killed_before_the_entry_was_complete(self) -> None:
        image = self.image()
        self.read(image)
        self.wait_complete(ID)
        with self.cached.index.transaction() as connection:
            connection.execute('UPDATE split_entries SET is_complete = 0')
        self.assertEqual(self.store.data[ID], self.read(image))
        self.upkeep.reconcile()
        self.assertEqual([ID], self.complete())

    def test_files_of_unknown_form_are_removed(self) -> None:
        (self.directory / 'partial' / OTHER).write_bytes(b'x' * 5000)
        temporary = self.directory / 'partial' / f'{blocks.TEMPORARY}x'
        temporary.write_bytes(b'')
        self.age(f'partial/{temporary.name}', 1000)
        self.upkeep.reconcile()
        self.assertEqual([], os.listdir(self.directory / 'partial'))


class TestClean(UpkeepTestCase):
    def test_clean(self) -> None:
        image = self.image(size=4 * MIB)
        self.read(image, 0, 1)
        self.wait_for_fillers()
        (self.directory / 'invalid' / OTHER).write_bytes(b'x')
        (self.directory / 'incomplete').mkdir()
        (self.directory / 'incomplete' / OTHER).write_bytes(b'x')
        self.assertEqual(1, self.upkeep.clean())
        self.age(f'incomplete/{OTHER}', 200)
        self.assertEqual(1, self.upkeep.clean())
        self.assertEqual([f'partial/{ID}'], self.files())
        with self.cached.index.transaction() as connection:
            connection.execute('UPDATE split_entries SET last_modified = 0')
        self.age(f'partial/{ID}', 200)
        body = self.open(image, 0, 1)
        self.assertEqual(0, self.upkeep.clean())
        body.close()
        self.assertEqual(1, self.upkeep.clean())
        self.assertEqual([], self.files())


class TestAdopt(UpkeepTestCase):
    def leave(self, image_id: str, content: bytes) -> None:
        (self.directory / image_id).write_bytes(content)

    def test_cache_of_a_classic_service_is_taken_over(self) -> None:
        image = self.images[ID] = self.image()
        self.leave(ID, self.store.data[ID])
        with sqlite3.connect(self.directory / 'cache.db') as connection:
            connection.execute(
                'CREATE TABLE cached_images (image_id TEXT PRIMARY KEY, '
                'last_accessed REAL, last_modified REAL, size INTEGER, '
                'hits INTEGER, checksum TEXT)'
            )
            connection.execute(
                'INSERT INTO cached_images VALUES (?, 9.5, 8, 7, 6, NULL)',
                (ID,),
            )
        # Until it is checked, the store is read.
        self.assertEqual(self.store.data[ID], self.read(image))
        given = self.store.given_bytes
        self.upkeep.adopt(self.show)
        self.assertEqual(self.store.data[ID], self.read(image))
        self.assertEqual(given, self.store.given_bytes)
        (entry,) = self.cached.listed()
        self.assertEqual(7, entry.hits)

    def test_wrong_files_are_set_aside(self) -> None:
        for content in (b'short', b'x' * (3 * MIB + 5)):
            with self.subTest(len(content)):
                self.images[ID] = self.image()
                self.leave(ID, content)
                self.upkeep.adopt(self.show)
                self.assertEqual([f'invalid/{ID}'], self.files())
                self.upkeep.clean()

    def test_files_of_no_image_are_removed(self) -> None:
        self.leave(ID, b'x')
        self.upkeep.adopt(self.show)
        self.assertEqual([], self.files())

    def test_registry_that_is_down_changes_nothing(self) -> None:
        self.leave(ID, b'x')

        def down(_image_id: str) -> Any:
            raise errors.RegistryUnavailable

        self.upkeep.adopt(down)
        self.assertEqual([ID], self.files())
