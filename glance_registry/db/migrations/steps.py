"""Schema changes that can be repeated.

MySQL commits every DDL statement immediately, so an interrupted revision is
run again with a part of its work done. Therefore each function first checks
whether its change is already made.
"""

from typing import Any

from alembic import op
import sqlalchemy as sa
from sqlalchemy import schema


class Refused(Exception):
    """The step would lose data, or the engine does not allow it."""


def dialect() -> str:
    """Return the dialect of the engine; MariaDB is ``mysql``."""
    name = op.get_bind().dialect.name
    return 'mysql' if name == 'mariadb' else name


def has_column(table: str, column: str) -> bool:
    columns = sa.inspect(op.get_bind()).get_columns(table)
    return column in {each['name'] for each in columns}


def has_index(table: str, index: str) -> bool:
    indexes = sa.inspect(op.get_bind()).get_indexes(table)
    return index in {each['name'] for each in indexes}


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
    """Return a Boolean type for ``add_column``.

    On engines without native Booleans, a CHECK restricts the values. SQLite
    has none here, because it cannot add constraints to an existing table.
    """
    return sa.Boolean(create_constraint=dialect() != 'sqlite')


def charset_of_images() -> dict[str, str]:
    """Return table options for MySQL: the character set of ``images.id``.

    Foreign keys and comparisons need columns of the same character set, and
    operators may have converted their tables to another one.
    """
    if dialect() != 'mysql':
        return {}
    row = op.get_bind().execute(
        sa.text(
            'SELECT character_set_name, collation_name'
            ' FROM information_schema.columns'
            ' WHERE table_schema = DATABASE()'
            " AND table_name = 'images' AND column_name = 'id'"
        )
    )
    charset, collation = row.one()
    return {'mysql_charset': charset, 'mysql_collate': collation}
