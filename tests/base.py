"""Both daemons in one process: the base of most tests.

The registry client of glance-api calls the registry's WSGI application with
:class:`InProcess`. The middleware is that of the shipped pipelines. The
database is SQLite, and each test has its own directory for the store.
"""

from collections.abc import Callable
import io
import json
import os
import pathlib
import tempfile
import time
from typing import Any
import unittest
import urllib.parse

from oslo_config import cfg
from oslo_policy import opts as policy_opts
import webob

from glance import registry_client
from glance.api import app as api_app
from glance.api import conf as api_conf
from glance.api import storage
from glance.api import versions
from glance.common import contract
from glance.common import middleware
from glance.store import filesystem
from glance_registry import app as registry_app
from glance_registry import conf as registry_conf
from glance_registry.db import engine
from glance_registry.db import models
from tests import databases

SECRET = 'a-secret-that-both-daemons-share'
ADMIN = ('admin', 'admin,member,reader')
#: Project and roles of callers, by name.
CALLERS = {
    'admin': ('p-admin', 'admin,member,reader'),
    'alice': ('p1', 'member,reader'),
    'bob': ('p2', 'member,reader'),
    'carol': ('p3', 'member,reader'),
    'rita': ('p1', 'reader'),
    'nobody': ('p4', ''),
    'nova': ('p-service', 'service,member,reader'),
}


def configuration(
    module: Any, directory: str, *, default: dict[str, Any] | None = None
) -> cfg.ConfigOpts:
    """Return a separate configuration for one daemon.

    :param module: ``conf`` module of the daemon
    :param directory: directory of further files; empty: none
    :param default: values of options, by name or ``group.name``
    """
    conf = cfg.ConfigOpts()
    module.register(conf)
    policy_opts.set_defaults(conf)
    beside = ['--config-dir', directory] if directory else []
    conf(args=beside, project='glance', default_config_files=[])
    for name, value in (default or {}).items():
        group, _, option = name.rpartition('.')
        conf.set_override(option, value, group=group or None)
    return conf


