"""Command line of tools/bench."""

import argparse
import contextlib
import json
import pathlib
import shutil
import signal
import sys
import tempfile
import time
from typing import Any
import unittest

from tools.benchmark import client
from tools.benchmark import crowd
from tools.benchmark import data
from tools.benchmark import databases
from tools.benchmark import firsts
from tools.benchmark import growth
from tools.benchmark import login
from tools.benchmark import metadata
from tools.benchmark import pair
from tools.benchmark import proc
from tools.benchmark import report
from tools.benchmark import seeding
from tools.benchmark import target as targets

Row = dict[str, Any]
DEFAULT = 'show,list,create,patch,upload,download'
_EXPECTED = (
    client.Failed,
    databases.Unavailable,
    pair.Failed,
    seeding.Unusable,
    unittest.SkipTest,
    OSError,
    ValueError,
)


def main() -> int:
    arguments = _parser().parse_args()
    # Ends the daemons as an error would.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with contextlib.ExitStack() as stack:
            rows = _run(arguments, stack)
    except KeyboardInterrupt:
        return 130
    except _EXPECTED as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return int(any(row.get('failures') for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='tools/bench',
        description='Measure a private pair of daemons of this checkout, '
        'started for it on loopback with a database of its own. CPU is of '
        'whole process trees, from the kernel; compare it, not the wall, '
        'on a busy machine.',
        epilog='Items: ' + ', '.join(ITEMS) + '. A target is [NAME=]URL or '
        '[NAME=]@STATEFILE, then ,key=value: pid=1+2 (its process trees), '
        'registry=2 (those of them that are the registry), dbpid=3, db=URL '
        '(may be filled), token=, secret=, project=, kind=docker (a Docker '
        'registry; only for first-download).',
    )
    parser.add_argument('--items', default=DEFAULT, help=f'or all; {DEFAULT}')
    parser.add_argument(
        '--full',
        action='store_true',
        help='all items; 64M and 1G by 1 and 8 clients; takes a quarter of '
        'an hour and more',
    )
    parser.add_argument('--db', choices=databases.BY_NAME, default='sqlite')
    parser.add_argument('--workers', type=int, default=1)
    parser.add_argument('--images', type=int, default=1000)
    parser.add_argument(
        '--rounds', type=int, default=5, help='turns of each target'
    )
    parser.add_argument(
        '--seconds', type=float, default=1.5, help='of one round of calls'
    )
    parser.add_argument('--sizes', default='256M', help='64M,1G and the like')
    parser.add_argument('--clients', default='1', help='of data: 1,8')
    parser.add_argument('--data-rounds', type=int, default=3)
    parser.add_argument('--mixed-clients', type=int, default=32)
    parser.add_argument('--crowd', type=int, default=200)
    parser.add_argument('--growth', default='1000,10000,100000')
    parser.add_argument(
        '--against', action='append', default=[], metavar='TARGET'
    )
    parser.add_argument(
        '--keystone',
        action='store_true',
        help='also a pair behind a real Keystone (.venv/bin/nox -s keystone)',
    )
    parser.add_argument(
        '--option',
        action='append',
        default=[],
        metavar='DAEMON:GROUP.NAME=VALUE',
        help='a setting of api or registry, to compare with and without',
    )
    parser.add_argument(
        '--server',
        default=pair.OWN,
        metavar='NAME,...',
        help=f'WSGI servers of our pair: {", ".join(pair.SERVERS)}. Each '
        'further one is a pair of its own on the same database.',
    )
    parser.add_argument('--json', type=pathlib.Path, metavar='FILE')
    parser.add_argument(
        '--svg', type=pathlib.Path, metavar='FILE', help='picture of growth'
    )
    parser.add_argument(
        '--keep',
        type=pathlib.Path,
        metavar='DIR',
        help='put database, images and logs there and leave them',
    )
    parser.add_argument(
        '--no-counts',
        action='store_true',
        help='do not count statements and round trips',
    )
    return parser


ITEMS = (*metadata.ITEMS, 'upload', 'download', 'range', 'mixed')
ITEMS += ('first-download', 'slow', 'half', 'growth')


class Run:
    """One run: what was asked for, the targets, the rows so far."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        all_targets: list[targets.Target],
        counted: pair.CountedPair | None,
    ) -> None:
        self._arguments = arguments
        self._targets = all_targets
        self._counted = counted
        self.rows: list[Row] = []

    def items(self, names: list[str]) -> None:
        """Calls on metadata make one table, everything else its own."""
        calls = [name for name in names if name in metadata.ITEMS]
        if calls:
            self._add([row for name in calls for row in self._calls(name)])
        for name in names:
            if name not in calls:
                getattr(self, f'_{name.replace("-", "_")}')()

    def _add(self, rows: list[Row]) -> None:
        report.compare(rows)
        report.table(rows, _say)
        shares = [row['others_share'] for row in rows if 'others_share' in row]
        if shares:
            _say(f'(others used up to {max(shares):.0%} of the machine)')
        _say('')
        self.rows += rows

    def _calls(self, name: str) -> list[Row]:
        return list(
            metadata.measure(
                name,
                self._targets,
                self._counted,
                self._arguments.rounds,
                self._arguments.seconds,
            )
        )

    def _plans(self, chunked: bool) -> list[data.Plan]:
        sizes = [_bytes(text) for text in self._arguments.sizes.split(',')]
        clients = [int(text) for text in self._arguments.clients.split(',')]
        return [
            data.Plan(size, count, way)
            for size in sizes
            for count in clients
            for way in ((False, True) if chunked else (False,))
        ]

    def _upload(self) -> None:
        rounds = self._arguments.data_rounds
        plans = self._plans(chunked=True)
        found = data.upload(self._targets, plans, rounds)
        self._add([row for rows in found for row in rows])

    def _download(self) -> None:
        rounds = self._arguments.data_rounds
        plans = self._plans(chunked=False)
        found = data.download(self._targets, plans, rounds)
        self._add([row for rows in found for row in rows])

    def _first_download(self) -> None:
        rounds = self._arguments.data_rounds
        plans = self._plans(chunked=False)
        found = firsts.measure(self._targets, plans, rounds)
        self._add([row for rows in found for row in rows])

    def _range(self) -> None:
        size = _bytes(self._arguments.sizes.split(',')[0])
        rounds, seconds = self._arguments.rounds, self._arguments.seconds
        self._add(list(data.ranges(self._targets, size, rounds, seconds)))

    def _mixed(self) -> None:
        self._add(
            list(
                crowd.mixed(
                    self._targets,
                    self._arguments.mixed_clients,
                    self._arguments.data_rounds,
                    self._arguments.seconds * 4,
                )
            )
        )

    def _slow(self) -> None:
        seconds = self._arguments.seconds * 4
        count = self._arguments.crowd
        self._add(list(crowd.slow(self._targets, count, seconds)))

    def _half(self) -> None:
        seconds = self._arguments.seconds * 4
        count = self._arguments.crowd
        self._add(list(crowd.half(self._targets, count, seconds)))

    def _growth(self) -> None:
        sizes = [int(text) for text in self._arguments.growth.split(',')]
        grown: list[Row] = []
        for rows in growth.measure(
            self._targets,
            sizes,
            self._arguments.data_rounds,
            self._arguments.seconds,
            _say,
        ):
            self._add(rows)
            grown += rows
        if self._arguments.svg is not None:
            growth.draw(grown, self._arguments.svg)


def _run(
    arguments: argparse.Namespace, stack: contextlib.ExitStack
) -> list[Row]:
    names = _names(arguments)
    others = [targets.parse(text) for text in arguments.against]
    home = _home(arguments, stack)
    server = databases.BY_NAME[arguments.db](home)
    if server.process is not None:
        stack.callback(pair.stop, server.process)
    pairs = _pairs(arguments, home, server, stack)
    ours = next(iter(pairs.values()))
    everyone = [
        *(_target(name, made, server) for name, made in pairs.items()),
        *others,
    ]
    if arguments.keystone:
        everyone.append(
            login.behind_keystone(
                home, server, arguments.workers, stack, arguments.option
            )
        )
    _introduce(arguments, everyone)
    for target in everyone:
        target.fill(arguments.images)
    counted = None if arguments.no_counts else ours.counted()
    run = Run(arguments, everyone, counted)
    run.items(names)
    memory = _memory(everyone)
    if arguments.json is not None:
        _write_json(arguments, run.rows, memory)
    return run.rows


def _pairs(
    arguments: argparse.Namespace,
    home: pathlib.Path,
    server: databases.Server,
    stack: contextlib.ExitStack,
) -> dict[str, pair.Pair]:
    """A pair for each server that is asked for; the first one is ours."""
    pairs = {}
    for host in arguments.server.split(','):
        if host not in pair.SERVERS:
            raise ValueError(
                f'no server {host}; there are {", ".join(pair.SERVERS)}'
            )
        name, place = host, home / host
        if not pairs:
            name, place = targets.OURS, home
        place.mkdir(exist_ok=True)
        pairs[name] = pair.Pair(
            place, server, arguments.workers, stack, arguments.option, host
        )
    return pairs


def _target(
    name: str, made: pair.Pair, server: databases.Server
) -> targets.Target:
    return targets.Target(
        name,
        f'http://{pair.HOST}:{made.api.port}',
        [made.api.pid],
        [made.registry.pid],
        [server.process.pid] if server.process else [],
        server.url,
    )


def _names(arguments: argparse.Namespace) -> list[str]:
    if arguments.full:
        arguments.items = 'all'
        arguments.sizes, arguments.clients = '64M,1G', '1,8'
    if arguments.items == 'all':
        return list(ITEMS)
    names: list[str] = arguments.items.split(',')
    for name in names:
        if name not in ITEMS:
            raise ValueError(f'no item {name}; there are {", ".join(ITEMS)}')
    return names


def _home(
    arguments: argparse.Namespace, stack: contextlib.ExitStack
) -> pathlib.Path:
    if arguments.keep is not None:
        home: pathlib.Path = arguments.keep.resolve()
        home.mkdir(parents=True)
        return home
    home = pathlib.Path(tempfile.mkdtemp(prefix='bench.'))
    stack.callback(shutil.rmtree, home, ignore_errors=True)
    return home


def _introduce(
    arguments: argparse.Namespace, everyone: list[targets.Target]
) -> None:
    facts = proc.machine()
    _say(
        f'{facts["cpus"]} CPUs ({facts["cpu"]}), {facts["memory_gib"]} GiB, '
        f'load {facts["load"]}; {arguments.db}, {arguments.images} images, '
        f'{arguments.workers} worker(s) a daemon'
    )
    for target in everyone:
        _say(f'{target.name}: {target.url}')
    _say('')


def _memory(everyone: list[targets.Target]) -> dict[str, Row]:
    """What is resident after all of it."""
    found = {}
    for target in everyone:
        pids = target.daemons()
        found[target.name] = {
            'processes': len(pids),
            'rss_mib': proc.memory_mib(pids),
            'pss_mib': proc.proportional_mib(pids),
        }
        if pids:
            _say(
                f'{target.name}: {len(pids)} processes, resident '
                '{rss_mib:.0f} MiB, {pss_mib:.0f} with what they share '
                'counted once'.format(**found[target.name])
            )
    return found


def _write_json(
    arguments: argparse.Namespace, rows: list[Row], memory: dict[str, Row]
) -> None:
    document = {
        'machine': proc.machine(),
        'database': arguments.db,
        'workers': arguments.workers,
        'time': int(time.time()),
        'memory': memory,
        'rows': rows,
    }
    arguments.json.write_text(json.dumps(document, indent=1) + '\n')


def _bytes(text: str) -> int:
    unit = {'K': 10, 'M': 20, 'G': 30}.get(text[-1:].upper())
    return int(text[:-1]) << unit if unit else int(text)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == '__main__':
    sys.exit(main())
