"""Images in Ceph: a monitor, a manager and an OSD on this machine."""

from collections.abc import Iterator
import errno
import functools
import json
import pathlib
import random
import threading
from typing import Any
import unittest
from unittest import mock

from glance.common import errors
from glance.store import base as store_base
from glance.store import ceph as store_ceph
from glance.store import drivers
from glance.store import rbd_data
from tests import base
from tests.live import processes
from tests.live import servers
from tests.stores import contract
from tests.stores import rbd_closing
from tests.stores import service
from tests.stores.servers import ceph

MIB = contract.MIB
PAGES = pathlib.Path(__file__).parents[2] / 'doc' / 'operations'
ID = contract.ID
#: A cluster that does not answer for so long is not waited for.
IMPATIENT = (
    '\n[client]\nrados osd op timeout = 15\nrados mon op timeout = 15\n'
)
#: What Ceph keeps of RBD images.
_OBJECTS = ('rbd_data.', 'rbd_header.', 'rbd_id.', 'rbd_object_map.')


@functools.cache
def administrator(conf: str) -> Any:
    """A connection that is kept: the tools need a second for one."""
    cluster = store_ceph.binding('rados').Rados(
        conffile=conf,
        conf={'rados_osd_op_timeout': '120', 'rados_mon_op_timeout': '120'},
    )
    cluster.connect(timeout=60)
    return cluster


class Ceph:
    """Mixed into a test case, for one pool.

    :cvar pool: nobody else's
    """

    kind = 'rbd'
    pool: str

    @classmethod
    def conf(cls) -> str:
        return servers.of_store('ceph')

    @classmethod
    def settings(cls) -> dict[str, Any]:
        return {
            'rbd_store_pool': cls.pool,
            'rbd_store_user': 'glance',
            'rbd_store_ceph_conf': cls.conf(),
        }

    @classmethod
    def tool(cls, *words: str) -> str:
        return ceph.run(cls.conf(), *words)

    @classmethod
    def held(cls) -> list[str]:
        cluster = administrator(cls.conf())
        with cluster.open_ioctx(cls.pool) as io:
            rbd = store_ceph.binding('rbd').RBD()
            names: list[str] = rbd.list(io)
            names += [each['name'] for each in rbd.trash_list(io)]
            objects = [each.key for each in io.list_objects()]
        return names + [name for name in objects if name.startswith(_OBJECTS)]

    @classmethod
    def impatient(cls, directory: str) -> str:
        """A ceph.conf whose user gives up early."""
        path = pathlib.Path(directory, 'ceph.conf')
        path.write_text(pathlib.Path(cls.conf()).read_text() + IMPATIENT)
        return str(path)


def _threads() -> int:
    """How many native threads this process has."""
    return len(list(pathlib.Path('/proc/self/task').iterdir()))


