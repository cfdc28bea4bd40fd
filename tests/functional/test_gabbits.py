"""Loads gabbits/*.yaml: each file is a story, run on one pair of daemons.

A story names its caller in the header ``x-caller`` (see
:data:`tests.base.CALLERS`; alice if absent, ``none`` for no identity). This
module replaces it with the identity headers of the pipelines.
"""

from collections.abc import Iterable
import contextlib
import pathlib
import sys
import tempfile
from typing import Any
import unittest

from gabbi import driver
from gabbi import fixture

from glance.api import caching
from tests import base
from tests import databases
from tests import several_stores
from tests import slow_store

GABBITS = pathlib.Path(__file__).with_name('gabbits')


class Service(fixture.GabbiFixture):
    """A pair of daemons for the stories of one file."""

    options: dict[str, Any] = {}
    #: Why this service cannot run in other processes; empty if it can.
    in_process = ''
    #: Kind of the database, from :data:`tests.databases.KINDS`.
    kind = 'sqlite'
    #: The running service. It is global, because Gabbi passes nothing from a
    #: fixture to its tests; the files of one process run in sequence.
    current: base.Service | None = None

    def start_fixture(self) -> None:
        self._stack = contextlib.ExitStack()
        temporary = tempfile.TemporaryDirectory()
        self._stack.callback(base.remove, temporary)
        directory = temporary.name
        url = self._stack.enter_context(databases.TemporaryDatabase(self.kind))
        Service.current = self.make(directory, url)
        self._stack.callback(Service.current.close)

    def make(self, directory: str, url: str) -> base.Service:
        return base.Service(directory, self.options, url)

    def placed(self, directory: str) -> dict[str, str]:
        """Return options with paths in this directory, by group.name."""
        return {}

    def stop_fixture(self) -> None:
        Service.current = None
        self._stack.close()


class TinyService(Service):
    """A service with limits that a story reaches quickly."""

    options = {
        'image_tag_quota': 2,
        'image_property_quota': 2,
        'image_member_quota': 2,
        'image_size_cap': 100,
        'limit_param_default': 2,
        'api_limit_max': 3,
    }


class AnonymousService(Service):
    options = {'allow_anonymous_access': True}


class SeveralStores(Service):
    """A service with two stores for files and a read-only one."""

    options = {'show_multiple_locations': True}

    def make(self, directory: str, url: str) -> base.Service:
        several_stores.write(directory)
        return super().make(directory, url)

    def placed(self, directory: str) -> dict[str, str]:
        return several_stores.options(directory)


class CacheService(Service):
    """A service with an image cache, and data that is not on this host."""

    options = {'image_cache_enabled': True}
    in_process = 'puts a slow store into the process'

    def make(self, directory: str, url: str) -> base.Service:
        options = {**self.options, 'image_cache_dir': f'{directory}/cache'}
        found = base.Service(
            directory, options, url, lambda _store: slow_store.SlowStore()
        )
        managing = caching.managing_factory({'oslo_config_config': found.conf})
        found.app = managing(found.app)
        return found


FIXTURES = (
    Service,
    TinyService,
    AnonymousService,
    SeveralStores,
    CacheService,
)


def _app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    # The client passes text, but WSGI requires bytes decoded as Latin-1.
    environ['PATH_INFO'] = environ['PATH_INFO'].encode().decode('latin-1')
    caller = environ.pop('HTTP_X_CALLER', 'alice')
    for name, value in base.identity(
        None if caller == 'none' else caller
    ).items():
        environ['HTTP_' + name.upper().replace('-', '_')] = value
    if Service.current is None:
        raise AssertionError('the story names no fixture')
    answer: Iterable[bytes] = Service.current.app(environ, start_response)
    return answer


def load_tests(
    loader: unittest.TestLoader, _tests: Any, _pattern: Any
) -> unittest.TestSuite:
    return stories(loader, __name__, sys.modules[__name__])


def stories(
    loader: unittest.TestLoader, name: str, fixtures: Any
) -> unittest.TestSuite:
    """Return all stories as tests with names ``name.FILE_SENTENCE``.

    :param fixtures: object with the fixture classes that the stories name
    """
    suite: unittest.TestSuite = driver.build_tests(
        str(GABBITS),
        loader,
        intercept=lambda: _app,
        test_loader_name=name,
        fixture_module=fixtures,
    )
    return suite
