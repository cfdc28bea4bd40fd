"""Our two daemons as processes, configured like an operator would."""

from collections.abc import Mapping
import functools
import json
import pathlib
import secrets
import shutil
import subprocess
import sys
import urllib.request

from tests.live import keystone
from tests.live import processes
from tests.live import servers

START_SECONDS = 240
STOP_SECONDS = 30

Sections = Mapping[str, Mapping[str, object]]

# The two pipelines a registry can have behind an api that knows Keystone.
PIPELINES = ('keystone', 'trusted-auth')


class Client:
    """Plain requests to an image service.

    :ivar api_url: of the service, without a path
    """

    api_url: str

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        token: str | None = None,
        content_type: str = 'application/json',
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Make one plain request: status, headers, body."""
        request = urllib.request.Request(
            self.api_url + path,
            method=method,
            data=(
                body
                if body is None or isinstance(body, bytes)
                else json.dumps(body).encode()
            ),
            headers={'Content-Type': content_type} if body is not None else {},
        )
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        if token is not None:
            request.add_header('X-Auth-Token', token)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), NoError()
        )
        with opener.open(request, timeout=120) as answer:
            found = {k.lower(): v for k, v in answer.headers.items()}
            return answer.status, found, answer.read()

    def image(self, image_id: str) -> dict[str, object] | None:
        status, _, body = self.request('GET', f'/v2/images/{image_id}')
        return json.loads(body) if status == 200 else None

    def create(self, **fields: object) -> str:
        """Create an image record where nobody logs in; give its id."""
        status, _, body = self.request(
            'POST',
            '/v2/images',
            {'disk_format': 'raw', 'container_format': 'bare', **fields},
        )
        assert status == 201, (status, body)
        return str(json.loads(body)['id'])


class Glance(Client):
    """glance-api and glance-registry; stop() removes everything.

    api and registry are settings by section, put over the usual ones.
    """

    def __init__(
        self,
        database_url: str | None = None,
        api: Sections | None = None,
        registry: Sections | None = None,
        workers: int = 2,
    ) -> None:
        self.directory = processes.private_directory()
        self.images = self.directory / 'images'
        self.images.mkdir()
        ports = processes.free_port(), processes.free_port()
        self.api_url, self.registry_url = (
            f'http://127.0.0.1:{port}' for port in ports
        )
        self.registry_secret = secret = secrets.token_hex()
        common = {
            'bind_host': '127.0.0.1',
            'workers': workers,
            'trusted_auth_secret': secret,
        }
        self.database_url = database_url or (
            f'sqlite:///{self.directory}/glance.sqlite'
        )
        self.api = self._daemon(
            'glance-api',
            {
                'DEFAULT': {
                    **common,
                    'bind_port': ports[0],
                    'registry_host': '127.0.0.1',
                    'registry_port': ports[1],
                    'send_identity_headers': True,
                },
                'glance_store': {'filesystem_store_datadir': self.images},
            },
            api or {},
        )
        self.registry = self._daemon(
            'glance-registry',
            {
                'DEFAULT': {**common, 'bind_port': ports[1]},
                'database': {'connection': self.database_url},
                'paste_deploy': {'flavor': 'trusted-auth'},
            },
            registry or {},
        )

    def _daemon(
        self, name: str, usual: Sections, over: Sections
    ) -> processes.Process:
        config = self.directory / f'{name}.conf'
        config.write_text(render(usual, over))
        return processes.Process(
            [program(name), '--config-file', config],
            self.directory / f'{name}.log',
        )

    def configure(
        self,
        name: str,
        settings: Mapping[str, object],
        section: str = 'DEFAULT',
    ) -> None:
        """Put settings of a section over those of a daemon's file."""
        config = self.directory / f'{name}.conf'
        config.write_text(config.read_text() + render({section: settings}))

    def sync(self) -> None:
        """Make the tables; a new SQLite file is a copy of the first one."""
        file = pathlib.Path(self.database_url.removeprefix('sqlite:///'))
        if self.database_url.startswith('sqlite:') and not file.exists():
            shutil.copyfile(_new_sqlite(), file)
        else:
            _sync(self.directory / 'glance-registry.conf')

    def start(self) -> None:
        self.sync()
        self.registry.start()
        self.api.start()
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        for process, url in (
            (self.registry, self.registry_url),
            (self.api, self.api_url),
        ):
            processes.wait_until(
                lambda url=url: processes.answers(f'{url}/healthcheck'),
                START_SECONDS,
                process.name,
                process,
            )

    def start_registry(self) -> None:
        self.registry.start()
        self.wait_until_healthy()

    def stop(self) -> None:
        self.api.stop(STOP_SECONDS)
        self.registry.stop(STOP_SECONDS)
        processes.keep_log(self.api)
        processes.keep_log(self.registry)
        shutil.rmtree(self.directory, ignore_errors=True)

    def files(self) -> list[pathlib.Path]:
        """Every file in the store, finished or not."""
        return [path for path in self.images.rglob('*') if path.is_file()]


