"""Stores in Sheepdog, of a daemon that keeps its rules."""

import json
import pathlib
import struct
from typing import Any
import unittest

from glance.common import errors
from glance.store import base as store_base
from glance.store import drivers
from glance.store import sheep as client
from glance.store import sheepdog_vdi
from tests.live import servers
from tests.stores import contract
from tests.stores import dying
from tests.stores import gate
from tests.stores import service
from tests.stores.servers import sheep

ID = contract.ID
MIB = contract.MIB


class Cluster:
    """The daemon, and its objects seen on the disk."""

    def __init__(self) -> None:
        found = json.loads(servers.of_store('sheep'))
        self.host, self.port = found['host'], found['port']
        self.directory = pathlib.Path(found['directory'])

    def settings(self, way: gate.Gate | None = None) -> dict[str, Any]:
        return {
            'sheepdog_store_address': self.host,
            'sheepdog_store_port': way.port if way else self.port,
            'sheepdog_store_chunk_size': 16,
        }

    def held(self) -> list[str]:
        """Names of the VDIs, and each object of data with that name."""
        names, found = {}, []
        paths = sorted(self.directory.iterdir(), reverse=True)
        for path in paths:
            number = int(path.stem, 16)
            vdi = number >> 32 & 0xFFFFFF
            if number >> 63:
                with path.open('rb') as file:
                    names[vdi] = file.read(256).rstrip(b'\0').decode()
                if names[vdi]:
                    found.append(names[vdi])
            else:
                name = names.get(vdi) or 'nothing refers to'
                found.append(f'{name} {path.name}')
        return found

    def connect(self) -> gate.Gate:
        return gate.Gate(self.host, self.port)


