"""The store of the cache's tests passes the test suite of all stores."""

import unittest

from glance.store import base as store_base
from tests import slow_store
from tests.contract import test_stores


class TestSlowStore(test_stores.StoreSuite, unittest.TestCase):
    def make_store(self) -> store_base.Store:
        self.slow = slow_store.SlowStore()
        return self.slow

    def count(self) -> int:
        return len(self.slow.data)
