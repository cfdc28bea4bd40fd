"""The options of tools/bench."""

import argparse
import pathlib

from benchmark import colds
from benchmark import databases
from benchmark import metadata
from benchmark import pair
from benchmark import places

DEFAULT = 'show,list,create,patch,upload,download'
ITEMS = (*metadata.ITEMS, 'upload', 'download', 'range', 'mixed')
ITEMS += ('first-download', 'cache', 'slow', 'half', 'growth', 'import')
ITEMS += tuple(colds.STORES)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog='tools/bench',
        description='Measure a private pair of daemons of this checkout, '
        'started for it on loopback with a database of its own. CPU is of '
        'whole process trees, from the kernel; compare it, not the wall, '
        'on a busy machine.',
        epilog='Items: ' + ', '.join(ITEMS) + '. A target is [NAME=]URL or '
        '[NAME=]@STATEFILE, then ,key=value: pid=1+2 (its process trees), '
        'registry=2 (those of them that are the registry), dbpid=3, db=URL '
        '(may be filled), token=, secret=, project=, kind=docker (a Docker '
        'registry; only for first-download).',
    )
    _add_work(made)
    _add_targets(made)
    _add_output(made)
    return made


def _add_work(made: argparse.ArgumentParser) -> None:
    """Add the options for what is measured, and how long."""
    made.add_argument('--items', default=DEFAULT, help=f'or all; {DEFAULT}')
    made.add_argument(
        '--full',
        action='store_true',
        help='all items; 64M and 1G by 1 and 8 clients; takes a quarter of '
        'an hour and more',
    )
    made.add_argument('--db', choices=databases.BY_NAME, default='sqlite')
    made.add_argument('--workers', type=int, default=1)
    made.add_argument('--images', type=int, default=1000)
    made.add_argument(
        '--rounds', type=int, default=5, help='turns of each target'
    )
    made.add_argument(
        '--seconds', type=float, default=1.5, help='of one round of calls'
    )
    made.add_argument('--sizes', default='256M', help='64M,1G and the like')
    made.add_argument('--clients', default='1', help='of data: 1,8')
    made.add_argument('--data-rounds', type=int, default=3)
    made.add_argument('--mixed-clients', type=int, default=32)
    made.add_argument('--crowd', type=int, default=200)
    made.add_argument('--growth', default='1000,10000,100000')


def _add_targets(made: argparse.ArgumentParser) -> None:
    """Add the options for the services that are measured."""
    made.add_argument(
        '--against', action='append', default=[], metavar='TARGET'
    )
    made.add_argument(
        '--keystone',
        action='store_true',
        help='also a pair behind a real Keystone (.venv/bin/nox -s keystone)',
    )
    made.add_argument(
        '--store',
        choices=places.PLACES,
        help='in place of items: uploads and downloads with this store on a '
        'real server (s3 is radosgw, s3api is Swift), beside its own tool',
    )
    made.add_argument(
        '--upstream',
        type=pathlib.Path,
        metavar='VENV',
        help='of --store and cold-*: also upstream Glance on the same server; '
        'tests/stores/upstream.py says what the environment needs',
    )
    made.add_argument(
        '--option',
        action='append',
        default=[],
        metavar='DAEMON:GROUP.NAME=VALUE',
        help='a setting of api or registry, to compare with and without',
    )
    made.add_argument(
        '--server',
        default=pair.OWN,
        metavar='NAME,...',
        help=f'WSGI servers of our pair: {", ".join(pair.SERVERS)}. Each '
        'further one is a pair of its own on the same database.',
    )


def _add_output(made: argparse.ArgumentParser) -> None:
    """Add the options for the results."""
    made.add_argument('--json', type=pathlib.Path, metavar='FILE')
    made.add_argument(
        '--svg', type=pathlib.Path, metavar='FILE', help='picture of growth'
    )
    made.add_argument(
        '--keep',
        type=pathlib.Path,
        metavar='DIR',
        help='put database, images and logs there and leave them',
    )
    made.add_argument(
        '--no-counts',
        action='store_true',
        help='do not count statements and round trips',
    )
