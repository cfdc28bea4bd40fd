"""What the list queries of the registry cost in a small and a large catalogue.

Both are filled by tools/seed with the same projects. Only the database part
is measured, without HTTP: wall and CPU of this process per call, the rows
that MariaDB's handler read, the statements. A call that the size of the
catalogue does not touch has a ratio near 1.

    python -m benchmark.lists URL-OF-SMALL URL-OF-LARGE
"""

import argparse
from collections.abc import Iterator
import pathlib
import statistics
import time
from typing import Any

from oslo_config import cfg
import sqlalchemy as sa
from sqlalchemy import event

from glance.common import context
from glance.common import contract
from glance_registry import conf as registry_conf
from glance_registry.db import engine
from glance_registry.db import images

CALLERS = ('p1', 'rare', 'p9', 'admin')
_HANDLER = "SHOW SESSION STATUS LIKE 'Handler_read%%'"


def query(*sort: str, **values: Any) -> contract.ImageQuery:
    keys = [(key[1:], 'desc' if key[0] == '-' else 'asc') for key in sort]
    found: Any = {
        'limit': 25,
        'marker': None,
        'sort': keys or [('created_at', 'desc'), ('id', 'desc')],
        'filters': [],
        'properties': [],
        'tags': [],
        'visibility': None,
        'member_status': 'accepted',
        'os_hidden': False,
    }
    result: contract.ImageQuery = found | values
    return result


def _is(field: str, value: Any) -> list[Any]:
    return [{'field': field, 'op': 'eq', 'value': value}]


#: What is asked; a minus is a descending key.
CASES = {
    'list': query(),
    'created_at:asc': query('+created_at', '-id'),
    'name:asc': query('+name', '-created_at', '-id'),
    'name:desc': query('-name', '-created_at', '-id'),
    'name, all asc': query('+name', '+created_at', '+id'),
    'size:asc': query('+size', '-created_at', '-id'),
    'size:desc': query('-size', '-created_at', '-id'),
    'name=': query(filters=_is('name', 'img-0000501')),
    'status=': query(filters=_is('status', 'active')),
    'disk_format=': query(filters=_is('disk_format', 'raw')),
    'property 10%': query(properties=[('os_distro', 'debian')]),
    'property few': query(properties=[('x_property_0', 'value 501')]),
    'property none': query(properties=[('os_distro', 'nowhere')]),
    'property all': query(properties=[('hw_disk_bus', 'virtio')]),
    'tag 5%': query(tags=['tag-6']),
    'tag all': query(tags=['seeded']),
    'tag none': query(tags=['nowhere']),
    'tag and property': query(
        tags=['tag-6'], properties=[('os_distro', 'ubuntu')]
    ),
    'private': query(visibility='private'),
    'visibility all': query(visibility='all'),
}
#: Those of which a page in the depth is measured as well.
_DEEP = ('list', 'created_at:asc', 'name:asc', 'name:desc')
_DEEP += ('name, all asc', 'size:asc', 'size:desc', 'property 10%')


