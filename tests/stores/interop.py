"""Our drivers and those of the library glance_store in the same store.

A service that changes from upstream Glance to this one, or back, keeps its
images. So each side must read, and delete, what the other one has written.
"""

import contextlib
import hashlib
import io
import pathlib
import random
from typing import Any

import glance_store
from glance_store import exceptions
from glance_store import multi_backend
from oslo_config import cfg

from glance.common import errors
from glance.store import base as store_base
from glance.store import ceph
from glance.store import drivers
from glance.store import named
from glance.store import stores
from tests import base
from tests.stores import contract

ID = contract.ID
MIB = contract.MIB

# Whichever store comes first, the library imports the drivers of all of them;
# it finds these two only after ours, which knows Debian's directory, did.
with contextlib.suppress(errors.ConfigurationError):
    ceph.binding('rados')
    ceph.binding('rbd')


class Library:
    """A store of the library; its state is global, so there is one.

    :param options: the options of the store by their names
    """

    def __init__(
        self, directory: str, kind: str, options: dict[str, Any]
    ) -> None:
        path = pathlib.Path(directory, 'library.conf')
        lines = [f'{name} = {value}' for name, value in options.items()]
        path.write_text(
            f'[DEFAULT]\nenabled_backends = theirs:{kind}\n'
            '[glance_store]\ndefault_backend = theirs\n'
            f'[oslo_concurrency]\nlock_path = {directory}\n'
            '[theirs]\n' + '\n'.join(lines) + '\n'
        )
        self._conf = cfg.ConfigOpts()
        self._conf.register_opts([cfg.DictOpt('enabled_backends')])
        self._conf(
            ['--config-file', str(path)],
            project='library',
            default_config_files=[],
        )
        multi_backend.CONF = self._conf
        glance_store.register_store_opts(self._conf)
        multi_backend.create_multi_stores(self._conf)

    def add(self, data: bytes, announced: int) -> str:
        """Write an image; return its URL."""
        url, size, _, digest, _ = multi_backend.add_with_multihash(
            self._conf, ID, io.BytesIO(data), announced, 'theirs', 'sha512'
        )
        assert size == len(data)
        assert digest == hashlib.sha512(data).hexdigest()
        return str(url)

    def read(self, url: str) -> bytes:
        pieces, size = multi_backend.get(url, 'theirs')
        data = b''.join(pieces)
        assert int(size) == len(data)
        return data

    def has(self, url: str) -> bool:
        try:
            self.read(url)
        except exceptions.NotFound:
            return False
        return True

    def delete(self, url: str) -> None:
        multi_backend.delete(url, 'theirs')


class Interop:
    """Mixed into a test case per driver.

    :cvar kind: its type
    :cvar sizes: sizes of images, and whether the library knows them before
    """

    kind: str
    sizes: tuple[tuple[int, bool], ...] = (
        *((0, True), (1, True), (MIB, True)),
        *((3 * MIB + 7, False), (12 * MIB, False)),
    )

    def settings(self) -> dict[str, Any]:
        """The options of our store."""
        raise NotImplementedError

    def other_settings(self) -> dict[str, Any]:
        """The options of another store of ours of the same type."""
        raise NotImplementedError

    def library_settings(self) -> dict[str, Any]:
        """The options of the library's store, in the place of ours."""
        raise NotImplementedError

    def held(self) -> list[str]:
        """All that the server keeps, found without the driver."""
        raise NotImplementedError

    def setUp(self: Any) -> None:
        super().setUp()
        self.store = self.made(self.settings())
        if self.kind == 'rbd':
            for name in ('rados', 'rbd'):
                ceph.binding(name)  # the library imports them by name
        directory = base.temporary_directory(self)
        self.library = Library(directory, self.kind, self.library_settings())

    def made(self: Any, settings: dict[str, Any]) -> Any:
        return drivers.make(contract.backend(self.kind, settings))

    def read(self: Any, url: str, offset: int, length: int | None) -> bytes:
        with contextlib.closing(self.store.open(url, offset, length)) as body:
            return b''.join(body)

    def test_we_read_and_delete_what_the_library_wrote(self: Any) -> None:
        for size, is_known in self.sizes:
            with self.subTest(f'{size} {is_known}'):
                data = random.Random(size).randbytes(size)
                url = self.library.add(data, size if is_known else 0)
                self._check_ours(url, data)

    def _check_ours(self: Any, url: str, data: bytes) -> None:
        self.assertTrue(self.store.owns(url), url)
        self.assertEqual(len(data), self.store.size(url))
        self.assertEqual(data, self.read(url, 0, None))
        begin = len(data) // 2
        length = min(1000, len(data) - begin)
        self.assertEqual(
            data[begin : begin + length], self.read(url, begin, length)
        )
        self.store.delete(url)
        self.assertEqual([], self.held())
        with self.assertRaises(errors.NotFound):
            self.store.open(url, 0, None)

    def test_the_library_reads_and_deletes_what_we_wrote(self: Any) -> None:
        for size, is_known in self.sizes:
            with self.subTest(f'{size} {is_known}'):
                data = random.Random(size).randbytes(size)
                url = self.store.write(
                    ID,
                    contract.chunks(data),
                    lambda: None,
                    size if is_known else None,
                )
                self.assertEqual(data, self.library.read(url))
                self.library.delete(url)
                self.assertEqual([], self.held())
                self.assertFalse(self.library.has(url))

    def test_data_of_the_library_is_of_the_right_store(self: Any) -> None:
        other = self.made(self.other_settings())
        every = stores.Stores(
            [
                self.named('other', other),
                self.named('ours', self.store),
            ],
            'other',
            True,
        )
        url = self.library.add(b'data', 4)
        self.assertEqual('ours', every.of(url).id)
        location = {'url': url, 'metadata': {}}
        self.assertEqual('ours', every.id_of(location))
        self.assertEqual(
            {'store': 'ours'}, every.labelled(location)['metadata']
        )
        self.store.delete(url)

    def named(
        self: Any, store_id: str, store: store_base.Store
    ) -> named.Named:
        backend = contract.backend(self.kind, {})._replace(id=store_id)
        return named.Named(backend, True, store)
