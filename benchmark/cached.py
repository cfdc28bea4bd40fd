"""The image cache: a cold image for a crowd, warm downloads, and ranges.

The store is nginx on a port of its own, which logs what it sent. Another
port of the same nginx serves the file as the peer. Both need nginx-light.
"""

from collections.abc import Iterator, Sequence
import contextlib
import hashlib
import pathlib
import statistics
import time
from typing import Any, NamedTuple, Protocol

from benchmark import client
from benchmark import data
from benchmark import databases
from benchmark import making
from benchmark import metadata
from benchmark import nginx
from benchmark import pair
from benchmark import readers
from benchmark import target as targets

Row = dict[str, Any]
READERS, WARM_READERS = 64, 8
#: Seconds that a reader of a cold image may wait on a busy machine.
SECONDS = 900.0
_SERVERS = """\
  sendfile on;
  tcp_nodelay on;
  server {{
    listen {host}:{store};
    root {home}/web;
    access_log {home}/sent.log sent;
  }}
  server {{
    listen {host}:{peer};
    root {home}/web;
    location / {{ try_files /data =404; }}
  }}
"""


class Web:
    """nginx with one file of noise.

    :raises pair.Failed: there is no nginx, or it does not start
    """

    def __init__(
        self, home: pathlib.Path, size: int, stack: contextlib.ExitStack
    ) -> None:
        (home / 'web').mkdir(parents=True)
        self.size = size
        self.validation = _write(home / 'web/data', size)
        self.store, self.peer = (databases.free_port() for _ in range(2))
        servers = _SERVERS.format(
            home=home, host=pair.HOST, store=self.store, peer=self.peer
        )
        self.nginx = nginx.Nginx(home, servers, self.peer, stack)

    def target(self) -> targets.Target:
        url = f'http://{pair.HOST}:{self.peer}'
        return targets.Target('nginx', url, [self.nginx.process.pid], [], [])


def _write(path: pathlib.Path, size: int) -> Row:
    """Write the file; what a client says of its data."""
    checksum = hashlib.md5(usedforsecurity=False)
    value = hashlib.sha512()
    with path.open('wb') as file:
        for block in data.blocks(size):
            file.write(block)
            checksum.update(block)
            value.update(block)
    return {
        'checksum': checksum.hexdigest(),
        'os_hash_algo': 'sha512',
        'os_hash_value': value.hexdigest(),
    }


class Setup:
    """A pair with a cache in front of the web server."""

    def __init__(
        self, home: pathlib.Path, size: int, maker: making.Maker
    ) -> None:
        self.web = Web(home, size, maker.stack)
        self.size = size
        self.sent_bytes = self.web.nginx.sent_bytes
        self.directory = home / 'cache'
        made = maker.make(
            home,
            [
                *settings(self.directory, size),
                'api:DEFAULT.show_multiple_locations=True',
                f'api:import_filtering_opts.allowed_hosts={pair.HOST}',
                f'api:import_filtering_opts.allowed_ports={self.web.store}',
            ],
        )
        self.target = maker.target(made)

    def cold_image(self) -> str:
        """A new image whose data the web server has."""
        connection = self.target.connect()
        image_id = data.new_image(connection)
        place = {
            'url': f'http://{pair.HOST}:{self.web.store}/data',
            'metadata': {},
            'validation_data': self.web.validation,
        }
        change = [{'op': 'add', 'path': '/locations/-', 'value': place}]
        path = f'/v2/images/{image_id}'
        connection.call('PATCH', path, change, kind=client.PATCH)
        connection.close()
        return image_id

    def wait(self, image_id: str) -> None:
        wait_complete(self.directory, image_id)

    def drop(self, image_id: str) -> None:
        data.drop_image(self.target, image_id)


def settings(directory: pathlib.Path, size: int) -> list[str]:
    """Settings of a cache for images of that size."""
    return [
        'api:DEFAULT.image_cache_enabled=True',
        f'api:DEFAULT.image_cache_dir={directory}',
        f'api:DEFAULT.image_cache_max_size={4 * size}',
    ]


