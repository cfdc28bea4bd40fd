"""Pages and their order, on every engine.

Both are held against a model of a few lines of Python.
"""

from collections.abc import Iterable, Iterator
import itertools
import operator
from typing import Any

import sqlalchemy as sa

from glance.api.v2 import query as list_query
from glance.common import context
from glance.common import errors
from glance_registry.db import models
from tests.unit.registry.db.queries import readers


class TestPaging(readers.QueriesTestCase):
    """Every image exactly once, whatever is equal or null."""

    # covers 7.2.1-7, 7.2.2-7..8

    rows = [
        readers.image_row(
            number,
            name=name,
            size=size,
            disk_format=disk_format,
            status=('queued', 'active')[number % 2],
            visibility=('private', 'public', 'shared')[number % 3],
            created_at=(readers.EARLY, readers.LATE)[number % 4 == 0],
            updated_at=(readers.LATE, readers.EARLY)[number % 3 == 0],
        )
        for number, (name, size, disk_format) in enumerate(
            itertools.product((None, '', 'a'), (None, 0, 2**40), (None, 'raw'))
        )
    ]

    @classmethod
    def fill(cls, connection: sa.Connection) -> None:
        connection.execute(models.images.insert(), cls.rows)
        connection.execute(
            models.image_members.insert(),
            [
                {
                    'image_id': row['id'],
                    'member': 'p2',
                    'status': 'accepted',
                    'created_at': readers.EARLY,
                    'updated_at': readers.EARLY,
                }
                for row in cls.rows
                if row['visibility'] == 'shared'
            ],
        )

    def model(
        self, rows: Iterable[readers.Row], sort: list[tuple[str, str]]
    ) -> Any:
        """Stable sorts from the last key to the first; null is smallest."""
        found = list(rows)
        for key, way in reversed(sort):
            nulls = [row for row in found if row[key] is None]
            rest = [row for row in found if row[key] is not None]
            rest.sort(key=operator.itemgetter(key), reverse=way == 'desc')
            found = nulls + rest if way == 'asc' else rest + nulls
        return [row['id'] for row in found]

    def walk(
        self,
        caller: context.RequestContext,
        sort: list[tuple[str, str]],
        limit: int,
    ) -> Iterator[str]:
        marker = None
        while True:
            page = self.ids(caller, sort=sort, limit=limit, marker=marker)
            yield from page
            if len(page) < limit:
                return
            marker = page[-1]

    def check(
        self,
        caller: context.RequestContext,
        rows: list[readers.Row],
        keys: list[tuple[str, str]],
        limits: Iterable[int],
    ) -> None:
        pairs = [('sort', ','.join(f'{key}:{way}' for key, way in keys))]
        sort = list_query.parse(pairs, list_query.Pages(25, 1000))['sort']
        expected = self.model(rows, sort)
        for limit in limits:
            with self.subTest(f'{sort} by {limit}'):
                found = list(self.walk(caller, sort, limit))
                self.assertEqual(expected, found)

    def test_every_key_and_direction_and_limit(self) -> None:
        for key in list_query.SORT_KEYS:
            for way in ('asc', 'desc'):
                limits = (1, 2, 5, len(self.rows), 100)
                self.check(readers.ADMIN, self.rows, [(key, way)], limits)

    def test_several_keys_in_every_direction(self) -> None:
        keys = ('name', 'size', 'disk_format', 'status')
        for first, second in itertools.permutations(keys, 2):
            for ways in itertools.product(('asc', 'desc'), repeat=2):
                sort = [(first, ways[0]), (second, ways[1])]
                self.check(readers.ADMIN, self.rows, sort, [4])

    def test_pages_of_what_a_member_sees(self) -> None:
        """Several branches of visibility are merged into one order."""
        rows = [row for row in self.rows if row['visibility'] != 'private']
        for key, way in itertools.product(
            ('name', 'size', 'created_at', 'id'), ('asc', 'desc')
        ):
            caller = readers.caller('p2', is_admin=False)
            self.check(caller, rows, [(key, way)], (1, 4))

    def test_what_two_branches_show_comes_once(self) -> None:
        owner = readers.caller('p1', is_admin=False)
        self.check(owner, self.rows, [('name', 'asc')], (1, 3, 100))

    def test_a_page_of_nothing(self) -> None:
        for limit in (0, -1):
            self.assertEqual([], self.ids(readers.ADMIN, limit=limit))

    def test_a_marker_that_is_not_visible(self) -> None:
        for caller, marker in (
            (readers.ADMIN, 'nothing'),
            (readers.ADMIN, ''),
            (readers.caller('p9', False), self.rows[0]['id']),
            (readers.ADMIN, self.rows[0]['id'].upper()),
        ):
            with self.subTest(marker), self.assertRaises(errors.InvalidMarker):
                self.ids(caller, marker=marker)


class TestPagingMysql(TestPaging):
    kind = 'mysql'


class TestPagingPostgresql(TestPaging):
    kind = 'postgresql'
