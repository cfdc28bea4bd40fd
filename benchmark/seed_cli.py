"""Command line of tools/seed."""

import argparse
import sys
import time

from benchmark import seeding


def main() -> int:
    arguments = _parser().parse_args()
    names = arguments.projects.split(',')
    if len(names) != 3 or not all(names):
        _parser().error('--projects takes three names: OWNER,RARE,MEMBER')
    owner, rare, member = names
    mix = seeding.Mix(
        arguments.properties,
        arguments.tags,
        owner,
        rare,
        member,
        arguments.seed,
    )
    began = time.monotonic()
    try:
        added = seeding.fill(
            arguments.connection, arguments.images, mix, _progress
        )
    except seeding.Unusable as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    seconds = time.monotonic() - began
    print(f'{added} images added in {seconds:.1f} s')
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='tools/seed',
        description='Fill an image database for measurements: most images '
        'belong to one project, a fifth is public, a rare project owns ten '
        'old private ones. A second run adds what is missing.',
    )
    parser.add_argument(
        '--connection', required=True, help='database URL, as in [database]'
    )
    parser.add_argument('--images', type=int, required=True)
    parser.add_argument('--properties', type=int, default=5)
    parser.add_argument('--tags', type=int, default=3)
    parser.add_argument(
        '--projects',
        default='p1,rare,p9',
        help='owner of most, owner of ten old ones, member of every 50th '
        '(default: %(default)s)',
    )
    parser.add_argument(
        '--seed', type=int, default=1, help='another one makes other ids'
    )
    return parser


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        print(f'\r{line}', end='', file=sys.stderr, flush=True)


if __name__ == '__main__':
    sys.exit(main())
