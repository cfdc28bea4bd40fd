"""Stores in GridFS, with MongoDB's own client looking behind them."""

import functools
from typing import Any
import unittest
import urllib.parse
import uuid

import gridfs
import pymongo

from glance.common import errors
from glance.store import gridfs_bucket
from tests.live import servers
from tests.stores import contract
from tests.stores import dying
from tests.stores import gate
from tests.stores import service

ID = contract.ID
MIB = contract.MIB
#: Shorter through a gate, because those tests wait for it while it is shut.
SELECTION_MS, GATE_SELECTION_MS = 20_000, 2_000


@functools.cache
def _client() -> Any:
    return pymongo.MongoClient(servers.of_store('mongodb'))


class Database:
    """A database of the tests' own."""

    def __init__(self) -> None:
        found = urllib.parse.urlsplit(servers.of_store('mongodb'))
        self.host, self.port = found.hostname, found.port or 27017
        self.user = found.netloc.rpartition('@')[0]
        self.name = f'images_{uuid.uuid4().hex[:12]}'
        self.database = _client()[self.name]

    def settings(
        self, way: gate.Gate | None = None, user: str = ''
    ) -> dict[str, Any]:
        address = way.address if way else f'{self.host}:{self.port}'
        limit = GATE_SELECTION_MS if way else SELECTION_MS
        user = user or self.user
        return {
            'mongodb_store_uri': (
                f'mongodb://{user}{"@" * bool(user)}{address}/'
                f'?serverSelectionTimeoutMS={limit}&socketTimeoutMS=20000'
                '&directConnection=true'
            ),
            'mongodb_store_db': self.name,
        }

    def held(self) -> list[str]:
        ids = {str(each['_id']) for each in self.database['fs.files'].find({})}
        ids |= {
            str(each['_id'])
            for each in self.database[gridfs_bucket.UPLOADS].find({})
        }
        # What is left of a file whose other documents are gone.
        ids |= {
            f'{ID[:-2]}{number:02}'
            for number in range(16)
            if self.database['fs.chunks'].find_one(
                {'files_id': f'{ID[:-2]}{number:02}'}
            )
        }
        return sorted(ids)

    def chunks(self, file_id: str) -> int:
        return len(
            list(self.database['fs.chunks'].find({'files_id': file_id}))
        )

    def connect(self) -> gate.Gate:
        return gate.Gate(str(self.host), self.port)


class TestGridFS(contract.Driver, contract.Served, unittest.TestCase):
    kind = 'gridfs'
    part_bytes = gridfs_bucket.CHUNK_BYTES

    def setUp(self) -> None:
        self.database = Database()
        super().setUp()

    def settings(self) -> dict[str, Any]:
        return self.database.settings()

    def settings_through(self, way: gate.Gate) -> dict[str, Any]:
        return self.database.settings(way)

    def held(self) -> list[str]:
        return self.database.held()

    def connect(self) -> gate.Gate:
        return self.database.connect()

    def test_a_new_file_is_found_by_other_clients(self) -> None:
        data = bytes(range(256)) * 20_000
        url = self.store.write(ID, contract.chunks(data), lambda: None)
        self.assertEqual(f'gridfs://{ID}', url)
        found = gridfs.GridFSBucket(self.database.database)
        self.assertEqual(data, found.open_download_stream(ID).read())
        self.assertEqual(data, found.open_download_stream_by_name(ID).read())
        self.store.delete(url)
        self.assertEqual(0, self.database.chunks(ID))

    def test_files_of_older_releases_are_read_and_deleted(self) -> None:
        data = bytes(range(256)) * 5_000
        found = gridfs.GridFS(self.database.database)
        found.put(data, _id=ID)
        url = f'gridfs://{ID}'
        self.assertTrue(self.store.owns(url))
        self.assertEqual(len(data), self.store.size(url))
        self.assertEqual(data, self.read(url))
        self.assertEqual(data[700_000:], self.read(url, 700_000))
        self.store.delete(url)
        self.assertEqual([], self.held())
        self.assertEqual(0, self.database.chunks(ID))

    def test_a_file_of_a_killed_worker_is_held_and_removed(self) -> None:
        upload = gridfs_bucket.Upload(
            gridfs_bucket.Bucket(**self._place()), ID
        )
        upload.begin()
        upload._send(1, memoryview(b'x' * 5), lambda: None)
        with self.assertRaises(errors.NotFound):
            self.store.open(f'gridfs://{ID}', 0, None)
        self.assertEqual(1, self.database.chunks(ID))
        held = self.store.hold(ID)
        held.remove()
        held.close()
        self.assertEqual([], self.held())
        self.assertEqual(0, self.database.chunks(ID))
        # The worker is alive after all: its data must not become an image.
        with self.assertRaises(errors.StoreUnavailable):
            upload.publish(5)
        upload.abort()
        self.assertEqual([], self.held())

    def test_a_late_writer_does_not_remove_the_data_of_another(self) -> None:
        late = gridfs_bucket.Upload(gridfs_bucket.Bucket(**self._place()), ID)
        late.begin()
        self.store.delete_unregistered(ID)
        url = self.store.write(ID, iter([b'of another']), lambda: None)
        late.abort()
        self.assertEqual(b'of another', self.read(url))

    def test_a_missing_chunk_is_an_error(self) -> None:
        size = 3 * self.part_bytes
        url = self.store.write(ID, contract.chunks(bytes(size)), lambda: None)
        body = self.store.open(url, 0, None)
        self.database.database['fs.chunks'].delete_many({'files_id': ID})
        with self.assertRaises(errors.StoreUnavailable):
            list(body)
        body.close()

    def _place(self) -> dict[str, str]:
        found = self.settings()
        return {
            'uri': found['mongodb_store_uri'],
            'database': found['mongodb_store_db'],
        }


class TestGridFSServed(service.Service, dying.Server, unittest.TestCase):
    kind = 'gridfs'
    #: The server of the tests takes a few MiB in a second.
    usual_bytes = 32 * MIB

    @classmethod
    def setUpClass(cls) -> None:
        cls.database = Database()
        super().setUpClass()

    @classmethod
    def settings(cls) -> dict[str, Any]:
        return cls.database.settings()

    @classmethod
    def held(cls) -> list[str]:
        return cls.database.held()

    @classmethod
    def secrets(cls) -> list[str]:
        return ['Not-The-Password']

    def connect(self) -> gate.Gate:
        return self.database.connect()

    def settings_through(self, way: gate.Gate) -> dict[str, Any]:
        return self.database.settings(way)

    def wrong_settings(self) -> dict[str, Any]:
        return self.database.settings(user='glance:Not-The-Password')
