"""Calls on metadata, one client, one after the other."""

from collections.abc import Callable, Iterator
import dataclasses
import random
import statistics
import time
from typing import Any, NamedTuple

from benchmark import client
from benchmark import metadefs
from benchmark import pair
from benchmark import seeding
from benchmark import target as targets

Row = dict[str, Any]
PAGE = 25
WALK_LIMIT = 100
COUNTED_CALLS = 10
MOST_FAILURES = 10


@dataclasses.dataclass
class Work:
    """What a call needs: a service, a connection, chance, a notebook."""

    target: targets.Target
    connection: client.Connection
    chance: random.Random
    own: str = ''
    next: str = ''
    seen: set[str] = dataclasses.field(default_factory=set)
    repeated: int = 0


class Item(NamedTuple):
    """:ivar call: what is measured
    :ivar before, after: what is not
    :ivar project: who asks, if not the owner of most images
    """

    call: Callable[[Work], None]
    before: Callable[[Work], None] = lambda work: None
    after: Callable[[Work], None] = lambda work: None
    project: Callable[[seeding.Mix], str] = lambda mix: mix.owner


def document(number: int) -> dict[str, Any]:
    """A new image as a client would post it."""
    return {
        'name': f'bench-{number:07d}',
        'disk_format': 'qcow2',
        'container_format': 'bare',
        'min_ram': 512,
        'min_disk': 10,
        **dict(seeding.properties_of(number, 4)),
        'tags': seeding.tags_of(number, 2),
    }


def _show(work: Work) -> None:
    image_id = work.chance.choice(work.target.ids)
    shown = work.connection.json('GET', f'/v2/images/{image_id}')
    _expect(shown['id'] == image_id)


def _page(work: Work, query: str, exactly: int | None = None) -> None:
    path = f'/v2/images?limit={PAGE}{query}'
    images = work.connection.json('GET', path)['images']
    if exactly is None:
        _expect(len(images) <= PAGE)
    else:
        _expect(len(images) == exactly)


def _head(work: Work) -> None:
    """A show of API v1: the metadata is in the headers."""
    image_id = work.chance.choice(work.target.ids)
    work.connection.call('HEAD', f'/v1/images/{image_id}')


def _index(work: Work) -> None:
    """A list of API v1, without details."""
    found = work.connection.json('GET', f'/v1/images?limit={PAGE}')
    _expect(len(found['images']) == min(PAGE, work.target.images))


def _detail(work: Work) -> None:
    found = work.connection.json('GET', f'/v1/images/detail?limit={PAGE}')
    _expect(len(found['images']) == min(PAGE, work.target.images))


def _list(work: Work) -> None:
    _page(work, '', min(PAGE, work.target.images))


def _sort(work: Work) -> None:
    _page(work, '&sort=name:asc', min(PAGE, work.target.images))


def _name(work: Work) -> None:
    number = work.chance.randrange(work.target.images)
    _page(work, f'&name=img-{number:07d}')


def _property(work: Work) -> None:
    _page(work, f'&os_distro={work.chance.choice(seeding.DISTROS)}')


def _absent(work: Work) -> None:
    _page(work, '&os_distro=nowhere', 0)


def _tag(work: Work) -> None:
    _page(work, f'&tag=tag-{work.chance.randrange(20)}')


def _marker(work: Work) -> None:
    _page(work, f'&marker={work.target.marker}')


def _sparse(work: Work) -> None:
    _page(work, '&visibility=private', seeding.RARE_IMAGES)


def _walk(work: Work) -> None:
    path = work.next or f'/v2/images?limit={WALK_LIMIT}'
    if not work.next:
        work.seen.clear()
    page = work.connection.json('GET', path)
    ids = {image['id'] for image in page['images']}
    _expect(not ids & work.seen)
    work.seen |= ids
    work.next = page.get('next', '')


def create_image(connection: client.Connection, number: int) -> str:
    """A new image; its id."""
    created = connection.json('POST', '/v2/images', document(number))
    image_id: str = created['id']
    return image_id


def change_image(
    connection: client.Connection, image_id: str, value: str
) -> None:
    change = {'op': 'replace', 'path': '/os_version', 'value': value}
    connection.call(
        'PATCH', f'/v2/images/{image_id}', [change], kind=client.PATCH
    )


def delete_image(connection: client.Connection, image_id: str) -> None:
    connection.call('DELETE', f'/v2/images/{image_id}')


def _create(work: Work) -> None:
    number = work.chance.randrange(10**6)
    delete_image(work.connection, create_image(work.connection, number))


def _make_own(work: Work) -> None:
    work.own = create_image(work.connection, 1)


def _drop_own(work: Work) -> None:
    delete_image(work.connection, work.own)


def _patch(work: Work) -> None:
    change_image(work.connection, work.own, str(work.chance.random()))


def _fill_catalogue(work: Work) -> None:
    metadefs.fill(work.target)


def _namespaces(work: Work) -> None:
    found = work.connection.json('GET', f'{metadefs.ALL}?limit={PAGE}')
    _expect(len(found['namespaces']) == min(PAGE, work.target.images))


def _namespace(work: Work) -> None:
    name = metadefs.name(work.chance.randrange(work.target.images))
    shown = work.connection.json('GET', f'{metadefs.ALL}/{name}')
    _expect(len(shown['properties']) == metadefs.PROPERTIES)


