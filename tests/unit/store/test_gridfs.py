"""What the GridFS store refuses before it asks a server."""

import sys
from typing import Any
import unittest
from unittest import mock

from glance import store as store_package
from glance.common import errors
from glance.store import base as store_base
from glance.store import drivers
from glance.store import gridfs
from glance.store import gridfs_bucket
from tests.stores import contract

ID = contract.ID


class TestOptions(unittest.TestCase):
    def _refused(self, **settings: str) -> str:
        with self.assertRaises(errors.ConfigurationError) as caught:
            drivers.make(contract.backend('gridfs', settings))
        return str(caught.exception)

    def test_each_that_is_wrong_is_named(self) -> None:
        self.assertIn('mongodb_store_uri must be set', self._refused())
        self.assertIn(
            'mongodb_store_db must be set',
            self._refused(mongodb_store_uri='mongodb://127.0.0.1:1/'),
        )
        for uri in ('http://x', 'mongodb://user:se@cret@host/x', 'mongodb:'):
            told = self._refused(mongodb_store_uri=uri)
            self.assertIn('mongodb_store_uri', told)
            self.assertNotIn('cret', told)

    def test_a_missing_library_is_named(self) -> None:
        modules: dict[str, Any] = {'pymongo': None}
        with (
            mock.patch.dict(sys.modules, modules),
            mock.patch.dict(vars(store_package)),
        ):
            for name in ('gridfs', 'gridfs_bucket'):
                sys.modules.pop(f'glance.store.{name}')
                delattr(store_package, name)
            told = self._refused(mongodb_store_uri='mongodb://a/b')
        self.assertEqual(
            'The store gridfs needs the Python module pymongo; install '
            'glance-split[gridfs].',
            told,
        )

    def test_time_limits_of_the_uri_are_kept(self) -> None:
        bucket = gridfs_bucket.Bucket(
            'mongodb://u:p@B:1,a/images?socketTimeoutMS=5', ''
        )
        self.assertEqual('images', bucket.database)
        self.assertEqual('a,b:1', bucket.hosts)
        self.assertNotIn('socketTimeoutMS', bucket._options)
        self.assertEqual(10_000, bucket._options['serverSelectionTimeoutMS'])


class TestUrls(unittest.TestCase):
    def test_only_those_of_files_are_its_own(self) -> None:
        store = gridfs.GridFSStore(
            gridfs_bucket.Bucket('mongodb://127.0.0.1:1/images', '')
        )
        self.assertTrue(store.owns(f'gridfs://{ID}'))
        self.assertTrue(store.owns(f'GridFS://{ID}'))
        for url in (
            'gridfs',
            'gridfs:' + ID,
            'gridfs://',
            'gridfs://a/b',
            'gridfs://{"$ne": 1}',
            f'gridfs://{ID}\n',
            f'file://{ID}',
        ):
            self.assertFalse(store.owns(url), url)
            with self.assertRaises(store_base.Elsewhere):
                store.open(url, 0, None)
        with self.assertRaises(errors.BadRequest):
            store.check(f'gridfs://{ID}')
        with self.assertRaises(errors.NotFound):
            store.hold('a/b')
