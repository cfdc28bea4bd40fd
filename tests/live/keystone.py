"""A real Keystone with a few people in it.

Two projects, p1 and p2. alice and dave are members of p1 and rita is a
reader there; bob is a member of p2. Everybody's password is their name and
'-password'. Every image service registers itself under a region of its own,
so that one Keystone serves many of them.
"""

import grp
import os
import pathlib
import pwd
import unittest
import uuid

import keystoneauth1.identity.v3
import keystoneauth1.session
import openstack

from tests.live import processes

PEOPLE = {
    'admin': ('admin', 'admin'),
    'alice': ('p1', 'member'),
    'dave': ('p1', 'member'),
    'rita': ('p1', 'reader'),
    'bob': ('p2', 'member'),
}
SERVICE_USER = 'glance'
SERVICE_PROJECT = 'service'
START_SECONDS = 240
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

#: The least rounds: else a login costs 0.3 s of CPU, and some test logs in at
#: each call.
CONFIGURATION = """\
[identity]
password_hash_rounds = 4
[database]
connection = sqlite:///{directory}/keystone.sqlite
[token]
provider = fernet
[fernet_tokens]
key_repository = {directory}/fernet
[credential]
key_repository = {directory}/credential
[cache]
enabled = true
backend = dogpile.cache.memory
"""

SERVE = """\
import sys
port = int(sys.argv.pop())
from keystone.wsgi.api import application
from werkzeug.serving import run_simple
run_simple('127.0.0.1', port, application, threaded=True)
"""


class Keystone:
    variable = 'GLANCE_TEST_KEYSTONE'

    def __init__(self, seeded: bool = True) -> None:
        programs = ROOT / '.nox/keystone/bin'
        if not (programs / 'keystone-manage').exists():
            raise unittest.SkipTest('no Keystone: .venv/bin/nox -s keystone')
        directory = processes.private_directory()
        config = directory / 'keystone.conf'
        config.write_text(CONFIGURATION.format(directory=directory))
        port = processes.free_port()
        self.address = f'http://127.0.0.1:{port}/v3'
        self._bootstrap(programs / 'keystone-manage', directory)
        self.process = processes.Process(
            [programs / 'python', '-c', SERVE, port],
            directory / 'log',
            env={**os.environ, 'OS_KEYSTONE_CONFIG_FILES': str(config)},
        )
        self.process.start()
        processes.wait_until(
            lambda: processes.answers(self.address),
            START_SECONDS,
            'Keystone',
            self.process,
        )
        if seeded:
            seed(self.address)

    def _bootstrap(
        self, manage: pathlib.Path, directory: pathlib.Path
    ) -> None:
        config = ('--config-file', directory / 'keystone.conf')
        for keys in ('fernet', 'credential'):
            (directory / keys).mkdir(mode=0o700)
        owner = (
            *('--keystone-user', pwd.getpwuid(os.getuid()).pw_name),
            *('--keystone-group', grp.getgrgid(os.getgid()).gr_name),
        )
        for words in (
            ['db_sync'],
            ['fernet_setup', *owner],
            ['credential_setup', *owner],
            [
                'bootstrap',
                *('--bootstrap-password', password('admin')),
                *('--bootstrap-public-url', self.address),
                *('--bootstrap-internal-url', self.address),
                *('--bootstrap-admin-url', self.address),
                *('--bootstrap-region-id', 'RegionOne'),
            ],
        ):
            processes.run([manage, *config, *words], START_SECONDS)

    def stop(self) -> None:
        self.process.stop()
        processes.keep_log(self.process)


def password(user: str) -> str:
    return f'{user}-password'


def credentials(address: str, user: str) -> dict[str, str]:
    """Give what the clients need to log in, as they name it."""
    project = PEOPLE[user][0] if user in PEOPLE else SERVICE_PROJECT
    return {
        'auth_url': address,
        'username': user,
        'password': password(user),
        'project_name': project,
        'user_domain_id': 'default',
        'project_domain_id': 'default',
    }


def connect(
    address: str, user: str, region: str = 'RegionOne'
) -> openstack.connection.Connection:
    """Log in with openstacksdk."""
    auth = keystoneauth1.identity.v3.Password(**credentials(address, user))
    return openstack.connection.Connection(
        session=keystoneauth1.session.Session(auth=auth, timeout=600),
        region_name=region,
    )


def connect_without_login(url: str) -> openstack.connection.Connection:
    return openstack.connect(
        load_yaml_config=False,
        load_envvars=False,
        auth_type='none',
        auth={'endpoint': url},
    )


def seed(address: str) -> None:
    cloud = connect(address, 'admin').identity
    roles = {role.name: role for role in cloud.roles()}
    for name in ('member', 'reader', 'service'):
        if name not in roles:
            roles[name] = cloud.create_role(name=name)
    projects = {
        name: cloud.create_project(name=name, domain_id='default')
        for name in ('p1', 'p2', SERVICE_PROJECT)
    }
    people = {
        **{
            user: (project, [role]) for user, (project, role) in PEOPLE.items()
        },
        SERVICE_USER: (SERVICE_PROJECT, ['admin', 'service']),
    }
    del people['admin']  # made by bootstrap
    for user, (project, names) in people.items():
        made = cloud.create_user(
            name=user, password=password(user), domain_id='default'
        )
        for name in names:
            cloud.assign_project_role_to_user(
                projects[project], made, roles[name]
            )
    cloud.create_service(name='glance', type='image')


def register(address: str, image_url: str) -> str:
    """Put an image service into the catalogue; give its region."""
    cloud = connect(address, 'admin').identity
    region = f'region-{uuid.uuid4().hex[:12]}'
    cloud.create_region(id=region)
    # Keystone too: clients look for everything in their region.
    for kind, url in (('image', image_url), ('identity', address)):
        (service,) = cloud.services(type=kind)
        for interface in ('public', 'internal', 'admin'):
            cloud.create_endpoint(
                service_id=service.id,
                interface=interface,
                url=url,
                region_id=region,
            )
    return region


def project_id(address: str, name: str) -> str:
    cloud = connect(address, 'admin').identity
    return str(cloud.find_project(name, ignore_missing=False).id)
