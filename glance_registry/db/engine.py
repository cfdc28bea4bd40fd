"""The database as the registry uses it: one read, one write, retried.

An operation is a function whose first argument is a connection. Reads run in
autocommit mode on a separate engine, which saves the round trips of BEGIN and
ROLLBACK. Writes run in one transaction. It is repeated if the database chose
it as the victim of a deadlock or dropped the connection before the commit.

Writes use READ COMMITTED on every server: a statement that waited for a lock
sees what the previous holder committed. (With the default of MariaDB it would
see the tables as they were before it waited.)

Drivers that block in C would stop every request of an eventlet worker. With
them, a whole operation runs in a native thread, which costs 73 us; a lock
wait then does not block the worker. Code in such a thread must not wait for a
lock of Python: these locks are green, and releasing one in another native
thread does not wake the waiting thread. PyMySQL and psycopg2 need no native
thread, because they yield to other green threads while they wait.

Building and compiling a statement costs as much as executing it many times,
so :func:`kept` keeps a statement for the next request of the same shape.
Clients choose the shapes, and the statement of a list takes 200 KiB.
Therefore this cache is limited by the size of its entries, not by their
number. SQLAlchemy's cache of an engine, which would keep 500 of them, is used
only for statements that are module constants.
"""

from collections import deque
from collections.abc import Callable, Mapping
import datetime
import functools
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

from glance.common import counters
from glance.common import errors
from glance.common import threads
from glance_registry.db import failures
from glance_registry.db import servers

LOG = logging.getLogger(__name__)

P = ParamSpec('P')
T = TypeVar('T')
Operation = Callable[Concatenate[sa.Connection, P], T]

#: Max size of all kept statements of a process.
BUDGET_BYTES = 12 * 2**20
#: Memory of a statement per character of its SQL, including its key (8 of
#: these bytes) and its compiled form (18); measured with 150 random lists.
BYTES_PER_CHARACTER = 65
#: Minimum size of a statement, also before it is compiled.
MIN_BYTES = 16 * 2**10
#: Seconds after which an operation is not tried again.
RETRY_SECONDS = 15
#: Maximum number of tries of a transaction that is the victim of deadlocks.
#: The pauses between them grow, to about six seconds in total.
DEADLOCK_TRIES = 10
#: Pauses in seconds before the retries after a lost connection. The first
#: retry is for idle connections that the server closed, the others are for a
#: server that restarts.
LOST_PAUSES = (0.0, 0.3, 0.7)


class Slots:
    """A context manager for at most ``limit`` operations at a time, in order.

    The queue of a connection pool lets new operations overtake waiting ones,
    so an operation of ten statements ends after many that started later. With
    32 mixed clients and two workers, the slowest of a hundred calls took
    650-800 ms with the pool's queue, and 340-450 ms with these slots.

    :param kind: kind of the operations, for the metrics: read or write
    :param limit: max number of operations at a time; None: no limit
    :param patience_seconds: max time that an operation waits
    :raises errors.DatabaseUnavailable: on entering, if no slot became free
        in time
    """

    def __init__(
        self, kind: str, limit: int | None, patience_seconds: float
    ) -> None:
        self._kind = kind
        self._limit = limit
        self._patience_seconds = patience_seconds
        self._inside = 0
        self._waiting: deque[Any] = deque()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self._limit is None or self._inside < self._limit:
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
        since = time.perf_counter()
        try:
            came = turn.acquire(timeout=self._patience_seconds)
        finally:  # also if an exception ends the wait
            if not came:
                self._give_up(turn)
            counters.note(
                'database_wait',
                self._kind,
                'served' if came else 'given_up',
                amount=time.perf_counter() - since,
            )
        if not came:
            LOG.error(
                'All %s database connections were in use for %s s; see '
                'max_pool_size and max_overflow',
                self._limit,
                self._patience_seconds,
            )
            raise errors.DatabaseUnavailable

    def _give_up(self, turn: Any) -> None:
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        self.__exit__()  # the slot was assigned after the timeout


