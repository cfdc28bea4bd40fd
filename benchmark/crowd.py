"""Many clients at once: a busy mix, readers that hardly read, half clients."""

from collections.abc import Callable, Iterator
import contextlib
import random
import socket
import statistics
import threading
import time
from typing import Any

from benchmark import client
from benchmark import data
from benchmark import metadata
from benchmark import proc
from benchmark import target as targets

Row = dict[str, Any]
#: calls of the mix and their weights
MIX = {'show': 45, 'list': 25, 'property': 10, 'patch': 10, 'create': 10}
SLOW_BYTES = 64 * 1024**2
SLOW_BYTES_A_SECOND = 1024
_PROBE_PAUSE = 0.01
#: until the crowd has been let in
SETTLE_SECONDS = 3.0


def mixed(
    all_targets: list[targets.Target],
    clients: int,
    rounds: int,
    seconds: float,
) -> Iterator[Row]:
    """The mix, all targets in turns."""
    others = targets.Others(all_targets)
    taken: dict[str, list[Row]] = {target.name: [] for target in all_targets}
    for _ in range(rounds):
        for target in all_targets:
            taken[target.name].append(_mixed_round(target, clients, seconds))
    share = others.share()
    for target in all_targets:
        rounds_of = sorted(taken[target.name], key=lambda row: row['cpu_ms'])
        row = rounds_of[(len(rounds_of) - 1) // 2]
        row['failures'] = sum(one['failures'] for one in rounds_of)
        row['others_share'] = share
        yield row


def _mixed_round(target: targets.Target, clients: int, seconds: float) -> Row:
    waits: list[float] = []
    failures: list[str] = []
    proc.forget_peak(target.daemons())
    before, began = target.usage(), time.perf_counter()
    end = began + seconds
    threads = [
        threading.Thread(
            target=_busy_client, args=(target, number, end, waits, failures)
        )
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - began
    used = target.usage().since(before, max(len(waits), 1))
    return {
        **_head(f'mixed x{clients}', target, failures),
        **_cpu(used),
        **metadata.waiting(waits or [0.0]),
        'calls': len(waits),
        'per_second': len(waits) / wall,
        'peak_mib': proc.memory_mib(target.daemons(), 'VmHWM'),
    }


def _busy_client(
    target: targets.Target,
    number: int,
    end: float,
    waits: list[float],
    failures: list[str],
) -> None:
    chance = random.Random(number)
    work = metadata.Work(target, target.connect(), chance)
    items = metadata.ITEMS
    names, weights = list(MIX), list(MIX.values())
    with contextlib.suppress(client.Failed, OSError):
        work.own = metadata.create_image(work.connection, number)
    while time.perf_counter() < end:
        name = chance.choices(names, weights)[0]
        began = time.perf_counter()
        try:
            items[name].call(work)
        except (client.Failed, OSError) as error:
            failures.append(f'{name}: {error!r}')
            work.connection.close()
        else:
            waits.append(time.perf_counter() - began)
    with contextlib.suppress(client.Failed, OSError):
        metadata.delete_image(work.connection, work.own)
    work.connection.close()


def slow(
    all_targets: list[targets.Target], count: int, seconds: float
) -> Iterator[Row]:
    """Show, while clients read an image at 1 KiB a second."""
    for target in all_targets:
        image_id = data.put_image(target, SLOW_BYTES)
        request = f'GET /v2/images/{image_id}/file HTTP/1.1\r\n'
        request += f'{target.head()}\r\n'
        yield _besides(f'slow x{count}', target, request, count, seconds)
        with contextlib.suppress(client.Failed, OSError):
            data.drop_image(target, image_id)


def half(
    all_targets: list[targets.Target], count: int, seconds: float
) -> Iterator[Row]:
    """Show, while clients have sent half a request's head."""
    for target in all_targets:
        request = 'GET /v2/images HTTP/1.1\r\nHost: x\r\nX-'
        yield _besides(f'half x{count}', target, request, count, seconds)


def _besides(
    title: str,
    target: targets.Target,
    request: str,
    count: int,
    seconds: float,
) -> Row:
    idle, _, _ = probe(target, min(seconds, 2.0))
    proc.forget_peak(target.daemons())
    crowd = Crowd(target.address, request, count)
    try:
        time.sleep(SETTLE_SECONDS)
        waits, failures, used = probe(target, seconds)
    finally:
        crowd.end()
    return {
        **probed(title, target, idle, waits, failures, used),
        'served': crowd.served,
        'cut': crowd.cut,
        'peak_mib': proc.memory_mib(target.daemons(), 'VmHWM'),
    }


def probed(
    title: str,
    target: targets.Target,
    idle: list[float],
    waits: list[float],
    failures: list[str],
    used: targets.Usage,
) -> Row:
    """How calls did beside other work.

    :param idle: seconds of calls before it
    """
    if not waits:
        failures.append('show was not answered')
    return {
        **_head(title, target, failures),
        **_cpu(used.since(targets.Usage(0, 0, 0), max(len(waits), 1))),
        **(metadata.waiting(waits) if waits else {}),
        'idle_p50_ms': statistics.median(idle) * 1000 if idle else None,
    }


def probe(
    target: targets.Target, seconds: float
) -> tuple[list[float], list[str], targets.Usage]:
    """Show now and then: how long it takes, and CPU of all that happens."""
    work = metadata.Work(target, target.connect(seconds=10), random.Random(1))
    waits: list[float] = []
    failures: list[str] = []
    before = target.usage()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        try:
            metadata.ITEMS['show'].call(work)
        except (client.Failed, OSError) as error:
            failures.append(repr(error))
            work.connection.close()
        else:
            waits.append(time.perf_counter() - began)
        time.sleep(_PROBE_PAUSE)
    work.connection.close()
    return waits, failures, target.usage().since(before)


class Crowd:
    """Connections that ask once and then read next to nothing.

    :ivar served: how many got bytes
    :ivar cut: how many the server closed
    """

    def __init__(
        self, address: tuple[str, int], request: str, count: int
    ) -> None:
        self._sockets: list[socket.socket] = []
        self._got: set[socket.socket] = set()
        self._closed: set[socket.socket] = set()
        for _ in range(count):
            with contextlib.suppress(OSError):
                self._sockets.append(_ask(address, request.encode()))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._drip)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()
        for peer in self._sockets:
            peer.close()
        self.served = len(self._got)
        self.cut = len(self._closed)

    def _drip(self) -> None:
        while not self._stop.wait(1):
            for peer in self._sockets:
                self._read(peer)

    def _read(self, peer: socket.socket) -> None:
        try:
            if peer.recv(SLOW_BYTES_A_SECOND):
                self._got.add(peer)
            else:
                self._closed.add(peer)
        except BlockingIOError:
            pass
        except OSError:
            self._closed.add(peer)


def _ask(address: tuple[str, int], request: bytes) -> socket.socket:
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.settimeout(5)
    peer.connect(address)
    peer.sendall(request)
    peer.setblocking(False)
    return peer


def _head(title: str, target: targets.Target, failures: list[str]) -> Row:
    return {
        'item': title,
        'kind': 'crowd',
        'target': target.name,
        'failures': len(failures),
        'failure': failures[0] if failures else None,
    }


def _cpu(used: targets.Usage) -> Row:
    return {
        'api_ms': used.api * 1000,
        'registry_ms': used.registry * 1000,
        'database_ms': used.database * 1000,
        'cpu_ms': used.total * 1000,
    }


KINDS: dict[str, Callable[..., Iterator[Row]]] = {'slow': slow, 'half': half}
