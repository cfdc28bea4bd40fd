"""Command line of tools/chaos."""

import argparse
from collections.abc import Callable
import concurrent.futures
import contextlib
import functools
import os
import pathlib
import random
import signal
import sys
import time
import unittest

import sqlalchemy as sa

from tests.live import daemons
from tests.live import servers
from tools.chaos_load import audit
from tools.chaos_load import client
from tools.chaos_load import findings
from tools.chaos_load import imports
from tools.chaos_load import load
from tools.chaos_load import manager
from tools.chaos_load import web

DATABASES = {
    'sqlite': lambda: None,
    'mariadb': lambda: servers.new_database(servers.mariadb()),
    'postgresql': lambda: servers.new_database(servers.postgresql()),
}
LEASE_SECONDS = 3
#: Between two kills there are so many acknowledged requests, or so many
#: seconds without any.
MIN_ACKNOWLEDGED = 8
MAX_PAUSE_SECONDS = 1.0
TICK_SECONDS = 0.02
POLL_SECONDS = 0.5
API: dict[str, dict[str, object]] = {
    'DEFAULT': {
        'registry_client_timeout': 10,
        'graceful_shutdown_timeout': 5,
        'image_size_cap': 1 << 30,
        'leftover_interval_seconds': 1,
    }
}
REGISTRY = {
    'DEFAULT': {
        'transfer_lease_seconds': LEASE_SECONDS,
        'graceful_shutdown_timeout': 5,
    }
}


