"""The limit of the cache: what is removed for new images."""

from concurrent import futures

from tests.unit.cache import cases
from tests.unit.cache.cases import ID
from tests.unit.cache.cases import MIB
from tests.unit.cache.cases import OTHER
from tests.unit.cache.cases import THIRD


class TestLimit(cases.CacheTestCase):
    limit_bytes = 10 * MIB

    def test_least_recently_used_goes(self) -> None:
        for image_id in (ID, OTHER):
            self.read(self.image(image_id, 4 * MIB))
            self.wait_complete(image_id)
        self.read(self.image(ID, 4 * MIB))  # a hit: OTHER is the oldest now
        self.read(self.image(THIRD, 4 * MIB))
        self.wait_complete(THIRD)
        self.assertEqual({ID, THIRD}, set(self.complete()))
        self.assertEqual(sorted((ID, THIRD)), self.files())

    def test_what_is_read_stays(self) -> None:
        first = self.image(ID, 6 * MIB)
        self.read(first)
        self.wait_complete(ID)
        body = self.open(first)
        other = self.image(OTHER, 6 * MIB)
        self.assertEqual(self.store.data[OTHER], self.read(other))
        self.assertEqual([ID], self.complete())
        body.close()

    def test_larger_images_are_not_cached(self) -> None:
        image = self.image(size=11 * MIB)
        self.assertEqual(self.store.data[ID], self.read(image))
        self.assertEqual([], self.files())

    def test_limit_holds_while_many_are_filled(self) -> None:
        found = [
            self.image(f'7a000000-0000-4000-8000-0000000001{n:02}', 3 * MIB)
            for n in range(12)
        ]
        readers, most = 4, []

        def look(position: int) -> None:
            most.append(self.taken_bytes())

        self.store.before_piece = look
        with futures.ThreadPoolExecutor(readers) as pool:
            contents = list(pool.map(self.read, found * 2))
        for image, content in zip(found * 2, contents, strict=True):
            self.assertEqual(self.store.data[image['id']], content)
        # Maps and headers take a page or two of each file.
        limit = self.limit_bytes + readers * MIB + 12 * 16384
        self.assertLessEqual(max(most), limit)

    def test_prune(self) -> None:
        for image_id in (ID, OTHER):
            self.read(self.image(image_id, 4 * MIB))
            self.wait_complete(image_id)
        self.assertEqual((0, 0), self.cached.room.prune())
        self.cached.room.limit_bytes = 5 * MIB
        self.assertEqual((1, 4 * MIB), self.cached.room.prune())
        self.assertEqual([OTHER], self.complete())
