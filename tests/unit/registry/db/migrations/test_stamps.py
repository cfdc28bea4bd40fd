"""version_control, and what is done about it."""

from typing import Any

from glance_registry.db import migration
from tests.unit.registry.db.migrations import engines


class Stamps:
    def test_empty_database_is_marked(self: Any) -> None:
        migration.version_control(self.engine, 'liberty', engines.silent)
        self.assertEqual(['liberty'], migration.version(self.engine))

    def test_populated_database_is_refused(self: Any) -> None:
        migration.sync(self.engine, engines.silent)
        with self.assertRaises(migration.MigrationError):
            migration.version_control(self.engine, 'liberty', engines.silent)
        self.assertEqual(engines.HEAD, migration.version(self.engine))

    def test_populated_database_is_marked_by_force(self: Any) -> None:
        migration.sync(self.engine, engines.silent)
        migration.version_control(
            self.engine, 'pike01', engines.silent, force=True
        )
        self.assertEqual(['pike_contract01'], migration.version(self.engine))

    def test_unknown_revision_is_refused(self: Any) -> None:
        for action in (migration.version_control, migration.upgrade):
            with self.assertRaises(migration.MigrationError):
                action(self.engine, 'nowhere', engines.silent)


class SqliteStampsTest(Stamps, engines.Engine):
    kind = 'sqlite'


class MysqlStampsTest(Stamps, engines.Engine):
    kind = 'mysql'


class PostgresqlStampsTest(Stamps, engines.Engine):
    kind = 'postgresql'
