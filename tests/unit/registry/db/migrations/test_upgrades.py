"""Databases of every age reach the newest revision with all they hold."""

from collections.abc import Callable
import functools
from typing import Any

import sqlalchemy as sa
from sqlalchemy import schema

from glance_registry.db import migration
from tests.unit.registry.db import catalogs
from tests.unit.registry.db.migrations import engines

NUMBERS = {
    42: 'liberty',
    43: 'mitaka01',
    44: 'mitaka02',
    45: 'ocata_contract01',
}
#: what rows of older databases hold in columns that came later
LATER_COLUMNS: dict[str, catalogs.Row] = {
    'images': {
        'os_hidden': False,
        'os_hash_algo': None,
        'os_hash_value': None,
        'row_version': 1,
    },
    'tasks': {'image_id': None, 'request_id': None, 'user_id': None},
}


def _expected(rows: catalogs.Rows) -> catalogs.Rows:
    """What must be there after the upgrade of these rows."""
    found: catalogs.Rows = {
        'image_transfers': [],
        'storage_owners': [],
        'image_leftovers': [],
        'node_reference': [],
        'cached_images': [],
    }
    for name, each in rows.items():
        if not name.startswith('artifact'):
            later = LATER_COLUMNS.get(name, {})
            found[name] = [later | row for row in each]
    for row in found['images']:
        if 'is_public' in row:
            del row['is_public']
            row['visibility'] = catalogs.IMAGES[row['checksum']][3]
    for row in found['image_locations']:
        if row['meta_data']:
            text = row['meta_data'].replace('"backend":', '"store":')
            row['meta_data'] = text
    return found


def _rename_instances(rows: catalogs.Rows) -> None:
    """What Mitaka did to the definitions of before."""
    for row in rows['metadef_resource_types']:
        if row['name'] == 'OS::Nova::Instance':
            row['name'] = 'OS::Nova::Server'


_WAYS: dict[str, Callable[[sa.Engine], None]] = {
    'sync': lambda engine: migration.sync(engine, engines.silent),
    'phases': engines.by_phases,
}


class Upgrades:
    """Old databases, filled; each becomes new with every row intact."""

    def _upgraded(self: Any, age: str, way: str) -> None:
        catalogs.make(self.engine, age)
        catalogs.fill(self.engine)
        self._compare(age, way)

    def _upgraded_number(self: Any, number: int, age: str) -> None:
        catalogs.make_numbered(self.engine, number, age)
        catalogs.fill(self.engine)
        self._compare(age, 'sync')

    def _compare(self: Any, age: str, way: str) -> None:
        self.compare_rows(age, way)
        self.assertEqual([], self.differences())

    def compare_rows(self: Any, age: str, way: str) -> None:
        expected = _expected(catalogs.read(self.engine))
        if age in ('liberty', 'mitaka01'):
            _rename_instances(expected)
        _WAYS[way](self.engine)
        self.assertEqual(engines.HEAD, migration.version(self.engine))
        found = catalogs.read(self.engine)
        found.pop('migrate_version', None)
        self.assertEqual(sorted(expected), sorted(found))
        for table in expected:
            self.assertEqual(expected[table], found[table], table)

    for _age in catalogs.AGES:
        for _way in _WAYS:
            vars()[f'test_{_age}_by_{_way}'] = functools.partialmethod(
                _upgraded, _age, _way
            )
    for _number, _age in NUMBERS.items():
        vars()[f'test_number_{_number}'] = functools.partialmethod(
            _upgraded_number, _number, _age
        )


class SqliteUpgradesTest(Upgrades, engines.Engine):
    kind = 'sqlite'


class MysqlUpgradesTest(Upgrades, engines.Engine):
    kind = 'mysql'

    def _convert(self) -> None:
        """As operators do who want all of Unicode."""
        keys = [
            key
            for table in catalogs.tables(self.engine).values()
            for key in table.foreign_key_constraints
        ]
        names = sa.inspect(self.engine).get_table_names()
        with self.engine.begin() as connection:
            for key in keys:
                connection.execute(schema.DropConstraint(key))
            for name in names:
                connection.exec_driver_sql(
                    f'ALTER TABLE {name} CONVERT TO CHARACTER SET utf8mb4'
                )
            for key in keys:
                connection.execute(schema.AddConstraint(key))

    def test_tables_of_another_character_set(self) -> None:
        catalogs.make(self.engine, '2024_1_contract01')
        self._convert()
        catalogs.fill(self.engine, four_bytes=True)
        self.compare_rows('2024_1_contract01', 'sync')


class PostgresqlUpgradesTest(Upgrades, engines.Engine):
    kind = 'postgresql'
