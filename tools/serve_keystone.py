"""A real Keystone beside the image service: tools/serve --with-keystone.

It runs from a virtual environment of its own, keeps its data below the data
directory, and has two projects with a user each. Standard library only, as in
serve.py.
"""

from collections.abc import Callable, Iterator, Mapping
import contextlib
import json
import os
import pathlib
import secrets
import subprocess
import sys
from typing import Any
import urllib.error
import urllib.parse
import urllib.request

import serve_processes

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
REQUIREMENTS = CHECKOUT / 'tools/keystone.txt'
#: The environment of the live tests, if it is there, or our own.
ENVIRONMENTS = (CHECKOUT / '.nox/keystone', CHECKOUT / '.venv-keystone')
INSTALL_SECONDS = 1800.0
SET_UP_SECONDS = 300.0
HTTP_SECONDS = 60.0
REGION = 'RegionOne'
#: User -> project and role. Bootstrap makes the first one.
USERS = {
    'admin': ('admin', 'admin'),
    'alice': ('p1', 'member'),
    'bob': ('p2', 'member'),
    'glance': ('service', 'service'),
}
PEOPLE = ('admin', 'alice', 'bob')

CONFIGURATION = """\
[database]
connection = sqlite:///{home}/keystone.sqlite
[token]
provider = fernet
[fernet_tokens]
key_repository = {home}/fernet
[credential]
key_repository = {home}/credential
[cache]
enabled = true
backend = dogpile.cache.memory
"""

SERVE = """\
import sys
host, port = sys.argv[1:]
del sys.argv[1:]  # Keystone would read them
from keystone.wsgi.api import application
from werkzeug.serving import run_simple
run_simple(host, int(port), application, threaded=True)
"""

API_CONF = """
[keystone_authtoken]
www_authenticate_uri = {url}
auth_type = password
auth_url = {url}
username = glance
password = {password}
project_name = service
user_domain_id = default
project_domain_id = default

[paste_deploy]
flavor = keystone
"""

OPENRC = """\
unset "${{!OS_@}}"
export OS_AUTH_URL={url}
export OS_USERNAME={user}
export OS_PASSWORD={password}
export OS_PROJECT_NAME={project}
export OS_USER_DOMAIN_ID=default
export OS_PROJECT_DOMAIN_ID=default
export OS_REGION_NAME={region}
export OS_IDENTITY_API_VERSION=3
"""

CLOUD = """\
  {user}:
    auth:
      auth_url: {url}
      username: {user}
      password: {password}
      project_name: {project}
      user_domain_id: default
      project_domain_id: default
    region_name: {region}
"""

WELCOME = """\
The image service is ready, with a Keystone at {url}.
In another terminal (bash), log in as one of three users:

  . {home}/openrc-alice     # member of project p1
  . {home}/openrc-bob       # member of project p2
  . {home}/openrc-admin     # administrator

and use the clients, for instance:

  openstack image list
  glance image-list

The same without openrc files:

  export OS_CLIENT_CONFIG_FILE={home}/clouds.yaml
  openstack --os-cloud alice image list

Without these clients: pip install python-openstackclient python-glanceclient
Data and logs are in {data}; Ctrl-C stops the service.
"""


class Keystone:
    """Keystone with its data in the directory ``keystone`` of the service.

    :param data: data directory of tools/serve
    :param address: host and port that Keystone listens on
    """

    def __init__(self, data: pathlib.Path, address: tuple[str, int]) -> None:
        self._data = data
        self._home = data / 'keystone'
        self._address = address
        self.url = f'http://{address[0]}:{address[1]}/v3'
        self._passwords: dict[str, str] = {}
        self._programs = _programs()

    def prepare(self, step: Callable[..., Any]) -> None:
        """Install Keystone if it is not there, and make its database."""
        if self._programs is None:
            with step('Installing Keystone (once, a minute or two)'):
                self._programs = _install(self._data / 'log/pip.log')
        self._home.mkdir(mode=0o700, exist_ok=True)
        self._passwords = _passwords(self._home / 'passwords.json')
        self._configuration.write_text(CONFIGURATION.format(home=self._home))
        if not (self._home / '.made').exists():
            with step('Making the database of Keystone'):
                self._bootstrap()
            (self._home / '.made').touch()

    @property
    def _configuration(self) -> pathlib.Path:
        return self._home / 'keystone.conf'

    def _bootstrap(self) -> None:
        for keys in ('fernet', 'credential'):
            (self._home / keys).mkdir(mode=0o700, exist_ok=True)
        for words in (
            ['db_sync'],
            ['fernet_setup', *_owner()],
            ['credential_setup', *_owner()],
            [
                'bootstrap',
                *('--bootstrap-public-url', self.url),
                *('--bootstrap-region-id', REGION),
            ],
        ):
            self._manage(words)

    def _manage(self, words: list[str]) -> None:
        log = self._data / 'log/keystone-manage.log'
        # Not an argument: others see those, and it may begin with a hyphen.
        password = {'OS_BOOTSTRAP_PASSWORD': self._passwords['admin']}
        command = [f'{self._programs}/keystone-manage', '--config-file']
        with log.open('ab') as output:
            done = subprocess.run(
                [*command, str(self._configuration), *words],
                env=os.environ | password,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=SET_UP_SECONDS,
                check=False,
            )
        if done.returncode:
            raise serve_processes.Refused(
                f'keystone-manage {words[0]} failed, see {log}:\n'
                + log.read_text(errors='replace')[-2000:]
            )

    def daemon(self) -> serve_processes.Daemon:
        return serve_processes.Daemon(
            'keystone',
            self.url,
            [f'{self._programs}/python', '-c', SERVE]
            + [str(word) for word in self._address],
            self._data / 'log/keystone.log',
            probes=('',),
            environment={'OS_KEYSTONE_CONFIG_FILES': str(self._configuration)},
        )

    def fill(self, image_url: str) -> None:
        """Make projects, users and endpoints, and files to log in with."""
        cloud = _Cloud(self.url, self._passwords['admin'])
        _make_users(cloud, self._passwords)
        for kind, name, url in (
            ('identity', 'keystone', self.url),
            ('image', 'glance', image_url),
        ):
            _make_endpoint(cloud, kind, name, url)
        self._write_logins()

    def _write_logins(self) -> None:
        clouds = 'clouds:\n'
        for user in PEOPLE:
            values = {
                'url': self.url,
                'user': user,
                'password': self._passwords[user],
                'project': USERS[user][0],
                'region': REGION,
            }
            clouds += CLOUD.format(**values)
            _write(self._home / f'openrc-{user}', OPENRC.format(**values))
        _write(self._home / 'clouds.yaml', clouds)

    def api_configuration(self) -> str:
        """Give what glance-api.conf needs to check tokens."""
        return API_CONF.format(
            url=self.url, password=self._passwords['glance']
        )

    def welcome(self) -> str:
        return WELCOME.format(url=self.url, home=self._home, data=self._data)


