"""The database as the registry uses it: one read, one write, retried.

An operation is a function of a connection. Reads run in autocommit mode on
an engine of their own (no BEGIN, no ROLLBACK: two round trips less); writes
run in one transaction that is repeated when the database chose it as the
victim of a deadlock or dropped the connection before the commit.

Writes are READ COMMITTED on every server: a statement behind a lock sees
what the holder before committed. (The default of MariaDB would show it the
tables as they were before it waited.)

Drivers that block in C would stop every request of an eventlet worker, so
with them a whole operation runs in a native thread (speed-lab: 73 us per
operation, and a lock wait can no longer freeze the worker). Nothing there
may wait for a lock of Python: it is green, and one that is held in another
native thread never wakes who waits. PyMySQL and psycopg2 wait green by
themselves.
"""

from collections.abc import Callable
import datetime
import importlib
import json
import logging
import random
import threading
import time
from typing import Any, Concatenate, ParamSpec, TypeVar

from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import exc_filters
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import pool
from sqlalchemy import types

from glance.common import errors
from glance.common import imports
from glance.common import threads
from glance_registry.db import gate

LOG = logging.getLogger(__name__)

P = ParamSpec('P')
T = TypeVar('T')
Operation = Callable[Concatenate[sa.Connection, P], T]

#: No new try begins later than this; then the client gets an answer.
RETRY_SECONDS = 15
#: Tries of a transaction that lost a deadlock, with growing pauses: about
#: six seconds in all.
DEADLOCK_TRIES = 10
#: Pauses before the tries that follow a lost connection. The first finds a
#: server that only closed what was idle, the others one that restarts.
LOST_PAUSES = (0.0, 0.3, 0.7)
#: How long a writer waits for the one before.
LOCK_SECONDS = 20
#: SQLite: so much of the file is read without a system call per page; a
#: look-up by id takes less than half the time.
MAPPED_BYTES = 256 * 2**20
#: A server that has not connected, or not said a word, so long is lost.
CONNECT_SECONDS = 10
SILENT_SECONDS = 45
#: How long one waits for a connection, where no option says it.
POOL_SECONDS = 30
#: What a URL without a driver means; both wait green.
_DRIVERS = {
    'mysql': 'mysql+pymysql',
    'mariadb': 'mysql+pymysql',
    'postgres': 'postgresql+psycopg2',
    'postgresql': 'postgresql+psycopg2',
}
#: Drivers that wait in C, where green threads cannot run.
BLOCKING_DRIVERS = frozenset({'pysqlite', 'mysqldb', 'mariadbconnector'})


def parse_url(url: str) -> sa.URL:
    """SQLAlchemy's URL, with the driver we mean where it names none."""
    parsed = sa.make_url(url)
    driver = _DRIVERS.get(parsed.drivername)
    return parsed if driver is None else parsed.set(drivername=driver)