class Database:
    """Runs operations; see the docstring of the module.

    :param url: a database URL in SQLAlchemy's format
    :param options: the options of oslo.db's section ``[database]``
    """

    def __init__(self, url: str, options: Any) -> None:
        parsed = servers.parse_url(url)
        self.dialect = parsed.get_backend_name()
        self._blocking = parsed.get_driver_name() in servers.BLOCKING_DRIVERS
        self._reads = servers.make_engine(parsed, options, autocommit=True)
        self._writes = servers.make_engine(parsed, options, autocommit=False)
        limit = _limit(options)
        patience_seconds = options.pool_timeout or servers.POOL_SECONDS
        self._writing = Slots('write', limit, patience_seconds)
        # Writes wait for the disk, reads mostly for this process. With equal
        # limits, a POST and DELETE took three times as long as a list. With
        # half as many reads they took twice as long, and the slowest of a
        # hundred calls took a third less time.
        self._reading = Slots(
            'read', limit and (limit + 1) // 2, patience_seconds
        )
        if self.dialect == 'sqlite':
            event.listen(self._writes, 'begin', _lock_at_once)
        self._is_ready = not self._blocking
        self._readying = threading.Lock()

    def read(
        self, operation: Operation[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a read; retry it if the connection is lost.

        :raises errors.DatabaseUnavailable: no server can be reached
        """

        def attempt() -> T:
            with self._reads.connect() as connection:
                return operation(connection, *args, **kwargs)

        return self._run(self._reading, attempt)

    def write(
        self, operation: Operation[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a transaction; it commits when ``operation`` returns.

        :raises errors.DatabaseUnavailable: no server can be reached, the
            connection was lost during the commit, or every try was the
            victim of a deadlock
        """

        def attempt() -> T:
            with self._writes.connect() as connection:
                with connection.begin() as transaction:
                    result = operation(connection, *args, **kwargs)
                    _commit(transaction)
                return result

        return self._run(self._writing, attempt)

    def trace(self) -> None:
        """Make the statements a part of the traces of osprofiler."""
        # Imported only here, because it is optional.
        from osprofiler import sqlalchemy as traced

        for each in (self._reads, self._writes):
            traced.add_tracing(sa, each, 'db')

    def dispose(self) -> None:
        """Close every idle connection."""
        self._reads.dispose()
        self._writes.dispose()

    def _run(self, turns: Slots, attempt: Callable[[], T]) -> T:
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
        """Open the first connection of each engine, in one thread at a time.

        SQLAlchemy runs its connection hooks under a lock. Under eventlet that
        lock is green, and two native threads would wait for it forever.
        """
        with self._readying:
            if self._is_ready:
                return
            for engine in (self._reads, self._writes):
                threads.call(lambda it=engine: it.connect().close())
            self._is_ready = True


def now() -> datetime.datetime:
    """Return the present time as the tables store it: naive UTC, seconds."""
    present = datetime.datetime.now(datetime.UTC)
    return present.replace(microsecond=0, tzinfo=None)


def timestamp(moment: datetime.datetime) -> str:
    """Format a time for both HTTP APIs: UTC, whole seconds, literal Z."""
    return f'{moment.isoformat(timespec="seconds")}Z'


def moment(text: str) -> datetime.datetime:
    """Parse the text of :func:`timestamp`; return naive UTC."""
    return datetime.datetime.fromisoformat(text.removesuffix('Z'))


class Json(types.TypeDecorator[Any]):
    """A text column that holds JSON written by the application."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else json.loads(value)


def _commit(transaction: sa.RootTransaction) -> None:
    try:
        transaction.commit()
    except db_exception.DBConnectionError as error:
        raise failures.CommitLost from error


def _retried(attempt: Callable[[], T]) -> T:
    since = time.monotonic()
    deadlocks = lost = 0
    while True:
        try:
            return attempt()
        except db_exception.DBDeadlock as error:
            deadlocks += 1
            if deadlocks == DEADLOCK_TRIES or _is_late(since):
                LOG.error(
                    'The database is overloaded: %s',
                    failures.first_line(error),
                )
                raise errors.DatabaseUnavailable from error
            # The pause is random, so that two victims do not collide again.
            time.sleep(random.uniform(0, 0.02 * 2**deadlocks / 2))  # noqa: S311
        except db_exception.DBConnectionError as error:
            if lost == len(LOST_PAUSES) or _is_late(since):
                LOG.error(
                    'No connection to the database: %s',
                    failures.first_line(error),
                )
                raise errors.DatabaseUnavailable from error
            time.sleep(LOST_PAUSES[lost])
            lost += 1
        except (
            failures.CommitLost,
            sa.exc.TimeoutError,
            sa.exc.DBAPIError,
            db_exception.DBError,
        ) as error:
            failures.explain(error)


def _is_late(since: float) -> bool:
    return time.monotonic() - since > RETRY_SECONDS


def _limit(options: Any) -> int | None:
    """Return the max number of connections of a pool; None: unlimited."""
    kept: int | None = options.max_pool_size
    more: int | None = options.max_overflow
    if not kept or more is None or more < 0:
        return None
    return kept + more


def _lock_at_once(connection: sa.Connection) -> None:
    """Take the write lock of SQLite when the transaction begins.

    Upgrading a read lock later fails without waiting if another transaction
    has written meanwhile.
    """
    connection.exec_driver_sql('BEGIN IMMEDIATE')


class _Compiled:
    """The compiled forms of one statement, by dialect.

    SQLAlchemy uses it as its cache. SQLAlchemy's key includes the whole
    statement, and computing its hash is the slowest part of the look-up.
    There is only one statement here, so that part of the key is ignored.
    """

    def __init__(self) -> None:
        self._found: dict[Any, Any] = {}

    def get(self, key: tuple[Any, ...]) -> Any:
        dialect, _statement, *rest = key
        return self._found.get((dialect, *rest))

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        dialect, _statement, *rest = key
        self._found[(dialect, *rest)] = compiled

    def size_bytes(self) -> int:
        characters = sum(len(each.string) for each in self._found.values())
        return max(characters * BYTES_PER_CHARACTER, MIN_BYTES)


class Kept:
    """A statement, ready to be executed again."""

    def __init__(self, statement: sa.Executable) -> None:
        self.statement = statement
        self._compiled = _Compiled()

    def execute(
        self, connection: sa.Connection, values: Mapping[str, Any]
    ) -> sa.CursorResult[Any]:
        return connection.execute(
            self.statement,
            values,
            execution_options={'compiled_cache': self._compiled},
        )

    def size_bytes(self) -> int:
        return self._compiled.size_bytes()


class Cache:
    """Kept statements; the least recently used are dropped first.

    There are two generations: a statement that is used moves to the young
    one. When the young one has reached half of the budget, the old one is
    dropped. No step needs a lock, for which a native thread could wait
    forever.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._young: dict[Any, Kept] = {}
        self._old: dict[Any, Kept] = {}

    def get(self, key: Any, build: Callable[[], sa.Executable]) -> Kept:
        value = self._young.get(key)
        if value is not None:
            return value
        value = self._old.get(key) or Kept(build())
        if _size_bytes(self._young) > self._budget_bytes // 2:
            self._old, self._young = self._young, {}
        self._young[key] = value
        return value

    def size_bytes(self) -> int:
        return _size_bytes({**self._old, **self._young})


def _size_bytes(kept: Mapping[Any, Kept]) -> int:
    return sum(each.size_bytes() for each in list(kept.values()))


CACHE = Cache(BUDGET_BYTES)


def kept(build: Callable[P, sa.Executable]) -> Callable[P, Kept]:
    """Decorate a function that builds a statement, so that it is kept.

    :param build: its arguments must be hashable, and its result must depend
        only on them
    """

    @functools.wraps(build)
    def get(*args: P.args, **kwargs: P.kwargs) -> Kept:
        key = (build, args, *kwargs.items())
        return CACHE.get(key, lambda: build(*args, **kwargs))

    return get
