"""Database connections and locks of the operator's command.

The command differs from a daemon: it is one process with one connection at a
time, and it runs long statements.
"""

from collections.abc import Callable, Iterator
import contextlib
import fcntl
import hashlib
import logging
import os
from pathlib import Path
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import pool

from glance_registry.db import servers

LOG = logging.getLogger(__name__)

#: Max time that one command waits for another one.
LOCK_TIMEOUT_SECONDS = 3600


class Locked(Exception):
    """Another command has held the lock of the database for too long."""


def engine(url: str, create: bool = False) -> sa.Engine:
    """Open a database.

    :param create: create a missing SQLite file; if False, a missing file is
        read as an empty database and not created
    """
    where = servers.parse_url(url)
    if where.get_backend_name() != 'sqlite':
        opened = sa.create_engine(where, poolclass=pool.NullPool)
        servers.set_mode(opened)
        return opened
    path = _sqlite_path(where)
    if path is None or path.exists():
        return _sqlite_engine(where)
    if not create:
        return _sqlite_engine(sa.make_url('sqlite://'))
    _create_sqlite(path)
    return _sqlite_engine(where)


def _sqlite_path(url: sa.URL) -> Path | None:
    name = url.database or ':memory:'
    if name == ':memory:' or name.startswith('file:'):
        return None
    return Path(name)


def _create_sqlite(path: Path) -> None:
    """Create the file with permissions for the service only.

    The journal mode is stored in the file. With WAL, readers do not wait for
    the writer.
    """
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o640))
    created = sa.create_engine(f'sqlite:///{path}', poolclass=pool.NullPool)
    with created.connect() as connection:
        connection.exec_driver_sql('PRAGMA journal_mode=WAL')


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    """Create an engine with real transactions.

    With its default settings, the driver commits before DDL statements.
    """
    opened = sa.create_engine(
        url, poolclass=pool.NullPool, connect_args={'timeout': 60}
    )

    @event.listens_for(opened, 'connect')
    def _connected(dbapi_connection: Any, record: Any) -> None:
        dbapi_connection.isolation_level = None
        dbapi_connection.execute('PRAGMA foreign_keys=ON')

    @event.listens_for(opened, 'begin')
    def _begins(connection: sa.Connection) -> None:
        connection.exec_driver_sql('BEGIN')

    return opened


@contextlib.contextmanager
def lock(opened: sa.Engine) -> Iterator[None]:
    """Lock the database against other commands.

    The lock is released when the process ends, also if it is killed. On a
    Galera cluster it excludes only commands that use the same node.
    """
    holders = {'mysql': _lock_mysql, 'postgresql': _lock_postgresql}
    hold = holders.get(opened.dialect.name, _lock_sqlite)
    with hold(opened):
        yield


def _wait_for(attempt: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + LOCK_TIMEOUT_SECONDS
    if attempt():
        return
    LOG.info('Waiting until another command on this database has finished.')
    while not attempt():
        if time.monotonic() >= give_up_at:
            raise Locked('Another command holds the lock of this database.')
        time.sleep(0.5)


@contextlib.contextmanager
def _lock_mysql(opened: sa.Engine) -> Iterator[None]:
    name = f'glance-manage/{opened.url.database}'[:64]
    query = sa.select(sa.func.get_lock(name, 0))
    with _own_connection(opened) as connection:
        _wait_for(lambda: connection.scalar(query) == 1)
        yield


@contextlib.contextmanager
def _lock_postgresql(opened: sa.Engine) -> Iterator[None]:
    digest = hashlib.sha256(b'glance-manage').digest()
    key = int.from_bytes(digest[:8], 'big', signed=True)
    query = sa.select(sa.func.pg_try_advisory_lock(key))
    with _own_connection(opened) as connection:
        _wait_for(lambda: bool(connection.scalar(query)))
        yield


def _own_connection(opened: sa.Engine) -> sa.Connection:
    """Open a separate session; closing it releases its locks.

    It keeps no transaction open, because that would block the migrations.
    """
    return opened.execution_options(isolation_level='AUTOCOMMIT').connect()


@contextlib.contextmanager
def _lock_sqlite(opened: sa.Engine) -> Iterator[None]:
    """Lock a separate file: a database lock would block this command too."""
    path = _sqlite_path(opened.url)
    if path is None:
        yield
        return
    handle = os.open(f'{path}.lock', os.O_CREAT | os.O_RDWR, 0o640)
    try:
        _wait_for(lambda: _flock(handle))
        yield
    finally:
        os.close(handle)


def _flock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def ignore(*_told: object) -> None:
    """Show nothing: for callers who do not want to see the progress."""
