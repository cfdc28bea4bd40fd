"""The memory that statements take is bounded, whatever clients ask."""

import gc
import itertools
import random
import resource
from typing import Any
import unittest

import sqlalchemy as sa

from glance.common import context
from glance_registry import conf as registry_conf
from glance_registry.db import engine
from glance_registry.db import filters
from glance_registry.db import models
from tests import base
from tests import databases

SHAPES = 500
QUERIES = 20_000
MAX_GROWTH_BYTES = 40 * 2**20
KEYS = ('name', 'status', 'disk_format', 'size', 'created_at', 'updated_at')
TEXTS = ('name', 'status', 'disk_format', 'checksum', 'owner')
NUMBERS = ('size', 'min_disk', 'min_ram', 'virtual_size')
COMPARISONS = ('eq', 'neq', 'lt', 'lte', 'gt', 'gte')


class Asked:
    """Queries of one random shape, each with other values."""

    def __init__(self, chance: random.Random, numbers: Any) -> None:
        self._numbers = numbers
        keys = chance.sample(KEYS, chance.randint(1, 4))
        self._sort = [(key, chance.choice(('asc', 'desc'))) for key in keys]
        self._texts = chance.sample(TEXTS, chance.randint(0, 2))
        self._lists = chance.choice(((), ('name',), ('id',)))
        self._compared = [
            (each, chance.choice(COMPARISONS))
            for each in chance.sample(NUMBERS, chance.randint(0, 2))
        ]
        self._properties = chance.randint(0, 2)
        self._tags = chance.randint(0, 2)
        self._visibility = chance.choice((None, 'all', 'shared', 'public'))
        self.caller = context.RequestContext(
            project_id='p1', is_admin=chance.random() < 0.2, overwrite=False
        )

    def query(self) -> Any:
        number = next(self._numbers)
        filters = [(name, 'eq', f'text {number}') for name in self._texts]
        filters += [
            (name, 'in', [f'{number} {each}' for each in range(number % 9)])
            for name in self._lists
        ]
        filters += [(name, op, number) for name, op in self._compared]
        return base.list_query(
            sort=[*self._sort, ('id', 'asc')],
            filters=[
                {'field': name, 'op': op, 'value': value}
                for name, op, value in filters
            ],
            properties=[
                [f'p{each}', str(number)] for each in range(self._properties)
            ],
            tags=[f'{number} {each}' for each in range(self._tags)],
            visibility=self._visibility,
        )


class MemoryTestCase(unittest.TestCase):
    def test_twenty_thousand_queries_take_forty_mebibytes(self) -> None:
        url = self.enterContext(databases.TemporaryDatabase('sqlite'))
        conf = base.configuration(registry_conf, '')
        database = engine.Database(url, conf.database)
        self.addCleanup(database.dispose)
        database.write(models.metadata.create_all)
        chance, numbers = random.Random(5), itertools.count(1)

        def ask(connection: sa.Connection, shapes: int) -> None:
            for _ in range(shapes):
                asked = Asked(chance, numbers)
                for _ in range(QUERIES // SHAPES):
                    query = asked.query()
                    filters.page(connection, asked.caller, query, 'sqlite')

        database.read(ask, 2)
        before = _resident_bytes()
        database.read(ask, SHAPES)
        growth = _resident_bytes() - before
        self.assertLessEqual(growth, MAX_GROWTH_BYTES)
        self.assertLessEqual(
            engine.CACHE.size_bytes(), engine.BUDGET_BYTES * 1.2
        )


def _resident_bytes() -> int:
    gc.collect()
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class CacheTestCase(unittest.TestCase):
    def setUp(self) -> None:
        self.cache = engine.Cache(8 * engine.MIN_BYTES)
        self.built: list[int] = []

    def get(self, number: int) -> engine.Kept:
        def build() -> sa.Executable:
            self.built.append(number)
            return sa.select(sa.literal(number))

        return self.cache.get(number, build)

    def test_statement_in_use_stays_and_others_go(self) -> None:
        for number in range(1, 100):
            self.get(0)
            self.get(number)
        self.assertEqual(1, self.built.count(0))
        self.assertLessEqual(self.cache.size_bytes(), 10 * engine.MIN_BYTES)
        self.get(1)
        self.assertEqual(2, self.built.count(1))

    def test_statement_is_compiled_once_per_dialect(self) -> None:
        statement = engine.Kept(sa.select(sa.bindparam('x', type_=sa.Integer)))
        for _ in range(2):  # engines have dialects of their own
            with sa.create_engine('sqlite://').connect() as connection:
                for value in (1, 2):
                    found = statement.execute(connection, {'x': value})
                    self.assertEqual(value, found.scalar_one())
        self.assertEqual(2, len(statement._compiled._found))
