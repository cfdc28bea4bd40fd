"""The database as the registry uses it: one read, one write, retried.

An operation is a function of a connection. Reads run in autocommit mode on
an engine of their own (no BEGIN, no ROLLBACK: two round trips less); writes
run in one transaction that is repeated when the database chose it as the
victim of a deadlock or dropped the connection before the commit.

Writes are READ COMMITTED on every server: a statement behind a lock sees
what the holder before committed. (The default of MariaDB would show it the
tables as they were before it waited.)

Drivers that block in C would stop every request of an eventlet worker, so
with them a whole operation runs in a native thread (73 us per
operation, and a lock wait can no longer freeze the worker). Nothing there
may wait for a lock of Python: it is green, and one that is held in another
native thread never wakes who waits. PyMySQL and psycopg2 wait green by
themselves.
"""

from collections import deque
from collections.abc import Callable
import datetime
import json
import logging
import random
import threading
import time
from typing import Any, Concatenate, ParamSpec, TypeVar

from oslo_db import exception as db_exception
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import types
from sqlalchemy.ext import compiler
from sqlalchemy.sql import functions

from glance.common import errors
from glance.common import threads
from glance_registry.db import servers

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


class Gate:
    """A context for at most ``most`` at a time, first come, first served.

    A pool's queue would let a newcomer pass those who wait, and an operation
    of ten statements then ends after many that came later: at 32 mixed
    clients and two workers the slowest of a hundred calls took 650-800 ms,
    with a gate 340-450.

    :param most: how many; None: no limit
    :param patience_seconds: how long one waits
    :raises errors.DatabaseUnavailable: on entering, when none got free
    """

    def __init__(self, most: int | None, patience_seconds: float) -> None:
        self._most = most
        self._patience_seconds = patience_seconds
        self._inside = 0
        self._waiting: deque[Any] = deque()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self._most is None or self._inside < self._most:
                self._inside += 1
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        self._wait(turn)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._inside -= 1

    def _wait(self, turn: Any) -> None:
        came = False
        try:
            came = turn.acquire(timeout=self._patience_seconds)
        finally:  # whatever else ends the wait
            if not came:
                self._give_up(turn)
        if not came:
            LOG.error(
                'All %s database connections were in use for %s s; see '
                'max_pool_size and max_overflow',
                self._most,
                self._patience_seconds,
            )
            raise errors.DatabaseUnavailable

    def _give_up(self, turn: Any) -> None:
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        self.__exit__()  # it was given to us in the last moment


class Database:
    """Runs operations; see the module.

    :param url: SQLAlchemy's
    :param options: the values of oslo.db's section ``[database]``
    """

    def __init__(self, url: str, options: Any) -> None:
        parsed = servers.parse_url(url)
        self.dialect = parsed.get_backend_name()
        self._blocking = parsed.get_driver_name() in servers.BLOCKING_DRIVERS
        self._reads = servers.make_engine(parsed, options, autocommit=True)
        self._writes = servers.make_engine(parsed, options, autocommit=False)
        most = _most(options)
        patience_seconds = options.pool_timeout or servers.POOL_SECONDS
        self._writing = Gate(most, patience_seconds)
        # Writes wait for the disk, reads mostly for this process: with as
        # many of them a POST and DELETE took three times a list, with half
        # as many twice, and the slowest of a hundred calls a third less.
        self._reading = Gate(most and (most + 1) // 2, patience_seconds)
        if self.dialect == 'sqlite':
            event.listen(self._writes, 'begin', _lock_at_once)
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

    def _run(self, turns: Gate, attempt: Callable[[], T]) -> T:
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


def timestamp(moment: datetime.datetime) -> str:
    """A time as both wires show it: UTC, whole seconds, literal Z."""
    return f'{moment.isoformat(timespec="seconds")}Z'


def moment(text: str) -> datetime.datetime:
    """What a :func:`timestamp` says, as the tables hold it."""
    return datetime.datetime.fromisoformat(text.removesuffix('Z'))


class Json(types.TypeDecorator[Any]):
    """A text column that holds JSON written by the application."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else json.loads(value)


class json_array(functions.FunctionElement[str]):  # noqa: N801 - SQL's name
    """The values as one text: a JSON array.

    A time in it is ``YYYY-MM-DD?HH:MM:SS``, perhaps with a fraction; a
    truth value is 0 or 1, or false or true.
    """

    type = sa.Text()
    inherit_cache = True


@compiler.compiles(json_array)
def _compile(element: json_array, compiled: Any, **settings: Any) -> str:
    return f'json_array({compiled.process(element.clauses, **settings)})'


@compiler.compiles(json_array, 'postgresql')
def _compile_postgresql(
    element: json_array, compiled: Any, **settings: Any
) -> str:
    values = compiled.process(element.clauses, **settings)
    return f'CAST(json_build_array({values}) AS TEXT)'


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
    # oslo.db does not know every number of MariaDB's.
    inner = getattr(error, 'inner_exception', None)
    refused = (db_exception.DBDataError, sa.exc.DataError)
    if isinstance(error, refused) or isinstance(inner, refused):
        raise errors.BadRequest(
            'The database cannot store a value of the request: it is too '
            'long or has characters that the database does not support.'
        ) from error
    LOG.error('The database failed: %s', _line(error))
    if isinstance(error, (_CommitLost, sa.exc.TimeoutError)):
        raise errors.DatabaseUnavailable from error
    if servers.is_passing(_driver_error(error)):
        raise errors.DatabaseUnavailable from error
    raise errors.DatabaseFault from error


def _driver_error(error: Exception) -> BaseException | None:
    """The driver's exception in one of SQLAlchemy's or oslo.db's."""
    inner: BaseException | None = error
    while isinstance(inner, (db_exception.DBError, sa.exc.DBAPIError)):
        if isinstance(inner, db_exception.DBError):
            inner = inner.inner_exception
        else:
            inner = inner.orig
    return inner


def _most(options: Any) -> int | None:
    """How many connections a pool may have; None: any number."""
    kept: int | None = options.max_pool_size
    more: int | None = options.max_overflow
    if not kept or more is None or more < 0:
        return None
    return kept + more


def _lock_at_once(connection: sa.Connection) -> None:
    """Take the write lock of SQLite with the first word.

    A later upgrade of a read lock fails without waiting when another writer
    was first.
    """
    connection.exec_driver_sql('BEGIN IMMEDIATE')
