"""A cache in a directory of the test's own, in front of a slow store."""

from collections.abc import Callable
import contextlib
import os
import pathlib
import random
import time
from typing import Any
import unittest

from glance.cache import blocks
from glance.cache import filler
from glance.cache import images
from tests import base
from tests import slow_store

MIB = blocks.BLOCK_BYTES
ID = '7a000000-0000-4000-8000-000000000001'
OTHER = '7a000000-0000-4000-8000-000000000002'
THIRD = '7a000000-0000-4000-8000-000000000003'


def content_of(image_id: str, size: int) -> bytes:
    return random.Random(image_id).randbytes(size)


class CacheTestCase(unittest.TestCase):
    limit_bytes = 100 * MIB

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(base.temporary_directory(self))
        self.addCleanup(self.wait_for_fillers)
        self.store = slow_store.SlowStore()
        self.cached = self.make()

    def make(self) -> images.CachedImages:
        """A cache of the directory, as another worker has it."""
        return images.CachedImages(
            str(self.directory), 'cache.db', self.limit_bytes
        )

    def image(
        self, image_id: str = ID, size: int = 3 * MIB + 5, **values: Any
    ) -> Any:
        content = content_of(image_id, size)
        self.store.data[image_id] = content
        return slow_store.image(image_id, content, **values)

    def fetch(self, image: Any) -> Callable[[int, int], Any]:
        url = image['locations'][0]['url']
        return lambda offset, length: self.store.open(url, offset, length)

    def open(
        self,
        image: Any,
        offset: int = 0,
        length: int | None = None,
        cached: images.CachedImages | None = None,
    ) -> Any:
        length = image['size'] - offset if length is None else length
        cached = cached or self.cached
        return cached.open(image, offset, length, self.fetch(image))

    def read(self, image: Any, *part: Any, **rest: Any) -> bytes:
        body = self.open(image, *part, **rest)
        try:
            return b''.join(body)
        finally:
            body.close()

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        end = time.monotonic() + 30
        while not condition():
            if time.monotonic() > end:
                self.fail(f'did not come: {what}')
            time.sleep(0.002)

    def wait_for_fillers(self) -> None:
        self.wait_for(lambda: not filler.Filler.running, 'the end of fills')

    def wait_complete(self, *image_ids: str) -> None:
        self.wait_for(
            lambda: set(image_ids) <= set(self.complete()),
            f'{image_ids} complete',
        )

    def complete(self) -> list[str]:
        return [entry.image_id for entry in self.cached.listed()]

    def files(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.directory))
            for path in self.directory.rglob('*')
            if path.is_file() and not path.name.startswith(('.', 'cache.db'))
        )

    def taken_bytes(self) -> int:
        """What the data files take of the disk, without the maps."""
        taken = 0
        for name in self.files():
            with contextlib.suppress(FileNotFoundError):
                taken += os.stat(self.directory / name).st_blocks * 512
        return taken
