"""Lists on every database: paging, order, filters, who sees what.

Each is held against a model of a few lines of Python.
"""

from collections.abc import Callable, Iterable, Iterator
import contextlib
import datetime
import itertools
import operator
from typing import Any
import unittest

import sqlalchemy as sa

from glance.api.v2 import query as list_query
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry import conf as registry_conf
from glance_registry.db import engine
from glance_registry.db import images
from glance_registry.db import models
from tests import base
from tests import databases

EARLY = datetime.datetime(2020, 1, 1, 12, 0, 0)
LATE = datetime.datetime(2020, 1, 1, 12, 0, 1)
ADMIN = context.RequestContext(
    is_admin=True, project_id='p-admin', overwrite=False
)

Row = dict[str, Any]


def caller(project: str | None, is_admin: bool) -> context.RequestContext:
    return context.RequestContext(
        project_id=project, is_admin=is_admin, overwrite=False
    )


def asked(**parameters: Any) -> contract.ImageQuery:
    known: dict[str, Any] = {
        'limit': 1000,
        'marker': None,
        'sort': [('id', 'asc')],
        'filters': [],
        'properties': [],
        'tags': [],
        'visibility': None,
        'member_status': 'accepted',
        'os_hidden': False,
    }
    return {**known, **parameters}  # type: ignore[typeddict-item]


class QueriesTestCase(unittest.TestCase):
    """One database for all tests of a class: they only read."""

    kind = 'sqlite'
    _stack: contextlib.ExitStack
    database: engine.Database

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls._stack = contextlib.ExitStack()
        try:
            url = cls._stack.enter_context(
                databases.TemporaryDatabase(cls.kind)
            )
            conf = base.configuration(registry_conf, '')
            cls.database = engine.Database(url, conf.database)
            cls._stack.callback(cls.database.dispose)
            cls.database.write(models.metadata.create_all)
            cls.database.write(cls.fill)
        except BaseException:
            cls._stack.close()
            raise

    @classmethod
    def tearDownClass(cls) -> None:
        cls._stack.close()
        super().tearDownClass()

    @classmethod
    def fill(cls, connection: sa.Connection) -> None:
        raise NotImplementedError

    def page(
        self, asking: context.RequestContext, query: contract.ImageQuery
    ) -> list[contract.Image]:
        return self.database.read(
            images.get_page, asking, query, self.database.dialect
        )

    def ids(
        self, asking: context.RequestContext, **parameters: Any
    ) -> list[str]:
        return [
            image['id'] for image in self.page(asking, asked(**parameters))
        ]


def image_id(number: int) -> str:
    return f'7a000000-0000-4000-8000-{number:012x}'


def image_row(number: int, **values: Any) -> Row:
    return {
        'id': image_id(number),
        'name': None,
        'owner': 'p1',
        'status': 'queued',
        'visibility': 'private',
        'size': None,
        'disk_format': None,
        'container_format': None,
        'os_hidden': False,
        'deleted': False,
        'created_at': EARLY,
        'updated_at': EARLY,
        **values,
    }


