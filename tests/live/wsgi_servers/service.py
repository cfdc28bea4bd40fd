"""What tests in process have, with the daemons under another server."""

import atexit
from collections.abc import Mapping
from typing import Any
import unittest

import sqlalchemy as sa

from glance import registry_client
from glance_registry import conf as registry_conf
from glance_registry.db import engine
from glance_registry.db import models
from tests import base
from tests.functional import test_gabbits
from tests.live import processes
from tests.live.wsgi_servers import hosts
from tests.live.wsgi_servers import remote
from tests.live.wsgi_servers import wire

#: Pairs of daemons that wait for the next test with the same options.
KEPT = 3
REGISTRY_SECONDS = 120


class Pair:
    """Two running daemons; ``Service`` empties them for each test.

    :param options: of glance-api, as :class:`tests.base.Service` takes them
    :param files_beside: text by name, in the directory of the configuration
    """

    def __init__(
        self,
        kind: str,
        options: Mapping[str, Any],
        files_beside: Mapping[str, str],
    ) -> None:
        self.directory = processes.private_directory()
        self.images = self.directory / 'images'
        self.wire = wire.Wire()
        for name, text in files_beside.items():
            (self.directory / name).write_text(text)
        self.database = self._make_database()
        registry_port = processes.free_port()
        common = {
            'trusted_auth_secret': base.SECRET,
            'paste_deploy.flavor': 'trusted-auth',
        }
        hosts.write_configuration(
            self.directory,
            'glance-registry',
            {
                **common,
                'database.connection': self._url,
                'database.sqlite_synchronous': False,
            },
        )
        hosts.write_configuration(
            self.directory,
            'glance-api',
            {
                **common,
                'registry_host': '127.0.0.1',
                'registry_port': self.wire.server_port,
                'send_identity_headers': True,
                'glance_store.filesystem_store_datadir': self.images,
                **options,
            },
        )
        self.registry, self.api = (
            hosts.Host(kind, name, self.directory, port)
            for name, port in (
                ('glance-registry', registry_port),
                ('glance-api', processes.free_port()),
            )
        )

    @property
    def _url(self) -> str:
        return f'sqlite:///{self.directory}/glance.sqlite'

    def _make_database(self) -> engine.Database:
        conf = base.configuration(registry_conf, str(self.directory))
        database = engine.Database(self._url, conf.database)
        database.write(models.metadata.create_all)
        return database

    def start(self) -> None:
        daemons = self.registry, self.api
        for daemon in daemons:
            daemon.start()
        for daemon in daemons:
            daemon.wait()

    def empty(self) -> None:
        """Forget what the test before has left."""
        self.database.write(_delete_all)
        for path in self.images.glob('*'):
            # The daemon may remove it meanwhile.
            path.unlink(missing_ok=True)

    def stop(self) -> None:
        self.api.stop()
        self.registry.stop()
        self.wire.close()
        self.database.dispose()
        hosts.remove(self.directory)


def _delete_all(connection: sa.Connection) -> None:
    for table in reversed(models.metadata.sorted_tables):
        connection.execute(table.delete())


_running: dict[str, Pair] = {}


def pair(
    kind: str, options: Mapping[str, Any], files: Mapping[str, str]
) -> Pair:
    """Daemons with these options, started or kept from a test before."""
    key = repr((kind, sorted(options.items()), sorted(files.items())))
    found = _running.pop(key, None)
    if found is None:
        found = Pair(kind, options, files)
        atexit.register(found.stop)
        found.start()
    _running[key] = found  # as the last one
    while len(_running) > KEPT:
        oldest = _running.pop(next(iter(_running)))
        atexit.unregister(oldest.stop)
        oldest.stop()
    return found


class Service:
    """Stands for :class:`tests.base.Service`."""

    def __init__(self, running: Pair) -> None:
        running.empty()
        self.images = running.images
        self.database = running.database
        self.wire = wire.Recording(
            registry_client.HTTPTransport(
                registry_client.TCPEndpoint(*running.registry.address),
                base_connections(),
                REGISTRY_SECONDS,
            )
        )
        self.registry = registry_client.RegistryClient(
            self.wire, send_identity_headers=True, secret=base.SECRET
        )
        running.wire.transport = lambda: self.registry._transport
        self.app = remote.Remote(
            running.api.address, base.SECRET, self._is_taken
        )

    def _is_taken(self, path: str) -> bool:
        """Whether an upload to this path has its image by now."""
        image_id = path.split('/')[3]
        status = self.database.read(
            lambda connection: connection.scalar(
                sa.select(models.images.c.status).where(
                    models.images.c.id == image_id
                )
            )
        )
        return status != 'queued'

    def close(self) -> None:
        """The daemons stay for the next test."""


def base_connections() -> int:
    return hosts.THREADS


class Hosted(base.ServiceTestCase):
    """Put before a class of tests in process: they run over sockets."""

    server: str

    def make_service(self, _url: str | None) -> Any:
        return Service(pair(self.server, self.api_options, self.files_beside))


def _fixtures(kind: str) -> Any:
    """The fixtures that stories name, with daemons under that server."""

    class Fixtures:
        pass

    for fixture in test_gabbits.FIXTURES:

        def make(self: Any, directory: str, _url: str) -> Any:
            if self.in_process:
                raise unittest.SkipTest(self.in_process)
            options = {**self.options, **self.placed(directory)}
            return Service(pair(kind, options, {}))

        made = type(fixture.__name__, (fixture,), {'make': make})
        setattr(Fixtures, fixture.__name__, made)
    return Fixtures


def load(
    loader: unittest.TestLoader,
    name: str,
    kind: str,
    classes: Mapping[type[base.ServiceTestCase], Mapping[str, str]],
) -> unittest.TestSuite:
    """Every story, and the tests of these classes, under one server.

    :param name: of the module that asks
    :param classes: each with its tests that need daemons in process: the
        name of the test, and why
    """
    suite = test_gabbits.stories(loader, name, _fixtures(kind))
    for tests, in_process in classes.items():
        unknown = in_process.keys() - set(loader.getTestCaseNames(tests))
        assert not unknown, f'{tests} has no {unknown}'
        namespace = {'server': kind, '__module__': name}
        hosted = type(tests.__name__, (Hosted, tests), namespace)
        suite.addTests(
            hosted(test)
            for test in loader.getTestCaseNames(hosted)
            if test not in in_process
        )
    return suite
