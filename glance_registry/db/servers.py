"""What servers of databases, and their drivers, want.

Everything that is done once, when an engine or a connection is made.
"""

import importlib
from typing import Any

from oslo_db.sqlalchemy import exc_filters
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import pool

from glance.common import imports

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
#: By kind of server, the parameter of the URL that sets the character set.
_CHARACTER_SETS = {
    'mysql': ('charset', 'utf8mb4'),
    'mariadb': ('charset', 'utf8mb4'),
    'postgresql': ('client_encoding', 'utf8'),
}
#: Drivers that wait in C, where green threads cannot run.
BLOCKING_DRIVERS = frozenset({'pysqlite', 'mysqldb', 'mariadbconnector'})


def parse_url(url: str) -> sa.URL:
    """SQLAlchemy's URL, with the driver we mean where it names none.

    The character set of the connection is ours: another one could not carry
    every text.
    """
    parsed = sa.make_url(url)
    driver = _DRIVERS.get(parsed.drivername)
    if driver is not None:
        parsed = parsed.set(drivername=driver)
    name, value = _CHARACTER_SETS.get(parsed.get_backend_name(), ('', ''))
    return parsed.update_query_dict({name: value}) if name else parsed


def make_engine(url: sa.URL, options: Any, autocommit: bool) -> sa.Engine:
    """An engine with all that its server and driver want.

    :param options: the values of oslo.db's section ``[database]``
    """
    # Whoever begins a transaction also ends it, and reads have none: the
    # pool need not send a ROLLBACK after each of them.
    settings: dict[str, Any] = {'pool_reset_on_return': None}
    kind = url.get_backend_name()
    if autocommit:
        settings |= {
            'isolation_level': 'AUTOCOMMIT',
            'skip_autocommit_rollback': True,
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
        _prepare_sqlite(engine, options)
    elif kind in _SETTINGS:
        _prepare_server(engine, _SETTINGS[kind])
    return engine


#: What MariaDB and MySQL are told whatever their configuration says.
SQL_MODE = (
    'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,'
    'NO_ENGINE_SUBSTITUTION'
)
#: Errors of a server that takes its leave: shutdown, a killed connection.
_LEAVING = frozenset((1053, 1927))
#: For the ids of a page MariaDB would look into each index of each table at
#: each id, only to plan: 0.3 of 1.6 ms for 25 images.
#: Without a strict mode they change a text that a column cannot hold.
_MARIADB = (
    f"SET SESSION sql_mode = '{SQL_MODE}', "
    f'SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}, '
    'SESSION eq_range_index_dive_limit = 1'
)
_SETTINGS = {
    'mysql': _MARIADB,
    'mariadb': _MARIADB,
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


#: Errors of MariaDB and MySQL that go away by themselves or with a repair of
#: the server: no connection, no memory, no disk, read-only, time-outs.
_PASSING_NUMBERS = frozenset(
    (0, 1020, 1021, 1028, 1030, 1037, 1038, 1040, 1041, 1042, 1047, 1053, 1080)
    + (1114, 1129, 1135, 1152, 1158, 1159, 1160, 1161, 1180, 1184, 1190)
    + (1203, 1205, 1206, 1213, 1226, 1290, 1317, 1637, 1792, 1836, 1927)
    + (1969, 2006, 2013, 2014, 3024, 3100, 3101)
)
#: The same for PostgreSQL: classes of SQLSTATE, and a standby.
_PASSING_STATES = ('08', '40', '53', '55', '57', '58', '25006')
#: The same for SQLite, by the lowest byte of the code: BUSY, LOCKED, NOMEM,
#: READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL.
_PASSING_CODES = frozenset((5, 6, 7, 8, 9, 10, 13, 14, 15))


def is_passing(error: BaseException | None) -> bool:
    """Whether a driver's error may be gone at the next try.

    Others last until somebody mends the database: a table or a privilege
    that is missing, a column of the wrong character set.
    """
    if error is None:
        return False
    if hasattr(error, 'pgcode'):
        state = error.pgcode  # None: the connection failed
        return state is None or state.startswith(_PASSING_STATES)
    code = getattr(error, 'sqlite_errorcode', None)
    if code is not None:
        return code & 0xFF in _PASSING_CODES
    number = error.args[0] if error.args else None
    return number in _PASSING_NUMBERS


def _prepare_server(engine: sa.Engine, statement: str) -> None:
    @event.listens_for(engine, 'connect')
    def connected(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()
        connection.commit()


def set_mode(engine: sa.Engine) -> None:
    """Make MariaDB and MySQL refuse what they would change silently."""
    if engine.dialect.name in ('mysql', 'mariadb'):
        _prepare_server(engine, f"SET SESSION sql_mode = '{SQL_MODE}'")


def _prepare_sqlite(engine: sa.Engine, options: Any) -> None:
    synchronous = 'FULL' if options.sqlite_synchronous else 'OFF'

    @event.listens_for(engine, 'connect')
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours, below
        connection.execute(f'PRAGMA busy_timeout = {LOCK_SECONDS * 1000}')
        connection.execute(f'PRAGMA mmap_size = {MAPPED_BYTES}')
        connection.execute('PRAGMA journal_mode = WAL')
        connection.execute('PRAGMA foreign_keys = ON')
        connection.execute(f'PRAGMA synchronous = {synchronous}')