class TestPaging(QueriesTestCase):
    """Trap 22: every image exactly once, whatever is equal or null."""

    # covers 7.2.1-7, 7.2.2-7..8

    rows = [
        image_row(
            number,
            name=name,
            size=size,
            disk_format=disk_format,
            status=('queued', 'active')[number % 2],
            visibility=('private', 'public', 'shared')[number % 3],
            created_at=(EARLY, LATE)[number % 4 == 0],
            updated_at=(LATE, EARLY)[number % 3 == 0],
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
                    'created_at': EARLY,
                    'updated_at': EARLY,
                }
                for row in cls.rows
                if row['visibility'] == 'shared'
            ],
        )

    def model(self, rows: Iterable[Row], sort: list[tuple[str, str]]) -> Any:
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
        asking: context.RequestContext,
        sort: list[tuple[str, str]],
        limit: int,
    ) -> Iterator[str]:
        marker = None
        while True:
            page = self.ids(asking, sort=sort, limit=limit, marker=marker)
            yield from page
            if len(page) < limit:
                return
            marker = page[-1]

    def check(
        self,
        asking: context.RequestContext,
        rows: list[Row],
        keys: list[tuple[str, str]],
        limits: Iterable[int],
    ) -> None:
        pairs = [('sort', ','.join(f'{key}:{way}' for key, way in keys))]
        sort = list_query.parse(pairs, 25, 1000)['sort']
        expected = self.model(rows, sort)
        for limit in limits:
            with self.subTest(f'{sort} by {limit}'):
                found = list(self.walk(asking, sort, limit))
                self.assertEqual(expected, found)

    def test_every_key_and_direction_and_limit(self) -> None:
        for key in list_query.SORT_KEYS:
            for way in ('asc', 'desc'):
                limits = (1, 2, 5, len(self.rows), 100)
                self.check(ADMIN, self.rows, [(key, way)], limits)

    def test_several_keys_in_every_direction(self) -> None:
        keys = ('name', 'size', 'disk_format', 'status')
        for first, second in itertools.permutations(keys, 2):
            for ways in itertools.product(('asc', 'desc'), repeat=2):
                sort = [(first, ways[0]), (second, ways[1])]
                self.check(ADMIN, self.rows, sort, [4])

    def test_pages_of_what_a_member_sees(self) -> None:
        """Several branches of visibility are merged into one order."""
        rows = [row for row in self.rows if row['visibility'] != 'private']
        for key, way in itertools.product(
            ('name', 'size', 'created_at', 'id'), ('asc', 'desc')
        ):
            asking = caller('p2', is_admin=False)
            self.check(asking, rows, [(key, way)], (1, 4))

    def test_what_two_branches_show_comes_once(self) -> None:
        owner = caller('p1', is_admin=False)
        self.check(owner, self.rows, [('name', 'asc')], (1, 3, 100))

    def test_a_page_of_nothing(self) -> None:
        for limit in (0, -1):
            self.assertEqual([], self.ids(ADMIN, limit=limit))

    def test_a_marker_that_is_not_visible(self) -> None:
        for asking, marker in (
            (ADMIN, 'nothing'),
            (ADMIN, ''),
            (caller('p9', False), self.rows[0]['id']),
            (ADMIN, self.rows[0]['id'].upper()),
        ):
            with self.subTest(marker), self.assertRaises(errors.InvalidMarker):
                self.ids(asking, marker=marker)