class NoError(urllib.request.HTTPErrorProcessor):
    """Give answers of 400 and above back instead of raising them."""

    def http_response(self, request: object, response: object) -> object:
        return response


@functools.cache
def _new_sqlite() -> pathlib.Path:
    """Return a database with the tables and nothing in them."""
    directory = processes.private_directory()
    file = directory / 'new.sqlite'
    config = directory / 'glance-registry.conf'
    config.write_text(f'[database]\nconnection = sqlite:///{file}\n')
    _sync(config)
    return file


def _sync(config: pathlib.Path) -> None:
    processes.run(
        [program('glance-manage'), '--config-file', config, 'db', 'sync'],
        START_SECONDS,
    )


def program(name: str) -> pathlib.Path:
    return pathlib.Path(sys.executable).parent / name


def render(*layers: Sections) -> str:
    merged: dict[str, dict[str, object]] = {}
    for layer in layers:
        for section, options in layer.items():
            merged.setdefault(section, {}).update(options)
    lines = []
    for section, options in merged.items():
        lines.append(f'[{section}]')
        lines += [f'{name} = {value}' for name, value in options.items()]
    return '\n'.join(lines) + '\n'


def with_keystone(
    pipeline: str,
    database_url: str | None = None,
    workers: int = 2,
    address: str | None = None,
    options: Mapping[str, object] | None = None,
) -> Glance:
    """Both daemons in front of Keystone, and in its catalogue.

    :param options: of glance-api, put over the usual ones; ``group.name``
        for one of a group
    """
    sections: dict[str, dict[str, object]] = {'DEFAULT': {}}
    for name, value in (options or {}).items():
        group, _, option = name.rpartition('.')
        sections.setdefault(group or 'DEFAULT', {})[option] = value
    address = address or servers.keystone()
    login: dict[str, object] = {
        'www_authenticate_uri': address,
        'auth_type': 'password',
        **keystone.credentials(address, keystone.SERVICE_USER),
        'service_token_roles': 'service',
        'service_token_roles_required': True,
        'memcached_servers': servers.memcached(),
    }
    return Glance(
        database_url,
        api={
            **sections,
            'DEFAULT': {
                'send_identity_headers': pipeline == 'trusted-auth',
                **sections['DEFAULT'],
            },
            'keystone_authtoken': login,
            'paste_deploy': {'flavor': 'keystone'},
        },
        registry={
            'keystone_authtoken': login,
            'paste_deploy': {'flavor': pipeline},
        },
        workers=workers,
    )


def curl(*arguments: object, seconds: float = 300) -> str:
    """Run curl on loopback; give what it wrote to standard output."""
    return subprocess.run(
        ['curl', '--silent', '--noproxy', '*', *map(str, arguments)],
        stdout=subprocess.PIPE,
        timeout=seconds,
        check=False,
    ).stdout.decode()
