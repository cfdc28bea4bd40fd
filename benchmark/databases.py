"""A private database server for one run: loopback, temporary directory.

Started as the distribution's own user when we are root; it dies with us.
"""

from collections.abc import Callable
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import time
from typing import NamedTuple

HOST = '127.0.0.1'
START_SECONDS = 60.0


class Unavailable(Exception):
    """The server is not installed or did not start."""


class Server(NamedTuple):
    """:ivar process: None for SQLite, which has no server"""

    url: str
    process: subprocess.Popen[bytes] | None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def sqlite(directory: pathlib.Path) -> Server:
    return Server(f'sqlite:///{directory}/glance.sqlite', None)


def mysql(directory: pathlib.Path) -> Server:
    """MariaDB with the settings that the baselines were measured with."""
    home = _home(directory, 'mysql')
    user = ['--user=mysql'] if os.getuid() == 0 else []
    _run(
        _find('mariadb-install-db', '/usr/bin'),
        '--no-defaults',
        f'--datadir={home}/data',
        '--skip-test-db',
        '--auth-root-authentication-method=normal',
        *user,
    )
    port = free_port()
    process = _start(
        home,
        [
            _find('mariadbd', '/usr/sbin'),
            '--no-defaults',
            f'--datadir={home}/data',
            f'--socket={home}/s',
            f'--port={port}',
            f'--bind-address={HOST}',
            '--skip-name-resolve',
            '--innodb-buffer-pool-size=512M',
            # A shared directory loses disk temporary tables to others.
            f'--tmpdir={home}',
            '--max-connections=500',
            *user,
        ],
    )
    client = [_find('mariadb', '/usr/bin'), '--no-defaults', f'-S{home}/s']
    client += ['-uroot', '-e']
    _wait(process, lambda: _succeeds([*client, 'SELECT 1']))
    _run(
        *client,
        'CREATE DATABASE glance CHARACTER SET utf8; '
        f"GRANT ALL ON *.* TO 'glance'@'{HOST}' IDENTIFIED BY 'glance'",
    )
    return Server(
        f'mysql+pymysql://glance:glance@{HOST}:{port}/glance?charset=utf8',
        process,
    )


def postgresql(directory: pathlib.Path) -> Server:
    home = _home(directory, 'postgres')
    root = os.getuid() == 0
    user = 'postgres' if root else None
    _run(
        _find('initdb', *_postgres_directories()),
        f'--pgdata={home}/data',
        '--username=glance',
        '--auth=trust',
        '--encoding=UTF8',
        '--no-locale',
        user=user,
    )
    port = free_port()
    process = _start(
        home,
        [
            _find('postgres', *_postgres_directories()),
            f'-D{home}/data',
            f'-p{port}',
            f'-h{HOST}',
            f'-k{home}',
            '-cshared_buffers=512MB',
            '-cmax_connections=300',
        ],
        user=user,
    )
    client = [_find('psql', '/usr/bin'), '-h', HOST, '-p', str(port)]
    client += ['-U', 'glance', '-d', 'postgres', '-c']
    _wait(process, lambda: _succeeds([*client, 'SELECT 1']))
    _run(*client, 'CREATE DATABASE glance')
    return Server(
        f'postgresql+psycopg2://glance@{HOST}:{port}/glance', process
    )


BY_NAME: dict[str, Callable[[pathlib.Path], Server]] = {
    'sqlite': sqlite,
    'mysql': mysql,
    'postgresql': postgresql,
}


def _home(directory: pathlib.Path, owner: str) -> pathlib.Path:
    home = directory / 'db'
    home.mkdir()
    if os.getuid() == 0:
        try:
            pwd.getpwnam(owner)
        except KeyError as error:
            raise Unavailable(f'There is no user {owner}.') from error
        directory.chmod(0o711)
        shutil.chown(home, owner)
    return home


def _postgres_directories() -> list[str]:
    found = pathlib.Path('/usr/lib/postgresql').glob('*/bin')
    return [str(path) for path in sorted(found, reverse=True)]


def _find(program: str, *directories: str) -> str:
    path = os.pathsep.join([*directories, os.environ.get('PATH', '')])
    found = shutil.which(program, path=path)
    if found is None:
        raise Unavailable(f'{program} is not installed.')
    return found


def _run(*command: str, user: str | None = None) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, user=user, cwd='/'
    )
    if done.returncode:
        raise Unavailable(f'{command[0]} failed: {done.stderr.strip()}')


def _start(
    home: pathlib.Path, command: list[str], user: str | None = None
) -> subprocess.Popen[bytes]:
    with (home.parent / 'database.log').open('ab') as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=user,
            cwd='/',
            start_new_session=True,
        )


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


def _wait(
    process: subprocess.Popen[bytes], is_ready: Callable[[], bool]
) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if is_ready():
            return
        time.sleep(0.1)
    process.kill()
    raise Unavailable('The database server did not start.')
