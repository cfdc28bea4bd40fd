"""``glance-manage db migrate_location``: started as a program of glance-api.

It copies image data through the stores of glance-api, and asks
glance-registry for its work; so it reads glance-api.conf, and does not open
the database.
"""

import argparse
from collections.abc import Iterator
import os
import sys
import textwrap
from typing import Any

from oslo_config import cfg

from glance_registry.cmd import actions

NAME = 'migrate_location'
#: The module is named only, because the registry imports nothing of the api.
PROGRAM = 'glance.cmd.migrate_location'
_HELP = 'copy or move the data of images to another store'
_DESCRIPTION = (
    'Copy the data of images from one store to another, through the import '
    'machinery of glance-api. Each copy is compared with the hash of its '
    'image before it is recorded. Images can be downloaded throughout. '
    'Interrupt it at any time: the next run continues. It reads '
    'glance-api.conf and needs glance-registry, but not the database. Run it '
    'where both stores can be used. Exit codes: 0 all is done; 1 an image '
    'could not be moved, or the command was refused or stopped.'
)
_EXAMPLE = (
    '  glance-manage db migrate_location --from slow --to fast --dry-run\n'
    '  glance-manage db migrate_location --from slow --to fast --delete '
    '--rate 100'
)


def add_parser(commands: Any, command: str) -> None:
    """Add the parser of the action under a name."""
    parser = commands.add_parser(
        command,
        help=_HELP,
        description=textwrap.fill(_DESCRIPTION),
        epilog=f'example:\n{_EXAMPLE}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(start=_start)
    parser.add_argument(
        '--from',
        dest='old_store',
        metavar='STORE',
        required=True,
        help='id of the store that has the data',
    )
    parser.add_argument(
        '--to',
        dest='new_store',
        metavar='STORE',
        required=True,
        help='id of the store that gets the data',
    )
    parser.add_argument(
        '--delete',
        dest='is_delete',
        action='store_true',
        help='remove the data in the old store after the copy was read back '
        'and compared',
    )
    parser.add_argument(
        '--rate', metavar='MB/S', help='max MB per second (default: no limit)'
    )
    parser.add_argument(
        '--dry-run',
        dest='is_dry_run',
        action='store_true',
        help='show the images, and change nothing',
    )
    for name, text in (
        ('quiet', actions.QUIET['quiet']),
        ('json', actions.LONG['json']),
    ):
        parser.add_argument(
            f'--{name}', dest=f'is_{name}', action='store_true', help=text
        )
    parser.add_argument(
        'image_ids',
        nargs='*',
        metavar='IMAGE_ID',
        help='the images to move (default: all with data in the old store)',
    )


def _start(conf: cfg.ConfigOpts) -> int:
    """Replace this process by the program; does not return."""
    line = [sys.executable, '-m', PROGRAM, *_arguments(conf)]
    os.execv(sys.executable, line)  # noqa: S606  same interpreter


def _arguments(conf: cfg.ConfigOpts) -> Iterator[str]:
    command = conf.command
    for name in ('config_file', 'config_dir'):
        if _is_given(conf, name):
            for path in conf[name]:
                yield f'--{name.replace("_", "-")}={path}'
    if conf.debug:
        yield '--debug'
    yield f'--from={command.old_store}'
    yield f'--to={command.new_store}'
    if command.rate is not None:
        yield f'--rate={command.rate}'
    if command.is_delete:
        yield '--delete'
    if command.is_dry_run:
        yield '--dry-run'
    if command.is_quiet:
        yield '--quiet'
    if command.is_json:
        yield '--json'
    yield from command.image_ids


def _is_given(conf: cfg.ConfigOpts, name: str) -> bool:
    """Whether the command line names files; else each program has its own."""
    origin: Any = conf.get_location(name)
    return origin is not None and origin.location is cfg.Locations.command_line
