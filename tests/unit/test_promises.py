"""What doc/ promises has tests: tests/coverage/promises.yaml."""

import ast
from collections.abc import Iterator
import functools
import pathlib
import re
from typing import Any
import unittest

import yaml

ROOT = pathlib.Path(__file__).parents[2]
TESTS = ROOT / 'tests'
PROMISES = TESTS / 'coverage' / 'promises.yaml'
#: Pages that are measurements, or made from other tables.
OTHER_PAGES = {
    'doc/api-coverage.md': 'made by tools/coverage-of-api',
    'doc/performance.md': 'measurements; tools/bench repeats them',
    'doc/reference/options.md': 'made by tools/reference',
    'doc/reference/api.md': 'made by tools/reference',
    'doc/reference/commands.md': 'made when the site is built',
    'doc/index.md': 'links; tests/unit/test_site.py checks them',
    'doc/first-steps.md': 'a part of README.md',
    'doc/release-notes.md': 'made of releasenotes/notes',
    'doc/contributing.md': 'about the work on this repository',
}
_SECTION = re.compile(r'^##+ (.*)$', re.MULTILINE)


def pages() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(PROMISES.read_text())
    return found


def plain(text: str) -> str:
    """Without the line breaks of a page."""
    return ' '.join(text.split())


def sections(page: str) -> Iterator[tuple[str, str]]:
    """Titles of a page and what stands below; the head is ``''``."""
    text = re.sub(r'^(```|    ).*?$', '', page, flags=re.MULTILINE)
    parts = _SECTION.split(text)
    yield '', parts[0]
    yield from zip(parts[1::2], parts[2::2], strict=True)


@functools.cache
def tests_of(file: str) -> frozenset[str]:
    """``CLASS.TEST`` and ``CLASS.`` of a module, or sentences of a story."""
    text = (TESTS / file).read_text()
    if file.endswith('.yaml'):
        return frozenset(
            test['name'] for test in yaml.safe_load(text)['tests']
        )
    found = {''}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            found.add(f'{node.name}.')
            found |= {
                f'{node.name}.{each.name}'
                for each in node.body
                if isinstance(each, ast.FunctionDef)
                and each.name.startswith('test')
            }
    return frozenset(found)


class TestPromises(unittest.TestCase):
    def test_every_page_is_known(self) -> None:
        files = {str(p.relative_to(ROOT)) for p in ROOT.glob('doc/**/*.md')}
        self.assertEqual(set(), files - {*pages(), *OTHER_PAGES})

    def test_promises_stand_in_their_pages(self) -> None:
        for name, page in pages().items():
            text = plain((ROOT / name).read_text())
            for words in page['promises']:
                with self.subTest(f'{name}: {words}'):
                    self.assertIn(plain(words), text)

    def test_the_tests_are_there(self) -> None:
        for name, page in pages().items():
            for words, tests in page['promises'].items():
                self.assertTrue(tests, f'{name}: {words}')
                for test in tests:
                    file, _, one = test.partition(': ')
                    with self.subTest(test):
                        self.assertIn(one, tests_of(file))

    def test_every_section_has_a_promise(self) -> None:
        for name, page in pages().items():
            text = (ROOT / name).read_text()
            without = page.get('no promises', {})
            for title, below in sections(text):
                promised = any(
                    plain(words) in plain(below) for words in page['promises']
                )
                with self.subTest(f'{name}: {title}'):
                    self.assertTrue(promised or not title or title in without)