class TestRBD(
    Ceph,
    rbd_closing.Closing,
    contract.Listing,
    contract.Driver,
    unittest.TestCase,
):
    pool = 'images'
    part_bytes = 2 * MIB

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.remove_everything)

    def remove_everything(self) -> None:
        pool = self.store._pool
        for name in pool.rbd.RBD().list(pool.io):
            pool.do(self.store._remove, name)

    def impatient_store(self) -> Any:
        directory = base.temporary_directory(self)
        settings = {'rbd_store_ceph_conf': self.impatient(directory)}
        return drivers.make(
            contract.backend('rbd', {**self.settings(), **settings})
        )

    def images(self) -> list[str]:
        return [name for name in self.held() if not name.startswith('rbd_')]

    def clone(self, *options: str) -> None:
        parent, child = f'images/{ID}@snap', 'volumes/clone'
        self.tool('rbd', *options, 'clone', parent, child)

    def test_data_that_is_cloned_stays_whole(self) -> None:
        data = random.Random(3).randbytes(5 * MIB)
        for options in ((), ('--rbd-default-clone-format', '2')):
            url = self.store.write(ID, contract.chunks(data), lambda: None)
            self.clone(*options)
            with self.subTest(options):
                for _ in range(2):
                    with self.assertRaises(errors.Conflict):
                        self.store.delete(url)
                self.assertEqual(data, self.read(url))
                listed = self.tool('rbd', 'snap', 'ls', f'images/{ID}')
                self.assertRegex(listed, r'(?m) snap .* yes ')
            self.tool('rbd', 'rm', '--no-progress', 'volumes/clone')
            self.store.delete(url)
            self.assertEqual([], self.held())

    def test_data_with_a_snapshot_of_somebody_stays_whole(self) -> None:
        url = self.store.write(ID, iter([b'data']), lambda: None)
        self.tool('rbd', 'snap', 'create', f'images/{ID}@mine')
        with self.assertRaises(errors.Conflict):
            self.store.delete(url)
        self.assertEqual(b'data', self.read(url))
        self.tool('rbd', 'snap', 'rm', '--no-progress', f'images/{ID}@mine')
        self.store.delete(url)

    def test_data_that_a_client_has_opened_stays_whole(self) -> None:
        url = self.store.write(ID, iter([b'data']), lambda: None)
        pool = self.store._pool
        with (
            pool.rbd.Image(pool.io, ID),
            self.assertRaises(errors.Conflict),
        ):
            self.store.delete(url)
        self.assertEqual(b'data', self.read(url))
        self.store.delete(url)

    def test_a_refusal_that_comes_late_is_mended(self) -> None:
        """A client opened it while the snapshot was being removed."""
        url = self.store.write(ID, iter([b'data']), lambda: None)
        pool, real = self.store._pool, self.store._pool.rbd
        late = mock.Mock(wraps=real, ImageBusy=real.ImageBusy)
        late.ImageHasSnapshots = real.ImageHasSnapshots
        late.RBD.return_value.remove.side_effect = real.ImageBusy(
            'late', errno.EBUSY
        )
        late.Error = real.Error
        with (
            mock.patch.object(pool, 'rbd', late),
            self.assertRaises(errors.Conflict),
        ):
            self.store.delete(url)
        self.assertEqual(b'data', self.read(url))
        listed = self.tool('rbd', 'snap', 'ls', f'images/{ID}')
        self.assertRegex(listed, r'(?m) snap .* yes ')
        self.store.delete(url)

    def test_a_deletion_ends_a_running_read(self) -> None:
        """Ceph itself would go on with zeros."""
        data = random.Random(4).randbytes(32 * MIB)
        url = self.store.write(ID, contract.chunks(data), lambda: None)
        body = self.store.open(url, 0, None)
        pieces = iter(body)
        got = next(pieces)
        self.store.delete(url)
        with self.assertRaises(errors.StoreUnavailable):
            for piece in pieces:
                got += piece
        body.close()
        self.assertTrue(data.startswith(got))

    def test_an_old_url_is_read_and_deleted(self) -> None:
        url = self.store.write(ID, iter([b'data']), lambda: None)
        for old in (f'rbd://{ID}', f'RBD://{ID}'):
            self.assertEqual(b'data', self.read(old))
            self.assertEqual(4, self.store.size(old))
            self.assertFalse(self.store.owns(old))
        body = self.store.open(f'rbd://{ID}', 0, None)
        with self.assertRaises(errors.Conflict):
            self.store.delete(url)
        body.close()
        self.store.delete(f'rbd://{ID}')
        self.assertEqual([], self.held())

    def test_zeros_are_not_written(self) -> None:
        settings = {**self.settings(), 'rbd_thin_provisioning': True}
        store = drivers.make(contract.backend('rbd', settings))
        data = bytes(20 * MIB) + b'end' + bytes(30 * MIB)
        for size in (len(data), None):
            url = store.write(ID, contract.chunks(data), lambda: None, size)
            self.assertEqual(data, self.read(url))
            used = json.loads(
                self.tool('rbd', 'du', '--format', 'json', f'images/{ID}')
            )['images']
            for each in used:
                self.assertLessEqual(each['used_size'], 8 * MIB)
            store.delete(url)

    def test_uploads_of_killed_workers_are_removed_and_others_not(
        self,
    ) -> None:
        pool = self.store._pool
        args = (8 * MIB, 8 * MIB, False)
        killed = rbd_data.Writer(pool, ID, *args)
        killed.write(bytes(5 * MIB))
        killed.finish()
        killed._image.close()
        living = rbd_data.Writer(pool, contract.test_stores.OTHER, *args)
        self.store.remove_unfinished()
        names = self.images()
        self.assertEqual([living._name], names)
        living.close()
        self.assertEqual([], self.held())

    def test_an_osd_that_stands_still_for_a_moment_is_waited_for(
        self,
    ) -> None:
        data = random.Random(5).randbytes(30 * MIB)

        def slowly() -> Iterator[bytes]:
            yield data[: 15 * MIB]
            with ceph.still(self.conf()):
                released = threading.Event()
                released.wait(1)
            yield data[15 * MIB :]

        url = self.store.write(ID, slowly(), lambda: None)
        self.assertEqual(data, self.read(url))
        self.store.delete(url)

    def test_an_osd_that_dies_is_told_and_comes_back(self) -> None:
        store = self.impatient_store()
        kept = store.write(ID, contract.chunks(bytes(32 * MIB)), lambda: None)
        body = store.open(kept, 0, None)
        pieces = iter(body)
        next(pieces)

        def dying() -> Iterator[bytes]:
            yield from [bytes(MIB)] * 64

        with ceph.still(self.conf()):
            with self.assertRaises(errors.StoreUnavailable):
                store.write(contract.test_stores.OTHER, dying(), lambda: None)
            with self.assertRaises(errors.StoreUnavailable):
                for _ in pieces:
                    pass
            body.close()
            with self.assertRaises(errors.StoreUnavailable):
                store.open(kept, 0, None)

        def nothing_else() -> bool:
            store.remove_unfinished()
            return self.images() == [ID]

        processes.wait_until(
            nothing_else,
            service.LEFTOVER_SECONDS,
            'the upload that failed stays',
        )
        self.assertEqual(bytes(32 * MIB), self.read(kept))
        store.delete(kept)
        self.assertEqual([], self.held())

    def test_a_full_pool_is_told_before_data_comes(self) -> None:
        quota = ('ceph', 'osd', 'pool', 'set-quota', 'images', 'max_bytes')
        self.tool(*quota, str(10 * MIB))
        self.addCleanup(self.tool, *quota, '0')

        def is_refused() -> bool:
            try:
                url = self.store.write(
                    ID, iter([b'x']), lambda: None, 11 * MIB
                )
            except errors.LimitExceeded:
                return True
            self.store.delete(url)
            return False

        # The cluster counts every few seconds.
        processes.wait_until(is_refused, 60, 'the quota has no effect')
        self.assertEqual([], self.held())

    def test_what_cannot_be_set_up(self) -> None:
        directory = base.temporary_directory(self)
        ceph.add_user(self.conf(), 'stranger', {'mon': 'allow r'})
        nowhere = pathlib.Path(directory, 'nowhere.conf')
        nowhere.write_text('[global]\nmon host = 127.0.0.1:1\n')
        before = _threads()
        for settings in (
            {'rbd_store_pool': 'none'},
            {'rbd_store_user': 'nobody'},
            {'rbd_store_ceph_conf': '/none'},
            {'rbd_store_ceph_conf': str(nowhere), 'rados_connect_timeout': 1},
            {'rbd_store_chunk_size': 3},
        ):
            with (
                self.subTest(str(settings)),
                self.assertRaises(errors.ConfigurationError) as caught,
            ):
                drivers.make(
                    contract.backend('rbd', {**self.settings(), **settings})
                )
            self.assertIn(next(iter(settings)), str(caught.exception))
        # It is tried again and again, so nothing may stay.
        self.assertLessEqual(_threads(), before)
        settings = {**self.settings(), 'rbd_store_user': 'stranger'}
        store: Any = drivers.make(contract.backend('rbd', settings))
        with self.assertRaises(errors.StoreUnavailable):
            store.write(ID, iter([b'x']), lambda: None)

    def test_locations_of_clients(self) -> None:
        url = self.store.write(ID, iter([b'data']), lambda: None)
        self.store.check(url)
        fsid = self.store.facts['fsid']
        for other in (
            f'rbd://{ID}',
            f'rbd://{fsid}/volumes/{ID}/snap',
            f'rbd://{fsid}/images/{ID}/mine',
            f'rbd://{ID}/images/{ID}/snap',
            url + '/',
            url.replace(ID, rbd_data.PREFIX + ID),
        ):
            with self.subTest(other), self.assertRaises(errors.BadRequest):
                self.store.check(other)
        self.store.delete(url)

    def test_another_pool_of_the_cluster_is_elsewhere(self) -> None:
        url = f'rbd://{self.store.facts["fsid"]}/volumes/{ID}/snap'
        with self.assertRaises(store_base.Elsewhere):
            self.store.delete(url)
        with self.assertRaises(store_base.Elsewhere):
            self.store.open(url, 0, None)
