"""Run both daemons from a checkout: the part of tools/serve in Python.

Everything lives in one data directory: configuration, database, image data,
logs. Standard library only, so that a broken environment still gives a clear
message.
"""

import argparse
from collections.abc import Callable, Iterator
import contextlib
import ctypes
import fcntl
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import time
import types
import urllib.error
import urllib.request

HOST = '127.0.0.1'
READY_SECONDS = 60.0
STOP_SECONDS = 20.0
SYNC_SECONDS = 300.0
POLL_SECONDS = 0.05
LOG_TAIL_LINES = 25
PR_SET_PDEATHSIG = 1

REGISTRY_CONF = """\
# Written by tools/serve at every start. Your own settings go into a file
# *.conf in the directory {name}.d beside this one.
[DEFAULT]
bind_host = {host}
bind_port = {registry_port}
workers = 2
trusted_auth_secret = {secret}

[database]
connection = sqlite:///{data}/glance.sqlite

[paste_deploy]
flavor = trusted-auth
"""

API_CONF = """\
# Written by tools/serve at every start. Your own settings go into a file
# *.conf in the directory {name}.d beside this one.
# No flavor in [paste_deploy]: no login, everybody who reaches the port is
# an administrator. glance-api accepts that on loopback only.
[DEFAULT]
bind_host = {host}
bind_port = {api_port}
workers = 2
registry_host = {host}
registry_port = {registry_port}
send_identity_headers = True
trusted_auth_secret = {secret}

[glance_store]
filesystem_store_datadir = {data}/images
"""

WELCOME = """\
The image service is ready. There is no login: whoever reaches the port is an
administrator. In another terminal:

  openstack --os-auth-type none --os-endpoint {url} image list
  glance --os-image-url {url} --os-auth-token none image-list

Without these clients: pip install python-openstackclient python-glanceclient
Data and logs are in {data}; Ctrl-C stops the service.
"""


class Refused(Exception):
    """Something we tell the person in one line, without a traceback."""


class Stopped(Exception):
    """A signal asked us to end."""


class Daemon:
    """One of the two programs, as a child process."""

    def __init__(
        self, name: str, url: str, config: pathlib.Path, log: pathlib.Path
    ) -> None:
        self.name = name
        self.url = url
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._command = [
            program(name),
            '--config-file',
            str(config),
            '--config-dir',
            f'{config.with_suffix("")}.d',
        ]

    def start(self) -> None:
        with self.log.open('ab') as log:
            # Its own session: Ctrl-C reaches us only, and we stop the two in
            # the right order.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def tail(self) -> str:
        lines = self.log.read_text(errors='replace').splitlines()
        return '\n'.join(lines[-LOG_TAIL_LINES:])


