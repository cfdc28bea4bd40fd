"""Settings of database servers and their drivers.

They are applied once, when an engine or a connection is created.
"""

from typing import Any

from oslo_db.sqlalchemy import exc_filters
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import pool

from glance.common import errors

#: Max time that a write waits for a lock.
LOCK_SECONDS = 20
#: SQLite: size of the part of the file that is memory-mapped and needs no
#: system call per page; a look-up by id then takes less than half the time.
MAPPED_BYTES = 256 * 2**20
#: Time-outs of connecting, and of waiting for a response of the server.
CONNECT_SECONDS = 10
SILENT_SECONDS = 45
#: Max time to wait for a connection if no option sets it.
POOL_SECONDS = 30
#: Drivers for URLs that name none. Both let other green threads run while
#: they wait.
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
#: Drivers that wait in C code, which blocks all green threads.
BLOCKING_DRIVERS = frozenset({'pysqlite', 'mysqldb', 'mariadbconnector'})


def parse_url(url: str) -> sa.URL:
    """Parse a database URL, and add our driver if the URL names none.

    The character set of the connection is always UTF-8, because others
    cannot encode every text.
    """
    parsed = sa.make_url(url)
    driver = _DRIVERS.get(parsed.drivername)
    if driver is not None:
        parsed = parsed.set(drivername=driver)
    name, value = _CHARACTER_SETS.get(parsed.get_backend_name(), ('', ''))
    return parsed.update_query_dict({name: value}) if name else parsed


def check_url(url: str) -> None:
    """Refuse a URL for which no engine can be made; connect to nothing.

    The messages of the libraries are not shown, because a part of a password
    that is not encoded may be in them.

    :raises errors.ConfigurationError: the URL cannot be used
    """
    try:
        parsed = parse_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise errors.ConfigurationError(
            'connection in [database] is not the URL of a database, for '
            'instance mysql+pymysql://USER:PASSWORD@HOST/glance; special '
            'characters of the password must be percent-encoded.'
        ) from None
    try:
        parsed.get_dialect().import_dbapi()
    except (sa.exc.ArgumentError, ImportError):
        raise errors.ConfigurationError(
            f'connection in [database]: {parsed.drivername} cannot be used, '
            'because there is no such driver, or it is not installed.'
        ) from None


def make_engine(url: sa.URL, options: Any, autocommit: bool) -> sa.Engine:
    """Create an engine with the settings for its server and driver.

    :param options: the options of oslo.db's section ``[database]``
    """
    # Every transaction is ended explicitly, and reads have none. So the pool
    # need not send a ROLLBACK when a connection is returned.
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
        # Each native thread has its own connection, so no locks are shared.
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
    engine = sa.create_engine(url, hide_parameters=True, **settings)
    event.listen(engine, 'handle_error', _recognise_lost)
    exc_filters.register_engine(engine)
    if kind == 'sqlite':
        _prepare_sqlite(engine, options)
    elif kind in _SETTINGS:
        _prepare_server(engine, _SETTINGS[kind])
    return engine


#: SQL mode for MariaDB and MySQL; it overrides the server's configuration.
#: Without a strict mode they change a text that a column cannot store.
SQL_MODE = (
    'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,'
    'NO_ENGINE_SUBSTITUTION'
)
#: Errors of a server that shuts down or ends a connection.
_LEAVING = frozenset((1053, 1927))
#: eq_range_index_dive_limit: to plan a query on the ids of a page, MariaDB
#: would look up each id in each index of each table, which takes 0.3 of
#: 1.6 ms for 25 images.
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
#: Time-outs of the drivers, for a server that disappeared.
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
    """Return arguments for the driver; the operator's URL overrides them."""
    usual = _PATIENCE.get(url.get_driver_name(), {})
    return {
        name: value for name, value in usual.items() if name not in url.query
    }


def _recognise_lost(failed: sa.engine.ExceptionContext) -> None:
    """Mark further errors as lost connections for the filters of oslo.db.

    These are failures to connect, and errors of a server that shuts down
    which SQLAlchemy does not recognize.
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
    """Return whether a driver's error is temporary.

    Other errors persist until an operator repairs the database: a missing
    table or privilege, or a column with the wrong character set.
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
    """Make MariaDB and MySQL reject values that they would change silently."""
    if engine.dialect.name in ('mysql', 'mariadb'):
        _prepare_server(engine, f"SET SESSION sql_mode = '{SQL_MODE}'")


def _prepare_sqlite(engine: sa.Engine, options: Any) -> None:
    synchronous = 'FULL' if options.sqlite_synchronous else 'OFF'

    @event.listens_for(engine, 'connect')
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the engine sends BEGIN itself
        connection.execute(f'PRAGMA busy_timeout = {LOCK_SECONDS * 1000}')
        connection.execute(f'PRAGMA mmap_size = {MAPPED_BYTES}')
        connection.execute('PRAGMA journal_mode = WAL')
        connection.execute('PRAGMA foreign_keys = ON')
        connection.execute(f'PRAGMA synchronous = {synchronous}')
