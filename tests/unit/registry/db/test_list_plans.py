"""Each engine reads a list from the indexes meant for it.

A page may look at few images, however many there are: no scan and no sort
of them all.
"""

import contextlib
import re
from typing import Any
import unittest

import sqlalchemy as sa

from benchmark import lists
from benchmark import seeding
from glance.common import context
from glance_registry import conf as registry_conf
from glance_registry.db import engine
from glance_registry.db import images
from glance_registry.db import maintenance
from glance_registry.db import models
from glance_registry.db import storage
from tests import base
from tests import databases

COUNT = 4000
CALLERS = ('p1', 'rare', 'admin')
#: Case, and the index that its page is read from.
WALKED = {
    'list': 'created_at',
    'created_at:asc': 'created_at',
    'name:asc': 'name',
    'name:desc': 'name',
    'name, all asc': 'name',
    'size:asc': 'size',
    'size:desc': 'size',
    'name=': 'name',
    'status=': 'created_at',
    'visibility all': 'created_at',
}
#: The tables whose size grows with the catalogue.
LARGE = ('images', 'image_properties', 'image_tags', 'image_locations')


class Plans(unittest.TestCase):
    """On SQLite; the other engines are below."""

    kind = 'sqlite'

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        url = cls.enterClassContext(databases.TemporaryDatabase(cls.kind))
        made = maintenance.engine(url, create=True)
        models.metadata.create_all(made)
        seeding.fill(url, COUNT, seeding.Mix())
        made.dispose()
        conf = base.configuration(registry_conf, '/')
        cls.database = engine.Database(url, conf.database)
        cls.addClassCleanup(cls.database.dispose)
        cls.database.read(cls.tidy)

    @classmethod
    def tidy(cls, connection: sa.Connection) -> None:
        """What the server would do by itself, later."""

    def statements(
        self, caller: Any, query: Any, **changes: Any
    ) -> list[tuple[str, Any]]:
        """What finds the ids of a page, executed once."""
        found = self.sent(
            images.get_page, caller, query | changes, self.database.dialect
        )
        return [
            each
            for each in found
            if 'images.checksum' not in each[0] and "'property'" not in each[0]
        ]

    def sent(self, operation: Any, *arguments: Any) -> list[tuple[str, Any]]:
        """Every statement of an operation, with its values."""
        found = []

        def note(connection: Any, cursor: Any, *sent: Any) -> None:
            found.append(sent[:2])

        with contextlib.ExitStack() as stack:
            what = sa.Engine, 'before_cursor_execute', note
            sa.event.listen(*what)
            stack.callback(sa.event.remove, *what)
            self.database.read(operation, *arguments)
        return found

    def plan(self, statement: str, values: Any) -> list[str]:
        """Lines of text on how a statement is executed."""
        rows = self.database.read(
            lambda connection: connection.exec_driver_sql(
                f'EXPLAIN QUERY PLAN {statement}', values
            ).all()
        )
        return [str(row[-1]) for row in rows]

    def scans(self, plan: list[str]) -> list[str]:
        """The lines that tell of a large table read as a whole."""
        return [
            line
            for line in plan
            if re.match(rf'SCAN ({"|".join(LARGE)})\b', line)
        ]

    def queries(self) -> Any:
        for caller in CALLERS:
            caller = context.RequestContext(
                project_id=caller, is_admin=caller == 'admin', overwrite=False
            )
            for name, query in lists.CASES.items():
                yield name, caller, query

    def test_every_page_walks_its_index(self) -> None:
        for name, caller, query in self.queries():
            if name not in WALKED:
                continue
            with self.subTest(case=name, caller=caller.project_id):
                statement, values = self.statements(caller, query)[-1]
                plan = '\n'.join(self.plan(statement, values))
                self.assertIn(f'split_images_visibility_{WALKED[name]}', plan)

    def test_no_large_table_is_scanned(self) -> None:
        for name, caller, query in self.queries():
            with self.subTest(case=name, caller=caller.project_id):
                for sent in self.statements(caller, query):
                    self.assertEqual([], self.scans(self.plan(*sent)))

    def test_what_an_owner_keeps_is_counted_on_indexes(self) -> None:
        for operation in (storage.get_usage, storage._running):
            for owner in ('rare', None):
                with self.subTest(operation=operation, owner=owner):
                    found = self.sent(operation, owner)
                    self.assertTrue(found)
                    for sent in found:
                        plan = self.plan(*sent)
                        self.assertEqual([], self.scans(plan), plan)

    def test_behind_a_marker_the_index_is_walked_from_there(self) -> None:
        for name, caller, query in self.queries():
            if name not in ('list', 'name:asc', 'name:desc', 'size:desc'):
                continue
            marker = self.database.read(
                lambda connection: connection.exec_driver_sql(
                    "SELECT id FROM images WHERE name = 'img-0002000'"
                ).scalar()
            )
            with self.subTest(case=name, caller=caller.project_id):
                found = self.statements(caller, query, marker=marker)
                self.assertEqual([], self.scans(self.plan(*found[-1])))
                self.assert_few_read(caller, query | {'marker': marker})

    def test_few_rows_are_read(self) -> None:
        for name, caller, query in self.queries():
            if name in WALKED:
                with self.subTest(case=name, caller=caller.project_id):
                    self.assert_few_read(caller, query)

    def assert_few_read(self, caller: Any, query: Any) -> None:
        """SQLite does not count."""


