"""Filling from stores that read into a buffer of the cache."""

from collections.abc import Callable
from typing import Any
from unittest import mock

from glance.common import counters
from glance.common import errors
from glance.images import download
from tests import slow_store
from tests.unit.cache import cases
from tests.unit.cache.cases import ID
from tests.unit.cache.cases import MIB


class TestDirect(cases.CacheTestCase):
    """Data that a native thread reads into the filler's buffer."""

    def setUp(self) -> None:
        super().setUp()
        self.store.body = slow_store.DirectBody

    def fetch(self, image: Any) -> Callable[[int, int], Any]:
        url = image['locations'][0]['url']
        return lambda offset, length: download._when_closed(
            self.store.open(url, offset, length), download._read_from('a')
        )

    def test_first_download_fills(self) -> None:
        image = self.image()
        counted: list[int] = []

        def note(event: str, *_: str, amount: float = 1) -> None:
            if event == 'store_read':
                counted.append(int(amount))

        with mock.patch.object(counters, 'note', note):
            self.assertEqual(self.store.data[ID], self.read(image))
            self.wait_complete(ID)
            self.wait_for_fillers()
        self.assertEqual([image['size']], counted)
        self.assertEqual([(0, image['size'])], self.store.opened)

    def test_store_that_breaks_off(self) -> None:
        image = self.image(size=4 * MIB)
        trouble = [errors.StoreUnavailable()]

        def break_off(position: int) -> None:
            if position >= 2 * MIB and trouble:
                raise trouble.pop()

        self.store.before_piece = break_off
        body = self.open(image)
        self.store.body = slow_store.Body  # a client gets the rest
        self.assertEqual(self.store.data[ID], b''.join(body))
        body.close()
        self.wait_for_fillers()
        self.assertEqual([f'partial/{ID}'], self.files())
