"""Real servers of stores, and their own tools, for measurements.

The servers are those of tests/stores. Each place is a pool, container or
bucket that nobody else has.
"""

from collections.abc import Callable, Sequence
import os
import pathlib
import sys
from typing import Any, Protocol
import uuid

from benchmark import s3_tool
from tests.live import keystone
from tests.live import servers
from tests.stores.servers import ceph
from tests.stores.servers import radosgw
from tests.stores.servers import swift

_SEGMENT = '200M'
#: The name of the object that a tool writes.
_OBJECT = 'tool'
STDIN = '-'


class Place(Protocol):
    """A place in a store.

    :ivar kind: the type of store
    :ivar tool: the name of the store's own tool
    :ivar address: HOST:PORT of the server
    :ivar environment: of the tool's process
    """

    kind: str
    tool: str
    address: str
    environment: dict[str, str]

    def settings(self, address: str | None = None) -> dict[str, Any]:
        """The options of a store there, also through another address."""

    def upload(self, source: str) -> Sequence[str]:
        """The tool's command that stores a file; :data:`STDIN`: its input."""

    def download(self) -> Sequence[str]:
        """The tool's command that writes the data to its output."""

    def remove(self) -> Sequence[str]:
        """The tool's command that removes the data."""


def _name() -> str:
    return f'bench-{uuid.uuid4().hex[:12]}'


class Rbd:
    """A pool of a Ceph cluster; see :class:`Place`."""

    kind, tool = 'rbd', 'rbd import/export'
    address = ''

    def __init__(self) -> None:
        self._conf = servers.of_store('ceph')
        self._pool = _name()
        ceph.run(self._conf, 'ceph', 'osd', 'pool', 'create', self._pool, '8')
        ceph.run(self._conf, 'rbd', 'pool', 'init', self._pool)
        self._rbd = ('rbd', '-c', self._conf, '--id', 'admin')
        self.environment = dict(os.environ)

    def settings(self, address: str | None = None) -> dict[str, Any]:
        return {
            'rbd_store_pool': self._pool,
            'rbd_store_user': 'admin',
            'rbd_store_ceph_conf': self._conf,
        }

    def upload(self, source: str) -> Sequence[str]:
        words = ('import', '--no-progress', source, self._image)
        return (*self._rbd, *words)

    def download(self) -> Sequence[str]:
        return (*self._rbd, 'export', '--no-progress', self._image, '-')

    def remove(self) -> Sequence[str]:
        return (*self._rbd, 'rm', '--no-progress', self._image)

    @property
    def _image(self) -> str:
        return f'{self._pool}/{_OBJECT}'


class Swift:
    """A container of Swift; see :class:`Place`."""

    kind, tool = 'swift', f'swift --segment-size {_SEGMENT}'

    def __init__(self) -> None:
        self._server = swift.found()
        self.address = f'{self._server.host}:{self._server.port}'
        self._container = _name()
        user = keystone.SERVICE_USER
        self._program = str(pathlib.Path(sys.executable).parent / 'swift')
        self.environment = {
            **os.environ,
            'ST_AUTH_VERSION': '3',
            'OS_AUTH_URL': self._server.identity,
            'OS_USERNAME': user,
            'OS_PASSWORD': keystone.password(user),
            'OS_PROJECT_NAME': keystone.SERVICE_PROJECT,
            'OS_USER_DOMAIN_ID': 'default',
            'OS_PROJECT_DOMAIN_ID': 'default',
        }

    def settings(self, address: str | None = None) -> dict[str, Any]:
        user = keystone.SERVICE_USER
        server = self._server
        return {
            'swift_store_auth_address': server.identity,
            'swift_store_auth_version': '3',
            'swift_store_user': f'{keystone.SERVICE_PROJECT}:{user}',
            'swift_store_key': keystone.password(user),
            'swift_store_container': self._container,
            'swift_store_create_container_on_put': True,
            'swift_store_endpoint': (
                f'http://{address or self.address}/v1/{server.account}'
            ),
        }

    def upload(self, source: str) -> Sequence[str]:
        segments = ('--segment-size', _SEGMENT, '--object-name', _OBJECT)
        words = ('upload', '--quiet', *segments, self._container, source)
        return (self._program, *words)

    def download(self) -> Sequence[str]:
        words = ('download', '--output', '-', self._container, _OBJECT)
        return (self._program, *words)

    def remove(self) -> Sequence[str]:
        words = ('delete', '--quiet', self._container, _OBJECT)
        return (self._program, *words)


class S3:
    """A bucket of an S3 server; see :class:`Place`."""

    kind, tool = 's3', 'boto3'

    def __init__(self, found: Callable[[], Any]) -> None:
        self._server = found()
        self.address = f'{self._server.host}:{self._server.port}'
        self._bucket = _name()
        self.environment = {
            **os.environ,
            'AWS_ACCESS_KEY_ID': self._server.access,
            'AWS_SECRET_ACCESS_KEY': self._server.secret,
            'AWS_DEFAULT_REGION': self._server.region or 'us-east-1',
        }

    def settings(self, address: str | None = None) -> dict[str, Any]:
        return {
            's3_store_host': f'http://{address or self.address}',
            's3_store_access_key': self._server.access,
            's3_store_secret_key': self._server.secret,
            's3_store_bucket': self._bucket,
            's3_store_region_name': self._server.region,
            's3_store_create_bucket_on_put': True,
        }

    def upload(self, source: str) -> Sequence[str]:
        return self._command('upload', source)

    def download(self) -> Sequence[str]:
        return self._command('download')

    def remove(self) -> Sequence[str]:
        return self._command('remove')

    def _command(self, verb: str, *more: str) -> Sequence[str]:
        words = (verb, self._server.url, self._bucket, _OBJECT, *more)
        return (sys.executable, '-m', s3_tool.__name__, *words)


#: Name of a server -> makes a place there, and starts it if necessary.
PLACES: dict[str, Callable[[], Place]] = {
    'rbd': Rbd,
    'swift': Swift,
    's3': lambda: S3(radosgw.found),
    's3api': lambda: S3(swift.found),
}
