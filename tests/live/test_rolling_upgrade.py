"""Both daemons are replaced by the next release, one after the other."""

from collections.abc import Callable
import contextlib
import json
import os
import pathlib
import threading
import unittest
import urllib.error
import urllib.request

from tests.live import before
from tests.live import daemons
from tests.live import processes

CLIENTS = 4
#: Every client does so many rounds in each state of the upgrade.
ROUNDS = 2
SECONDS = 120
DATA = os.urandom(300_000)
OCTETS = 'application/octet-stream'

Program = Callable[[str], pathlib.Path]


class Site:
    """Two registries and two apis on one database and one directory."""

    def __init__(self) -> None:
        self.glance = daemons.Glance(workers=1)
        self.directory = self.glance.directory
        ports = [processes.free_port() for _ in range(4)]
        self.urls = {
            name: f'http://127.0.0.1:{port}'
            for name, port in zip(
                ('api-1', 'api-2', 'registry-1', 'registry-2'),
                ports,
                strict=True,
            )
        }
        endpoints = ','.join(
            url for name, url in self.urls.items() if 'registry' in name
        )
        for daemon in ('glance-api', 'glance-registry'):
            self.glance.configure(daemon, {'registry_endpoints': endpoints})
        self.running: dict[str, processes.Process] = {}
        #: Where a load balancer sends requests.
        self.serving: list[str] = []

    def manage(self, program: Program, *action: str) -> None:
        config = self.directory / 'glance-registry.conf'
        command = [program('glance-manage'), '--config-file', config, 'db']
        processes.run([*command, *action], SECONDS)

    def start(self, name: str, program: Program) -> None:
        """Start a daemon, and stop the one that had its name before.

        The load balancer takes an api out first; registries just end.
        """
        url = self.urls[name]
        with contextlib.suppress(ValueError):
            self.serving.remove(url)
        if name in self.running:
            self.running[name].stop(SECONDS)
        daemon = f'glance-{name.partition("-")[0]}'
        release = 'before' if program is before.program else 'this'
        process = self.running[name] = processes.Process(
            [
                program(daemon),
                *('--config-file', self.directory / f'{daemon}.conf'),
                *('--config-file', self._port(name, url)),
            ],
            self.directory / f'{name}-{release}.log',
        )
        process.start()
        processes.wait_until(
            lambda: processes.answers(f'{url}/healthcheck'),
            SECONDS,
            name,
            process,
        )
        if 'api' in name:
            self.serving.append(url)

    def _port(self, name: str, url: str) -> pathlib.Path:
        path = self.directory / f'{name}.conf'
        port = url.rpartition(':')[2]
        path.write_text(f'[DEFAULT]\nbind_port = {port}\n')
        return path

    def stop(self) -> None:
        for name in sorted(self.running):
            self.running[name].stop()
            processes.keep_log(self.running[name])
        self.glance.stop()


class Load(threading.Thread):
    """A client that works until it is told to stop."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self._site = site
        self._stopping = threading.Event()
        self.rounds = 0
        self.failures: list[str] = []

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._round()
            except Exception as error:  # every failure counts
                self.failures.append(repr(error))
            self.rounds += 1

    def end(self) -> None:
        self._stopping.set()
        self.join(SECONDS)

    def _round(self) -> None:
        made = self._ask(
            'POST',
            '/v2/images',
            {'disk_format': 'raw', 'container_format': 'bare', 'name': 'x'},
        )
        path = f'/v2/images/{json.loads(made)["id"]}'
        self._ask('PUT', f'{path}/file', DATA, OCTETS)
        if self._ask('GET', f'{path}/file') != DATA:
            raise AssertionError(f'{path}: other data')
        self._ask(
            'PATCH',
            path,
            [{'op': 'add', 'path': '/os_distro', 'value': 'debian'}],
            'application/openstack-images-v2.1-json-patch',
        )
        self._ask('PUT', f'{path}/tags/kept')
        self._ask('POST', f'{path}/members', {'member': 'p2'})
        image = json.loads(self._ask('GET', path))
        if image['status'] != 'active' or image['os_distro'] != 'debian':
            raise AssertionError(image)
        self._ask('GET', '/v2/images?limit=5&os_distro=debian')
        self._ask('DELETE', path)

    def _ask(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = 'application/json',
    ) -> bytes:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        serving = [*self._site.serving]
        url = serving[self.rounds % len(serving)]
        request = urllib.request.Request(
            url + path,
            method=method,
            data=None if body is None else data,
            headers={} if body is None else {'Content-Type': content_type},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=SECONDS) as answer:
                found: bytes = answer.read()
        except urllib.error.URLError as error:
            refused = isinstance(error.reason, ConnectionRefusedError)
            if not refused or url in self._site.serving:
                raise
            # It was taken out after it was chosen: nothing was sent.
            return self._ask(method, path, body, content_type)
        return found


class TestRollingUpgrade(unittest.TestCase):
    def test_no_request_fails_while_each_daemon_is_replaced(self) -> None:
        site = Site()
        self.addCleanup(site.stop)
        site.manage(before.program, 'sync')
        for name in site.urls:
            if 'registry' in name:
                site.start(name, before.program)
        for name in site.urls:
            if 'api' in name:
                site.start(name, before.program)
        clients = [Load(site) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
            self.addCleanup(client.end)
        self.work(clients, 'the release before')
        site.manage(daemons.program, 'expand')
        site.manage(daemons.program, 'migrate')
        self.work(clients, 'the expanded schema')
        # In the order that is told to operators the registries go first;
        # here an api does, so that each meets the other's older release.
        for name in ('api-1', 'registry-1', 'registry-2', 'api-2'):
            site.start(name, daemons.program)
            self.work(clients, f'{name} of this release')
        site.manage(daemons.program, 'contract')
        self.work(clients, 'the contracted schema')
        for client in clients:
            client.end()
        for name in site.urls:
            log = (site.directory / f'{name}-this.log').read_text()
            self.assertNotIn('Traceback', log, name)

    def test_what_an_older_registry_cannot_do_is_503(self) -> None:
        site = Site()
        self.addCleanup(site.stop)
        site.manage(before.program, 'sync')
        site.start('registry-1', before.program)
        site.start('api-1', daemons.program)
        site.glance.api_url = site.urls['api-1']
        image_id = site.glance.create()
        status, _, body = site.glance.request(
            'PUT', f'/v2/images/{image_id}/stage', DATA, content_type=OCTETS
        )
        self.assertEqual(503, status)
        self.assertIn(b'of an older release', body)
        log = (site.directory / 'api-1-this.log').read_text()
        self.assertIn('does not know the operation', log)

    def work(self, clients: list[Load], state: str) -> None:
        """Wait until every client has begun and ended some rounds."""
        goals = [client.rounds + ROUNDS + 1 for client in clients]
        for client, goal in zip(clients, goals, strict=True):
            processes.wait_until(
                lambda client=client, goal=goal: client.rounds >= goal,
                SECONDS,
                state,
            )
            self.assertEqual([], client.failures, state)