class TestFilters(QueriesTestCase):
    rows = [
        image_row(1, name='a', size=0, disk_format='raw', min_ram=5),
        image_row(2, name='A', size=10, status='active'),
        image_row(3, name='a', size=2**62, protected=True),
        image_row(4, name=None, created_at=LATE, checksum='c'),
        image_row(5, name='killed', status='killed'),
        image_row(6, name='gone', deleted=True, status='deleted'),
        image_row(7, name='a', os_hidden=True),
        image_row(8, name="%' OR 1=1 --"),
    ]

    @classmethod
    def fill(cls, connection: sa.Connection) -> None:
        known = dict.fromkeys(
            ('min_ram', 'protected', 'checksum', 'deleted_at')
        )
        known |= {'min_ram': 0, 'protected': False}
        rows = [{**known, **row} for row in cls.rows]
        connection.execute(models.images.insert(), rows)
        times = {'created_at': EARLY, 'updated_at': EARLY}
        connection.execute(
            models.image_tags.insert(),
            [
                {'image_id': image_id(n), 'value': v, 'deleted': d, **times}
                for n, v, d in (
                    (1, 'x', False),
                    (1, 'y', False),
                    (2, 'x', False),
                    (3, 'X', False),
                    (4, 'x', True),
                )
            ],
        )
        connection.execute(
            models.image_properties.insert(),
            [
                {
                    'image_id': image_id(n),
                    'name': name,
                    'value': value,
                    'deleted': deleted,
                    **times,
                }
                for n, name, value, deleted in (
                    (1, 'os', 'debian', False),
                    (1, 'arch', 'arm', False),
                    (2, 'os', 'Debian', False),
                    (3, 'OS', 'debian', False),
                    (4, 'os', 'debian', True),
                    (8, 'long', 'x' * 5000, False),
                )
            ],
        )

    def check(self, expected: list[int], **parameters: Any) -> None:
        with self.subTest(str(parameters)[:100]):
            self.assertEqual(
                [image_id(number) for number in expected],
                self.ids(ADMIN, **parameters),
            )

    def where(
        self, expected: list[int], field: str, op: str, value: Any
    ) -> None:
        self.check(
            expected, filters=[{'field': field, 'op': op, 'value': value}]
        )

    def test_nothing_shows_what_is_gone_killed_or_hidden(self) -> None:
        self.check([1, 2, 3, 4, 8])
        self.check([7], os_hidden=True)
        for status in ('deleted', 'killed', 'pending_delete'):
            self.where([], 'status', 'eq', status)

    def test_texts_mind_letter_case(self) -> None:
        self.where([1, 3], 'name', 'eq', 'a')
        self.where([2], 'name', 'eq', 'A')
        self.where([1, 2, 3], 'name', 'in', ['a', 'A', 'b'])
        self.where([], 'name', 'in', [])
        self.where([], 'name', 'eq', 'á')
        self.where([], 'id', 'eq', image_id(1).upper())
        self.where([8], 'name', 'eq', "%' OR 1=1 --")
        self.where([], 'name', 'eq', '%')
        self.where([4], 'checksum', 'eq', 'c')

    def test_text_that_no_column_holds(self) -> None:
        wide = '\U0001f4bf'
        self.where([], 'name', 'eq', wide)
        self.where([1, 3], 'name', 'in', [wide, 'a'])
        self.where([], 'owner', 'eq', wide)
        self.check([], tags=[wide])
        self.check([], properties=[('os', wide)])
        self.check([], properties=[(wide, 'x')])

    def test_many_values(self) -> None:
        many = [f'n{number}' for number in range(2000)]
        self.where([1, 3], 'name', 'in', [*many, 'a'])

    def test_numbers(self) -> None:
        self.where([1], 'size', 'eq', 0)
        self.where([2, 3], 'size', 'gte', 10)
        self.where([1, 2], 'size', 'lte', 10)
        self.where([3], 'size', 'gt', 10)
        self.where([1], 'size', 'lt', 10)
        self.where([1], 'min_ram', 'eq', 5)
        self.where([], 'size', 'gte', 10**30)
        self.where([1, 2, 3], 'size', 'gte', -(10**30))

    def test_flags_and_times(self) -> None:
        self.where([3], 'protected', 'eq', True)
        self.where([1, 2, 4, 8], 'protected', 'eq', False)
        self.where([4], 'created_at', 'gt', '2020-01-01T12:00:00Z')
        self.where([4], 'created_at', 'eq', '2020-01-01T12:00:01Z')
        self.where([1, 2, 3, 8], 'created_at', 'neq', '2020-01-01T12:00:01Z')
        self.where(
            [1, 2, 3, 4, 8], 'updated_at', 'lte', '2020-01-01T12:00:00Z'
        )
        self.where([], 'created_at', 'lt', '0001-01-01T00:00:00Z')

    def test_tags_are_all_there(self) -> None:
        self.check([1, 2], tags=['x'])
        self.check([1], tags=['x', 'y'])
        self.check([1], tags=['x', 'x', 'y'])
        self.check([3], tags=['X'])
        self.check([], tags=['x', 'z'])

    def test_properties_are_all_there(self) -> None:
        self.check([1], properties=[('os', 'debian')])
        self.check([2], properties=[('os', 'Debian')])
        self.check([3], properties=[('OS', 'debian')])
        self.check([1], properties=[('os', 'debian'), ('arch', 'arm')])
        self.check([], properties=[('os', 'debian'), ('arch', 'x86')])
        self.check([8], properties=[('long', 'x' * 5000)])
        self.check([], properties=[('long', 'x' * 4999)])

    def test_everything_adds_up(self) -> None:
        name = {'field': 'name', 'op': 'eq', 'value': 'a'}
        size = {'field': 'size', 'op': 'lte', 'value': 5}
        self.check([1], filters=[name, size], tags=['x'])
        self.check([], filters=[name, size], tags=['X'])

    def test_what_no_client_library_sends(self) -> None:
        for field, op, value in (
            ('password', 'eq', 'x'),
            ('deleted', 'eq', True),
            ('name', 'like', 'x'),
            ('name', 'gt', 'x'),
            ('name', 'eq', 5),
            ('name', 'in', [5]),
            ('size', 'in', [5]),
            ('size', 'eq', '5'),
            ('size', 'eq', None),
            ('protected', 'eq', 'true'),
            ('created_at', 'gt', 5),
            ('created_at', 'gt', 'noon'),
        ):
            asked_for = [{'field': field, 'op': op, 'value': value}]
            with (
                self.subTest(str(asked_for)),
                self.assertRaises(errors.BadRequest),
            ):
                self.ids(ADMIN, filters=asked_for)


