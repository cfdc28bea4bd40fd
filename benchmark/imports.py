"""Imports into two stores: CPU beside uploads, and what they do to others.

The web server is a process of its own, whose CPU does not count.
"""

from collections.abc import Callable, Iterator
import contextlib
import pathlib
import random
import subprocess
import sys
import time
from typing import Any

from benchmark import client
from benchmark import crowd
from benchmark import data
from benchmark import databases
from benchmark import metadata
from benchmark import target as targets
from tests.live import processes

Row = dict[str, Any]
STORES = ('fast', 'cheap')
CROWD = 20
CROWD_BYTES = 64 * 1024**2
WAIT_SECONDS = 600.0
_LOOK_SECONDS = 0.2
_START_SECONDS = 30.0


class Source:
    """A web server that has data of every size that is asked for.

    :param home: a directory for it
    """

    def __init__(
        self, home: pathlib.Path, stack: contextlib.ExitStack
    ) -> None:
        self._home = home / 'web'
        self._home.mkdir(exist_ok=True)
        self.port = databases.free_port()
        words = ['-m', 'http.server', str(self.port)]
        server = subprocess.Popen(
            [sys.executable, *words, '--bind', databases.HOST],
            cwd=self._home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(server.wait)
        stack.callback(server.kill)
        url = f'http://{databases.HOST}:{self.port}/'
        processes.wait_until(
            lambda: processes.answers(url), _START_SECONDS, 'the web server'
        )

    def url(self, size: int) -> str:
        path = self._home / str(size)
        if not path.exists():
            with path.open('wb') as file:
                for block in data.blocks(size):
                    file.write(block)
        return f'http://{databases.HOST}:{self.port}/{size}'

    def options(self, home: pathlib.Path) -> list[str]:
        """Settings of a pair that imports from here into two stores."""
        backends = ', '.join(f'{name}:file' for name in STORES)
        directories = (*STORES, 'os_glance_staging_store')
        directories += ('os_glance_tasks_store',)
        return [
            f'api:DEFAULT.enabled_backends={backends}',
            f'api:glance_store.default_backend={STORES[0]}',
            f'api:import_filtering_opts.allowed_hosts={databases.HOST}',
            f'api:import_filtering_opts.allowed_ports={self.port}',
            *(
                f'api:{name}.filesystem_store_datadir={home}/{name}'
                for name in directories
            ),
        ]


def measure(
    target: targets.Target, source: Source, size: int, rounds: int
) -> list[Row]:
    """One upload, two uploads, and an import into two stores, in turns."""
    url, text = source.url(size), data.human(size)
    ways: dict[str, Callable[[list[str]], None]] = {
        'upload': lambda made: _upload(target, made, size),
        'upload twice': lambda made: _upload(target, made, size, 2),
        'import to two': lambda made: _import(target, made, url),
    }
    plan = data.Plan(size, 1)
    taken: dict[str, list[data.Taken]] = {name: [] for name in ways}
    others = targets.Others([target])
    for _ in range(rounds):
        for name, act in ways.items():
            made: list[str] = []
            taken[name].append(
                data.together(
                    target, plan, lambda _index, act=act, made=made: act(made)
                )
            )
            for image_id in made:
                data.drop_image(target, image_id)
    share = others.share()
    return [
        data.row(f'{name} {text}', target.name, plan, found)
        | {'others_share': share}
        for name, found in taken.items()
    ]


def _upload(
    target: targets.Target, made: list[str], size: int, times: int = 1
) -> None:
    made += [data.put_image(target, size) for _ in range(times)]


def _import(target: targets.Target, made: list[str], url: str) -> None:
    connection = target.connect()
    made.append(_begin(connection, url))
    _wait(connection, made)
    connection.close()


def _begin(connection: client.Connection, url: str) -> str:
    image_id = data.new_image(connection)
    body = {
        'method': {'name': 'web-download', 'uri': url},
        'stores': list(STORES),
    }
    connection.call('POST', f'/v2/images/{image_id}/import', body)
    return image_id


def _wait(connection: client.Connection, image_ids: list[str]) -> None:
    """:raises client.Failed: an image does not become active"""
    end = time.monotonic() + WAIT_SECONDS
    for image_id in image_ids:
        status = 'importing'
        while status == 'importing':
            shown = connection.json('GET', f'/v2/images/{image_id}')
            status = shown['status']
            if status == 'importing' and time.monotonic() > end:
                raise client.Failed('an import takes too long')
            if status == 'importing':
                time.sleep(_LOOK_SECONDS)
        if status != 'active':
            reason = shown.get('os_glance_failed_reason')
            raise client.Failed(f'an import failed: {reason}')


def besides(
    target: targets.Target, source: Source, seconds: float
) -> Iterator[Row]:
    """Show, while 20 imports run, until the last one that began is done."""
    url = source.url(CROWD_BYTES)
    idle, _, _ = crowd.probe(target, min(seconds, 2.0))
    connection = target.connect()
    made = [_begin(connection, url) for _ in range(CROWD)]
    work = metadata.Work(target, target.connect(), random.Random(1))
    waits: list[float] = []
    failures: list[str] = []
    before = target.usage()
    while _is_running(connection, made[-1]):
        for _ in range(10):
            began = time.perf_counter()
            try:
                metadata.ITEMS['show'].call(work)
            except (client.Failed, OSError) as error:
                failures.append(repr(error))
            else:
                waits.append(time.perf_counter() - began)
    used = target.usage().since(before)
    try:
        _wait(connection, made)
    except client.Failed as error:
        failures.append(str(error))
    for image_id in made:
        data.drop_image(target, image_id)
    work.connection.close()
    connection.close()
    yield crowd.probed(f'{CROWD} imports', target, idle, waits, failures, used)


def _is_running(connection: client.Connection, image_id: str) -> bool:
    shown = connection.json('GET', f'/v2/images/{image_id}')
    return bool(shown['status'] == 'importing')
