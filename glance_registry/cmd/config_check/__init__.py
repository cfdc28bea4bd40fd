"""glance-manage config check: shows the effect of each configuration line."""

import argparse
from collections.abc import Callable, Iterator
import json
import os
from pathlib import Path
import textwrap
from typing import Any

from glance.common import settings
from glance_registry.cmd import actions
from glance_registry.cmd.config_check import options
from glance_registry.cmd.config_check import others
from glance_registry.cmd.config_check import pasted
from glance_registry.cmd.config_check import permissions
from glance_registry.cmd.config_check import values

Judge = Callable[[Path], list[settings.Verdict]]

#: Directory of the configuration files if none is named.
DIRECTORY = Path('/etc/glance')
_PATTERNS = (
    *('*.conf', '*.conf.d/*.conf', '*-paste.ini'),
    *('*.json', '*.yaml', 'policy.d/*.json', 'policy.d/*.yaml'),
)

#: Fates that are shown as others: a misplaced option never had an effect.
_SHOWN = {settings.Fate.MISPLACED: settings.Fate.UNKNOWN}

EXAMPLE = (
    '  glance-manage config check\n'
    '  glance-manage config check /etc/glance/glance-api.conf '
    '/etc/glance/policy.yaml'
)
_DESCRIPTION = (
    'Show what becomes of each option, filter, rule and property protection '
    'of a site\'s files: "read" (it works), "accepted" (it has no effect and '
    'nothing is lost), "refused" (its meaning would be lost, the service '
    'does not start) or "unknown" (it has no effect, as ever). Values are '
    'checked with the files of one program together, as the program does at '
    'its start; files that they name, servers and ports are not. The name of '
    'a file tells whose it is; *-paste.ini are paste files, policy.* are '
    'policies. Exit code 1 if something is refused.'
)


def add_parser(commands: Any) -> None:
    """Add the parser of ``config check``."""
    config = commands.add_parser('config', help='the configuration files')
    parser = config.add_subparsers(dest='config_action', title='actions')
    parser.required = True
    check = parser.add_parser(
        'check',
        help='show what becomes of each line of the files',
        description=textwrap.fill(_DESCRIPTION),
        epilog=f'example:\n{EXAMPLE}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.set_defaults(run=_run)
    check.add_argument(
        'files',
        nargs='*',
        metavar='FILE',
        help=f'a file or a directory of files (default: {DIRECTORY})',
    )
    check.add_argument('--json', action='store_true', help='write JSON')
    check.add_argument(
        '--quiet', action='store_true', help='leave out what is read'
    )


def _run(arguments: Any) -> int:
    paths = [*_files([Path(each) for each in arguments.files or [DIRECTORY]])]
    if not paths:
        raise actions.UsageError(f'{DIRECTORY} has no configuration files.')
    judged = [
        (path, verdict)
        for path in paths
        for verdict in _judge_of(path, paths)(path)
    ]
    rows = [_row(*each) for each in values.judge(judged, paths)]
    changed = sum(row['fate'] == settings.Fate.REFUSED.value for row in rows)
    if arguments.quiet:
        rows = [row for row in rows if row['fate'] != 'read']
    print(json.dumps(rows, indent=2) if arguments.json else _table(rows))
    if changed and not arguments.json:
        print(
            f'{changed} settings are refused: a service would not start, or '
            'their meaning would change.'
        )
    return bool(changed)


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.exists():
            raise actions.UsageError(f'{path} does not exist.')
        if not path.is_dir():
            yield path
            continue
        for pattern in _PATTERNS:
            yield from sorted(path.glob(pattern))


def _judge_of(path: Path, paths: list[Path]) -> Judge:
    """Return the function that judges a file, by its name or content."""
    name = path.name
    if name.endswith('.ini'):
        return pasted.judge
    if permissions.is_policy(path):
        return permissions.judge_policy
    if path.suffix == '.json':
        return others.judge_json
    if others.reader(path):
        return others.judge
    if permissions.is_protections(path):
        return lambda path: permissions.judge_protections(path, paths)
    return options.judge


def _row(path: Path, verdict: settings.Verdict) -> dict[str, str]:
    fate = _SHOWN.get(verdict.fate, verdict.fate)
    return {
        'file': os.fspath(path),
        'section': verdict.section,
        'option': verdict.name,
        'fate': fate.value,
        'reason': verdict.reason,
    }


def _table(rows: list[dict[str, str]]) -> str:
    """Format rows in columns; the last one, the reason, has no fixed width."""
    cells = [
        [
            row['fate'],
            Path(row['file']).name,
            f'[{row["section"]}] {row["option"]}'.strip(),
            row['reason'],
        ]
        for row in rows
    ]
    cells.insert(0, ['FATE', 'FILE', 'SETTING', 'REASON'])
    widths = [max(len(line[column]) for line in cells) for column in range(3)]
    return '\n'.join(
        '  '.join([*(map(str.ljust, line[:3], widths)), line[3]]).rstrip()
        for line in cells
    )
