"""Write doc/reference/commands.md: what --help of each command says.

It is made when the site is built and not kept, because the words of argparse
differ between versions of Python.
"""

import pathlib
import sys

from tools import man

PAGE = (
    pathlib.Path(__file__).resolve().parent.parent
    / 'doc'
    / 'reference'
    / 'commands.md'
)


def main() -> int:
    lines = ['# Commands with all their flags', '']
    for command in man.commands():
        lines += [f'## {command}', '', '```text']
        lines += [man.help_of(command).rstrip(), '```', '']
    PAGE.write_text('\n'.join(lines))
    return 0


if __name__ == '__main__':
    sys.exit(main())