def main() -> int:
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if arguments.logs is not None:
        os.environ['GLANCE_TEST_KEEP'] = str(arguments.logs.resolve())
    try:
        found = Run(arguments).run()
    except KeyboardInterrupt:
        return 130
    except (unittest.SkipTest, AssertionError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(found.table())
    return int(found.total() > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='tools/chaos',
        description='Start a private pair of daemons of this checkout, load '
        'it with clients that note every acknowledged result, kill (-9) any '
        'of its processes at random moments, start it again as a service '
        'manager would, and compare in the end. Exit code 0: no fault; 1: '
        'faults, which the table counts; 2: the run itself failed.',
    )
    parser.add_argument(
        '--imports',
        action='store_true',
        help='the clients only import: staged data, data of a web server, '
        'and copies between two stores',
    )
    parser.add_argument('--kills', type=int, default=20)
    parser.add_argument(
        '--seed',
        type=int,
        default=1,
        help='makes the same requests and victims; moments still differ',
    )
    parser.add_argument('--database', choices=DATABASES, default='sqlite')
    parser.add_argument(
        '--workers', type=int, default=2, help='of each daemon'
    )
    parser.add_argument('--clients', type=int, default=8)
    parser.add_argument(
        '--patience',
        type=float,
        default=60,
        metavar='SECONDS',
        help='a request or a process without an answer for so long hangs',
    )
    parser.add_argument(
        '--recovery',
        type=float,
        default=45,
        metavar='SECONDS',
        help='within these, after the last kill, leases lapse and leftovers '
        'are removed; what is still there then is a fault',
    )
    parser.add_argument(
        '--logs',
        type=pathlib.Path,
        metavar='DIR',
        help="keep the daemons' logs there",
    )
    return parser


class Run:
    """One run, from the first process to the last comparison."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._chance = random.Random(arguments.seed)
        self._findings = findings.Findings()
        self._hung = 0
        self._began = time.monotonic()

    def run(self) -> findings.Findings:
        with contextlib.ExitStack() as stack:
            self._start(stack)
            try:
                self._kill_all()
            finally:
                self._load.stop()
            self._wait_for_load()
            self._meanwhile(self._compare)
            for unit in self._units:
                unit.stop()
        return self._findings

    def _start(self, stack: contextlib.ExitStack) -> None:
        given = self._arguments
        url = DATABASES[given.database]()
        self._glance = daemons.Glance(url, API, REGISTRY, given.workers)
        stack.callback(self._glance.stop)
        self._staging = self._glance.directory / 'staging'
        make: Callable[..., load.Worker] = load.Worker
        if given.imports:
            server = web.Server()
            stack.callback(server.stop)
            self._configure_imports(server.port)
            make = functools.partial(imports.Importer, server=server)
        self._glance.start()
        self._engine = sa.create_engine(self._glance.database_url)
        stack.callback(self._engine.dispose)
        self._units = [
            manager.Unit(
                process, given.workers, self._findings, given.patience
            )
            for process in (self._glance.api, self._glance.registry)
        ]
        self._client = self._new_client()
        self._load = load.Load(
            self._client, self._findings, given.clients, given.seed, make
        )
        self._load.start()

    def _configure_imports(self, port: int) -> None:
        """Two stores, and a web server that may be asked."""
        stores = ', '.join(f'{name}:file' for name in imports.STORES)
        glance = self._glance
        directories = {
            name: glance.images / name for name in imports.STORES
        } | {
            'os_glance_staging_store': self._staging,
            'os_glance_tasks_store': glance.directory / 'tasks',
        }
        for section, settings in {
            'DEFAULT': {'enabled_backends': stores},
            'glance_store': {'default_backend': imports.STORES[0]},
            'import_filtering_opts': {
                'allowed_hosts': '127.0.0.1',
                'allowed_ports': port,
            },
            **{
                name: {'filesystem_store_datadir': path}
                for name, path in directories.items()
            },
        }.items():
            glance.configure('glance-api', settings, section)

    def _new_client(self) -> client.Client:
        return client.Client(
            self._glance.api_url, self._findings, self._arguments.patience
        )

    def _kill_all(self) -> None:
        for number in range(1, self._arguments.kills + 1):
            self._pause()
            running = [p for unit in self._units for p in unit.processes()]
            if not running:
                continue
            title, pid = self._chance.choice(running)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self._say(
                f'kill {number}/{self._arguments.kills}: {title} {pid}; '
                f'{self._client.acknowledged} requests acknowledged, '
                f'{self._findings.total()} faults so far'
            )

    def _pause(self) -> None:
        """Let some requests succeed, and then any moment come."""
        enough = self._client.acknowledged + MIN_ACKNOWLEDGED
        end = time.monotonic() + self._arguments.patience
        while self._client.acknowledged < enough and time.monotonic() < end:
            self._tick()
        end = time.monotonic() + self._chance.uniform(0, MAX_PAUSE_SECONDS)
        while time.monotonic() < end:
            self._tick()

    def _tick(self) -> None:
        for unit in self._units:
            unit.tick()
        if self._findings.count('hung') > self._hung:
            # As an operator would; or nothing more is to be learnt.
            self._hung = self._findings.count('hung')
            for unit in self._units:
                unit.kill()
        time.sleep(TICK_SECONDS)

    def _meanwhile(self, act: Callable[[], None]) -> None:
        """Run ``act`` in a thread, and the service manager in this one.

        The daemons end with the thread that started them.
        """
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            future = pool.submit(act)
            while not future.done():
                self._tick()
            future.result()

    def _wait_for_load(self) -> None:
        while self._load.is_running():
            self._tick()
        statuses = self._client.statuses.most_common()
        self._say(
            f'{len(self._load.journal.images)} images; answers: '
            + ', '.join(f'{status} x {number}' for status, number in statuses)
        )

    def _compare(self) -> None:
        """Wait for leases and sweeps; then look at everything."""
        end = time.monotonic() + self._arguments.recovery
        leftovers = self._leftovers()
        while leftovers and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
            leftovers = self._leftovers()
        self._findings.update(leftovers)
        self._say('comparing all images')
        requests = self._new_client()
        notes = self._load.journal
        self._findings.update(audit.judge_images(requests, notes))
        self._say(f'{sum(requests.statuses.values())} requests compared')

    def _leftovers(self) -> list[findings.Finding]:
        # Requests: a sweeper begins to work with the first one of a worker.
        self._new_client().json('GET', '/v2/images')
        files = self._glance.files()
        staged = []
        if self._staging.exists():
            staged = [path.name for path in self._staging.iterdir()]
        records = audit.read_records(self._engine)
        return audit.judge_records(records, files, staged)

    def _say(self, text: str) -> None:
        seconds = time.monotonic() - self._began
        print(f'[{seconds:4.0f} s] {text}', flush=True)


if __name__ == '__main__':
    sys.exit(main())
