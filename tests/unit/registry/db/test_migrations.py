"""Databases of every age reach the newest revision with all they hold."""

from collections.abc import Callable
import contextlib
import functools
import os
import stat
import threading
from typing import Any
import unittest
from unittest import mock

from alembic import autogenerate
from alembic import script
from alembic.runtime import migration as alembic_migration
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy import schema

from glance_registry.db import maintenance
from glance_registry.db import migration
from glance_registry.db import migrations
from glance_registry.db import models
from glance_registry.db.migrations.data_migrations import ocata_migrate01
from glance_registry.db.migrations.data_migrations import train_migrate01
from tests import databases
from tests.unit.registry.db import catalogs

HEAD = ['split_contract02']
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


def _silent(line: str) -> None:
    """Where lines go that no test reads."""


def _expected(rows: catalogs.Rows) -> catalogs.Rows:
    """What must be there after the upgrade of these rows."""
    found: catalogs.Rows = {
        'image_transfers': [],
        'storage_owners': [],
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


def _order() -> list[str]:
    """All revisions, expands first."""
    graph = script.ScriptDirectory(os.path.dirname(migrations.__file__))
    found = [each.revision for each in graph.walk_revisions()]
    found.reverse()
    return sorted(found, key=lambda name: 'contract' in name)


def _is_other_default(
    context: Any,
    inspected: Any,
    wanted: Any,
    found_default: str | None,
    wanted_clause: Any,
    wanted_default: str | None,
) -> bool | None:
    """MySQL tells false as a number; otherwise alembic decides."""
    if (found_default, wanted_default) == ('0', 'false'):
        return False
    return None


def _tables_of(kind: str) -> sa.MetaData:
    """The tables with the indexes of one engine.

    Where engines differ there are two of a name, and alembic does not ask
    which of them is meant.
    """
    found = sa.MetaData()
    for table in models.metadata.sorted_tables:
        for index in table.to_metadata(found).indexes.copy():
            expression = any(
                isinstance(each, sa.Function) for each in index.expressions
            )
            if index.name == 'split_image_properties_value' and (
                expression != (kind == 'postgresql')
            ):
                found.tables[table.name].indexes.remove(index)
    return found


def _by_phases(engine: sa.Engine) -> None:
    migration.expand(engine, _silent)
    migration.migrate(engine, _silent)
    migration.contract(engine, _silent)


_WAYS: dict[str, Callable[[sa.Engine], None]] = {
    'sync': lambda engine: migration.sync(engine, _silent),
    'phases': _by_phases,
}


class Engine(unittest.TestCase):
    """Tests of one kind of engine, each on a database of its own."""

    kind = 'sqlite'
    maxDiff = None

    def setUp(self) -> None:
        super().setUp()
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.url = stack.enter_context(databases.TemporaryDatabase(self.kind))
        self.engine = maintenance.engine(self.url, create=True)

    def store(self, *revisions: str) -> None:
        self.run_sql(
            'DELETE FROM alembic_version',
            *(
                f"INSERT INTO alembic_version VALUES ('{revision}')"
                for revision in revisions
            ),
        )

    def run_sql(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def scalars(self, statement: str) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.exec_driver_sql(statement).scalars())

    def differences(self) -> list[Any]:
        """Between the tables that queries name and those that are there."""
        with self.engine.connect() as connection:
            context = alembic_migration.MigrationContext.configure(
                connection,
                opts={
                    'compare_type': True,
                    'compare_server_default': _is_other_default,
                    'include_name': lambda name, *_: name != 'migrate_version',
                },
            )
            wanted = _tables_of(self.kind)
            found = autogenerate.compare_metadata(context, wanted)
        return list(found)


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
        self.assertEqual(HEAD, migration.version(self.engine))
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


class Graph:
    """What any database can be asked to do."""

    def test_new_database_is_what_queries_name(self: Any) -> None:
        migration.sync(self.engine, _silent)
        self.assertEqual([], self.differences())

    def test_new_database_by_the_scripts_alone(self: Any) -> None:
        migration.upgrade(self.engine, 'heads', _silent)
        self.assertEqual(HEAD, migration.version(self.engine))
        self.assertEqual([], self.differences())

    def test_new_database_by_phases(self: Any) -> None:
        _by_phases(self.engine)
        self.assertEqual([], self.differences())

    def test_created_tables_are_what_queries_name(self: Any) -> None:
        models.metadata.create_all(self.engine)
        self.assertEqual([], self.differences())

    def test_two_revisions_between_expand_and_contract(self: Any) -> None:
        catalogs.make(self.engine, '2024_1_contract01')
        migration.expand(self.engine, _silent)
        self.assertEqual(
            ['2024_1_contract01', 'split_expand02'],
            migration.version(self.engine),
        )

    def test_older_code_runs_on_the_expanded_schema(self: Any) -> None:
        catalogs.make(self.engine, '2024_1_contract01')
        catalogs.fill(self.engine)
        old = catalogs.tables(self.engine)['images']
        migration.expand(self.engine, _silent)
        with self.engine.begin() as connection:
            connection.execute(
                sa.insert(old).values(
                    id='written by old code',
                    status='queued',
                    created_at=catalogs.EARLY,
                    deleted=False,
                    min_disk=0,
                    min_ram=0,
                )
            )
            written = connection.execute(
                sa.select(models.images).where(
                    models.images.c.id == 'written by old code'
                )
            ).one()
            connection.execute(sa.select(old)).all()
        self.assertEqual(1, written.row_version)
        self.assertEqual('shared', written.visibility)

    def test_interrupted_steps_are_repeated(self: Any) -> None:
        """MySQL keeps what a revision did before it was interrupted."""
        for revision in _order():
            before = migration.version(self.engine)
            migration.upgrade(self.engine, revision, _silent)
            after = migration.version(self.engine)
            self.store(*before)
            migration.upgrade(self.engine, revision, _silent)
            self.assertEqual(after, migration.version(self.engine))
        self.assertEqual(HEAD, after)
        self.assertEqual([], self.differences())

    def test_interrupted_first_step_is_repeated(self: Any) -> None:
        migration.upgrade(self.engine, 'liberty', _silent)
        self.run_sql('DELETE FROM alembic_version', 'DROP TABLE image_tags')
        migration.sync(self.engine, _silent)
        self.assertEqual([], self.differences())

    def test_unmarked_tables_are_refused(self: Any) -> None:
        migration.upgrade(self.engine, 'liberty', _silent)
        self.run_sql('DROP TABLE alembic_version')
        with self.assertRaises(migration.MigrationError):
            migration.sync(self.engine, _silent)

    def test_numbers_before_liberty_are_refused(self: Any) -> None:
        catalogs.make_numbered(self.engine, 41, 'liberty')
        with self.assertRaises(migration.MigrationError):
            migration.sync(self.engine, _silent)

    def test_revision_of_the_future_is_refused(self: Any) -> None:
        migration.sync(self.engine, _silent)
        self.store('2999_1_contract01')
        self.assertEqual(['2999_1_contract01'], migration.version(self.engine))
        for action in (migration.sync, migration.expand, migration.contract):
            with self.assertRaises(migration.MigrationError):
                action(self.engine, _silent)

    def test_scripts_alone_do_not_forget_visibility(self: Any) -> None:
        catalogs.make(self.engine, 'mitaka02')
        catalogs.fill(self.engine)
        with self.assertRaises(migration.MigrationError):
            migration.upgrade(self.engine, 'heads', _silent)
        migration.sync(self.engine, _silent)
        found = {
            row['checksum']: row['visibility']
            for row in catalogs.read(self.engine)['images']
        }
        wanted = {name: each[3] for name, each in catalogs.IMAGES.items()}
        self.assertEqual(wanted, found)

    def test_check_tells_the_next_step(self: Any) -> None:
        catalogs.make(self.engine, 'mitaka02')
        catalogs.fill(self.engine)
        self.assertIs(migration.NextStep.EXPAND, migration.check(self.engine))
        migration.expand(self.engine, _silent)
        self.assertIs(migration.NextStep.MIGRATE, migration.check(self.engine))
        with self.assertRaises(migration.MigrationError):
            migration.contract(self.engine, _silent)
        migration.migrate(self.engine, _silent)
        self.assertIs(
            migration.NextStep.CONTRACT, migration.check(self.engine)
        )
        migration.contract(self.engine, _silent)
        self.assertIs(migration.NextStep.NONE, migration.check(self.engine))

    def test_rows_of_later_releases_wait_too(self: Any) -> None:
        catalogs.make(self.engine, '2023_1_contract01')
        catalogs.fill(self.engine)
        migration.expand(self.engine, _silent)
        self.assertIs(migration.NextStep.MIGRATE, migration.check(self.engine))

    def test_migrate_and_contract_need_expand(self: Any) -> None:
        catalogs.make(self.engine, 'queens_contract01')
        for action in (migration.migrate, migration.contract):
            with self.assertRaises(migration.MigrationError):
                action(self.engine, _silent)

    def test_batches_reach_all_rows(self: Any) -> None:
        catalogs.make(self.engine, 'mitaka02')
        catalogs.fill(self.engine)
        migration.expand(self.engine, _silent)
        with (
            mock.patch.object(ocata_migrate01, 'BATCH', 2),
            mock.patch.object(train_migrate01, 'BATCH', 2),
        ):
            images = ocata_migrate01.migrate(self.engine)
            locations = train_migrate01.migrate(self.engine)
        self.assertEqual(len(catalogs.IMAGES), images)
        self.assertEqual(2 * len(catalogs.IMAGES), locations)
        self.assertEqual(0, ocata_migrate01.migrate(self.engine))
        self.assertEqual(0, train_migrate01.migrate(self.engine))

    def test_a_resource_type_of_that_name_exists_already(self: Any) -> None:
        catalogs.make(self.engine, 'liberty')
        catalogs.fill(self.engine)
        self.run_sql(
            "UPDATE metadef_resource_types SET name = 'OS::Nova::Server'"
            ' WHERE id = 2'
        )
        migration.sync(self.engine, _silent)
        self.assertEqual(
            ['OS::Nova::Instance', 'OS::Nova::Server'],
            self.scalars(
                'SELECT name FROM metadef_resource_types ORDER BY id'
            ),
        )


class Stamps:
    """version_control, and what is done about it."""

    def test_empty_database_is_marked(self: Any) -> None:
        migration.version_control(self.engine, 'liberty', _silent)
        self.assertEqual(['liberty'], migration.version(self.engine))

    def test_populated_database_is_refused(self: Any) -> None:
        migration.sync(self.engine, _silent)
        with self.assertRaises(migration.MigrationError):
            migration.version_control(self.engine, 'liberty', _silent)
        self.assertEqual(HEAD, migration.version(self.engine))

    def test_populated_database_is_marked_by_force(self: Any) -> None:
        migration.sync(self.engine, _silent)
        migration.version_control(self.engine, 'pike01', _silent, force=True)
        self.assertEqual(['pike_contract01'], migration.version(self.engine))

    def test_unknown_revision_is_refused(self: Any) -> None:
        for action in (migration.version_control, migration.upgrade):
            with self.assertRaises(migration.MigrationError):
                action(self.engine, 'nowhere', _silent)


class Locks:
    """Two commands at once."""

    def test_second_command_gives_up_at_last(self: Any) -> None:
        other = maintenance.engine(self.url)
        with (
            maintenance.lock(self.engine),
            mock.patch.object(maintenance, 'LOCK_TIMEOUT_SECONDS', 0),
            self.assertRaises(maintenance.Locked),
        ):
            migration.sync(other, _silent)
        migration.sync(other, _silent)
        self.assertEqual(HEAD, migration.version(self.engine))

    def test_second_command_finds_the_work_done(self: Any) -> None:
        lines: list[str] = []

        def work() -> None:
            migration.sync(maintenance.engine(self.url), lines.append)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(2, lines.count('The database is already up to date.'))
        self.assertEqual([], self.differences())


class SqliteUpgradesTest(Upgrades, Engine):
    kind = 'sqlite'


class SqliteGraphTest(Graph, Stamps, Locks, Engine):
    kind = 'sqlite'

    def test_created_file_is_private_and_has_a_log(self) -> None:
        path = sa.make_url(self.url).database
        assert path is not None
        mode = stat.S_IMODE(os.stat(path).st_mode)
        self.assertEqual(0, mode & 0o027)
        self.assertEqual(['wal'], self.scalars('PRAGMA journal_mode'))

    def test_looking_creates_no_file(self) -> None:
        url = f'{self.url}.absent'
        engine = maintenance.engine(url)
        self.assertEqual([], migration.version(engine))
        self.assertIs(migration.NextStep.EXPAND, migration.check(engine))
        path = sa.make_url(url).database
        assert path is not None
        self.assertFalse(os.path.exists(path))

    def test_failed_revision_leaves_nothing(self) -> None:
        catalogs.make(self.engine, 'mitaka02')
        self.run_sql('CREATE VIEW split_images_name AS SELECT 1')
        with self.assertRaises(exc.DatabaseError):
            migration.sync(self.engine, _silent)
        columns = catalogs.tables(self.engine)['images'].c
        self.assertNotIn('row_version', columns)
        self.run_sql('DROP VIEW split_images_name')
        migration.sync(self.engine, _silent)
        self.assertEqual([], self.differences())

    def test_pike_had_a_check_of_visibility(self) -> None:
        """The one step of Pike made it, in SQLite alone."""
        catalogs.make(self.engine, 'pike01')
        self.run_sql(
            'PRAGMA writable_schema = 1',
            'UPDATE sqlite_master SET sql = substr(sql, 1,'
            " length(sql) - 1) || ', CONSTRAINT image_visibility CHECK"
            " (visibility IN (''private'',''public'',''shared'',"
            " ''community'')))' WHERE name = 'images'".replace("''", "''"),
        )
        catalogs.fill(self.engine)
        migration.sync(self.engine, _silent)
        self.assertEqual([], self.differences())
        with self.assertRaises(exc.IntegrityError):
            self.run_sql("UPDATE images SET visibility = 'none'")

    def test_checks_survive_the_copy_of_the_table(self) -> None:
        migration.sync(self.engine, _silent)
        catalogs.fill(self.engine)
        with self.assertRaises(exc.IntegrityError):
            self.run_sql('UPDATE images SET deleted = 2')


class MysqlUpgradesTest(Upgrades, Engine):
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


class MysqlGraphTest(Graph, Stamps, Locks, Engine):
    kind = 'mysql'

    def _triggers(self) -> list[Any]:
        return self.scalars(
            'SELECT trigger_name FROM information_schema.triggers'
            ' WHERE trigger_schema = DATABASE() ORDER BY trigger_name'
        )

    def _insert(self, image_id: str, columns: str, values: str) -> None:
        self.run_sql(
            'INSERT INTO images (id, status, created_at, deleted, min_disk,'
            f" min_ram, {columns}) VALUES ('{image_id}', 'queued',"
            f" '2016-01-01', 0, 0, 0, {values})"
        )

    def _row(self, image_id: str) -> tuple[Any, ...]:
        with self.engine.connect() as connection:
            query = sa.text(
                'SELECT is_public, visibility FROM images WHERE id = :id'
            )
            return tuple(connection.execute(query, {'id': image_id}).one())

    def test_no_triggers_where_no_old_daemon_can_be(self) -> None:
        migration.expand(self.engine, _silent)
        self.assertEqual([], self._triggers())

    def test_triggers_are_gone_in_the_end(self) -> None:
        catalogs.make(self.engine, 'mitaka02')
        migration.expand(self.engine, _silent)
        self.assertEqual(
            ['insert_visibility', 'update_visibility'], self._triggers()
        )
        migration.sync(self.engine, _silent)
        self.assertEqual([], self._triggers())

    def test_inserts_of_old_and_new_daemons(self) -> None:
        catalogs.make(self.engine, 'mitaka02')
        migration.expand(self.engine, _silent)
        for column, value, expected in (
            ('is_public', '1', (1, 'public')),
            ('is_public', '0', (0, 'shared')),
            ('visibility', "'public'", (1, 'public')),
            ('visibility', "'community'", (0, 'community')),
        ):
            image_id = f'{column} {expected[1]}'
            self._insert(image_id, column, value)
            self.assertEqual(expected, self._row(image_id))
        for values in ("1, 'public'", 'NULL, NULL'):
            with self.assertRaises(exc.DBAPIError):
                self._insert('x', 'is_public, visibility', values)

    def test_updates_of_old_and_new_daemons(self) -> None:
        catalogs.make(self.engine, 'mitaka02')
        migration.expand(self.engine, _silent)
        self._insert('x', 'is_public', '0')
        for change, expected in (
            ('is_public = 1', (1, 'public')),
            ('is_public = 0', (0, 'shared')),
            ("visibility = 'public'", (1, 'public')),
            ("visibility = 'private'", (0, 'private')),
            ("name = 'other'", (0, 'private')),
        ):
            self.run_sql(f'UPDATE images SET {change}')
            self.assertEqual(expected, self._row('x'))
        for change in (
            "is_public = 1, visibility = 'public'",
            'is_public = NULL',
            'visibility = NULL',
        ):
            with self.assertRaises(exc.DBAPIError):
                self.run_sql(f'UPDATE images SET {change}')


class PostgresqlUpgradesTest(Upgrades, Engine):
    kind = 'postgresql'


class PostgresqlGraphTest(Graph, Stamps, Locks, Engine):
    kind = 'postgresql'
