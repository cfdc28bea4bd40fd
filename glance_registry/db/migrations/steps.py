"""Schema steps that may be repeated.

MySQL commits every DDL statement at once: a revision that was interrupted
begins again with a part of its work done. So each step looks first.
"""

from typing import Any

from alembic import op
import sqlalchemy as sa
from sqlalchemy import schema


class Refused(Exception):
    """A step that would lose something, or that the engine forbids."""


def dialect() -> str:
    """The engine at work; MariaDB counts as mysql."""
    name = op.get_bind().dialect.name
    return 'mysql' if name == 'mariadb' else name


def has_column(table: str, column: str) -> bool:
    found = sa.inspect(op.get_bind()).get_columns(table)
    return column in {each['name'] for each in found}


def has_index(table: str, index: str) -> bool:
    found = sa.inspect(op.get_bind()).get_indexes(table)
    return index in {each['name'] for each in found}


def create_table(name: str, *items: schema.SchemaItem, **options: Any) -> None:
    if not sa.inspect(op.get_bind()).has_table(name):
        options.setdefault('mysql_charset', 'utf8')
        op.create_table(name, *items, mysql_engine='InnoDB', **options)


def drop_table(name: str) -> None:
    if sa.inspect(op.get_bind()).has_table(name):
        op.drop_table(name)


def add_column(table: str, column: sa.Column[Any]) -> None:
    if not has_column(table, column.name):
        op.add_column(table, column)


def create_index(name: str, table: str, *columns: Any, **options: Any) -> None:
    if not has_index(table, name):
        op.create_index(name, table, list(columns), **options)


def drop_index(name: str, table: str) -> None:
    if has_index(table, name):
        op.drop_index(name, table_name=table)


def boolean() -> sa.Boolean:
    """A boolean for ``add_column``.

    Without native booleans a CHECK guards the values, except where a column
    is added in SQLite, which cannot add constraints to a table.
    """
    return sa.Boolean(create_constraint=dialect() != 'sqlite')


def charset_of_images() -> dict[str, str]:
    """Table options for MySQL: the character set of the images' ids.

    A foreign key and a comparison need columns of one character set, and
    operators have converted their tables.
    """
    if dialect() != 'mysql':
        return {}
    found = op.get_bind().execute(
        sa.text(
            'SELECT character_set_name, collation_name'
            ' FROM information_schema.columns'
            ' WHERE table_schema = DATABASE()'
            " AND table_name = 'images' AND column_name = 'id'"
        )
    )
    charset, collation = found.one()
    return {'mysql_charset': charset, 'mysql_collate': collation}