class InProcess:
    """A transport of the registry client that calls a WSGI application."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.requests: list[tuple[str, str]] = []

    def send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
        repeatable: bool,
    ) -> registry_client.Answer:
        self.requests.append((method, path))
        request = webob.Request.blank(
            path, method=method, headers=headers, body=body or b''
        )
        response = request.get_response(self._app)
        return registry_client.Answer(response.status_int, response.body)


class Service:
    """A pair of both daemons, connected as in the shipped pipelines.

    :param directory: directory of the database and of the images
    :param api: options of glance-api that differ from their defaults
    :param url: URL of the database; None: SQLite in the directory
    :param wrap_store: returns the store for glance-api, given the real store
    """

    def __init__(
        self,
        directory: str,
        api: dict[str, Any] | None = None,
        url: str | None = None,
        wrap_store: Callable[[Any], Any] = lambda store: store,
    ) -> None:
        self.images = pathlib.Path(directory, 'images')
        if url is None:
            url = f'sqlite:///{directory}/glance.sqlite'
        conf = configuration(registry_conf, directory)
        self.database = engine.Database(url, conf.database)
        self.database.write(models.metadata.create_all)
        registry = registry_app.registry(self.database, lease_seconds=60)
        self.registry_app = middleware.TrustedAuth(
            middleware.Context(registry), SECRET
        )
        self.wire = InProcess(self.registry_app)
        self.registry = registry_client.RegistryClient(
            self.wire, send_identity_headers=True, secret=SECRET
        )
        self.store = wrap_store(filesystem.FilesystemStore(str(self.images)))
        self.conf = configuration(api_conf, directory, default=api)
        self.app = self._pipeline()

    def _pipeline(self) -> Any:
        several = bool(self.conf.enabled_backends)
        file_store = None if several else self.store
        self.stores = stores = storage.around(self.conf, file_store)
        api = api_app.images_api(self.conf, self.registry, stores)
        context = middleware.Context(
            api, allow_anonymous=self.conf.allow_anonymous_access
        )
        return versions.Negotiation(
            middleware.TrustedAuth(context, None),
            versions.of_conf(self.conf),
        )

    def close(self) -> None:
        self.database.dispose()


def identity(caller: str | None) -> dict[str, str]:
    """Return identity headers of a caller in :data:`CALLERS`.

    :param caller: None: no identity
    """
    if caller is None:
        return {}
    project, roles = CALLERS[caller]
    return {
        'X-Identity-Status': 'Confirmed',
        'X-User-Id': caller,
        'X-Project-Id': project,
        'X-Roles': roles,
    }


class Source:
    """A request body that is read in pieces, as from the network.

    :param pieces: bytes to return, exceptions to raise, callables to call
    """

    def __init__(self, *pieces: Any) -> None:
        self._pieces = list(pieces)
        self._rest = b''
        self.bytes_read = 0

    def read(self, size: int = -1) -> bytes:
        while not self._rest and self._pieces:
            piece = self._pieces.pop(0)
            if isinstance(piece, bytes):
                self._rest = piece
            elif isinstance(piece, BaseException):
                raise piece
            else:
                piece()
        size = len(self._rest) if size < 0 else size
        given, self._rest = self._rest[:size], self._rest[size:]
        self.bytes_read += len(given)
        return given


class ServiceTestCase(unittest.TestCase):
    """A test case with its own pair of daemons for each test."""

    #: Options of glance-api; a subclass sets those that it needs.
    api_options: dict[str, Any] = {}
    #: Kind of the database, from :data:`tests.databases.KINDS`.
    kind = 'sqlite'
    #: Files in the directory of the configuration: their text, by name.
    files_beside: dict[str, str] = {}

    @staticmethod
    def wrap_store(store: Any) -> Any:
        """Return the store for glance-api; a subclass may wrap it."""
        return store

    def setUp(self) -> None:
        super().setUp()
        self.directory = temporary_directory(self)
        for name, text in self.files_beside.items():
            pathlib.Path(self.directory, name).write_text(text)
        url = None
        if self.kind != 'sqlite':
            url = self.enterContext(databases.TemporaryDatabase(self.kind))
        self.service = self.make_service(url)
        self.addCleanup(self.service.close)

    def make_service(self, url: str | None) -> Service:
        """Return a new pair of daemons, with an empty database."""
        return Service(
            self.directory, self.api_options, url, wrap_store=self.wrap_store
        )

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        caller: str | None = 'alice',
        headers: dict[str, str] | None = None,
    ) -> webob.Response:
        """Send a request to glance-api; return the response.

        :param body: a list or dict is sent as JSON, bytes unchanged
        """
        sent = {'Accept': 'application/json', **identity(caller)}
        environ: dict[str, Any] = {}
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            sent['Content-Type'] = 'application/json'
        elif isinstance(body, bytes):
            sent['Content-Type'] = 'application/octet-stream'
        sent |= headers or {}
        request = webob.Request.blank(
            path, environ, method=method, headers=sent
        )
        if body is not None:
            request.body_file = io.BytesIO(body)
            request.content_length = len(body)
        return request.get_response(self.service.app)

    def patch(
        self, image_id: str, *operations: dict[str, Any], caller: str = 'alice'
    ) -> webob.Response:
        return self.call(
            'PATCH',
            f'/v2/images/{image_id}',
            list(operations),
            caller=caller,
            headers={
                'Content-Type': (
                    'application/openstack-images-v2.1-json-patch'
                )
            },
        )

    def image(
        self,
        *,
        caller: str = 'alice',
        data: bytes | None = None,
        **values: Any,
    ) -> str:
        """Create an image, with data if given; return its id."""
        formats = {'disk_format': 'raw', 'container_format': 'bare'}
        response = self.call(
            'POST', '/v2/images', {**formats, **values}, caller=caller
        )
        self.assertEqual(201, response.status_int, response.text)
        image_id: str = response.json['id']
        if data is not None:
            self.upload(image_id, data, caller=caller)
        return image_id

    def upload(
        self, image_id: str, data: bytes, *, caller: str = 'alice'
    ) -> None:
        response = self.call(
            'PUT', f'/v2/images/{image_id}/file', data, caller=caller
        )
        self.assertEqual(204, response.status_int, response.text)

    def put(
        self,
        image_id: str,
        source: Source,
        *,
        length: int | None = None,
        caller: str = 'alice',
        headers: dict[str, str] | None = None,
        to: str = 'file',
    ) -> webob.Response:
        """Upload a stream; it is sent in chunks if ``length`` is None."""
        request = webob.Request.blank(
            f'/v2/images/{image_id}/{to}',
            method='PUT',
            headers={
                'Accept': 'application/json',
                'Content-Type': 'application/octet-stream',
                **identity(caller),
                **(headers or {}),
            },
        )
        if length is None:
            request.headers['Transfer-Encoding'] = 'chunked'
        else:
            request.content_length = length
        request.environ['wsgi.input'] = source
        return request.get_response(self.service.app)

    def data(self, image_id: str, caller: str = 'alice') -> bytes:
        response = self.call(
            'GET', f'/v2/images/{image_id}/file', caller=caller
        )
        self.assert_status(200, response)
        content: bytes = response.body
        return content

    def show(self, image_id: str, caller: str = 'alice') -> dict[str, Any]:
        response = self.call('GET', f'/v2/images/{image_id}', caller=caller)
        self.assertEqual(200, response.status_int, response.text)
        document: dict[str, Any] = response.json
        return document

    def listed(self, query: str = '', caller: str = 'alice') -> list[str]:
        """Return the names of the images on a page, in order."""
        response = self.call('GET', f'/v2/images{query}', caller=caller)
        self.assertEqual(200, response.status_int, response.text)
        return [image['name'] for image in response.json['images']]

    def assert_status(self, status: int, response: webob.Response) -> None:
        if response.status_int != status:
            # Read the body only now, because it may be a running download.
            self.fail(f'not {status}: {response.status} {response.body!r}')

    def files(self) -> list[str]:
        """Return the names of the files in the store's directory."""
        return names_in(str(self.service.images))


def names_in(directory: str) -> list[str]:
    return sorted(os.listdir(directory))


def temporary_directory(test: unittest.TestCase) -> str:
    """Return a directory that is removed at the end of the test."""
    directory = tempfile.TemporaryDirectory()
    test.addCleanup(remove, directory)
    return directory.name


def remove(directory: tempfile.TemporaryDirectory[str]) -> None:
    """Remove it; a thread of the service may still be writing there."""
    end = time.monotonic() + 60
    while True:
        try:
            directory.cleanup()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def query(**parameters: str) -> str:
    return '?' + urllib.parse.urlencode(parameters)


def list_query(**parameters: Any) -> contract.ImageQuery:
    """Return a list query for the registry: 10 images, newest first.

    :param parameters: fields that differ from these defaults
    """
    known: dict[str, Any] = {
        'limit': 10,
        'marker': None,
        'sort': [('created_at', 'desc'), ('id', 'desc')],
        'filters': [],
        'properties': [],
        'tags': [],
        'visibility': None,
        'member_status': 'accepted',
        'os_hidden': False,
    }
    return {**known, **parameters}  # type: ignore[typeddict-item]