def end_with_parent() -> None:
    """In the child: should we be killed, the daemon gets a SIGTERM."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def program(name: str) -> str:
    return str(pathlib.Path(sys.executable).parent / name)


def parse(argv: list[str]) -> argparse.Namespace:
    checkout = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(
        prog='tools/serve',
        description='Start glance-api and glance-registry on loopback, with'
        ' SQLite and a directory of image files; no login.',
    )
    parser.add_argument(
        '--data',
        type=pathlib.Path,
        default=checkout / '.data',
        metavar='DIR',
        help='where everything is kept (default: .data in the checkout)',
    )
    parser.add_argument('--api-port', type=port, default=9292, metavar='N')
    parser.add_argument(
        '--registry-port', type=port, default=9191, metavar='N'
    )
    return parser.parse_args(argv)


def port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError('a port is a number, 1 to 65535')
    return int(text)


def make_directories(data: pathlib.Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (
            'etc/glance-api.d',
            'etc/glance-registry.d',
            'images',
            'log',
        ):
            (data / name).mkdir(parents=True, exist_ok=True)
        (data / 'etc/.writable').touch()
    except OSError as error:
        raise Refused(
            f'{data} cannot be used ({error.strerror}):'
            ' choose another with --data DIR'
        ) from error


@contextlib.contextmanager
def locked(data: pathlib.Path) -> Iterator[None]:
    """Hold the data directory: two services on it would be one too many."""
    with (data / 'serve.lock').open('a+') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise Refused(
                f'tools/serve already runs on {data}'
                f' (process {lock.read().strip() or "unknown"})'
            ) from error
        lock.truncate(0)
        lock.write(f'{os.getpid()}\n')
        lock.flush()
        yield


def check_ports(args: argparse.Namespace) -> None:
    if args.api_port == args.registry_port:
        raise Refused('the two daemons need two different ports')
    for option, number in (
        ('--api-port', args.api_port),
        ('--registry-port', args.registry_port),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, number))
            except OSError as error:
                raise Refused(
                    f'port {number} cannot be used ({error.strerror}):'
                    f' choose another with {option} N'
                ) from error


def shared_secret(data: pathlib.Path) -> str:
    path = data / 'etc/secret'
    if not path.exists():
        aside = path.with_suffix('.new')
        with open(os.open(aside, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as new:
            new.write(secrets.token_urlsafe(32))
        aside.rename(path)
    return path.read_text().strip()


def write_configuration(args: argparse.Namespace) -> None:
    for name, text in (
        ('glance-registry', REGISTRY_CONF),
        ('glance-api', API_CONF),
    ):
        path = args.data / f'etc/{name}.conf'
        path.touch(mode=0o600)
        path.write_text(
            text.format(
                name=name,
                host=HOST,
                api_port=args.api_port,
                registry_port=args.registry_port,
                secret=shared_secret(args.data),
                data=args.data,
            )
        )


def sync_database(data: pathlib.Path) -> None:
    config = data / 'etc/glance-registry.conf'
    log = data / 'log/glance-manage.log'
    with log.open('wb') as output:
        result = subprocess.run(
            [program('glance-manage'), '--config-file', config, 'db', 'sync'],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=SYNC_SECONDS,
            check=False,
        )
    if result.returncode:
        raise Refused(
            f'the database could not be made, see {log}:\n'
            + log.read_text(errors='replace')[-2000:]
        )


def answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def wait_until(ready: Callable[[], bool], daemons: list[Daemon]) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        check_alive(daemons)
        if ready():
            return True
        time.sleep(POLL_SECONDS)
    return False


def check_alive(daemons: list[Daemon]) -> None:
    for daemon in daemons:
        if not daemon.is_alive():
            raise Refused(
                f'{daemon.name} ended; the last lines of {daemon.log}:\n'
                + daemon.tail()
            )


def run(args: argparse.Namespace, daemons: list[Daemon]) -> None:
    for daemon in daemons:
        daemon.start()
    for daemon in daemons:
        for path in ('/healthcheck', '/v2/images'):
            if path == '/v2/images' and daemon.name != 'glance-api':
                continue
            url = daemon.url + path
            if not wait_until(lambda url=url: answers(url), daemons):
                raise Refused(
                    f'{url} did not answer for {READY_SECONDS:.0f} seconds;'
                    f' the last lines of {daemon.log}:\n{daemon.tail()}'
                )
    print(WELCOME.format(url=daemons[-1].url, data=args.data), flush=True)
    while True:
        check_alive(daemons)
        time.sleep(0.5)


def serve(args: argparse.Namespace) -> None:
    make_directories(args.data)
    with locked(args.data):
        check_ports(args)
        write_configuration(args)
        sync_database(args.data)
        daemons = [
            Daemon(
                name,
                f'http://{HOST}:{number}',
                args.data / f'etc/{name}.conf',
                args.data / f'log/{name}.log',
            )
            for name, number in (
                ('glance-registry', args.registry_port),
                ('glance-api', args.api_port),
            )
        ]
        try:
            run(args, daemons)
        finally:
            stop_all(daemons)


def stop_all(daemons: list[Daemon]) -> None:
    """Stop the api first, so that it can still end its work properly."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for daemon in reversed(daemons):
        daemon.stop()


def stop(_number: int, _frame: types.FrameType | None) -> None:
    raise Stopped


def main() -> int:
    args = parse(sys.argv[1:])
    args.data = args.data.absolute()
    os.umask(0o027)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        serve(args)
    except Refused as refused:
        print(f'error: {refused}', file=sys.stderr)
        return 1
    except Stopped:
        print('stopped')
    return 0


if __name__ == '__main__':
    sys.exit(main())
