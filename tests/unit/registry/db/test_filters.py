"""Lists show the right images in the right order, whatever is asked.

A model in Python answers random queries over random catalogues; each engine
must agree, page after page. Small bounds for the plans make every plan take
part.
"""

from collections.abc import Callable
import contextlib
import datetime
import functools
import random
from typing import Any
import unicodedata
import unittest
from unittest import mock
import uuid

import sqlalchemy as sa

from glance.common import context
from glance_registry import conf as registry_conf
from glance_registry.db import engine
from glance_registry.db import filters
from glance_registry.db import images
from glance_registry.db import maintenance
from glance_registry.db import models
from glance_registry.db.filters import statements
from tests import base
from tests import databases

PROJECTS = ('p1', 'p2', 'p3')
NAMES = (None, 'a', 'A', 'a ', 'b', 'é', '', 'snapshot')
SIZES = (None, 0, 1, 2, 2**40)
STATUSES = ('active', 'active', 'active', 'queued', 'killed')
FORMATS = (None, 'raw', 'qcow2')
PROPERTY_NAMES = ('os_distro', 'Os_Distro', 'kind')
VALUES = ('debian', 'Debian', 'debian ', 'x' * 70 + '1', 'x' * 70 + '2', '')
TAGS = ('t1', 'T1', 't2', 't3')
SORTS = ('created_at', 'name', 'size', 'status', 'disk_format', 'updated_at')
MEMBER_STATUSES = ('accepted', 'pending', 'rejected')
_EPOCH = datetime.datetime(2024, 1, 1)


