"""Bytes up and down: CPU seconds per GiB, wall, memory."""

from collections.abc import Callable, Iterable, Iterator
import concurrent.futures
import functools
import hashlib
import random
import statistics
import time
from typing import Any, NamedTuple

from benchmark import client
from benchmark import metadata
from benchmark import proc
from benchmark import target as targets

Row = dict[str, Any]
GIB = 1024**3
_BLOCK = 16 * 1024**2
_STEP = 4099
RANGE_BYTES = 64 * 1024


class Plan(NamedTuple):
    """:ivar size: bytes in all, shared by the clients"""

    size: int
    clients: int
    chunked: bool = False

    @property
    def each(self) -> int:
        return self.size // self.clients

    def title(self, verb: str) -> str:
        shape = f'{self.clients}x{human(self.each)}'
        return f'{verb} {shape}{" chunked" if self.chunked else ""}'


class Taken(NamedTuple):
    wall: float
    usage: targets.Usage
    base_mib: float
    peak_mib: float
    failures: list[str]

    def plus(self, later: 'Taken') -> 'Taken':
        return Taken(
            self.wall + later.wall,
            self.usage.plus(later.usage),
            self.base_mib,
            max(self.peak_mib, later.peak_mib),
            [*self.failures, *later.failures],
        )


def human(size: int) -> str:
    return f'{size // GIB}G' if size % GIB == 0 else f'{size // 1024**2}M'


@functools.cache
def _block() -> bytes:
    return random.Random(1).randbytes(_BLOCK)


def blocks(size: int) -> Iterator[memoryview]:
    """Noise of any size: rotations of one block, so that no MiB repeats."""
    view = memoryview(_block())
    for start in range(0, size, _BLOCK):
        left = min(_BLOCK, size - start)
        cut = start // _BLOCK * _STEP
        first = view[cut : cut + left]
        yield first
        if left > len(first):
            yield view[: left - len(first)]


@functools.cache
def _checksum(size: int) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for block in blocks(size):
        digest.update(block)
    return digest.hexdigest()


def put_image(target: targets.Target, size: int) -> str:
    """An image with data; its id."""
    connection = target.connect()
    image_id = new_image(connection)
    connection.upload(f'/v2/images/{image_id}/file', blocks(size), size)
    connection.close()
    return image_id


def new_image(connection: client.Connection) -> str:
    image: Row = {'name': 'bench-data', 'disk_format': 'raw'}
    image['container_format'] = 'bare'
    image_id: str = connection.json('POST', '/v2/images', image)['id']
    return image_id


def drop_image(target: targets.Target, image_id: str) -> None:
    connection = target.connect()
    metadata.delete_image(connection, image_id)
    connection.close()


def upload(
    all_targets: list[targets.Target], plans: Iterable[Plan], rounds: int
) -> Iterator[list[Row]]:
    """The rows of each plan, all targets in turns."""
    for plan in plans:
        yield measure(
            plan.title('upload'), all_targets, plan, rounds, upload_round
        )


def upload_round(target: targets.Target, plan: Plan) -> Taken:
    connections = [target.connect() for _ in range(plan.clients)]
    ids = [new_image(connection) for connection in connections]

    def send(index: int) -> None:
        connections[index].upload(
            f'/v2/images/{ids[index]}/file',
            blocks(plan.each),
            None if plan.chunked else plan.each,
        )

    taken = together(target, plan, send)
    for image_id in ids:
        shown = connections[0].json('GET', f'/v2/images/{image_id}')
        found = (shown['status'], shown['size'], shown['checksum'])
        if found != ('active', plan.each, _checksum(plan.each)):
            taken.failures.append(f'the image is {found}')
        metadata.delete_image(connections[0], image_id)
    for connection in connections:
        connection.close()
    return taken


def download(
    all_targets: list[targets.Target], plans: Iterable[Plan], rounds: int
) -> Iterator[list[Row]]:
    for plan in plans:
        made = {
            target.name: put_image(target, plan.each) for target in all_targets
        }
        for target in all_targets:
            _verify(target, made[target.name], plan.each)

        def one_round(
            target: targets.Target,
            plan: Plan,
            made: dict[str, str] = made,
        ) -> Taken:
            return download_round(target, plan, made[target.name])

        yield measure(
            plan.title('download'), all_targets, plan, rounds, one_round
        )
        for target in all_targets:
            drop_image(target, made[target.name])


