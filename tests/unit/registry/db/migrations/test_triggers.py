"""Triggers that keep old and new daemons in step, in MySQL."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from glance_registry.db import migration
from tests.unit.registry.db import catalogs
from tests.unit.registry.db.migrations import engines


class MysqlTriggersTest(engines.Engine):
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
        migration.expand(self.engine, engines.silent)
        self.assertEqual([], self._triggers())

    def test_triggers_are_gone_in_the_end(self) -> None:
        catalogs.make(self.engine, 'mitaka02')
        migration.expand(self.engine, engines.silent)
        self.assertEqual(
            ['insert_visibility', 'update_visibility'], self._triggers()
        )
        migration.sync(self.engine, engines.silent)
        self.assertEqual([], self._triggers())

    def test_inserts_of_old_and_new_daemons(self) -> None:
        catalogs.make(self.engine, 'mitaka02')
        migration.expand(self.engine, engines.silent)
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
        migration.expand(self.engine, engines.silent)
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
