"""Drivers of glance_store, in their process: tests/site_driver.py is one."""

from collections.abc import Iterator
from concurrent import futures
import os
import pathlib
import random
import shutil
import signal
import tempfile
import unittest

from glance.api import conf as api_conf
from glance.api import known_settings
from glance.api import storage
from glance.common import errors
from glance.common import settings
from glance.store import base as store_base
from glance.store import library
from tests import base
from tests import site_driver

ID = '7a000000-0000-4000-8000-000000000001'
MIB = 1024 * 1024
CONF = """\
[DEFAULT]
enabled_backends = mine:site
[glance_store]
default_backend = mine
[backend_defaults]
site_directory = {directory}/data
[mine]
site_secret = told to nobody
"""


class TestLibrary(unittest.TestCase):
    """One process of the driver for all tests: its start takes a second."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.directory = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        site_driver.install(cls.directory, cls.addClassCleanup)
        cls.data = pathlib.Path(cls.directory, 'data')
        pathlib.Path(cls.directory, 'stores.conf').write_text(
            CONF.format(directory=cls.directory)
        )
        cls.conf = base.configuration(api_conf, cls.directory)
        cls.stores = storage.from_conf(cls.conf)
        cls.store = cls.stores.default.store
        cls.addClassCleanup(cls.end)

    @classmethod
    def end(cls) -> None:
        helper = cls.store._helper
        helper._control.close()
        helper._process.wait(30)

    def setUp(self) -> None:
        super().setUp()
        self.data.mkdir()
        self.addCleanup(shutil.rmtree, self.data)

    def write(self, *pieces: bytes, image_id: str = ID) -> str:
        url: str = self.store.write(image_id, iter(pieces), lambda: None)
        return url

    def read(
        self, url: str, offset: int = 0, length: int | None = None
    ) -> bytes:
        body = self.store.open(url, offset, length)
        try:
            return b''.join(body)
        finally:
            body.close()

    def names(self) -> list[str]:
        return [path.name for path in self.data.iterdir()]

    def test_data_goes_and_comes(self) -> None:
        data = random.Random(1).randbytes(3 * MIB + 5)
        url = self.write(data[:MIB], b'', data[MIB:])
        self.assertEqual(f'site://{ID}', url)
        self.assertEqual(data, self.read(url))
        self.assertEqual(len(data), self.store.size(url))
        for offset, length in ((0, 0), (5, 10), (MIB, None), (3 * MIB, 5)):
            end = None if length is None else offset + length
            self.assertEqual(data[offset:end], self.read(url, offset, length))
        self.store.delete(url)
        self.store.delete(url)
        self.assertEqual([], self.names())
        for call in (self.read, self.store.size):
            with self.assertRaises(errors.NotFound):
                call(url)
        self.assertEqual(b'', self.read(self.write()))

    def test_more_than_there_is_cannot_be_opened(self) -> None:
        url = self.write(b'12345')
        for offset, length in ((0, 6), (5, 1), (6, 0)):
            with self.assertRaises(errors.StoreUnavailable):
                self.store.open(url, offset, length)

    def test_a_broken_write_leaves_nothing(self) -> None:
        def broken(error: BaseException) -> Iterator[bytes]:
            yield b'x' * 2 * MIB
            raise error

        for error in (errors.LimitExceeded(), OSError(), KeyboardInterrupt()):
            with self.assertRaises(type(error)):
                self.store.write(ID, broken(error), lambda: None)
            self.assertEqual([], self.names())

        def refuse() -> None:
            raise errors.Conflict

        with self.assertRaises(errors.Conflict):
            self.store.write(ID, iter([b'x']), refuse)
        self.assertEqual([], self.names())

    def test_errors_are_answers(self) -> None:
        with self.assertRaises(errors.LimitExceeded):
            self.write(b'full', b'x' * 3 * MIB, b'x' * 3 * MIB)
        with self.assertRaises(errors.StoreUnavailable):
            self.write(b'less is stored')
        self.assertEqual([], self.names())
        url = self.write(b'in use')
        with self.assertRaises(errors.Conflict):
            self.store.delete(url)
        for other in ('site://%', 'file:///etc/passwd', ''):
            with self.assertRaises(store_base.Elsewhere):
                self.store.delete(other)

    def test_data_under_the_same_id_is_not_overwritten(self) -> None:
        old = self.write(b'old')
        with self.assertLogs(library.LOG, 'WARNING'):
            new = self.write(b'new')
        self.assertNotEqual(old, new)
        self.assertEqual(b'old', self.read(old))
        self.assertEqual(b'new', self.read(new))

    def test_a_failed_upload_can_be_undone(self) -> None:
        self.write(b'data')
        held = self.store.hold(ID)
        assert held is not None
        held.remove()
        held.close()
        self.assertEqual([], self.names())
        self.assertIsNone(self.store.hold(ID))
        self.write(b'data')
        self.store.delete_unregistered(ID)
        self.store.delete_unregistered(ID)
        self.assertEqual([], self.names())

    def test_reading_that_breaks_off_is_an_error(self) -> None:
        for begin in (b'short', b'break', b'crash'):
            with self.subTest(begin):
                url = self.write(begin + bytes(MIB))
                with self.assertRaises(errors.StoreUnavailable):
                    self.read(url)
                self.data.joinpath(ID).unlink()

    def test_a_driver_that_died_is_started_again(self) -> None:
        url = self.write(b'data')
        process = self.store._helper._process
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        with self.assertLogs(library.LOG, 'ERROR'):
            self.assertEqual(b'data', self.read(url))
        self.assertNotEqual(process.pid, self.store._helper._process.pid)

    def test_many_at_once(self) -> None:
        def work(number: int) -> None:
            data = str(number).encode() * 300_000
            url = self.write(data, image_id=f'{number}')
            self.assertEqual(data, self.read(url))
            self.store.delete(url)

        with futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(16)))
        self.assertEqual([], self.names())

    def test_a_body_can_be_closed_half_read(self) -> None:
        url = self.write(bytes(8 * MIB))
        body = self.store.open(url, 0, None)
        next(iter(body))
        body.close()
        self.assertEqual(bytes(8 * MIB), self.read(url))

    def test_locations_of_clients(self) -> None:
        self.stores.check('site://anything')
        with self.assertRaises(errors.BadRequest):
            self.store.check('http://127.0.0.1/')

    def test_a_driver_that_cannot_be_set_up_is_down(self) -> None:
        directory = base.temporary_directory(self)
        text = CONF.replace('site_directory', 'other')
        pathlib.Path(directory, 'stores.conf').write_text(text)
        conf = base.configuration(api_conf, directory)
        with self.assertLogs('glance.store.named', 'ERROR') as logged:
            found = storage.from_conf(conf)
        self.assertIn('site_directory is not set', logged.output[0])
        (trouble,) = found.troubles()
        self.assertNotIn('told to nobody', trouble)

    def test_its_options_are_known_to_itself_only(self) -> None:
        checker = settings.Checker(
            self.conf, known_settings.TABLE, api_conf.list_opts()
        )
        verdicts = [
            (each.section, each.name, each.fate)
            for each in checker.judge()
            if each.section == 'mine'
        ]
        self.assertEqual(
            [('mine', 'site_secret', settings.Fate.READ)], verdicts
        )
