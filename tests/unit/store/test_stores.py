"""Which of several stores a URL belongs to."""

from collections.abc import Sequence
from typing import Any
import unittest
from unittest import mock

from glance.store import config
from glance.store import gridfs
from glance.store import named
from glance.store import s3
from glance.store import stores


def of(kind: str, *ready: Any, lost: Sequence[str] = ()) -> stores.Stores:
    """Stores of one type, with the ids 0, 1, ..."""
    return stores.Stores(
        [
            named.Named(config.Backend(str(number), kind, {}), True, each)
            for number, each in enumerate(ready)
        ],
        '0',
        True,
        lost,
    )


class TestLost(unittest.TestCase):
    """Names in lost_stores: ids of stores, and schemes."""

    def test_a_store_that_is_configured_is_not_lost(self) -> None:
        ready = mock.Mock(spec=gridfs.GridFSStore, is_read_only=False)
        ready.schemes = ('gridfs',)
        known = of('gridfs', ready, lost=('0', 'gridfs', 'old', 'rbd'))
        for url, store_id in (
            ('rbd://a/b/c/snap', None),
            ('gridfs://x', 'old'),
        ):
            known.delete(url, 'x', store_id)
        ready.delete.assert_not_called()
        for store_id in (None, '0'):
            known.delete('gridfs://x', 'x', store_id)
        self.assertEqual(2, ready.delete.call_count)


class TestElsewhere(unittest.TestCase):
    def assert_unclear(self, url: str, both: stores.Stores) -> None:
        for each in both:
            self.assertTrue(each.owns(url))
            self.assertFalse(both.is_elsewhere(url, each))

    def test_two_buckets_of_one_host(self) -> None:
        one, two = (
            s3.S3Store(mock.Mock(authority='host', host='host'), mock.Mock())
            for _ in range(2)
        )
        for each in (one, two):
            each._bucket.name = 'images'
        self.assert_unclear('s3://host/images/x', of('s3', one, two))

    def test_two_databases(self) -> None:
        both = of('gridfs', *(gridfs.GridFSStore(mock.Mock()) for _ in '12'))
        self.assert_unclear('gridfs://x', both)

    def test_only_one_recognizes_it(self) -> None:
        both = of('gridfs', *(gridfs.GridFSStore(mock.Mock()) for _ in '12'))
        first, second = both
        with mock.patch.object(second, 'owns', lambda _url: False):
            self.assertTrue(both.is_elsewhere('gridfs://x', second))
            self.assertFalse(both.is_elsewhere('gridfs://x', first))
