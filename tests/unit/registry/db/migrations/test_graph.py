"""What any database can be asked to do, step by step."""

import os
from typing import Any
from unittest import mock

from alembic import script
import sqlalchemy as sa

from glance_registry.db import migration
from glance_registry.db import migrations
from glance_registry.db import models
from glance_registry.db.migrations.data_migrations import ocata_migrate01
from glance_registry.db.migrations.data_migrations import train_migrate01
from tests.unit.registry.db import catalogs
from tests.unit.registry.db.migrations import engines


def _order() -> list[str]:
    """All revisions, expands first."""
    graph = script.ScriptDirectory(os.path.dirname(migrations.__file__))
    found = [each.revision for each in graph.walk_revisions()]
    found.reverse()
    return sorted(found, key=lambda name: 'contract' in name)


class Graph:
    def test_new_database_is_what_queries_name(self: Any) -> None:
        migration.sync(self.engine, engines.silent)
        self.assertEqual([], self.differences())

    def test_new_database_by_the_scripts_alone(self: Any) -> None:
        migration.upgrade(self.engine, 'heads', engines.silent)
        self.assertEqual(engines.HEAD, migration.version(self.engine))
        self.assertEqual([], self.differences())

    def test_new_database_by_phases(self: Any) -> None:
        engines.by_phases(self.engine)
        self.assertEqual([], self.differences())

    def test_created_tables_are_what_queries_name(self: Any) -> None:
        models.metadata.create_all(self.engine)
        self.assertEqual([], self.differences())

    def test_two_revisions_between_expand_and_contract(self: Any) -> None:
        catalogs.make(self.engine, '2024_1_contract01')
        migration.expand(self.engine, engines.silent)
        self.assertEqual(
            ['2024_1_contract01', 'split_expand04'],
            migration.version(self.engine),
        )

    def test_older_code_runs_on_the_expanded_schema(self: Any) -> None:
        catalogs.make(self.engine, '2024_1_contract01')
        catalogs.fill(self.engine)
        old = catalogs.tables(self.engine)['images']
        migration.expand(self.engine, engines.silent)
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
            migration.upgrade(self.engine, revision, engines.silent)
            after = migration.version(self.engine)
            self.store(*before)
            migration.upgrade(self.engine, revision, engines.silent)
            self.assertEqual(after, migration.version(self.engine))
        self.assertEqual(engines.HEAD, after)
        self.assertEqual([], self.differences())

    def test_interrupted_first_step_is_repeated(self: Any) -> None:
        migration.upgrade(self.engine, 'liberty', engines.silent)
        self.run_sql('DELETE FROM alembic_version', 'DROP TABLE image_tags')
        migration.sync(self.engine, engines.silent)
        self.assertEqual([], self.differences())

    def test_unmarked_tables_are_refused(self: Any) -> None:
        migration.upgrade(self.engine, 'liberty', engines.silent)
        self.run_sql('DROP TABLE alembic_version')
        with self.assertRaises(migration.MigrationError):
            migration.sync(self.engine, engines.silent)

    def test_numbers_before_liberty_are_refused(self: Any) -> None:
        catalogs.make_numbered(self.engine, 41, 'liberty')
        with self.assertRaises(migration.MigrationError):
            migration.sync(self.engine, engines.silent)

    def test_revision_of_the_future_is_refused(self: Any) -> None:
        migration.sync(self.engine, engines.silent)
        self.store('2999_1_contract01')
        self.assertEqual(['2999_1_contract01'], migration.version(self.engine))
        for action in (migration.sync, migration.expand, migration.contract):
            with self.assertRaises(migration.MigrationError):
                action(self.engine, engines.silent)

    def test_scripts_alone_do_not_forget_visibility(self: Any) -> None:
        catalogs.make(self.engine, 'mitaka02')
        catalogs.fill(self.engine)
        with self.assertRaises(migration.MigrationError):
            migration.upgrade(self.engine, 'heads', engines.silent)
        migration.sync(self.engine, engines.silent)
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
        migration.expand(self.engine, engines.silent)
        self.assertIs(migration.NextStep.MIGRATE, migration.check(self.engine))
        with self.assertRaises(migration.MigrationError):
            migration.contract(self.engine, engines.silent)
        migration.migrate(self.engine, engines.silent)
        self.assertIs(
            migration.NextStep.CONTRACT, migration.check(self.engine)
        )
        migration.contract(self.engine, engines.silent)
        self.assertIs(migration.NextStep.NONE, migration.check(self.engine))

    def test_rows_of_later_releases_wait_too(self: Any) -> None:
        catalogs.make(self.engine, '2023_1_contract01')
        catalogs.fill(self.engine)
        migration.expand(self.engine, engines.silent)
        self.assertIs(migration.NextStep.MIGRATE, migration.check(self.engine))

    def test_migrate_and_contract_need_expand(self: Any) -> None:
        catalogs.make(self.engine, 'queens_contract01')
        for action in (migration.migrate, migration.contract):
            with self.assertRaises(migration.MigrationError):
                action(self.engine, engines.silent)

    def test_batches_reach_all_rows(self: Any) -> None:
        catalogs.make(self.engine, 'mitaka02')
        catalogs.fill(self.engine)
        migration.expand(self.engine, engines.silent)
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
        migration.sync(self.engine, engines.silent)
        self.assertEqual(
            ['OS::Nova::Instance', 'OS::Nova::Server'],
            self.scalars(
                'SELECT name FROM metadef_resource_types ORDER BY id'
            ),
        )


class SqliteGraphTest(Graph, engines.Engine):
    kind = 'sqlite'


class MysqlGraphTest(Graph, engines.Engine):
    kind = 'mysql'


class PostgresqlGraphTest(Graph, engines.Engine):
    kind = 'postgresql'
