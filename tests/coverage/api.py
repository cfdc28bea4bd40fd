"""Which test answers for which statement of the API: doc/api-coverage.md.

``statements.yaml`` has what clients may rely on. A test claims statements
by a marker, in a comment or its docstring, in YAML and in Python alike:

    - name: a second time conflicts  # covers 12-12
    def test_two_at_once(self) -> None:
        # covers 8.1-9, 5-8..10

It belongs to the test that it stands in, before the first one to the class
or the file.

    python -m tests.coverage.api    writes the page
"""

import collections
from collections.abc import Iterator
import functools
import pathlib
import re
import sys
from typing import NamedTuple

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STATEMENTS = pathlib.Path(__file__).with_name('statements.yaml')
PAGE = ROOT / 'doc' / 'api-coverage.md'
#: Tests of one file that the page names for one statement.
NAMES_SHOWN = 3
_ID = r'[0-9]+(?:\.[0-9]+)*-[0-9]+(?:\.\.[0-9]+)?'
_MARKER = re.compile(rf'\bcovers ({_ID}(?:, {_ID})*)')
_YAML_TEST = re.compile(r'  - name: (.*?)(?:\s+# .*)?$')
_PYTHON_CLASS = re.compile(r'class (\w+)')
_PYTHON_TEST = re.compile(r'    (?:async )?def (test_\w+)')
_PYTHON_OTHER = re.compile(r'(?:    )?(?:async )?def ')


class Section(NamedTuple):
    title: str
    #: what clients may rely on, by ``SECTION-NUMBER``
    statements: dict[str, str]


class Claim(NamedTuple):
    #: path in the checkout
    file: str
    #: test, class, or nothing for the whole file
    test: str


def sections() -> dict[str, Section]:
    """Every section by its number, statements by ``SECTION-NUMBER``."""
    found = {}
    for number, content in _document()['sections'].items():
        statements = {
            f'{number}-{key}': value
            for key, value in content.items()
            if key != 'title'
        }
        found[number] = Section(content['title'], statements)
    return found


@functools.cache
def _document() -> dict[str, dict]:
    document: dict[str, dict] = yaml.safe_load(STATEMENTS.read_text())
    return document


def claims() -> dict[str, list[Claim]]:
    """Statement -> the tests that claim it, in order."""
    found = collections.defaultdict(list)
    for path in _files():
        for statement, claim in _claims_of(path):
            if claim not in found[statement]:
                found[statement].append(claim)
    return dict(found)


def _files() -> list[pathlib.Path]:
    tests = ROOT / 'tests'
    return sorted([*tests.rglob('test_*.py'), *tests.rglob('gabbits/*.yaml')])


def _claims_of(path: pathlib.Path) -> Iterator[tuple[str, Claim]]:
    place = _yaml_place if path.suffix == '.yaml' else _python_place
    name = str(path.relative_to(ROOT))
    where = ('', '')
    for line in path.read_text().splitlines():
        where = place(line, where)
        claim = Claim(name, where[1] or where[0])
        for marker in _MARKER.finditer(line):
            for statement in _expanded(marker[1]):
                yield statement, claim


def _yaml_place(line: str, where: tuple[str, str]) -> tuple[str, str]:
    found = _YAML_TEST.match(line)
    return ('', found[1]) if found else where


def _python_place(line: str, where: tuple[str, str]) -> tuple[str, str]:
    """Class and test that a line is in."""
    if found := _PYTHON_CLASS.match(line):
        return found[1], ''
    if found := _PYTHON_TEST.match(line):
        return where[0], found[1]
    if _PYTHON_OTHER.match(line):
        return where[0], ''
    return where


def _expanded(marker: str) -> Iterator[str]:
    """``5-8..10`` is 5-8, 5-9 and 5-10."""
    for item in marker.split(', '):
        section, _, numbers = item.rpartition('-')
        first, _, last = numbers.partition('..')
        for number in range(int(first), int(last or first) + 1):
            yield f'{section}-{number}'


def problems() -> list[str]:
    """Statements without a test, and markers without a statement."""
    known = {
        statement: content
        for section in sections().values()
        for statement, content in section.statements.items()
    }
    claimed = claims()
    found = [
        f'{statement}: nothing covers it: {text}'
        for statement, text in known.items()
        if statement not in claimed
    ]
    found += [
        f'{statement}: unknown, but {claim.file} covers it in {claim.test!r}'
        for statement, tests in claimed.items()
        if statement not in known
        for claim in tests
    ]
    return found


def page() -> str:
    """The text of doc/api-coverage.md."""
    claimed = claims()
    lines = _HEAD.splitlines()
    for number, section in sections().items():
        lines += ['', f'## {number} {section.title}', '']
        lines += ['| | statement | tests |', '| --- | --- | --- |']
        lines += [
            f'| {key} | {_escaped(text)} | {_tests(claimed.get(key, []))} |'
            for key, text in section.statements.items()
        ]
    return '\n'.join(lines) + '\n'


def _tests(claimed: list[Claim]) -> str:
    if not claimed:
        return '**none**'
    by_file = collections.defaultdict(list)
    for claim in claimed:
        by_file[claim.file].append(claim.test)
    return '<br>'.join(
        _tests_of_file(file, names) for file, names in by_file.items()
    )


def _tests_of_file(file: str, names: list[str]) -> str:
    link = f'[{pathlib.Path(file).name}](../{file})'
    shown = [name for name in names if name][:NAMES_SHOWN]
    text = ', '.join(_name(name) for name in shown)
    more = len(names) - len(shown)
    if shown and more:
        text += f', {more} more'
    return f'{link}: {text}' if text else f'{link}: all of it'


def _name(test: str) -> str:
    return f'`{test}`' if test.isidentifier() else _escaped(test)


def _escaped(text: str) -> str:
    return re.sub(r'([|<>_*])', r'\\\1', text)


_HEAD = """\
# What of the API is tested where

Made by `tools/coverage-of-api`; do not edit. The numbers are those that tests
name in their markers; `tests/coverage/statements.yaml` has the
statements, and `tests/coverage/api.py` says how a test claims one. A test
fails when a statement has no test, and when this page is out of date.
"""

if __name__ == '__main__':
    PAGE.write_text(page())
    sys.stdout.writelines(f'{problem}\n' for problem in problems())
    sys.exit(bool(problems()))
