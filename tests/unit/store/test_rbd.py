"""The rbd store without a cluster: tests/stores/test_rbd.py has one."""

import errno
from importlib import machinery
import types
from typing import Any
import unittest
from unittest import mock

from glance.api.conf import stores_rbd
from glance.common import errors
from glance.store import base
from glance.store import ceph
from glance.store import config
from glance.store import drivers
from glance.store import rbd
from glance.store import rbd_data

ID = '7a000000-0000-4000-8000-000000000001'
OPTIONS = {option.dest: option.default for option in stores_rbd.OPTS}


class CephError(Exception):
    def __init__(self, number: int) -> None:
        super().__init__('cannot')
        self.errno = number


def pool() -> Any:
    """A pool without a cluster."""
    made = ceph.Pool.__new__(ceph.Pool)
    made.name, made.fsid = 'my images', 'f-s-i-d'
    made.rados = made.rbd = types.SimpleNamespace(Error=CephError)
    made._is_shut_out, made._clients = False, []
    return made


class TestURLs(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        found = pool()
        found.name = 'images'
        self.store = rbd.RBDStore(found, 8 << 20, False)

    def test_own(self) -> None:
        for url in (
            f'rbd://f-s-i-d/images/{ID}/snap',
            f'RBD://f-s-i-d/images/{ID}/snap',
            f'rbd://f%2Ds-i-d/images/{ID}/sn%61p',
        ):
            self.assertTrue(self.store.owns(url))
            self.store.check(url)

    def test_of_others(self) -> None:
        for url in (
            f'rbd://f-s-i-d/volumes/{ID}/snap',
            f'rbd://another/images/{ID}/snap',
            f'rbd://f-s-i-d/images/{ID}',
            f'rbd://f-s-i-d/images/{ID}/',
            f'rbd://f-s-i-d/images/{ID}/snap/x',
            'rbd://f-s-i-d/images/a%2Fb/snap',
            'rbd://f-s-i-d/images/a@b/snap',
            f'rbd://f-s-i-d/images/{rbd_data.PREFIX}x/snap',
            f'rbd:{ID}',
            f'file://f-s-i-d/images/{ID}/snap',
        ):
            with self.subTest(url):
                self.assertFalse(self.store.owns(url))
                with self.assertRaises(base.Elsewhere):
                    self.store.open(url, 0, None)
                with self.assertRaises(base.Elsewhere):
                    self.store.delete(url)
                with self.assertRaises(errors.BadRequest):
                    self.store.check(url)

    def test_only_the_snapshot_is_for_clients(self) -> None:
        for url in (f'rbd://{ID}', f'rbd://f-s-i-d/images/{ID}/mine'):
            with self.assertRaises(errors.BadRequest):
                self.store.check(url)
        self.assertFalse(self.store.owns(f'rbd://{ID}'))

    def test_what_is_no_id_is_not_found(self) -> None:
        for image_id in ('', 'a/b', 'a@b', '../x', rbd_data.PREFIX):
            with self.assertRaises(errors.NotFound):
                self.store.write(image_id, iter([b'x']), lambda: None)
            with self.assertRaises(errors.NotFound):
                self.store.hold(image_id)


class TestErrors(unittest.TestCase):
    def raised(self, number: int, writing: bool = False) -> errors.Error:
        found = pool()

        def fail() -> None:
            raise CephError(number)

        do = found.do_writing if writing else found.do
        with (
            mock.patch.object(found, 'require_room', lambda: None),
            self.assertRaises(errors.Error) as caught,
        ):
            do(fail)
        self.assertEqual(number == errno.ESHUTDOWN, found._is_shut_out)
        return caught.exception

    def test_each_has_its_answer(self) -> None:
        for number, answer in (
            (errno.ENOENT, errors.NotFound),
            (errno.EBUSY, errors.Conflict),
            (errno.ENOTEMPTY, errors.Conflict),
            (errno.ENOSPC, errors.LimitExceeded),
            (errno.EDQUOT, errors.LimitExceeded),
            (errno.ETIMEDOUT, errors.StoreUnavailable),
            (errno.EPERM, errors.StoreUnavailable),
            (errno.ESHUTDOWN, errors.StoreUnavailable),
        ):
            with self.subTest(number):
                self.assertIs(answer, type(self.raised(number)))

    def test_what_is_missing_in_a_write_is_trouble(self) -> None:
        self.assertIs(
            errors.StoreUnavailable, type(self.raised(errno.ENOENT, True))
        )

    def test_a_write_that_takes_too_long_may_mean_a_full_pool(self) -> None:
        found = pool()
        stats = {'max_avail': 100, 'quota_bytes': 50, 'stored': 50}
        answer = (
            b'{"pools": [{"name": "my images", "stats": %s}]}'
            % str(stats).replace("'", '"').encode()
        )
        client = mock.Mock()
        client.mon_command.return_value = (0, answer, '')
        found._clients = [client]

        def fail() -> None:
            raise CephError(errno.ETIMEDOUT)

        with self.assertRaises(errors.LimitExceeded):
            found.do_writing(fail)
        client.mon_command.return_value = (-errno.EACCES, b'', '')
        with self.assertRaises(errors.StoreUnavailable):
            found.do_writing(fail)

    def test_a_connection_that_was_shut_out_is_made_again(self) -> None:
        found = pool()
        found._is_shut_out = True
        with mock.patch.object(found, '_connect') as connect:
            self.assertEqual(3, found.do(lambda: 3))
        connect.assert_called_once_with()


class TestZeros(unittest.TestCase):
    def test_runs(self) -> None:
        block = 64 * 1024
        zero, data = bytes(block), b'x' * block
        late = bytes(block - 1) + b'x'
        for content, wanted in (
            (b'', []),
            (zero, []),
            (zero + zero[:7], []),
            (data + data, [(0, 2 * block)]),
            (zero + late + zero, [(block, 2 * block)]),
            (
                data + zero + b'end',
                [(0, block), (2 * block, 2 * block + 3)],
            ),
        ):
            self.assertEqual(wanted, rbd_data._runs(memoryview(content)))


class TestSetUp(unittest.TestCase):
    def test_missing_bindings_name_their_packages(self) -> None:
        with (
            mock.patch.object(
                ceph.importlib, 'import_module', side_effect=ImportError
            ),
            mock.patch.object(
                machinery.PathFinder, 'find_spec', return_value=None
            ),
            self.assertRaises(errors.ConfigurationError) as caught,
        ):
            ceph.binding('rados')
        self.assertIn('python3-rados and python3-rbd', str(caught.exception))

    def test_the_chunk_size_must_be_a_power_of_two(self) -> None:
        backend = config.Backend(
            'ceph', 'rbd', {**OPTIONS, 'rbd_store_chunk_size': 3}
        )
        with self.assertRaises(errors.ConfigurationError) as caught:
            drivers.make(backend)
        self.assertIn('rbd_store_chunk_size', str(caught.exception))
