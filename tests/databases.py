"""Databases that live as long as a test.

SQLite is always there. The others are used when the address of a server,
with an account that may create databases, is in the environment::

    TEST_MYSQL_URL=mysql+pymysql://root@localhost/?unix_socket=...
    TEST_POSTGRESQL_URL=postgresql+psycopg2://postgres@/postgres?host=...
"""

from collections.abc import Iterator
import contextlib
import os
from pathlib import Path
import tempfile
import unittest
import uuid

import sqlalchemy as sa
from sqlalchemy import pool

KINDS = ('sqlite', 'mysql', 'postgresql')

_VARIABLES = {
    'mysql': 'TEST_MYSQL_URL',
    'postgresql': 'TEST_POSTGRESQL_URL',
}


@contextlib.contextmanager
def TemporaryDatabase(kind: str) -> Iterator[str]:  # noqa: N802 - see below
    """Yield the URL of an empty database, and drop it at the end.

    Named like the classes of ``tempfile``. The test is skipped when there
    is no server of that kind.
    """
    if kind == 'sqlite':
        with tempfile.TemporaryDirectory() as directory:
            yield f'sqlite:///{Path(directory, "test.sqlite")}'
        return
    server = _server(kind)
    name = f'test_{uuid.uuid4().hex}'
    _run(server, f'CREATE DATABASE {name}')
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        force = ' WITH (FORCE)' if kind == 'postgresql' else ''
        _run(server, f'DROP DATABASE {name}{force}')


def _server(kind: str) -> sa.URL:
    variable = _VARIABLES[kind]
    url = os.environ.get(variable)
    if not url:
        raise unittest.SkipTest(f'{variable} names no {kind} server')
    return sa.make_url(url)


def _run(server: sa.URL, statement: str) -> None:
    engine = sa.create_engine(
        server, isolation_level='AUTOCOMMIT', poolclass=pool.NullPool
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