ITEMS = {
    'show': Item(_show),
    'list': Item(_list),
    'name': Item(_name),
    'property': Item(_property),
    'absent': Item(_absent),
    'tag': Item(_tag),
    'sort': Item(_sort),
    'marker': Item(_marker),
    'sparse': Item(_sparse, project=lambda mix: mix.rare),
    'walk': Item(_walk),
    'v1-head': Item(_head),
    'v1-index': Item(_index),
    'v1-detail': Item(_detail),
    'create': Item(_create),
    'patch': Item(_patch, _make_own, _drop_own),
    'metadefs': Item(_namespaces, _fill_catalogue),
    'metadefs-show': Item(_namespace, _fill_catalogue),
}
#: these need the images of our own seeding
SEEDED = frozenset({'sparse'})


class Taken(NamedTuple):
    """What one round of one target gave."""

    waits: list[float]
    failures: list[str]
    usage: targets.Usage


def measure(
    name: str,
    all_targets: list[targets.Target],
    counted: pair.CountedPair | None,
    rounds: int,
    seconds: float,
) -> Iterator[Row]:
    """One of :data:`ITEMS`; one row for each target that can do it."""
    chosen = [
        target for target in all_targets if target.seeded or name not in SEEDED
    ]
    return measure_item(name, ITEMS[name], chosen, counted, rounds, seconds)


def measure_item(
    name: str,
    item: Item,
    chosen: list[targets.Target],
    counted: pair.CountedPair | None,
    rounds: int,
    seconds: float,
) -> Iterator[Row]:
    """All targets in turns."""
    others = targets.Others(chosen)
    taken: dict[str, list[Taken]] = {target.name: [] for target in chosen}
    for number in range(rounds):
        for target in chosen:
            taken[target.name].append(_round(item, target, number, seconds))
    share = others.share()
    for target in chosen:
        row = _row(name, target, taken[target.name])
        row |= _count(item, target, counted)
        row['others_share'] = share
        yield row


def _round(
    item: Item, target: targets.Target, number: int, seconds: float
) -> Taken:
    work = _work(item, target, number)
    waits: list[float] = []
    failures: list[str] = []
    item.before(work)
    _attempt(item, work, [], failures)  # connects and warms up
    before = target.usage()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and len(failures) < MOST_FAILURES:
        _attempt(item, work, waits, failures)
    usage = target.usage().since(before, max(len(waits), 1))
    item.after(work)
    work.connection.close()
    return Taken(waits, failures, usage)


def _work(item: Item, target: targets.Target, number: int) -> Work:
    connection = target.connect(item.project(target.mix))
    return Work(target, connection, random.Random(number))


def _attempt(
    item: Item, work: Work, waits: list[float], failures: list[str]
) -> None:
    began = time.perf_counter()
    try:
        item.call(work)
    except (client.Failed, OSError, KeyError) as error:
        failures.append(repr(error))
        work.connection.close()
    else:
        waits.append(time.perf_counter() - began)


def _row(name: str, target: targets.Target, taken: list[Taken]) -> Row:
    waits = [wait for one in taken for wait in one.waits]
    failures = [text for one in taken for text in one.failures]
    row: Row = {
        'item': name,
        'kind': 'calls',
        'target': target.name,
        'images': target.images,
        'calls': len(waits),
        'failures': len(failures),
        'failure': failures[0] if failures else None,
    }
    if not waits:
        return row
    totals = [one.usage.total * 1000 for one in taken if one.waits]
    middle = statistics.median_low(totals)
    typical = next(
        one.usage
        for one in taken
        if one.waits and one.usage.total * 1000 == middle
    )
    return row | {
        'api_ms': typical.api * 1000,
        'registry_ms': typical.registry * 1000,
        'database_ms': typical.database * 1000,
        'cpu_ms': middle,
        'cpu_low_ms': min(totals),
        'cpu_high_ms': max(totals),
        'per_cpu_second': 1000 / middle if middle else None,
        **waiting(waits),
    }


def waiting(waits: list[float]) -> Row:
    """Median and 99th percentile of the wall."""
    ordered = sorted(waits)
    return {
        'p50_ms': statistics.median(ordered) * 1000,
        'p99_ms': ordered[int(len(ordered) * 0.99)] * 1000,
    }


def _count(
    item: Item, target: targets.Target, counted: pair.CountedPair | None
) -> Row:
    """Statements and round trips of one call, outside of the measuring."""
    if target.name != targets.OURS or counted is None:
        return _count_statements(item, target)
    through = dataclasses.replace(
        target, url=f'http://{pair.HOST}:{counted.api.port}'
    )
    work = _work(item, through, 0)
    item.before(work)
    item.call(work)
    before = counted.counts()
    for _ in range(COUNTED_CALLS):
        item.call(work)
    after = counted.counts()
    item.after(work)
    work.connection.close()
    return {
        'statements': (after.statements - before.statements) / COUNTED_CALLS,
        'round_trips': (after.requests - before.requests) / COUNTED_CALLS,
    }


def _count_statements(item: Item, target: targets.Target) -> Row:
    if target.statements() is None:
        return {}
    work = _work(item, target, 0)
    failures: list[str] = []
    item.before(work)
    before = target.statements() or 0
    for _ in range(COUNTED_CALLS):
        _attempt(item, work, [], failures)
    # Asking takes three: what a new connection sets up, and the question.
    after = target.statements() or 0
    idle = (target.statements() or 0) - after
    item.after(work)
    work.connection.close()
    return {'statements': (after - before - idle) / COUNTED_CALLS}


def _expect(holds: bool) -> None:
    if not holds:
        raise client.Failed('the answer is not the expected one')
