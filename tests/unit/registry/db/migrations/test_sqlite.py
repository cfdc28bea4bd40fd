"""What only SQLite has: files, checks, revisions that fail as a whole."""

import os
import stat

import sqlalchemy as sa
from sqlalchemy import exc

from glance_registry.db import maintenance
from glance_registry.db import migration
from tests.unit.registry.db import catalogs
from tests.unit.registry.db.migrations import engines


class SqliteTest(engines.Engine):
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
            migration.sync(self.engine, engines.silent)
        columns = catalogs.tables(self.engine)['images'].c
        self.assertNotIn('row_version', columns)
        self.run_sql('DROP VIEW split_images_name')
        migration.sync(self.engine, engines.silent)
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
        migration.sync(self.engine, engines.silent)
        self.assertEqual([], self.differences())
        with self.assertRaises(exc.IntegrityError):
            self.run_sql("UPDATE images SET visibility = 'none'")

    def test_checks_survive_the_copy_of_the_table(self) -> None:
        migration.sync(self.engine, engines.silent)
        catalogs.fill(self.engine)
        with self.assertRaises(exc.IntegrityError):
            self.run_sql('UPDATE images SET deleted = 2')
