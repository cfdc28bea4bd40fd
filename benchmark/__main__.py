"""Command line of tools/bench."""

import argparse
import contextlib
import dataclasses
import json
import pathlib
import shutil
import signal
import sys
import tempfile
import time
from typing import Any
import unittest

from benchmark import cached
from benchmark import client
from benchmark import colds
from benchmark import crowd
from benchmark import data
from benchmark import databases
from benchmark import firsts
from benchmark import growth
from benchmark import imports
from benchmark import login
from benchmark import making
from benchmark import metadata
from benchmark import nginx
from benchmark import options
from benchmark import pair
from benchmark import places
from benchmark import proc
from benchmark import report
from benchmark import seeding
from benchmark import stores
from benchmark import target as targets

Row = dict[str, Any]
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
    arguments = options.parser().parse_args()
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


class Run:
    """One run: what was asked for, the targets, the rows so far."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        all_targets: list[targets.Target],
        counted: pair.CountedPair | None,
        home: pathlib.Path,
        maker: making.Maker,
        source: imports.Source | None,
    ) -> None:
        self._arguments = arguments
        self._home = home
        self._maker = maker
        self._source = source
        self._targets = all_targets
        self._counted = counted
        self.rows: list[Row] = []

    def items(self, names: list[str]) -> None:
        """Calls on metadata make one table, everything else its own."""
        calls = [name for name in names if name in metadata.ITEMS]
        if calls:
            self._add([row for name in calls for row in self._calls(name)])
        for name in names:
            if name in colds.STORES:
                self._cold(name)
            elif name not in calls:
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

    def _cache(self) -> None:
        """Ours is the pair with the cache here, and there is a file store."""
        size = _bytes(self._arguments.sizes.split(',')[0])
        setup = cached.Setup(self._home / 'cached', size, self._maker)
        rounds = self._arguments.data_rounds
        self._add(list(cached.cold([setup], rounds)))
        others = [
            dataclasses.replace(each, name=f'{each.name}, file store')
            for each in self._targets
        ]
        for rows in cached.warm(
            setup, others, rounds, self._arguments.seconds
        ):
            self._add(rows)

    def _cold(self, name: str) -> None:
        for text in self._arguments.sizes.split(','):
            home = self._home / f'{name}-{text}'
            size, rounds = _bytes(text), self._arguments.data_rounds
            setups: list[cached.Cold]
            setups = [colds.Ours(name, home, size, self._maker)]
            if self._arguments.upstream is not None:
                setups.append(
                    colds.Upstream(
                        name,
                        home / 'upstream',
                        size,
                        self._maker,
                        self._arguments.upstream,
                    )
                )
            self._add(list(cached.cold(setups, rounds, name)))

    def store(self, name: str, others: list[targets.Target]) -> None:
        """The uploads and downloads of ``--store``."""
        for text in self._arguments.sizes.split(','):
            for rows in stores.measure(
                name,
                self._home / f'{name}-{text}',
                _bytes(text),
                self._arguments.data_rounds,
                self._maker,
                others,
            ):
                self._add(rows)

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

    def _import(self) -> None:
        """Of our pair: the others are not set up for it."""
        assert self._source is not None
        ours, rounds = self._targets[0], self._arguments.data_rounds
        for text in self._arguments.sizes.split(','):
            size = _bytes(text)
            self._add(imports.measure(ours, self._source, size, rounds))
        seconds = self._arguments.seconds
        self._add(list(imports.besides(ours, self._source, seconds)))

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
    source = None
    if 'import' in names:
        source = imports.Source(home, stack)
        arguments.option += source.options(home)
    maker = making.Maker(server, arguments.workers, stack, arguments.option)
    if arguments.store is not None:
        return _run_store(arguments, home, maker, others)
    pairs = _pairs(arguments, home, maker)
    ours = next(iter(pairs.values()))
    everyone = [
        *(maker.target(made, name) for name, made in pairs.items()),
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
    run = Run(arguments, everyone, counted, home, maker, source)
    run.items(names)
    memory = _memory(everyone)
    if arguments.json is not None:
        _write_json(arguments, run.rows, memory)
    return run.rows


def _run_store(
    arguments: argparse.Namespace,
    home: pathlib.Path,
    maker: making.Maker,
    others: list[targets.Target],
) -> list[Row]:
    if arguments.upstream is not None:
        place = places.PLACES[arguments.store]()
        others.append(stores.upstream_target(arguments.upstream, place, maker))
    arguments.images = 0
    _introduce(arguments, others)
    run = Run(arguments, others, None, home, maker, None)
    run.store(arguments.store, others)
    if arguments.json is not None:
        _write_json(arguments, run.rows, {})
    return run.rows


def _pairs(
    arguments: argparse.Namespace, home: pathlib.Path, maker: making.Maker
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
        pairs[name] = maker.make(place, host=host)
    return pairs


def _names(arguments: argparse.Namespace) -> list[str]:
    if arguments.full:
        arguments.items = 'all'
        arguments.sizes, arguments.clients = '64M,1G', '1,8'
    if arguments.items == 'all':
        has_nginx = nginx.program() is not None
        named = [name for name in options.ITEMS if name not in colds.STORES]
        return [name for name in named if name != 'cache' or has_nginx]
    names: list[str] = arguments.items.split(',')
    for name in names:
        if name not in options.ITEMS:
            raise ValueError(
                f'no item {name}; there are {", ".join(options.ITEMS)}'
            )
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
