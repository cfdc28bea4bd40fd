"""A store on its real server: our pair, other services, the store's own tool.

They take turns. Each has a pool, container or bucket of its own on the same
server. CPU and memory are of the api process, or of the tool's process.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import dataclasses
import os
import pathlib
import subprocess
import time
from typing import Any

from benchmark import client
from benchmark import data
from benchmark import making
from benchmark import places
from benchmark import target as targets
from tests.stores import upstream

Row = dict[str, Any]
Round = Callable[[data.Plan], data.Taken]


def measure(
    name: str,
    home: pathlib.Path,
    size: int,
    rounds: int,
    maker: making.Maker,
    others: Sequence[targets.Target],
) -> Iterator[list[Row]]:
    """Uploads of a known and of an unknown size, and downloads.

    :param name: of :data:`places.PLACES`
    :param others: further services
    """
    place = places.PLACES[name]()
    made = maker.make(home, making.store(place.kind, place.settings()))
    tool = Tool(places.PLACES[name](), home / 'source', size)
    services = [_api_only(each) for each in (maker.target(made), *others)]
    for plan in (data.Plan(size, 1), data.Plan(size, 1, chunked=True)):
        uploads: dict[str, Round] = {
            each.name: _uploading(each) for each in services
        }
        uploads[tool.name] = tool.upload
        yield _rows(f'{name} {plan.title("upload")}', plan, rounds, uploads)
    plan = data.Plan(size, 1)
    kept = {each.name: data.put_image(each, size) for each in services}
    downloads: dict[str, Round] = {
        each.name: _downloading(each, kept[each.name]) for each in services
    }
    downloads[tool.name] = tool.download
    tool.store()
    yield _rows(f'{name} {plan.title("download")}', plan, rounds, downloads)
    tool.remove()
    for each in services:
        data.drop_image(each, kept[each.name])


def upstream_target(
    environment: pathlib.Path,
    place: places.Place,
    maker: making.Maker,
    address: str | None = None,
    cache: Mapping[str, Any] | None = None,
) -> targets.Target:
    """Start upstream on the same server, in a place of its own.

    :param address: HOST:PORT through which it reaches the server
    :param cache: options of its image cache, if it shall have one
    """
    service = upstream.Upstream(
        environment, place.kind, place.settings(address), cache
    )
    maker.stack.callback(service.stop)
    service.start()
    pid = service.process.pid
    return targets.Target('upstream', service.api_url, [pid], [], [])


def _api_only(target: targets.Target) -> targets.Target:
    return dataclasses.replace(target, registry=[], database=[])


def _uploading(target: targets.Target) -> Round:
    return lambda plan: data.upload_round(target, plan)


def _downloading(target: targets.Target, image_id: str) -> Round:
    return lambda plan: data.download_round(target, plan, image_id)


def _rows(
    title: str, plan: data.Plan, rounds: int, ways: dict[str, Round]
) -> list[Row]:
    taken: dict[str, list[data.Taken]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, one_round in ways.items():
            taken[name].append(one_round(plan))
    return [data.row(title, name, plan, it) for name, it in taken.items()]


class Tool:
    """The store's own tool, one process for each use.

    :param source: a file for the data, made here
    """

    def __init__(
        self, place: places.Place, source: pathlib.Path, size: int
    ) -> None:
        self.name = place.tool
        self._place = place
        self._source = source
        with source.open('wb') as file:
            for block in data.blocks(size):
                file.write(block)

    def store(self) -> data.Taken:
        return self._run(self._place.upload(str(self._source)))

    def remove(self) -> None:
        self._run(self._place.remove())

    def upload(self, plan: data.Plan) -> data.Taken:
        """Upload a file, or a pipe if the size is unknown; then remove it."""
        if plan.chunked:
            command = self._place.upload(places.STDIN)
            taken = self._run(command, plan.size)
        else:
            taken = self.store()
        self.remove()
        return taken

    def download(self, plan: data.Plan) -> data.Taken:
        return self._run(self._place.download())

    def _run(self, command: Sequence[str], size: int = 0) -> data.Taken:
        """:param size: how much data its standard input gets

        :raises client.Failed: the command failed
        """
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=self._place.environment,
        )
        assert process.stdin is not None
        with process.stdin as pipe:
            for block in data.blocks(size):
                pipe.write(block)
        # Its memory is not known: the kernel counts that of this process too.
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise client.Failed(f'{command[0]} ended with {status}')
        usage = targets.Usage(used.ru_utime + used.ru_stime, 0, 0)
        return data.Taken(wall, usage, 0, 0, [])
