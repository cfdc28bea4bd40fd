"""glance-control: start and stop the daemons without a service manager."""

import argparse
from collections.abc import Sequence
import importlib.metadata
import os
from pathlib import Path
import signal
import sys
import types

from glance.cmd.control import pidfile
from glance.cmd.control import servers

_SERVERS = ('glance-api', 'glance-registry', 'glance-scrubber')
_COMMANDS = (
    *('start', 'stop', 'shutdown', 'restart'),
    *('reload', 'force-reload', 'status'),
)

_EXAMPLE = """\
example:
  glance-control api start /etc/glance/glance-api.conf
  glance-control --await-child 3 all restart
  glance-control registry status

exit codes: 0 done; 1 refused or failed; 2 wrong usage. status: 0 running,
1 dead with a pid file, 3 not running.
"""


class _Ended(Exception):
    """This process received a signal to end."""


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='glance-control',
        description=(
            'Start, stop, reload and show glance-api, glance-registry and\n'
            'glance-scrubber on machines without a service manager.'
        ),
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--version',
        action='version',
        version=importlib.metadata.version('glance-split'),
    )
    _add_options(parser)
    _add_arguments(parser)
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--pid-file',
        type=Path,
        metavar='PATH',
        help=(
            f'file with the id of the process (default: {pidfile.DIRECTORY}'
            '/SERVER.pid or, if that cannot be written, a file in '
            'glance-UID in the directory for temporary files)'
        ),
    )
    parser.add_argument(
        '--await-child',
        type=float,
        default=0,
        metavar='SECONDS',
        help='wait, and return the exit code of a server that ended by then',
    )
    parser.add_argument(
        '--capture-output',
        action='store_true',
        help='send stdout and stderr of the server to syslog',
    )
    parser.add_argument(
        '--respawn',
        action='store_true',
        help='stay, and start a server that died again',
    )
    parser.add_argument(
        '--stop-timeout',
        type=float,
        default=75,
        metavar='SECONDS',
        help=(
            'how long stop and restart wait for running requests (default: '
            '75, more than the 60 of graceful_shutdown_timeout)'
        ),
    )


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'server',
        nargs='?',
        choices=[
            'all',
            *(name.removeprefix('glance-') for name in _SERVERS),
            *_SERVERS,
        ],
        metavar='SERVER',
        help='all, api, registry or scrubber, also with "glance-" before it',
    )
    parser.add_argument(
        'command',
        nargs='?',
        choices=_COMMANDS,
        metavar='COMMAND',
        help=', '.join(_COMMANDS) + '; shutdown is the same as stop',
    )
    parser.add_argument(
        'conf', nargs='*', metavar='CONF', help='configuration files'
    )


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    if arguments.command is None:
        parser().print_help()
        return 0
    try:
        return _run(arguments)
    except (servers.ControlError, OSError) as error:
        print(f'ERROR: {error}', file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    if arguments.respawn and arguments.await_child:
        raise servers.ControlError(
            '--respawn and --await-child exclude each other.'
        )
    chosen = _chosen(arguments)
    if arguments.command == 'start':
        return _start(chosen, arguments)
    if arguments.command == 'restart':
        stopped = [
            servers.stop(each, arguments.stop_timeout) for each in chosen
        ]
        return max(stopped) or _start(chosen, arguments)
    if arguments.command in ('stop', 'shutdown'):
        return max(
            servers.stop(each, arguments.stop_timeout)
            for each in reversed(chosen)
        )
    if arguments.command == 'status':
        return max(map(servers.status, chosen))
    if arguments.server == 'all':
        chosen = [each for each in chosen if each.name in servers.RELOADING]
    return max(map(servers.reload, chosen))


def _chosen(arguments: argparse.Namespace) -> list[servers.Server]:
    if arguments.server == 'all':
        # Each server starts before the servers that depend on it.
        names = [
            *('glance-registry', 'glance-api'),
            *(['glance-scrubber'] if _has_scrubber() else []),
        ]
    else:
        names = [f'glance-{arguments.server.removeprefix("glance-")}']
    if arguments.pid_file and len(names) > 1:
        raise servers.ControlError(
            '--pid-file is for one server: name it instead of "all".'
        )
    return [
        servers.Server(
            name,
            pidfile.PidFile(
                arguments.pid_file or pidfile.default_path(name), name
            ),
            _existing(arguments.conf),
        )
        for name in names
    ]


def _has_scrubber() -> bool:
    scripts = importlib.metadata.entry_points(group='console_scripts')
    return 'glance-scrubber' in scripts.names


def _existing(paths: Sequence[str]) -> tuple[str, ...]:
    for path in paths:
        if not os.path.exists(path):
            print(
                f'WARNING: {path} does not exist and is left out.',
                file=sys.stderr,
            )
    return tuple(
        os.path.abspath(path) for path in paths if os.path.exists(path)
    )


def _start(chosen: list[servers.Server], arguments: argparse.Namespace) -> int:
    started = [
        servers.start(each, arguments.capture_output) for each in chosen
    ]
    children = [child for child in started if child is not None]
    if arguments.respawn:
        return _respawn(children, arguments.stop_timeout)
    return servers.await_children(children, arguments.await_child)


def _respawn(children: list[servers.Child], timeout_seconds: float) -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    running = list(children)
    try:
        return servers.respawn(children)
    except _Ended:
        return max(
            (servers.stop(each.server, timeout_seconds) for each in running),
            default=0,
        )


def _end(_number: int, _frame: types.FrameType | None) -> None:
    raise _Ended


if __name__ == '__main__':
    sys.exit(main())