class Catalogue:
    """One database: runs pages and counts what they cost."""

    def __init__(self, url: str) -> None:
        conf = cfg.ConfigOpts()
        registry_conf.register(conf)
        conf(args=[], project='glance', default_config_files=[])
        self.database = engine.Database(url, conf.database)
        self.statements = 0
        event.listen(sa.Engine, 'before_cursor_execute', self._count)

    def _count(self, *args: Any) -> None:
        self.statements += 1

    def page(self, caller: Any, asked: contract.ImageQuery) -> list[Any]:
        return self.database.read(
            images.get_page, caller, asked, self.database.dialect
        )

    def deep(self, caller: Any, asked: contract.ImageQuery) -> str | None:
        """A marker at nine tenths of what the caller sees."""
        order = ', '.join(f'{key} {way}' for key, way in asked['sort'])
        project = 'p1' if caller.is_admin else caller.project_id
        where = (
            f"(owner = '{project}' OR visibility = 'public') "
            "AND status = 'active'"
        )

        def find(connection: sa.Connection) -> str | None:
            count = connection.exec_driver_sql(
                f'SELECT count(*) FROM images WHERE {where}'
            ).scalar_one()
            found: str | None = connection.exec_driver_sql(
                f'SELECT id FROM images WHERE {where} ORDER BY {order}'
                f' LIMIT 1 OFFSET {count * 9 // 10}'
            ).scalar()
            return found

        return self.database.read(find)

    def server_ms(self) -> float:
        """CPU time of the server; 0 for SQLite, and where it is remote."""
        kind = self.database.dialect
        if kind == 'sqlite':
            return 0.0
        asked = (
            'SELECT @@pid_file'
            if kind != 'postgresql'
            else ('SELECT pg_backend_pid()')
        )
        found = self.database.read(
            lambda connection: connection.exec_driver_sql(asked).scalar()
        )
        pid = found if kind == 'postgresql' else _text(pathlib.Path(found))
        tasks = pathlib.Path(f'/proc/{str(pid).strip()}/task')
        return sum(
            int(_text(each / 'schedstat').split()[0]) / 1e6
            for each in tasks.iterdir()
        )

    def rows_read(self, caller: Any, asked: contract.ImageQuery) -> int:
        """MariaDB's handler calls of one page."""
        if self.database.dialect not in ('mysql', 'mariadb'):
            return 0

        def measure(connection: sa.Connection) -> int:
            counts = []
            for _ in range(2):
                rows = connection.exec_driver_sql(_HANDLER).all()
                counts.append(sum(int(row[1]) for row in rows))
                images.get_page(connection, caller, asked, 'mysql')
            return counts[1] - counts[0]

        return self.database.read(measure)


def _text(path: pathlib.Path) -> str:
    return path.read_text() if path.exists() else '0'


def measure(
    catalogue: Catalogue, caller: Any, asked: contract.ImageQuery, turns: int
) -> tuple[float, float, float, int, int]:
    """Median wall ms, CPU ms of us and the server, statements, rows read."""
    catalogue.page(caller, asked)
    catalogue.statements = 0
    catalogue.page(caller, asked)
    statements = catalogue.statements
    walls = []
    server = catalogue.server_ms()
    cpu = time.process_time()
    for _ in range(turns):
        began = time.perf_counter()
        catalogue.page(caller, asked)
        walls.append(time.perf_counter() - began)
    cpu = (time.process_time() - cpu) * 1000 / turns
    server = (catalogue.server_ms() - server) / turns
    rows = catalogue.rows_read(caller, asked)
    wall = statistics.median(walls) * 1000
    return wall, cpu, server, statements, rows


def cases(
    catalogue: Catalogue, caller: Any, only: str
) -> Iterator[tuple[str, contract.ImageQuery]]:
    for name, asked in CASES.items():
        if only in name:
            yield name, asked
        if only in f'{name}, deep' and name in _DEEP:
            marker = catalogue.deep(caller, asked)
            deep: Any = {**asked, 'marker': marker}
            yield f'{name}, deep', deep


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('urls', nargs='+', metavar='URL', help='small first')
    parser.add_argument('--turns', type=int, default=15)
    parser.add_argument('--only', default='', help='a part of the name')
    parser.add_argument('--callers', default=','.join(CALLERS))
    options = parser.parse_args()
    catalogues = [Catalogue(url) for url in options.urls]
    for caller in options.callers.split(','):
        caller = context.RequestContext(
            project_id=caller, is_admin=caller == 'admin', overwrite=False
        )
        each = [cases(one, caller, options.only) for one in catalogues]
        for row in zip(*each, strict=True):
            found = [
                measure(one, caller, asked, options.turns)
                for one, (_, asked) in zip(catalogues, row, strict=True)
            ]
            cells = '  '.join(
                f'{wall:7.2f} {cpu:5.2f} + {server:6.2f} {number} {rows:6d}'
                for wall, cpu, server, number, rows in found
            )
            ratio = sum(found[-1][1:3]) / sum(found[0][1:3])
            print(f'{caller:6}{row[0][0]:22}{cells}  x{ratio:.2f}', flush=True)


if __name__ == '__main__':
    main()
