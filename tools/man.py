"""Write man pages of the commands from what --help says.

Sub-commands stand in the page of their command. Pages are made when a
package is built and are not kept here, because the words of argparse differ
between versions of Python.
"""

from collections.abc import Iterator
import configparser
import functools
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
_COLUMNS = '76'
_HEADING = re.compile(r'^([A-Za-z][a-z ]*|):$')
_CHOICES = re.compile(r'^ +\{([\w,-]+)\}', re.MULTILINE)


def commands() -> list[str]:
    """The commands of the package."""
    described = configparser.ConfigParser()
    described.read(ROOT / 'setup.cfg')
    scripts = described['options.entry_points']['console_scripts'].split('\n')
    return [line.partition('=')[0].strip() for line in scripts if line]


@functools.cache
def help_of(command: str, *words: str) -> str:
    """What a command says; the console script itself is started."""
    program = pathlib.Path(sys.executable).parent / command
    done = subprocess.run(
        [program, *words, '--help'],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, 'COLUMNS': _COLUMNS},
    )
    return done.stdout


def page(command: str) -> str:
    """The page of a command, in the language of man."""
    parts = _parts(help_of(command))
    usage, description = parts.pop('usage'), parts.pop('', '')
    lines = [
        f'.TH {command.upper()} 1 "" "glance-split" "Image service"',
        '.SH NAME',
        f'{command} \\- {_summary(command, description)}',
        '.SH SYNOPSIS',
        *_verbatim(usage),
        '.SH DESCRIPTION',
        *_words(description),
    ]
    for title, text in parts.items():
        lines += [f'.SH {title.upper()}', *_verbatim(text)]
    for words in _sub_commands(command):
        lines += [
            f'.SH {" ".join(words).upper()}',
            *_verbatim(help_of(command, *words)),
        ]
    return '\n'.join(lines) + '\n'


def _parts(text: str) -> dict[str, str]:
    """The text by headings; what stands under none is the description."""
    usage, _, rest = text.partition('\n\n')
    found = {'usage': usage.removeprefix('usage: ')}
    title = ''
    for paragraph in rest.split('\n\n'):
        first, _, others = paragraph.partition('\n')
        heading = _HEADING.match(first)
        body = others if heading else paragraph
        if heading:
            title = heading[1] or 'commands'
        elif paragraph[:1] != ' ':
            title = ''
        known = found.get(title)
        found[title] = f'{known}\n\n{body}' if known else body
    return found


def _summary(command: str, description: str) -> str:
    first = ' '.join(description.split()).partition('. ')[0]
    return _escaped((first or command).rstrip('.'))


def _sub_commands(command: str) -> Iterator[tuple[str, ...]]:
    """Words of each sub-command that has arguments of its own."""
    for word in _choices(help_of(command)):
        if word.startswith('db_'):  # the same as "db ..."
            continue
        inner = _choices(help_of(command, word))
        yield from ((word, each) for each in inner)
        if not inner:
            yield (word,)


def _choices(text: str) -> list[str]:
    """Sub-commands of a parser: the choices on a line of their own."""
    _, _, below = text.partition('\n\n')
    found = _CHOICES.search(below)
    return found[1].split(',') if found else []


def _verbatim(text: str) -> list[str]:
    lines = [_escaped(line) for line in text.strip('\n').split('\n')]
    return ['.nf', *lines, '.fi']


def _words(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.split('\n\n')):
        if number:
            yield '.PP'
        yield from map(_escaped, paragraph.split('\n'))


def _escaped(line: str) -> str:
    line = line.replace('\\', '\\e').replace('-', '\\-')
    return f'\\&{line}' if line[:1] in ('.', "'") else line


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1].startswith('-'):
        print('usage: tools/man DIR', file=sys.stderr)
        return 2
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for command in commands():
        (directory / f'{command}.1').write_text(page(command))
    return 0


if __name__ == '__main__':
    sys.exit(main())
