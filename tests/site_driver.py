"""A site's own driver of glance_store, in a package that is installed.

:func:`install` makes a directory with this module and its entry point
``site``; processes find it through PYTHONPATH.
"""

from collections.abc import Callable
import os
import pathlib
import shutil
import sys
from typing import Any
from unittest import mock

from glance_store import driver
from glance_store import exceptions
from glance_store import location
from oslo_config import cfg

_ENTRY_POINTS = '[glance_store.drivers]\nsite = site_driver:Store\n'


class StoreLocation(location.StoreLocation):
    def process_specs(self) -> None:
        self.scheme = 'site'
        self.name = self.specs.get('name')

    def get_uri(self) -> str:
        return f'site://{self.name}'

    def parse_uri(self, uri: str) -> None:
        if '%' in uri:
            raise exceptions.BadStoreUri(uri=uri)
        self.name = uri.removeprefix('site://')


class Store(driver.Store):
    """Keeps data in a directory."""

    OPTIONS = [
        cfg.StrOpt('site_directory'),
        cfg.StrOpt('site_secret', secret=True),
    ]
    _CAPABILITIES = 0b1001

    def get_schemes(self) -> tuple[str, ...]:
        return ('site',)

    def configure_add(self) -> None:
        group = self.conf[self.backend_group]
        if not group.site_directory:
            raise exceptions.BadStoreConfiguration(
                store_name='site', reason='site_directory is not set'
            )
        self.directory = pathlib.Path(group.site_directory)

    def _path(self, where: Any) -> pathlib.Path:
        return self.directory / where.store_location.name

    def get(self, where, offset=0, chunk_size=None, context=None):
        try:
            data = self._path(where).read_bytes()
        except FileNotFoundError:
            raise exceptions.NotFound(image=where) from None
        return self._pieces(where, data), len(data)

    def _pieces(self, where, data):
        for begin in range(0, len(data), 70_001):
            yield data[begin : begin + 70_001]
            if data[:5] == b'short':
                return
            if data[:5] == b'break':
                raise exceptions.RemoteServiceUnavailable
            if data[:5] == b'crash':
                os._exit(1)

    def get_size(self, where, context=None):
        try:
            return self._path(where).stat().st_size
        except FileNotFoundError:
            raise exceptions.NotFound(image=where) from None

    def add(
        self,
        image_id,
        image_file,
        image_size,
        hashing_algo,
        context=None,
        verifier=None,
    ):
        place = StoreLocation({'name': image_id}, self.conf)
        path = self.directory / image_id
        if path.exists():
            raise exceptions.Duplicate(image=image_id)
        assert context.user_id == 'glance'
        size = 0
        try:
            with path.open('wb') as file:
                while piece := image_file.read(100_000):
                    file.write(piece)
                    size += len(piece)
                    if piece[:4] == b'full':
                        raise exceptions.StorageFull
        except exceptions.StorageFull:
            path.unlink()
            raise  # after other errors the file stays, as with VMware
        if path.read_bytes()[:4] == b'less':
            size -= 1
        return place.get_uri(), size, 'md5', 'sha', {'store': 'x'}

    def delete(self, where, context=None):
        path = self._path(where)
        if not path.exists():
            raise exceptions.NotFound(image=where)
        if path.read_bytes()[:6] == b'in use':
            raise exceptions.InUseByStore
        path.unlink()


def install(directory: str, add_cleanup: Callable[..., Any]) -> None:
    """Install the driver for this process and those that it starts."""
    found = pathlib.Path(directory, 'site-packages')
    package = found / 'site_driver-1.dist-info'
    package.mkdir(parents=True)
    shutil.copy(__file__, found / 'site_driver.py')
    (package / 'METADATA').write_text('Name: site-driver\nVersion: 1\n')
    (package / 'entry_points.txt').write_text(_ENTRY_POINTS)
    variables = mock.patch.dict(os.environ, PYTHONPATH=str(found))
    variables.start()
    add_cleanup(variables.stop)
    sys.path.append(str(found))
    add_cleanup(sys.path.remove, str(found))
