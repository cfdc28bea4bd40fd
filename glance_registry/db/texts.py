"""Checks whether the database can store every text."""

import sqlalchemy as sa

from glance_registry.db import models

#: For MariaDB and MySQL: text columns whose character set is not UTF-8.
_COLUMNS = sa.text(
    'SELECT table_name AS table_name, column_name AS column_name,'
    ' column_type AS column_type, is_nullable AS is_nullable,'
    ' character_set_name AS charset'
    ' FROM information_schema.columns'
    " WHERE table_schema = DATABASE() AND data_type <> 'enum'"
    " AND character_set_name NOT IN ('utf8', 'utf8mb3', 'utf8mb4')"
    ' ORDER BY table_name, column_name'
)
_ENCODING = sa.text('SHOW server_encoding')


def faults(engine: sa.Engine) -> list[str]:
    """Return messages on what cannot store every text, with the remedy."""
    if engine.dialect.name in models.MYSQL:
        return _column_faults(engine)
    if engine.dialect.name == 'postgresql':
        return _encoding_faults(engine)
    return []


def _column_faults(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        rows = connection.execute(_COLUMNS).all()
    return [
        f'The column {row.table_name}.{row.column_name} has the character '
        f'set {row.charset}, which cannot hold every text. Run: ALTER TABLE '
        f'{row.table_name} MODIFY {row.column_name} {row.column_type} '
        f'CHARACTER SET utf8mb4'
        f'{"" if row.is_nullable == "YES" else " NOT NULL"};'
        for row in rows
        if row.table_name in models.metadata.tables
    ]


def _encoding_faults(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        encoding = connection.execute(_ENCODING).scalar_one()
    if encoding == 'UTF8':
        return []
    return [
        f'The database has the encoding {encoding}, which cannot hold every '
        'text. Dump it, create it with ENCODING UTF8, and restore it.'
    ]