class TestVisibility(QueriesTestCase):
    """Every kind of image, for every kind of caller, by id and in lists."""

    rows = [
        {**image_row(0, owner=owner, visibility=visibility), 'for_p1': member}
        for owner, visibility, member in itertools.product(
            ('p1', 'p2', None),
            ('public', 'private', 'shared', 'community'),
            (None, 'pending', 'accepted', 'rejected', 'removed'),
        )
    ]
    callers = (
        caller('p1', False),
        caller('p2', False),
        caller('p9', False),
        caller(None, False),
        caller('p1', True),
        caller(None, True),
    )

    @classmethod
    def fill(cls, connection: sa.Connection) -> None:
        for number, row in enumerate(cls.rows):
            row['id'] = image_id(number)
            values = {k: v for k, v in row.items() if k != 'for_p1'}
            connection.execute(models.images.insert(), values)
            status = row['for_p1']
            if status is not None:
                connection.execute(
                    models.image_members.insert(),
                    {
                        'image_id': row['id'],
                        'member': 'p1',
                        'status': (
                            'accepted' if status == 'removed' else status
                        ),
                        'deleted': status == 'removed',
                        'created_at': EARLY,
                        'updated_at': EARLY,
                    },
                )

    def is_member(self, asking: context.RequestContext, row: Row) -> bool:
        return (
            asking.project_id == 'p1'
            and row['visibility'] == 'shared'
            and row['for_p1'] in ('pending', 'accepted', 'rejected')
        )

    def is_mine(self, asking: context.RequestContext, row: Row) -> bool:
        return asking.project_id is not None and (
            row['owner'] == asking.project_id
        )

    def sees(self, asking: context.RequestContext, row: Row) -> bool:
        """Section 6: by id."""
        return (
            asking.is_admin
            or row['owner'] is None
            or row['visibility'] in ('public', 'community')
            or self.is_mine(asking, row)
            or self.is_member(asking, row)
        )

    def lists(
        self,
        asking: context.RequestContext,
        row: Row,
        visibility: str | None,
        member_status: str,
    ) -> bool:
        """Section 7.2.4."""
        mine, kind = self.is_mine(asking, row), row['visibility']
        if asking.is_admin:
            if visibility is None:
                return mine or kind != 'community'
            return visibility in ('all', kind)
        shared = self.is_member(asking, row) and (
            member_status in ('all', row['for_p1'])
        )
        shown = mine or kind == 'public' or shared
        if visibility is None:
            return shown
        if visibility == 'all':
            return shown or kind == 'community'
        return kind == visibility and (shown or kind == 'community')

    def expect(self, wanted: Callable[[Row], bool]) -> list[str]:
        return sorted(row['id'] for row in self.rows if wanted(row))

    def test_by_id(self) -> None:
        for asking in self.callers:
            for row in self.rows:
                with self.subTest(f'{asking.project_id} {row}'):
                    self.assertEqual(
                        self.sees(asking, row), self.found(asking, row)
                    )

    def found(self, asking: context.RequestContext, row: Row) -> bool:
        try:
            image = self.database.read(images.get, asking, row['id'])
        except errors.NotFound:
            return False
        as_member = self.is_member(asking, row) and row['owner'] != 'p1'
        if row['visibility'] == 'shared':
            self.assertEqual('p1' if as_member else None, image['member'])
        return True

    def test_in_lists(self) -> None:
        visibilities = (
            *(None, 'all', 'none'),
            *('public', 'private', 'shared', 'community'),
        )
        statuses = ('accepted', 'pending', 'rejected', 'all')
        for asking, visibility, status in itertools.product(
            self.callers, visibilities, statuses
        ):
            with self.subTest(
                f'{asking.project_id} {asking.is_admin} {visibility} {status}'
            ):
                expected = self.expect(
                    lambda row, a=asking, v=visibility, s=status: self.lists(
                        a, row, v, s
                    )
                )
                found = self.ids(
                    asking, visibility=visibility, member_status=status
                )
                self.assertEqual(expected, found)


class TestPagingMysql(TestPaging):
    kind = 'mysql'


class TestPagingPostgresql(TestPaging):
    kind = 'postgresql'


class TestFiltersMysql(TestFilters):
    kind = 'mysql'


class TestFiltersPostgresql(TestFilters):
    kind = 'postgresql'


class TestVisibilityMysql(TestVisibility):
    kind = 'mysql'


class TestVisibilityPostgresql(TestVisibility):
    kind = 'postgresql'