class MysqlPlans(Plans):
    kind = 'mysql'

    def plan(self, statement: str, values: Any) -> list[str]:
        rows = self.database.read(
            lambda connection: (
                connection.exec_driver_sql(f'EXPLAIN {statement}', values)
                .mappings()
                .all()
            )
        )
        return [
            ' '.join(str(row[name]) for name in ('table', 'type', 'key'))
            for row in rows
        ]

    def scans(self, plan: list[str]) -> list[str]:
        large = '|'.join(LARGE)
        return [
            line
            for line in plan
            if re.match(rf'({large}) (ALL|index|index_merge)\b', line)
        ]

    def assert_few_read(self, caller: Any, query: Any) -> None:
        def read(connection: sa.Connection) -> int:
            counts = []
            for _ in range(2):
                rows = connection.exec_driver_sql(
                    "SHOW SESSION STATUS LIKE 'Handler_read%%'"
                )
                counts.append(sum(int(row[1]) for row in rows))
                images.get_page(connection, caller, query, 'mysql')
            return counts[1] - counts[0]

        self.assertLess(self.database.read(read), 1000)


class PostgresqlPlans(Plans):
    kind = 'postgresql'

    @classmethod
    def tidy(cls, connection: sa.Connection) -> None:
        for table in (*LARGE, 'image_members'):
            connection.exec_driver_sql(f'VACUUM ANALYZE {table}')

    def plan(self, statement: str, values: Any) -> list[str]:
        def explain(connection: sa.Connection) -> list[str]:
            # The table is small enough to read it all.
            connection.exec_driver_sql('SET enable_seqscan = off')
            rows = connection.exec_driver_sql(f'EXPLAIN {statement}', values)
            lines = [row[0] for row in rows]
            connection.exec_driver_sql('RESET enable_seqscan')
            return lines

        return self.database.read(explain)

    def scans(self, plan: list[str]) -> list[str]:
        large = '|'.join(LARGE)
        return [
            line for line in plan if re.search(rf'Seq Scan on ({large})', line)
        ]

    def assert_few_read(self, caller: Any, query: Any) -> None:
        statement, values = self.statements(caller, query)[-1]
        rows = self.database.read(
            lambda connection: connection.exec_driver_sql(
                f'EXPLAIN (ANALYZE, TIMING OFF) {statement}', values
            ).all()
        )
        for (line,) in rows:
            actual = re.search(r'actual rows=(\d+)', line)
            if actual:
                self.assertLess(int(actual[1]), 300, line)