class Database:
    """Runs operations; see the module.

    :param url: SQLAlchemy's
    :param options: the values of oslo.db's section ``[database]``
    """

    def __init__(self, url: str, options: Any) -> None:
        parsed = parse_url(url)
        self.dialect = parsed.get_backend_name()
        self._blocking = parsed.get_driver_name() in BLOCKING_DRIVERS
        self._reads = _engine(parsed, options, autocommit=True)
        self._writes = _engine(parsed, options, autocommit=False)
        self._reading, self._writing = _gate(options), _gate(options)
        self._is_ready = not self._blocking
        self._readying = threading.Lock()

    def read(
        self, operation: Operation[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a read; a lost connection is replaced.

        :raises errors.DatabaseUnavailable: there is no server to ask
        """

        def attempt() -> T:
            with self._reads.connect() as connection:
                return operation(connection, *args, **kwargs)

        return self._run(self._reading, attempt)

    def write(
        self, operation: Operation[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a transaction; it commits when ``operation`` returns.

        :raises errors.DatabaseUnavailable: no server, or one that cannot
            say whether it committed; it lost every deadlock
        """

        def attempt() -> T:
            with self._writes.connect() as connection:
                with connection.begin() as transaction:
                    result = operation(connection, *args, **kwargs)
                    _commit(transaction)
                return result

        return self._run(self._writing, attempt)

    def dispose(self) -> None:
        """Close every idle connection."""
        self._reads.dispose()
        self._writes.dispose()

    def _run(self, turns: gate.Gate, attempt: Callable[[], T]) -> T:
        def in_turn() -> T:
            with turns:
                if not self._blocking:
                    return attempt()
                if not self._is_ready:
                    self._make_ready()
                result: T = threads.call(attempt)
                return result

        return _retried(in_turn)

    def _make_ready(self) -> None:
        """Let one thread alone make the first connections.

        SQLAlchemy runs its hooks for them under a lock. Under eventlet that
        is a green one, at which two native threads would wait for ever.
        """
        with self._readying:
            if self._is_ready:
                return
            for engine in (self._reads, self._writes):
                threads.call(lambda it=engine: it.connect().close())
            self._is_ready = True


def now() -> datetime.datetime:
    """The present as the tables hold it: UTC, whole seconds, no zone."""
    present = datetime.datetime.now(datetime.UTC)
    return present.replace(microsecond=0, tzinfo=None)


class Json(types.TypeDecorator[Any]):
    """A text column that holds JSON written by the application."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else json.loads(value)


class _CommitLost(Exception):
    """The connection broke in the commit: done or not, nobody knows."""


def _commit(transaction: sa.RootTransaction) -> None:
    try:
        transaction.commit()
    except db_exception.DBConnectionError as error:
        raise _CommitLost from error


def _retried(attempt: Callable[[], T]) -> T:
    since = time.monotonic()
    deadlocks = lost = 0
    while True:
        try:
            return attempt()
        except db_exception.DBDeadlock as error:
            deadlocks += 1
            if deadlocks == DEADLOCK_TRIES or _is_late(since):
                LOG.error('The database is overloaded: %s', _line(error))
                raise errors.DatabaseUnavailable from error
            # Random, so that two victims do not meet again.
            time.sleep(random.uniform(0, 0.02 * 2**deadlocks / 2))  # noqa: S311
        except db_exception.DBConnectionError as error:
            if lost == len(LOST_PAUSES) or _is_late(since):
                LOG.error('No connection to the database: %s', _line(error))
                raise errors.DatabaseUnavailable from error
            time.sleep(LOST_PAUSES[lost])
            lost += 1
        except (
            _CommitLost,
            sa.exc.TimeoutError,
            sa.exc.DBAPIError,
            db_exception.DBError,
        ) as error:
            _explain(error)


def _is_late(since: float) -> bool:
    return time.monotonic() - since > RETRY_SECONDS


def _line(error: Exception) -> str:
    """What went wrong, without the statement that met it."""
    return (str(error) or repr(error)).splitlines()[0]


def _explain(error: Exception) -> None:
    """Raise what the client may know; leave the rest for the log."""
    if isinstance(error, db_exception.DBDuplicateEntry):
        raise errors.Duplicate from error
    if isinstance(error, db_exception.DBDataError):
        raise errors.BadRequest(
            'The database cannot store a value of the request.'
        ) from error
    LOG.error('The database failed: %s', _line(error))
    raise errors.DatabaseUnavailable from error


def _gate(options: Any) -> gate.Gate:
    """As many at a time as a pool has connections."""
    kept, more = options.max_pool_size, options.max_overflow
    unlimited = not kept or more is None or more < 0
    most = None if unlimited else kept + more
    return gate.Gate(most, options.pool_timeout or POOL_SECONDS)


def _engine(url: sa.URL, options: Any, autocommit: bool) -> sa.Engine:
    settings: dict[str, Any] = {'pool_reset_on_return': 'rollback'}
    kind = url.get_backend_name()
    if autocommit:
        settings = {
            'isolation_level': 'AUTOCOMMIT',
            'skip_autocommit_rollback': True,
            'pool_reset_on_return': None,
        }
    elif kind != 'sqlite':
        settings['isolation_level'] = 'READ COMMITTED'
    if url.get_driver_name() in BLOCKING_DRIVERS:
        # A connection belongs to one native thread; no locks to share.
        settings |= {'poolclass': pool.SingletonThreadPool, 'pool_size': 1000}
    else:
        settings |= {
            'pool_size': options.max_pool_size or 0,
            'max_overflow': (
                -1 if options.max_overflow is None else options.max_overflow
            ),
            'pool_timeout': options.pool_timeout or POOL_SECONDS,
            'pool_recycle': options.connection_recycle_time,
            'pool_use_lifo': True,
            'connect_args': _patience(url),
        }
    if url.get_driver_name() == 'pymysql':
        _import_pymysql()
    engine = sa.create_engine(url, hide_parameters=True, **settings)
    event.listen(engine, 'do_connect', _connect)
    event.listen(engine, 'handle_error', _recognise_lost)
    exc_filters.register_engine(engine)
    if kind == 'sqlite':
        _prepare_sqlite(engine, options, autocommit)
    elif kind in _WAIT_FOR_LOCKS:
        _prepare_server(engine, _WAIT_FOR_LOCKS[kind])
    return engine


#: Errors of a server that takes its leave: shutdown, a killed connection.
_LEAVING = frozenset((1053, 1927))
_WAIT_FOR_LOCKS = {
    'mysql': f'SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}',
    'mariadb': f'SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}',
    'postgresql': f"SET lock_timeout = '{LOCK_SECONDS}s'",
}
#: How long a driver waits for a server that went away without a word.
_PATIENCE: dict[str, dict[str, int]] = {
    'pymysql': {
        'connect_timeout': CONNECT_SECONDS,
        'read_timeout': SILENT_SECONDS,
        'write_timeout': SILENT_SECONDS,
    },
    'psycopg2': {
        'connect_timeout': CONNECT_SECONDS,
        'tcp_user_timeout': SILENT_SECONDS * 1000,
        'keepalives_idle': SILENT_SECONDS // 3,
        'keepalives_interval': SILENT_SECONDS // 9,
        'keepalives_count': 6,
    },
}


def _patience(url: sa.URL) -> dict[str, int]:
    """Arguments of the driver; what the operator's URL says wins."""
    usual = _PATIENCE.get(url.get_driver_name(), {})
    return {
        name: value for name, value in usual.items() if name not in url.query
    }


def _import_pymysql() -> None:
    """Without the 7 MiB of cryptography, which few passwords need."""
    with imports.without('cryptography'):
        importlib.import_module('pymysql')


def _connect(
    dialect: Any, _record: Any, arguments: Any, settings: dict[str, Any]
) -> Any:
    """Connect; bring cryptography when the server turns out to need it."""
    try:
        return dialect.connect(*arguments, **settings)
    except RuntimeError as error:
        if 'cryptography' not in str(error):
            raise
        importlib.reload(importlib.import_module('pymysql._auth'))
        return dialect.connect(*arguments, **settings)


def _recognise_lost(failed: sa.engine.ExceptionContext) -> None:
    """Tell the filters of oslo.db what is a lost connection too.

    No connection was made, for whatever reason; or the server said goodbye
    in a way that SQLAlchemy does not know.
    """
    cause = failed.original_exception
    code = cause.args[0] if cause.args else None
    if failed.connection is None or code in _LEAVING:
        failed.is_disconnect = True


def _prepare_server(engine: sa.Engine, statement: str) -> None:
    @event.listens_for(engine, 'connect')
    def connected(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()
        connection.commit()


def _prepare_sqlite(engine: sa.Engine, options: Any, autocommit: bool) -> None:
    synchronous = 'FULL' if options.sqlite_synchronous else 'OFF'

    @event.listens_for(engine, 'connect')
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours, below
        connection.execute(f'PRAGMA busy_timeout = {LOCK_SECONDS * 1000}')
        connection.execute(f'PRAGMA mmap_size = {MAPPED_BYTES}')
        connection.execute('PRAGMA journal_mode = WAL')
        connection.execute('PRAGMA foreign_keys = ON')
        connection.execute(f'PRAGMA synchronous = {synchronous}')

    if not autocommit:

        @event.listens_for(engine, 'begin')
        def begun(connection: sa.Connection) -> None:
            # Take the write lock at once: a later upgrade of a read lock
            # fails without waiting when another writer was first.
            connection.exec_driver_sql('BEGIN IMMEDIATE')
