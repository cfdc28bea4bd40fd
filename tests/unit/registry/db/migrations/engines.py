"""Databases to migrate, of every kind."""

import contextlib
from typing import Any
import unittest

from alembic import autogenerate
from alembic.runtime import migration as alembic_migration
import sqlalchemy as sa

from glance_registry.db import maintenance
from glance_registry.db import migration
from glance_registry.db import models
from tests import databases

HEAD = ['split_contract04']


def silent(line: str) -> None:
    """Where lines go that no test reads."""


def by_phases(engine: sa.Engine) -> None:
    migration.expand(engine, silent)
    migration.migrate(engine, silent)
    migration.contract(engine, silent)


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