def _programs() -> pathlib.Path | None:
    for environment in ENVIRONMENTS:
        if (environment / 'bin/keystone-manage').exists():
            return environment / 'bin'
    return None


def _install(log: pathlib.Path) -> pathlib.Path:
    """:raises Refused: pip could not install it"""
    environment = ENVIRONMENTS[-1]
    python = environment / 'bin/python'
    with log.open('wb') as output:
        for command in (
            [sys.executable, '-m', 'venv', '--clear', environment],
            [python, '-m', 'pip', 'install', '--no-input', '-r', REQUIREMENTS],
        ):
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=INSTALL_SECONDS,
                check=False,
            )
            if done.returncode:
                raise serve_processes.Refused(
                    f'Keystone could not be installed, see {log}:\n'
                    + log.read_text(errors='replace')[-2000:]
                )
    return environment / 'bin'


def _owner() -> list[str]:
    ids = {'user': os.getuid(), 'group': os.getgid()}
    return [
        word
        for name, number in ids.items()
        for word in (f'--keystone-{name}', str(number))
    ]


def _passwords(path: pathlib.Path) -> dict[str, str]:
    """Give the password of each user, made at the first start."""
    if not path.exists():
        made = {user: secrets.token_urlsafe(12) for user in USERS}
        _write(path, json.dumps(made))
    known: dict[str, str] = json.loads(path.read_text())
    return known


def _write(path: pathlib.Path, text: str) -> None:
    """Write a file that only its owner can read, all of it or nothing."""
    aside = path.with_name(f'.{path.name}.new')
    aside.unlink(missing_ok=True)
    with open(os.open(aside, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as new:
        new.write(text)
    aside.rename(path)


def _make_users(cloud: '_Cloud', passwords: Mapping[str, str]) -> None:
    for user, (project, role) in USERS.items():
        in_domain = {'domain_id': 'default'}
        project_id = cloud.ensure('project', name=project, **in_domain)
        user_id = cloud.ensure(
            'user',
            {'password': passwords[user]},
            name=user,
            **in_domain,
        )
        role_id = cloud.ensure('role', name=role)
        cloud.call(
            'PUT',
            f'/projects/{project_id}/users/{user_id}/roles/{role_id}',
        )


def _make_endpoint(cloud: '_Cloud', kind: str, name: str, url: str) -> None:
    """Register a service at this URL, also if the port has changed."""
    service = cloud.ensure('service', {'name': name}, type=kind)
    for interface in ('public', 'internal', 'admin'):
        made = cloud.ensure(
            'endpoint',
            {'url': url, 'region_id': REGION},
            service_id=service,
            interface=interface,
        )
        cloud.call('PATCH', f'/endpoints/{made}', {'endpoint': {'url': url}})


class _Cloud:
    """Calls the API of Keystone as its administrator."""

    def __init__(self, url: str, password: str) -> None:
        self._url = url
        self._token = ''
        user = {
            'name': 'admin',
            'domain': {'id': 'default'},
            'password': password,
        }
        project = {'name': 'admin', 'domain': {'id': 'default'}}
        with self._open(
            'POST',
            '/auth/tokens',
            {
                'auth': {
                    'identity': {
                        'methods': ['password'],
                        'password': {'user': user},
                    },
                    'scope': {'project': project},
                }
            },
        ) as answer:
            self._token = answer.headers['X-Subject-Token']

    def ensure(
        self, kind: str, more: Mapping[str, str] | None = None, **key: str
    ) -> str:
        """Give the id of the object with this key; make it if needed."""
        found = self.call('GET', f'/{kind}s?{urllib.parse.urlencode(key)}')
        for one in found[f'{kind}s']:
            return str(one['id'])
        made = self.call('POST', f'/{kind}s', {kind: {**key, **(more or {})}})
        return str(made[kind]['id'])

    def call(self, method: str, path: str, body: object = None) -> Any:
        with self._open(method, path, body) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    @contextlib.contextmanager
    def _open(self, method: str, path: str, body: object) -> Iterator[Any]:
        """:raises Refused: Keystone answers an error"""
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                'Content-Type': 'application/json',
                'X-Auth-Token': self._token,
            },
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=HTTP_SECONDS) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            raise serve_processes.Refused(
                f'Keystone answered {method} {path} with {error.code}: '
                f'{error.read()[:500]!r}'
            ) from error
