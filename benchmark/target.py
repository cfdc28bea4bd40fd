"""A running image service, seen from outside: an address and processes."""

import dataclasses
import json
import pathlib
import random
import time
from typing import Any
import urllib.parse

import sqlalchemy as sa

from benchmark import client
from benchmark import proc
from benchmark import seeding

OURS = 'ours'


@dataclasses.dataclass
class Usage:
    """CPU seconds by part; differences of it are what a call costs."""

    api: float
    registry: float
    database: float

    @property
    def total(self) -> float:
        return self.api + self.registry + self.database

    def plus(self, other: 'Usage') -> 'Usage':
        return Usage(
            self.api + other.api,
            self.registry + other.registry,
            self.database + other.database,
        )

    def since(self, before: 'Usage', calls: float = 1) -> 'Usage':
        return Usage(
            (self.api - before.api) / calls,
            (self.registry - before.registry) / calls,
            (self.database - before.database) / calls,
        )


@dataclasses.dataclass
class Target:
    """:ivar api, registry, database: roots of its process trees
    :ivar kind: glance, or docker for the item first-download only
    """

    name: str
    url: str
    api: list[int]
    registry: list[int]
    database: list[int]
    database_url: str | None = None
    secret: str | None = None
    token: str | None = None
    mix: seeding.Mix = dataclasses.field(default_factory=seeding.Mix)
    images: int = 0
    seeded: bool = False
    ids: list[str] = dataclasses.field(default_factory=list)
    marker: str = ''
    kind: str = 'glance'

    def connect(
        self, project: str | None = None, seconds: float = client.SECONDS
    ) -> client.Connection:
        parts = urllib.parse.urlsplit(self.url)
        return client.Connection(
            self.address, parts.path.rstrip('/'), self.head(project), seconds
        )

    @property
    def address(self) -> tuple[str, int]:
        parts = urllib.parse.urlsplit(self.url)
        return parts.hostname or '127.0.0.1', parts.port or 80

    def head(self, project: str | None = None) -> str:
        """Header lines of a plain member of a project."""
        project = project or self.mix.owner
        host, port = self.address
        fields = {
            'Host': f'{host}:{port}',
            'X-Auth-Token': self.token or f'u1:{project}:member,reader',
            'X-Identity-Status': 'Confirmed',
            'X-User-Id': 'u1',
            'X-Project-Id': project,
            'X-Tenant-Id': project,
            'X-Roles': 'member,reader',
        }
        if self.secret:
            fields['X-Glance-Shared-Secret'] = self.secret
        return ''.join(f'{k}: {v}\r\n' for k, v in fields.items())

    def usage(self) -> Usage:
        return Usage(
            proc.cpu_seconds(proc.tree(self.api)),
            proc.cpu_seconds(proc.tree(self.registry)),
            proc.cpu_seconds(proc.tree(self.database)),
        )

    def daemons(self) -> list[int]:
        """All processes but the database's."""
        return proc.tree([*self.api, *self.registry])

    def fill(self, images: int) -> None:
        """Have that many images, if its database may be written to."""
        if self.kind != 'glance':
            return
        if self.database_url is not None:
            seeding.fill(self.database_url, images, self.mix)
            self.images, self.seeded = images, True
            some = random.Random(images)
            self.ids = [
                seeding.id_of(
                    self.mix.seed, some.randrange(seeding.RARE_IMAGES, images)
                )
                for _ in range(500)
            ]
            self.marker = seeding.id_of(self.mix.seed, images // 10)
            return
        self._learn()

    def _learn(self) -> None:
        """Ids from its list; the marker is as deep as ten pages go."""
        connection, path, pages = self.connect(), '/v2/images?limit=1000', 0
        while path and pages < 10:
            page = connection.json('GET', path)
            self.ids += [image['id'] for image in page['images']]
            path, pages = page.get('next'), pages + 1
        if not self.ids:
            raise client.Failed(f'{self.name} has no images to measure with')
        self.images = len(self.ids)
        self.marker = self.ids[int(len(self.ids) * 0.9)]

    def statements(self) -> int | None:
        """What a MySQL server counted so far; this question counts as one."""
        if not (self.database_url or '').startswith(('mysql', 'mariadb')):
            return None
        engine = sa.create_engine(self.database_url or '')
        with engine.connect() as connection:
            row = connection.exec_driver_sql(
                "SHOW GLOBAL STATUS LIKE 'Questions'"
            ).one()
        engine.dispose()
        return int(row[1])


def parse(text: str) -> Target:
    """A target as ``--against`` names it.

    ``[NAME=]URL`` or ``[NAME=]@FILE`` (a state file of the peers' harness),
    then ``,key=value``: pid, registry, dbpid (several with +), db, token,
    secret, project, kind.

    :raises ValueError: it cannot be understood
    """
    head, *rest = text.split(',')
    name, separator, place = head.partition('=')
    if not separator:
        name, place = 'other', head
    known: dict[str, Any] = dict(part.split('=', 1) for part in rest)
    state: dict[str, Any] = {}
    if place.startswith('@'):
        state = json.loads(pathlib.Path(place[1:]).read_text())
        place = state['url']
    registry = _pids(known.get('registry'), state.get('registry_pids', []))
    everything = _pids(known.get('pid'), state.get('pids', []))
    database = [state['dbpid']] if state.get('dbpid') else []
    return Target(
        name=name,
        url=place,
        api=[pid for pid in everything if pid not in registry],
        registry=registry,
        database=_pids(known.get('dbpid'), database),
        database_url=known.get('db', state.get('db')),
        secret=known.get('secret'),
        token=known.get('token'),
        mix=seeding.Mix(owner=known.get('project', seeding.Mix().owner)),
        kind=known.get('kind', 'glance'),
    )


def _pids(text: str | None, otherwise: list[int]) -> list[int]:
    return [int(pid) for pid in text.split('+')] if text else otherwise


class Others:
    """The share of the machine that neither we nor the targets used."""

    def __init__(self, targets: list[Target]) -> None:
        self._targets = targets
        self._began = time.monotonic()
        self._machine = proc.machine_cpu_seconds()
        self._ours = self._used()

    def share(self) -> float:
        cpus = int(str(proc.machine()['cpus']))
        available = (time.monotonic() - self._began) * cpus
        machine = proc.machine_cpu_seconds() - self._machine
        used = machine - (self._used() - self._ours)
        return max(used / available, 0.0) if available else 0.0

    def _used(self) -> float:
        roots = {
            pid
            for target in self._targets
            for pid in (*target.api, *target.registry, *target.database)
        }
        trees = set(proc.tree(roots))
        return proc.own_cpu_seconds() + proc.cpu_seconds(trees)
