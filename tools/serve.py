"""Run both daemons from a checkout: the part of tools/serve in Python.

Everything lives in one data directory: configuration, database, image data,
logs. Standard library only, so that a broken environment still gives a clear
message.
"""

import argparse
from collections.abc import Iterator
import contextlib
import fcntl
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import types

import serve_configuration
import serve_keystone
from serve_processes import check_alive
from serve_processes import Daemon
from serve_processes import program
from serve_processes import Refused

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
HOST = serve_configuration.HOST
SYNC_SECONDS = 300.0
#: Ports that may be others if these are taken.
FREE_PORTS = {'api-metrics': 9293, 'registry-metrics': 9193, 'keystone': 5000}

WELCOME = """\
The image service is ready. There is no login: whoever reaches the port is an
administrator. In another terminal:

  openstack --os-auth-type none --os-endpoint {url} image list
  glance --os-image-url {url} --os-auth-token none image-list

Without these clients: pip install python-openstackclient python-glanceclient
Data and logs are in {data}; Ctrl-C stops the service.
"""

METRICS = """\
Prometheus finds metrics at {api_url} and {registry_url}.
The documentation begins at {documentation}.
"""


class Stopped(Exception):
    """A signal asked us to end."""


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    print(f'{what} ...', end='', flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print(flush=True)
        raise
    print(f' {time.monotonic() - started:.1f} s', flush=True)


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='tools/serve',
        description='Start glance-api and glance-registry on loopback, with'
        ' SQLite and a directory of image files; without a login unless'
        ' there is a Keystone.',
    )
    parser.add_argument(
        '--data',
        type=pathlib.Path,
        default=CHECKOUT / '.data',
        metavar='DIR',
        help='where everything is kept (default: .data in the checkout)',
    )
    parser.add_argument('--api-port', type=port, default=9292, metavar='N')
    parser.add_argument(
        '--registry-port', type=port, default=9191, metavar='N'
    )
    for name, number in FREE_PORTS.items():
        parser.add_argument(
            f'--{name}-port',
            type=port,
            metavar='N',
            help=f'default: {number}, or another one if that is taken',
        )
    parser.add_argument(
        '--with-keystone',
        action='store_true',
        help='start a Keystone too, with two projects and a user in each; '
        'the first time it is installed from PyPI',
    )
    parser.add_argument(
        '--stores',
        type=store_ids,
        default=[],
        metavar='ID,ID',
        help='several stores for files with these ids, for instance '
        'fast,cheap: the first one is the default and is read first '
        '(default: a single store without an id)',
    )
    return parser.parse_args(argv)


def port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError('a port is a number, 1 to 65535')
    return int(text)


def store_ids(text: str) -> list[str]:
    ids = text.split(',')
    if len(set(ids)) < len(ids) or not all(
        re.fullmatch('[a-z][a-z0-9-]*', each) for each in ids
    ):
        raise argparse.ArgumentTypeError(
            'ids are different words of small letters, digits and hyphens'
        )
    return ids


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


@contextlib.contextmanager
def free_ports(args: argparse.Namespace) -> Iterator[None]:
    """Choose the ports that were not named, and hold them.

    While they are held no other tools/serve chooses the same, but the
    daemons can listen there: they set SO_REUSEADDR as we do.
    """
    with contextlib.ExitStack() as held:
        for option, usual in FREE_PORTS.items():
            name = f'{option.replace("-", "_")}_port'
            if getattr(args, name) is None:
                holder = held.enter_context(socket.socket())
                setattr(args, name, hold(holder, usual))
        yield


def hold(holder: socket.socket, wanted: int) -> int:
    """Bind to the port that is wanted, or to any if that is taken."""
    for number in (wanted, 0):
        with contextlib.suppress(OSError):
            holder.bind((HOST, number))
            break
    # Only now: with it, binding would succeed beside another holder.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return int(holder.getsockname()[1])


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


def prepare_database(data: pathlib.Path) -> None:
    """Bring the schema up to date; at the first start, fill the catalogue."""
    manage(data, 'the database could not be made', 'sync')
    loaded = data / 'etc/.metadefs-loaded'
    if loaded.exists():
        return
    failure = 'the metadata definitions could not be loaded'
    manage(data, failure, 'load_metadefs', '--path', CHECKOUT / 'etc/metadefs')
    loaded.touch()


def manage(
    data: pathlib.Path, failure: str, *action: str | pathlib.Path
) -> None:
    config = data / 'etc/glance-registry.conf'
    log = data / 'log/glance-manage.log'
    with log.open('wb') as output:
        result = subprocess.run(
            [program('glance-manage'), '--config-file', config, 'db', *action],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=SYNC_SECONDS,
            check=False,
        )
    if result.returncode:
        raise Refused(
            f'{failure}, see {log}:\n'
            + log.read_text(errors='replace')[-2000:]
        )


def serve(args: argparse.Namespace) -> None:
    make_directories(args.data)
    with locked(args.data), free_ports(args):
        check_ports(args)
        daemons: list[Daemon] = []
        try:
            keystone = prepare_keystone(args, daemons)
            login = keystone.api_configuration() if keystone else ''
            serve_configuration.write(args, login)
            with step('Preparing the database'):
                prepare_database(args.data)
            start(args, daemons)
            say_ready(args, keystone)
            while True:
                check_alive(daemons)
                time.sleep(0.5)
        finally:
            stop_all(daemons)


def prepare_keystone(
    args: argparse.Namespace, daemons: list[Daemon]
) -> serve_keystone.Keystone | None:
    if not args.with_keystone:
        return None
    keystone = serve_keystone.Keystone(args.data, (HOST, args.keystone_port))
    keystone.prepare(step)
    daemon = keystone.daemon()
    daemons.append(daemon)
    with step('Starting Keystone'):
        daemon.start()
        daemon.wait_until_ready([])
        keystone.fill(f'http://{HOST}:{args.api_port}')
    return keystone


def start(args: argparse.Namespace, daemons: list[Daemon]) -> None:
    """Start both daemons of the image service, and wait until they serve."""
    # With a login an answer to a list needs a token.
    last = '/versions' if args.with_keystone else '/v2/images'
    made = [
        daemon(args, 'glance-registry', args.registry_port, '/healthcheck'),
        daemon(args, 'glance-api', args.api_port, '/healthcheck', last),
    ]
    daemons += made
    with step('Starting glance-registry and glance-api'):
        for each in made:
            each.start()
        for each in made:
            each.wait_until_ready(daemons)


def daemon(
    args: argparse.Namespace, name: str, number: int, *probes: str
) -> Daemon:
    config = args.data / f'etc/{name}.conf'
    return Daemon(
        name,
        f'http://{HOST}:{number}',
        [
            program(name),
            *('--config-file', str(config)),
            *('--config-dir', f'{config.with_suffix("")}.d'),
        ],
        args.data / f'log/{name}.log',
        probes,
    )


def say_ready(
    args: argparse.Namespace, keystone: serve_keystone.Keystone | None
) -> None:
    url = f'http://{HOST}:{args.api_port}'
    welcome = WELCOME.format(url=url, data=args.data)
    print(keystone.welcome() if keystone else welcome)
    print(
        METRICS.format(
            api_url=f'http://{HOST}:{args.api_metrics_port}/metrics',
            registry_url=f'http://{HOST}:{args.registry_metrics_port}/metrics',
            documentation=CHECKOUT / 'doc/index.md',
        ),
        end='',
        flush=True,
    )


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
