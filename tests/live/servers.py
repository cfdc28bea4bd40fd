"""Real servers for tests, private: temporary directory, loopback or socket.

A test asks mariadb(), keystone() ...; the server starts once in a process
and stops at its end. To share them between processes:

    python -m tests.live.servers mariadb keystone -- COMMAND...

starts them, hands their addresses over in the environment and runs COMMAND.
What is not installed raises unittest.SkipTest with the reason.
"""

import atexit
from collections.abc import Callable
import functools
import importlib
import os
import pathlib
import signal
import subprocess
import sys
import unittest
import uuid

import sqlalchemy

from tests.live import processes
from tests.live.keystone import Keystone

START_SECONDS = 240


class MariaDB:
    variable = 'TEST_MYSQL_URL'

    def __init__(self) -> None:
        server = processes.find('mariadbd', 'mariadb-server')
        install = processes.find('mariadb-install-db', 'mariadb-server')
        directory = processes.private_directory('mysql', True)
        socket = str(directory / 'socket')
        (directory / 'tmp').mkdir(mode=0o777)
        (directory / 'tmp').chmod(0o777)
        processes.run(
            [
                install,
                '--no-defaults',
                f'--datadir={directory}/data',
                f'--tmpdir={directory}/tmp',
                '--auth-root-authentication-method=normal',
                '--skip-test-db',
            ],
            START_SECONDS,
            user='mysql',
        )
        self.process = processes.Process(
            [
                server,
                '--no-defaults',
                f'--datadir={directory}/data',
                f'--tmpdir={directory}/tmp',
                f'--socket={socket}',
                f'--pid-file={directory}/pid',
                '--bind-address=127.0.0.1',
                f'--port={processes.free_port()}',
                '--innodb-flush-log-at-trx-commit=2',
                '--skip-innodb-doublewrite',
                '--max-connections=500',
            ],
            directory / 'log',
            user='mysql',
        )
        self.process.start()
        processes.wait_until(
            lambda: processes.accepts(socket),
            START_SECONDS,
            'MariaDB',
            self.process,
        )
        self.address = (
            f'mysql+pymysql://root@localhost/?unix_socket={socket}'
            '&charset=utf8mb4'
        )

    def stop(self) -> None:
        self.process.stop()


class PostgreSQL:
    variable = 'TEST_POSTGRESQL_URL'

    def __init__(self) -> None:
        places = '/usr/lib/postgresql/*/bin'
        server = processes.find('postgres', 'postgresql', places)
        directory = processes.private_directory('postgres', True)
        processes.run(
            [
                server.parent / 'initdb',
                f'--pgdata={directory}/data',
                '--username=root',
                '--auth=trust',
                '--encoding=UTF8',
                '--locale=C.UTF-8',
                '--no-sync',
            ],
            START_SECONDS,
            user='postgres',
        )
        self.process = processes.Process(
            [
                server,
                *('-D', directory / 'data', '-k', directory),
                *('-c', 'listen_addresses=', '-c', 'fsync=off'),
                *('-c', 'max_connections=300'),
            ],
            directory / 'log',
            user='postgres',
            # The "fast" shutdown: does not wait for clients to go.
            stop_signal=signal.SIGINT,
        )
        self.process.start()
        self.address = f'postgresql+psycopg2://root@/postgres?host={directory}'
        processes.wait_until(
            lambda: can_connect(self.address),
            START_SECONDS,
            'PostgreSQL',
            self.process,
        )

    def stop(self) -> None:
        self.process.stop()


class Memcached:
    variable = 'GLANCE_TEST_MEMCACHED'

    def __init__(self) -> None:
        server = processes.find('memcached', 'memcached')
        directory = processes.private_directory()
        port = processes.free_port()
        self.process = processes.Process(
            [
                server,
                *('-l', '127.0.0.1', '-p', port, '-U', 0, '-m', 64),
                *('-u', 'nobody'),
            ],
            directory / 'log',
        )
        self.process.start()
        processes.wait_until(
            lambda: processes.accepts(('127.0.0.1', port)),
            START_SECONDS,
            'memcached',
            self.process,
        )
        self.address = f'127.0.0.1:{port}'

    def stop(self) -> None:
        self.process.stop()


def can_connect(url: str) -> bool:
    engine = sqlalchemy.create_engine(url)
    try:
        engine.connect().close()
    except sqlalchemy.exc.OperationalError:
        return False
    finally:
        engine.dispose()
    return True


@functools.cache
def _address(server: Callable[[], object]) -> str:
    given = os.environ.get(server.variable)
    if given:
        return given
    started = server()
    atexit.register(started.stop)
    return started.address


def mariadb() -> str:
    """Give the URL of an administrator; see new_database."""
    return _address(MariaDB)


def postgresql() -> str:
    """Give the URL of an administrator; see new_database."""
    return _address(PostgreSQL)


def memcached() -> str:
    """Give HOST:PORT."""
    return _address(Memcached)


def keystone() -> str:
    """Give the URL of Keystone; tests.live.keystone knows the users."""
    return _address(Keystone)


def new_database(admin_url: str) -> str:
    """Make an empty database beside the administrator's; give its URL."""
    name = f'glance_{uuid.uuid4().hex}'
    url = sqlalchemy.make_url(admin_url)
    options = (
        ' CHARACTER SET utf8mb4' if url.get_backend_name() == 'mysql' else ''
    )
    engine = sqlalchemy.create_engine(url, isolation_level='AUTOCOMMIT')
    with engine.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE {name}{options}')
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


SERVERS = {
    'mariadb': MariaDB,
    'postgresql': PostgreSQL,
    'memcached': Memcached,
    'keystone': Keystone,
}


def of_store(name: str) -> str:
    """Give the address of a server: tests/stores/servers/NAME.py.

    The module has a class of the same name with a capital.
    """
    return _address(_class_of(name))


def _class_of(name: str) -> Callable[[], object]:
    if name in SERVERS:
        return SERVERS[name]
    module = importlib.import_module(f'tests.stores.servers.{name}')
    return getattr(module, name.capitalize())


def main(argv: list[str]) -> int:
    split = argv.index('--')
    # Stop the servers also when somebody stops us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for name in argv[:split]:
        try:
            server = _class_of(name)
            os.environ[server.variable] = _address(server)
        except unittest.SkipTest as skip:
            sys.stderr.write(f'{name}: {skip}\n')
    return subprocess.run(argv[split + 1 :], check=False).returncode


if __name__ == '__main__':
    sys.path.insert(0, str(pathlib.Path.cwd()))
    sys.exit(main(sys.argv[1:]))
