"""A real Swift with Keystone, which also speaks S3 (s3api).

One device, one replica. The users and the object-store endpoint are in the
Keystone of tests/live/keystone.py; its user glance also has an EC2 key.
"""

import functools
import json
import os
from typing import Any, NamedTuple
import unittest
import urllib.parse

from tests.live import keystone
from tests.live import processes
from tests.live import servers

START_SECONDS = 240
ROOT = keystone.ROOT
KINDS = ('account', 'container', 'object')

SWIFT = """\
[swift-hash]
swift_hash_path_prefix = ci
swift_hash_path_suffix = ci
[storage-policy:0]
name = Policy-0
default = yes
[swift-constraints]
max_file_size = 5368709122
"""
RINGS = """\
import sys
from swift.common.ring import RingBuilder
directory, *places = sys.argv[1:]
for kind, port in (place.split('=') for place in places):
    builder = RingBuilder(8, 1, 1)
    host = {'ip': '127.0.0.1', 'port': int(port), 'device': 'd1'}
    place = {'id': 0, 'region': 1, 'zone': 1, 'weight': 1.0, 'meta': ''}
    builder.add_dev({**place, **host})
    builder.rebalance()
    builder.get_ring().save(f'{directory}/{kind}.ring.gz')
"""
STORAGE = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {directory}/etc
devices = {directory}/srv
mount_check = false
workers = 1
user = {user}
disable_fallocate = true
log_address = /nonexistent
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
FILTERS = (
    'catch_errors gatekeeper healthcheck cache listing_formats bulk tempurl '
    'authtoken s3api s3token keystoneauth copy slo dlo versioned_writes '
    'symlink'
)
LOGIN = """\
auth_url = {identity}
auth_type = password
username = glance
password = glance-password
project_name = service
user_domain_id = default
project_domain_id = default
"""
PROXY = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {directory}/etc
workers = 1
user = {user}
log_address = /nonexistent
[pipeline:main]
pipeline = {filters} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:cache]
use = egg:swift#memcache
memcache_servers = {memcached}
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = RegionOne
auth_pipeline_check = false
[filter:s3token]
use = egg:swift#s3token
auth_uri = {identity}
secret_cache_duration = 600
{login}
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = {identity}
delay_auth_decision = true
service_token_roles_required = false
cache = swift.cache
{login}
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
"""


class Swift:
    """Its address is JSON; :func:`found` reads it."""

    variable = 'GLANCE_TEST_SWIFT'

    def __init__(self) -> None:
        self._programs = ROOT / '.nox/swift/bin'
        if not (self._programs / 'swift-proxy-server').exists():
            raise unittest.SkipTest('no Swift: .venv/bin/nox -s swift')
        identity = servers.keystone()
        memcached = servers.memcached()
        # On the disk: images of 2 GiB go there, and memory is short.
        self._directory = processes.private_directory()
        for name in ('etc', 'srv/d1', 'log'):
            (self._directory / name).mkdir(parents=True)
        (self._directory / 'etc/swift.conf').write_text(SWIFT)
        self._processes: list[processes.Process] = []
        self._start_storage()
        port = self._start_proxy(identity, memcached)
        self.address = json.dumps(
            {
                'host': '127.0.0.1',
                'port': port,
                'identity': identity,
                **_register(identity, port),
            }
        )

    def _start_storage(self) -> None:
        ports = {kind: processes.free_port() for kind in KINDS}
        processes.run(
            [
                *(self._programs / 'python', '-c', RINGS),
                self._directory / 'etc',
                *(f'{kind}={port}' for kind, port in ports.items()),
            ],
            START_SECONDS,
        )
        for kind, port in ports.items():
            self._start(kind, STORAGE, port=port)

    def _start_proxy(self, identity: str, memcached: str) -> int:
        port = processes.free_port()
        login = LOGIN.format(identity=identity)
        known = ('authtoken', 's3api', 's3token', 'keystoneauth', 'cache')
        plain = '\n'.join(
            f'[filter:{name}]\nuse = egg:swift#{name}'
            for name in FILTERS.split()
            if name not in (*known, 'versioned_writes')
        )
        self._start(
            'proxy',
            PROXY + plain + '\n',
            port=port,
            identity=identity,
            memcached=memcached,
            filters=FILTERS,
            login=login,
        )
        processes.wait_until(
            lambda: processes.answers(f'http://127.0.0.1:{port}/healthcheck'),
            START_SECONDS,
            'Swift',
            self._processes[-1],
        )
        return port

    def _start(self, kind: str, text: str, **values: Any) -> None:
        config = self._directory / 'etc' / f'{kind}-server.conf'
        user = 'root' if os.getuid() == 0 else str(os.getuid())
        config.write_text(
            text.format(
                kind=kind, directory=self._directory, user=user, **values
            )
        )
        process = processes.Process(
            [
                self._programs / 'python',
                self._programs / f'swift-{kind}-server',
                config,
                '-v',
            ],
            self._directory / 'log' / kind,
        )
        process.start()
        self._processes.append(process)

    def stop(self) -> None:
        for each in self._processes:
            each.stop()
            processes.keep_log(each)


def _register(identity: str, port: int) -> dict[str, str]:
    """Put it into the catalogue; an EC2 key for the user glance."""
    cloud = keystone.connect(identity, 'admin').identity
    service = cloud.create_service(name='swift', type='object-store')
    for interface in ('public', 'internal', 'admin'):
        cloud.create_endpoint(
            service_id=service.id,
            interface=interface,
            url=f'http://127.0.0.1:{port}/v1/AUTH_%(project_id)s',
            region_id='RegionOne',
        )
    user = cloud.find_user(keystone.SERVICE_USER, ignore_missing=False)
    project = cloud.find_project(
        keystone.SERVICE_PROJECT, ignore_missing=False
    )
    # Swift's own name of the role that may write to every account.
    role = cloud.create_role(name='ResellerAdmin')
    cloud.assign_project_role_to_user(project, user, role)
    answer = cloud.post(
        f'/users/{user.id}/credentials/OS-EC2',
        json={'tenant_id': project.id},
    )
    made = answer.json()['credential']
    return {
        'access': made['access'],
        'secret': made['secret'],
        'account': f'AUTH_{project.id}',
    }


class Found(NamedTuple):
    """:ivar access: of the EC2 key of the user glance, with its secret

    :ivar account: of the project service
    """

    host: str
    port: int
    identity: str
    access: str
    secret: str
    account: str
    region: str = 'RegionOne'

    @property
    def url(self) -> str:
        return f'http://{self.host}:{self.port}'

    @property
    def identity_address(self) -> tuple[str, int]:
        parts = urllib.parse.urlsplit(self.identity)
        return str(parts.hostname), int(parts.port or 80)


def found() -> Found:
    """The running Swift, started if it is not."""
    return Found(**json.loads(servers.of_store('swift')))


@functools.cache
def person(identity: str, user: str) -> Any:
    """A connection that is kept: a login needs a second."""
    return keystone.connect(identity, user)


class Accounts:
    """Containers of images in the accounts of projects, without the driver."""

    def __init__(self, server: Found) -> None:
        self.cloud = person(
            server.identity, keystone.SERVICE_USER
        ).object_store
        self._place = f'{server.url}/v1/AUTH_'
        self.projects = {
            name: person(server.identity, user).current_project_id
            for name, user in (('p1', 'alice'), ('p2', 'bob'))
        }
        self.own = server.account.removeprefix('AUTH_')

    def held(self, name: str) -> list[str]:
        """Containers, objects and marks of a store with this container."""
        found = []
        for project in (self.own, *self.projects.values()):
            for each in self._listed(project, '', name):
                names = self._listed(project, each)
                if each != name:  # the one of the marks is kept
                    found.append(each)
                found += [f'{each}/{it}' for it in names]
        return found

    def _listed(
        self, project: str, container: str, prefix: str = ''
    ) -> list[str]:
        query = f'?format=json&prefix={prefix}'
        url = f'{self._place}{project}/{container}{query}'
        answer = self.cloud.get(url)
        assert answer.status_code in (200, 204, 404), answer.text
        if answer.status_code == 404:
            return []
        return [each['name'] for each in json.loads(answer.text or '[]')]