class TestSheepdog(contract.Driver, contract.Served, unittest.TestCase):
    kind = 'sheepdog'
    part_bytes = sheep.OBJECT_BYTES

    def setUp(self) -> None:
        self.cluster = Cluster()
        super().setUp()
        self.addCleanup(self.clear)

    def clear(self) -> None:
        for number in range(16):
            self.store.delete_unregistered(f'{ID[:-2]}{number:02}')

    def settings(self) -> dict[str, Any]:
        return self.cluster.settings()

    def settings_through(self, way: gate.Gate) -> dict[str, Any]:
        return self.cluster.settings(way)

    def held(self) -> list[str]:
        return self.cluster.held()

    def connect(self) -> gate.Gate:
        return self.cluster.connect()

    def _vdis(self) -> sheepdog_vdi.Cluster:
        return sheepdog_vdi.Cluster(
            client.Sheep(self.cluster.host, self.cluster.port)
        )

    def test_urls_of_older_releases_are_read_and_deleted(self) -> None:
        url = self.store.write(ID, iter([b'data']), lambda: None)
        place = f'{self.cluster.host}:{self.cluster.port}'
        self.assertEqual(f'sheepdog://{place}:{ID}', url)
        for each in (url, f'sheepdog://{ID}'):
            self.assertTrue(self.store.owns(each))
            self.assertEqual(b'data', self.read(each))
        for other in (
            f'sheepdog://192.0.2.1:7000:{ID}',
            f'sheepdog://:{ID}',
            f'sheepdog://{place}',
            f'sheepdog://{place}:a/b',
        ):
            self.assertFalse(self.store.owns(other), other)
            with self.assertRaises(store_base.Elsewhere):
                self.store.delete(other)
        self.store.delete(f'sheepdog://{ID}')
        self.assertEqual([], self.held())

    def test_a_vdi_of_another_program_is_read_and_deleted(self) -> None:
        """Holes, an object of zeros, a last object with less data."""
        vdis = self._vdis()
        size = 3 * self.part_bytes + 5
        vdi = vdis.create(ID, size)
        data = bytearray(size)
        for index in (1, 3):
            begin = index * self.part_bytes
            data[begin : begin + 3] = b'abc'
            vdis.write_data(vdi, index, memoryview(b'abc'))
        vdis.write_sizes(vdi, size, 0)
        url = f'sheepdog://{ID}'
        self.assertEqual(size, self.store.size(url))
        self.assertEqual(data, self.read(url))
        self.store.delete(url)
        self.assertEqual([], self.held())

    def test_zeros_use_no_objects(self) -> None:
        size = 3 * self.part_bytes
        url = self.store.write(ID, contract.chunks(bytes(size)), lambda: None)
        self.assertEqual([ID], self.held())
        self.assertEqual(bytes(size), self.read(url))

    def test_a_vdi_of_a_killed_worker_is_held_and_removed(self) -> None:
        cluster = self._vdis()
        upload = sheepdog_vdi.Upload(cluster, ID, None, MIB)
        upload.reserve(3)
        upload._send(1, memoryview(b'abc'), lambda: None)
        self.assertEqual(2, len(self.held()))
        with self.assertRaises(errors.NotFound):
            self.store.open(f'sheepdog://{ID}', 0, None)
        held = self.store.hold(ID)
        held.remove()
        held.close()
        self.assertEqual([], self.held())
        # The worker is alive after all: its data must not become an image.
        url = self.store.write(ID, iter([b'of another']), lambda: None)
        with self.assertRaises(errors.StoreUnavailable):
            upload.publish(3)
        upload.abort()
        self.assertEqual(b'of another', self.read(url))

    def test_data_that_is_deleted_while_it_is_read_is_an_error(self) -> None:
        data = b'x' * 12 * MIB
        url = self.store.write(ID, contract.chunks(data), lambda: None)
        body = self.store.open(url, 0, None)
        self.store.delete(url)
        with self.assertRaises(errors.StoreUnavailable):
            list(body)
        body.close()

    def test_no_name_is_left_after_many_interrupted_uploads(self) -> None:
        for _ in range(4):
            sheepdog_vdi.Upload(self._vdis(), ID, None, MIB)
        with self.assertRaises(errors.StoreUnavailable) as caught:
            self.write(ID, b'x')
        self.assertIn('4 names', caught.exception.reason)
        self.store.delete_unregistered(ID)
        self.assertEqual([], self.held())

    def test_a_full_cluster_and_other_results_are_told(self) -> None:
        for result, kind, text in (
            (0x15, errors.LimitExceeded, 'no space left'),
            (0x16, errors.StoreUnavailable, 'not formatted'),
            (0x19, errors.StoreUnavailable, 'halted'),
            (0x77, errors.StoreUnavailable, 'unknown result (0x77)'),
        ):
            reply = client.Reply(result, bytes(48), b'')
            with self.subTest(text), self.assertRaises(kind) as caught:
                client.require(reply, 'write')
            self.assertIn(text, str(store_base.reason(caught.exception)))

    def test_a_wrong_response_is_an_error(self) -> None:
        for head in (
            struct.pack('<BBHIII', 2, 0x18, 0, 0, 999, 0),
            struct.pack('<BBHIII', 2, 0x14, 0, 0, 1, 0),
            struct.pack('<BBHIII', 2, 0x18, 0, 0, 1, 1 << 31),
        ):
            listener = _Answering(head.ljust(48, b'\0'))
            self.addCleanup(listener.server_close)
            found = {
                **self.settings(),
                'sheepdog_store_port': listener.server_address[1],
            }
            with self.assertRaises(errors.StoreUnavailable):
                drivers.make(contract.backend('sheepdog', found))


class _Answering(sheep.Server):
    """Answers each request with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        class Handler(sheep.socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while len(self.rfile.read(48)) == 48:
                    self.wfile.write(answer)

        super().__init__(('127.0.0.1', 0), Handler)
        sheep.threading.Thread(target=self.serve_forever, daemon=True).start()

    def server_close(self) -> None:
        self.shutdown()
        super().server_close()


class TestSheepdogServed(service.Service, dying.Server, unittest.TestCase):
    kind = 'sheepdog'

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = Cluster()
        super().setUpClass()

    @classmethod
    def settings(cls) -> dict[str, Any]:
        return cls.cluster.settings()

    @classmethod
    def held(cls) -> list[str]:
        return cls.cluster.held()

    def connect(self) -> gate.Gate:
        return self.cluster.connect()

    def settings_through(self, way: gate.Gate) -> dict[str, Any]:
        return self.cluster.settings(way)

    #: Sheepdog has no credentials.
    test_wrong_credentials_are_told_and_the_daemon_lives = None
