"""The two daemons of this checkout, private to one run."""

from collections.abc import Sequence
import contextlib
import importlib.util
import os
import pathlib
import signal
import subprocess
import sys
import time
from typing import NamedTuple
import urllib.error
import urllib.request

import sqlalchemy as sa

from benchmark import databases
from benchmark import relay
from tests.live.wsgi_servers import hosts

HOST = databases.HOST
#: The server that is shipped; the others are configured as doc/ says.
OWN = 'own'
SERVERS = (OWN, *hosts.KINDS)
START_SECONDS = 30.0
STOP_SECONDS = 10.0

# Both listen on loopback only, so that no secret is needed.
_REGISTRY = """\
[DEFAULT]
bind_host = {host}
bind_port = {port}
workers = {workers}
log_file = {log}
graceful_shutdown_timeout = 2
[database]
connection = {url}
[paste_deploy]
flavor = trusted-auth
"""
_API = """\
[DEFAULT]
bind_host = {host}
bind_port = {port}
workers = {workers}
log_file = {log}
graceful_shutdown_timeout = 2
registry_host = {host}
registry_port = {registry_port}
send_identity_headers = True
[glance_store]
filesystem_store_datadir = {home}/images
[paste_deploy]
flavor = trusted-auth
"""


class Failed(Exception):
    """A daemon did not start; the message is for the person."""


class Daemon(NamedTuple):
    process: subprocess.Popen[bytes]
    port: int

    @property
    def pid(self) -> int:
        return self.process.pid


class Counts(NamedTuple):
    """:ivar statements: sent to the database
    :ivar requests: round trips between the daemons
    """

    statements: int
    requests: int


class Pair:
    """Starts in the constructor's order: tables, registry, api.

    :param options: more settings, each ``DAEMON:GROUP.NAME=VALUE``
    :param host: of :data:`SERVERS`
    :raises Failed: one of them did not start
    """

    def __init__(
        self,
        home: pathlib.Path,
        server: databases.Server,
        workers: int,
        stack: contextlib.ExitStack,
        options: Sequence[str] = (),
        host: str = OWN,
    ) -> None:
        self._home = home
        self._host = host
        self._server = server
        self._workers = workers
        self._stack = stack
        self._options = [_option(text) for text in options]
        _make_tables(home, server.url)
        self.registry = self._start_registry('registry', server.url, workers)
        self.api = self._start_api('api', self.registry.port, workers)

    def counted(self) -> 'CountedPair':
        """A second pair on the same data, through counters."""
        return CountedPair(self)

    def _start_registry(
        self, name: str, url: str, workers: int, module: str = ''
    ) -> Daemon:
        port = databases.free_port()
        text = _REGISTRY.format(
            host=HOST,
            port=port,
            workers=workers,
            log=self._home / f'{name}.log',
            url=url.replace('%', '%%'),
        )
        module = module or 'glance_registry.cmd.registry'
        return self._start(name, module, text, port)

    def _start_api(
        self, name: str, registry_port: int, workers: int
    ) -> Daemon:
        port = databases.free_port()
        text = _API.format(
            host=HOST,
            port=port,
            workers=workers,
            log=self._home / f'{name}.log',
            registry_port=registry_port,
            home=self._home,
        )
        return self._start(name, 'glance.cmd.api', text, port)

    def _start(self, name: str, module: str, text: str, port: int) -> Daemon:
        text += ''.join(
            f'[{group}]\n{setting}\n'
            for daemon, group, setting in self._options
            if name.startswith(daemon)
        )
        with (self._home / f'{name}.out').open('ab') as out:
            process = subprocess.Popen(
                self._command(name, module, text, port),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={
                    **os.environ,
                    'SQLITE_COUNT': str(self._count_file),
                    'OS_GLANCE_CONFIG_DIR': str(self._home),
                },
                start_new_session=True,
            )
        self._stack.callback(stop, process)
        wait_for(process, port, self._home / f'{name}.out')
        return Daemon(process, port)

    def _command(
        self, name: str, module: str, text: str, port: int
    ) -> list[str]:
        """The command line of a daemon; its configuration is written.

        Counters are those of the shipped server, whatever is measured.
        """
        if self._host == OWN or 'counted' in name:
            config = self._home / f'{name}.conf'
            config.write_text(text)
            return [sys.executable, '-m', module, '--config-file', str(config)]
        self._home.joinpath(f'glance-{name}.conf').write_text(text)
        return hosts.command(
            self._host,
            f'glance-{name}',
            self._home,
            port,
            workers=self._workers,
        )

    @property
    def _count_file(self) -> pathlib.Path:
        return self._home / 'sqlite-count'


class CountedPair:
    """Counts what one call costs in round trips; not for measuring time."""

    def __init__(self, pair: Pair) -> None:
        self._file = pair._count_file
        self._file.touch()
        url = sa.engine.make_url(pair._server.url)
        self._to_database: relay.Relay | None = None
        module = 'benchmark.sqlite_count'
        if url.port:
            self._to_database = relay.Relay(url.port)
            url = url.set(port=self._to_database.port)
            module = ''
        registry = pair._start_registry(
            'registry-counted', url.render_as_string(False), 1, module
        )
        self._to_registry = relay.Relay(registry.port)
        self.api = pair._start_api('api-counted', self._to_registry.port, 1)

    def counts(self) -> Counts:
        statements = (
            self._to_database.turns
            if self._to_database
            else self._file.stat().st_size
        )
        return Counts(statements, self._to_registry.turns)


def _option(text: str) -> tuple[str, str, str]:
    daemon, _, rest = text.partition(':')
    group, _, setting = rest.partition('.')
    if daemon not in ('api', 'registry') or '=' not in setting:
        raise ValueError(f'{text} is not DAEMON:GROUP.NAME=VALUE')
    return daemon, group, setting


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process we started, politely if it lets us."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # The whole session is ours: workers go with their master.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _make_tables(home: pathlib.Path, url: str) -> None:
    manage = 'glance_registry.cmd.manage'
    if importlib.util.find_spec(manage) is None:
        models = importlib.import_module('glance_registry.db.models')
        engine = sa.create_engine(url)
        models.metadata.create_all(engine)
        engine.dispose()
        return
    config = home / 'manage.conf'
    config.write_text(f'[database]\nconnection = {url.replace("%", "%%")}\n')
    done = subprocess.run(
        [sys.executable, '-m', manage, '--config-file', str(config)]
        + ['db', 'sync'],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Failed(f'glance-manage db sync failed: {done.stderr}')


def wait_for(
    process: subprocess.Popen[bytes], port: int, out: pathlib.Path
) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Failed(f'A daemon ended: {out.read_text()[-2000:]}')
        try:
            urllib.request.urlopen(f'http://{HOST}:{port}/', timeout=5)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise Failed(f'A daemon does not answer on port {port}.')