class Cold(Protocol):
    """A service with a cache in front of a store.

    :ivar size: bytes of an image
    """

    target: targets.Target
    size: int

    def cold_image(self) -> str:
        """The id of an image that is not cached."""

    def wait(self, image_id: str) -> None:
        """Called when the image was read; wait until it is cached."""

    def drop(self, image_id: str) -> None:
        """Called after that."""

    def sent_bytes(self) -> int:
        """What the store sent so far."""


def wait_complete(directory: pathlib.Path, image_id: str) -> None:
    """Wait until a cache has an image.

    :raises client.Failed: it does not come
    """
    end = time.monotonic() + SECONDS
    while not (directory / image_id).exists():
        if time.monotonic() > end:
            raise client.Failed('the image was not cached')
        time.sleep(0.01)


class _Round(NamedTuple):
    """:ivar store_reads: how often the store sent the image"""

    taken: data.Taken
    times: list[readers.Times]
    store_reads: float


def cold(
    setups: Sequence[Cold], rounds: int, label: str = 'cold'
) -> Iterator[Row]:
    """The first download of an image, by one reader and by many."""
    for count in (1, READERS):
        made: list[list[_Round]] = [[] for _ in setups]
        for _ in range(rounds):
            for setup, so_far in zip(setups, made, strict=True):
                so_far.append(_cold_round(setup, count))
        for setup, all_rounds in zip(setups, made, strict=True):
            title = f'{label} {count}x{data.human(setup.size)}'
            yield _cold_row(title, setup, count, all_rounds)


def _cold_row(
    title: str, setup: Cold, count: int, rounds: Sequence[_Round]
) -> Row:
    plan = data.Plan(setup.size * count, count)
    taken = [each.taken for each in rounds]
    row = data.row(title, setup.target.name, plan, taken)
    times = [one for each in rounds for one in each.times]
    if times:  # else all rounds failed
        row['head_p50_ms'] = 1000 * statistics.median(it.head for it in times)
        row['data_p50_ms'] = 1000 * statistics.median(it.data for it in times)
    row['store_reads'] = max(each.store_reads for each in rounds)
    return row


def _cold_round(setup: Cold, count: int) -> _Round:
    image_id = setup.cold_image()
    before = setup.sent_bytes()
    target = setup.target
    request = target.connect().request('GET', f'/v2/images/{image_id}/file')
    times: list[readers.Times] = []

    def read(_index: int) -> None:
        times.extend(
            readers.read(target.address, request, count, setup.size, SECONDS)
        )

    taken = data.together(target, data.Plan(setup.size * count, 1), read)
    setup.wait(image_id)
    sent = (setup.sent_bytes() - before) / setup.size
    setup.drop(image_id)
    return _Round(taken, times, sent)


def warm(
    setup: Setup,
    others: list[targets.Target],
    rounds: int,
    seconds: float,
) -> tuple[list[Row], list[Row]]:
    """Downloads, and ranges, of a cached image beside others.

    :param others: services that have the image in a file store
    """
    size = setup.web.size
    paths = {other.name: data.put_image(other, size) for other in others}
    paths[setup.target.name] = setup.cold_image()
    everyone = [setup.target, *others, setup.web.target()]
    paths['nginx'] = 'any'
    # The kernel counts CPU in hundredths of a second, so once is too little.
    plan = data.Plan(WARM_READERS * size, WARM_READERS)

    def one_round(target: targets.Target, plan: data.Plan) -> data.Taken:
        return data.download_round(target, plan, paths[target.name])

    one_round(setup.target, plan)
    setup.wait(paths[setup.target.name])
    downloads = data.measure(
        plan.title('warm'), everyone, plan, rounds, one_round
    )
    read = data.reader_of_ranges(paths, size)
    ranges = metadata.measure_item(
        'range 64K', metadata.Item(read), everyone, None, rounds, seconds
    )
    found = downloads, list(ranges)
    for target in (setup.target, *others):
        data.drop_image(target, paths[target.name])
    return found