class Catalogue:
    """Random images, and the model that lists them."""

    def __init__(
        self,
        seed: int,
        count: int,
        collate: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._collate = collate
        self.random = random.Random(seed)
        self.images = [self._image() for _ in range(count)]

    def _image(self) -> dict[str, Any]:
        choose = self.random.choice
        moment = _EPOCH + datetime.timedelta(seconds=choose(range(8)))
        return {
            'id': str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
            'name': choose(NAMES),
            'size': choose(SIZES),
            'status': choose(STATUSES),
            'created_at': moment,
            'updated_at': moment + datetime.timedelta(choose(range(3))),
            'deleted': self.random.random() < 0.1,
            'os_hidden': self.random.random() < 0.1,
            'disk_format': choose(FORMATS),
            'owner': choose((*PROJECTS, None)),
            'visibility': choose(models.VISIBILITIES),
            'properties': {
                name: (choose(VALUES), self.random.random() < 0.2)
                for name in self.random.sample(PROPERTY_NAMES, 2)
                # Equal to MariaDB, so it would not store both.
                if name != 'Os_Distro'
            },
            'tags': [
                (tag, self.random.random() < 0.2)
                for tag in self.random.choices(TAGS, k=2)
            ],
            'members': {
                project: (choose(MEMBER_STATUSES), self.random.random() < 0.2)
                for project in self.random.sample(PROJECTS, 2)
            },
        }

    def store(self, connection: sa.Connection) -> None:
        for image in self.images:
            columns = dict(image)
            children = [columns.pop('properties').items()]
            tags, members = columns.pop('tags'), columns.pop('members')
            connection.execute(models.images.insert(), columns)
            for name, (value, deleted) in children[0]:
                self._add(
                    connection,
                    models.image_properties,
                    image,
                    name=name,
                    value=value,
                    deleted=deleted,
                )
            for tag, deleted in tags:
                self._add(
                    connection,
                    models.image_tags,
                    image,
                    value=tag,
                    deleted=deleted,
                )
            for member, (status, deleted) in members.items():
                self._add(
                    connection,
                    models.image_members,
                    image,
                    member=member,
                    status=status,
                    deleted=deleted,
                    deleted_at=_EPOCH if deleted else None,
                )

    @staticmethod
    def _add(
        connection: sa.Connection,
        table: sa.Table,
        image: dict[str, Any],
        **values: Any,
    ) -> None:
        connection.execute(table.insert(), {'image_id': image['id'], **values})

    def listed(self, caller: Any, query: dict[str, Any]) -> list[str]:
        """Every id that the query shows, in order."""
        found = [
            image
            for image in self.images
            if self._is_visible(image, caller, query)
            and self._is_wanted(image, query)
        ]
        for key, way in reversed(query['sort']):
            found.sort(
                key=functools.partial(self._sort_key, key),
                reverse=way == 'desc',
            )
        return [image['id'] for image in found]

    def _sort_key(self, key: str, image: dict[str, Any]) -> Any:
        value = image[key]
        if isinstance(value, str):
            value = self._collate(value)
        return (value is not None, value)

    @staticmethod
    def _is_visible(
        image: dict[str, Any], caller: Any, query: dict[str, Any]
    ) -> bool:
        shown = image['visibility']
        asked = query['visibility']
        own = caller.project_id and image['owner'] == caller.project_id
        if asked in models.VISIBILITIES and shown != asked:
            return False
        if caller.is_admin:
            return bool(asked or shown != 'community' or own)
        if own or shown == 'public':
            return True
        if shown == 'community':
            return asked in ('all', 'community')
        member, deleted = image['members'].get(caller.project_id, (0, True))
        wanted = (member, 'all')
        return (
            shown == 'shared'
            and not deleted
            and query['member_status'] in wanted
        )

    @staticmethod
    def _is_wanted(image: dict[str, Any], query: dict[str, Any]) -> bool:
        tags = {tag for tag, deleted in image['tags'] if not deleted}
        return (
            not image['deleted']
            and image['os_hidden'] == query['os_hidden']
            and image['status'] != 'killed'
            and all(_holds(image, each) for each in query['filters'])
            and all(
                image['properties'].get(name) == (value, False)
                for name, value in query['properties']
            )
            and tags.issuperset(query['tags'])
        )

    def query(self) -> dict[str, Any]:
        """A random one."""
        choose, chance = self.random.choice, self.random.random
        keys = self.random.sample(SORTS, choose((0, 1, 1, 2)))
        default = choose(('asc', 'desc'))
        sort = [(key, choose((default, 'asc', 'desc'))) for key in keys]
        sort += [
            (key, default) for key in ('created_at', 'id') if key not in keys
        ]
        some = chance() < 0.3
        return {
            'limit': choose((1, 2, 3, 7, 100)),
            'marker': None,
            'sort': sort,
            'filters': [self._filter() for _ in range(choose((0, 0, 1, 2)))],
            'properties': [
                (choose(PROPERTY_NAMES), choose(VALUES))
                for _ in range(some and choose((1, 1, 2)))
            ],
            'tags': [choose(TAGS) for _ in range(choose((0, 0, 0, 1, 2)))],
            'visibility': choose(
                (None, None, None, 'all', *models.VISIBILITIES)
            ),
            'member_status': choose(('accepted', 'all', *MEMBER_STATUSES)),
            'os_hidden': chance() < 0.1,
        }

    def _filter(self) -> dict[str, Any]:
        choose = self.random.choice
        field, op, value = choose(
            (
                ('name', 'eq', choose(NAMES[1:])),
                ('name', 'eq', choose(NAMES[1:])),
                ('name', 'in', self.random.sample(NAMES[1:], 2)),
                ('status', 'eq', choose(('active', 'queued', 'killed'))),
                ('disk_format', 'in', ['raw']),
                ('owner', 'eq', choose((*PROJECTS, 'P1'))),
                ('id', 'in', [i['id'] for i in self.images[:9]]),
                ('id', 'in', []),
                ('size', choose(('eq', 'neq', 'gte', 'lt')), 1),
                ('protected', 'eq', False),
                ('created_at', 'lte', '2024-01-01T00:00:04Z'),
            )
        )
        return {'field': field, 'op': op, 'value': value}


def _holds(image: dict[str, Any], asked: dict[str, Any]) -> bool:
    value, limit = image.get(asked['field'], False), asked['value']
    if asked['field'] == 'created_at':
        limit = datetime.datetime.strptime(limit, '%Y-%m-%dT%H:%M:%SZ')
    compare = {
        'eq': lambda: value == limit,
        'in': lambda: value in limit,
        'neq': lambda: value != limit,
        'gte': lambda: value >= limit,
        'lt': lambda: value < limit,
        'lte': lambda: value <= limit,
    }
    return value is not None and bool(compare[asked['op']]())


class Lists(unittest.TestCase):
    """On SQLite; the other engines are below."""

    kind = 'sqlite'
    maxDiff = None

    def setUp(self) -> None:
        super().setUp()
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        url = stack.enter_context(databases.TemporaryDatabase(self.kind))
        models.metadata.create_all(maintenance.engine(url, create=True))
        conf = base.configuration(registry_conf, '/')
        self.database = engine.Database(url, conf.database)
        stack.callback(self.database.dispose)
        self.statements = 0

    @staticmethod
    def collate(text: str) -> str:
        """What the order of texts compares."""
        return text

    def callers(self) -> list[context.RequestContext]:
        return [
            context.RequestContext(
                project_id=project, is_admin=is_admin, overwrite=False
            )
            for project in (*PROJECTS, None, 'stranger')
            for is_admin in (False, True)
        ]

    def walk(self, caller: Any, query: dict[str, Any]) -> list[str]:
        """All pages behind each other."""
        found: list[str] = []
        while True:
            marker = found[-1] if found else None
            with self.counted():
                page = self.database.read(
                    images.get_page,
                    caller,
                    {**query, 'marker': marker},  # type: ignore[typeddict-item]
                    self.database.dialect,
                )
            found += [image['id'] for image in page]
            if len(page) < query['limit']:
                return found

    @contextlib.contextmanager
    def counted(self) -> Any:
        def count(*args: Any) -> None:
            self.statements += 1

        self.statements = 0
        sa.event.listen(sa.Engine, 'before_cursor_execute', count)
        try:
            yield
        finally:
            sa.event.remove(sa.Engine, 'before_cursor_execute', count)
        self.assertLessEqual(self.statements, 6)

    def check(self, seed: int, count: int, queries: int) -> None:
        catalogue = Catalogue(seed, count, self.collate)
        self.database.write(catalogue.store)
        for _ in range(queries):
            query = catalogue.query()
            caller = catalogue.random.choice(self.callers())
            wanted = catalogue.listed(caller, query)
            with self.subTest(
                query=query,
                project=caller.project_id,
                is_admin=caller.is_admin,
            ):
                self.assertEqual(wanted, self.walk(caller, query))

    def test_random_queries(self) -> None:
        self.check(1, 120, 200)

    def test_random_queries_where_few_are_many(self) -> None:
        with (
            mock.patch.object(filters, 'FEW', 2),
            mock.patch.object(filters, 'WINDOW', 3),
            mock.patch.object(filters, 'SPREAD', 1),
        ):
            self.check(2, 120, 200)

    def test_statements_are_built_once_per_shape(self) -> None:
        caller = self.callers()[0]
        query = Catalogue(3, 1).query() | {'filters': [], 'limit': 3}
        self.walk(caller, query)
        with mock.patch.object(statements, '_merged') as build:
            self.walk(self.callers()[2], query | {'limit': 4})
        build.assert_not_called()


class MysqlLists(Lists):
    kind = 'mysql'

    @staticmethod
    def collate(text: str) -> str:
        letters = unicodedata.normalize('NFD', text).upper()
        return letters.encode('ascii', 'ignore').decode().rstrip()


class PostgresqlLists(Lists):
    kind = 'postgresql'