def _verify(target: targets.Target, image_id: str, size: int) -> None:
    """The bytes that come are those that went; once, for small ones."""
    if size > GIB // 4:
        return
    connection = target.connect()
    content = connection.call('GET', f'/v2/images/{image_id}/file')
    connection.close()
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if digest != _checksum(size):
        raise client.Failed(f'{target.name} sends other bytes than it got')


def download_round(target: targets.Target, plan: Plan, image_id: str) -> Taken:
    def receive(_index: int) -> None:
        connection = target.connect()
        size = connection.drop(f'/v2/images/{image_id}/file')
        connection.close()
        if size != plan.each:
            raise client.Failed(f'{size} bytes came')

    return together(target, plan, receive)


def together(
    target: targets.Target, plan: Plan, act: Callable[[int], None]
) -> Taken:
    """All clients at once; errors of theirs are counted."""
    proc.forget_peak(target.daemons())
    base = proc.memory_mib(target.daemons())
    failures = []
    with concurrent.futures.ThreadPoolExecutor(plan.clients) as pool:
        before, began = target.usage(), time.perf_counter()
        futures = [pool.submit(act, index) for index in range(plan.clients)]
        for future in futures:
            error = future.exception()
            if error is not None:
                failures.append(repr(error))
        wall = time.perf_counter() - began
        usage = target.usage().since(before)
    peak = proc.memory_mib(target.daemons(), 'VmHWM')
    return Taken(wall, usage, base, peak, failures)


def measure(
    title: str,
    all_targets: list[targets.Target],
    plan: Plan,
    rounds: int,
    one_round: Callable[[targets.Target, Plan], Taken],
) -> list[Row]:
    others = targets.Others(all_targets)
    taken: dict[str, list[Taken]] = {target.name: [] for target in all_targets}
    for _ in range(rounds):
        for target in all_targets:
            taken[target.name].append(one_round(target, plan))
    share = others.share()
    return [
        row(title, name, plan, found) | {'others_share': share}
        for name, found in taken.items()
    ]


def row(title: str, name: str, plan: Plan, taken: list[Taken]) -> Row:
    per_gib = GIB / plan.size
    failures = [text for one in taken for text in one.failures]
    totals = [one.usage.total * per_gib for one in taken]
    middle = statistics.median_low(totals)
    typical = next(
        one.usage for one in taken if one.usage.total * per_gib == middle
    )
    return {
        'item': title,
        'kind': 'bytes',
        'target': name,
        'failures': len(failures),
        'failure': failures[0] if failures else None,
        'api_s_gib': typical.api * per_gib,
        'registry_s_gib': typical.registry * per_gib,
        'database_s_gib': typical.database * per_gib,
        'cpu_s_gib': middle,
        'cpu_low_s_gib': min(totals),
        'cpu_high_s_gib': max(totals),
        'wall_s_gib': statistics.median(one.wall for one in taken) * per_gib,
        'base_mib': statistics.median(one.base_mib for one in taken),
        'peak_mib': max(one.peak_mib for one in taken),
    }


def ranges(
    all_targets: list[targets.Target],
    size: int,
    rounds: int,
    seconds: float,
) -> Iterator[Row]:
    """Pieces of 64 KiB at random places of one image."""
    made = {target.name: put_image(target, size) for target in all_targets}
    read = reader_of_ranges(made, size)
    yield from metadata.measure_item(
        'range 64K', metadata.Item(read), all_targets, None, rounds, seconds
    )
    for target in all_targets:
        drop_image(target, made[target.name])


def reader_of_ranges(
    made: dict[str, str], size: int
) -> Callable[[metadata.Work], None]:
    """:param made: name of a target -> its image of ``size`` bytes"""

    def read(work: metadata.Work) -> None:
        start = work.chance.randrange(size - RANGE_BYTES)
        end = start + RANGE_BYTES - 1
        came = work.connection.drop(
            f'/v2/images/{made[work.target.name]}/file',
            f'Range: bytes={start}-{end}\r\n',
        )
        if came != RANGE_BYTES:
            raise client.Failed(f'{came} bytes came')

    return read
