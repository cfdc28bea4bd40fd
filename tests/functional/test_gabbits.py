"""Loads gabbits/*.yaml: each file is a story told to one pair of daemons.

A story names its caller in the header ``x-caller`` (see
:data:`tests.base.CALLERS`; alice if absent, ``none`` for no identity); here
it becomes the identity headers of the pipelines.
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

from tests import base
from tests import databases

GABBITS = pathlib.Path(__file__).with_name('gabbits')


class Service(fixture.GabbiFixture):
    """A pair of daemons for one file."""

    options: dict[str, Any] = {}
    #: Of :data:`tests.databases.KINDS`.
    kind = 'sqlite'
    #: Gabbi hands nothing from a fixture to its tests; the files of one
    #: process run one after the other.
    current: base.Service | None = None

    def start_fixture(self) -> None:
        self._stack = contextlib.ExitStack()
        directory = self._stack.enter_context(tempfile.TemporaryDirectory())
        url = self._stack.enter_context(databases.TemporaryDatabase(self.kind))
        Service.current = self.make(directory, url)
        self._stack.callback(Service.current.close)

    def make(self, directory: str, url: str) -> base.Service:
        return base.Service(directory, self.options, url)

    def stop_fixture(self) -> None:
        Service.current = None
        self._stack.close()


class TinyService(Service):
    """With limits that a story reaches quickly."""

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


FIXTURES = (Service, TinyService, AnonymousService)


def _app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    # The client hands text over where WSGI wants bytes as Latin-1.
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
    """Every story as tests called ``name.FILE_SENTENCE``.

    :param fixtures: has the classes that the stories name
    """
    suite: unittest.TestSuite = driver.build_tests(
        str(GABBITS),
        loader,
        intercept=lambda: _app,
        test_loader_name=name,
        fixture_module=fixtures,
    )
    return suite
