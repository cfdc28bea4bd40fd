"""The documentation as a site: every page is reached, no link is dead."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
import pathlib
import re
import unittest

import yaml

from glance.common import errors
from tests.unit.registry.db import catalogs
from tools import api_page

ROOT = pathlib.Path(__file__).parents[2]
DOC = ROOT / 'doc'
NOTES = ROOT / 'releasenotes' / 'notes'
#: Sections of a release note that reno knows.
SECTIONS = {
    *('prelude', 'features', 'issues', 'upgrade', 'deprecations'),
    *('critical', 'security', 'fixes', 'other'),
}
#: Made when the site is built, from what the commands say of themselves.
MADE = {'reference/commands'}
TROUBLE = DOC / 'troubleshooting.md'


def pages() -> dict[str, str]:
    return {
        str(path.relative_to(DOC).with_suffix('')): path.read_text()
        for path in DOC.rglob('*.md')
    }


def without_code(text: str) -> str:
    text = re.sub(r'^```.*?^```', '', text, flags=re.MULTILINE | re.DOTALL)
    return re.sub('`[^`]*`', '', text)


def anchors(text: str) -> set[str]:
    """Names of the headings, as links have them."""
    found = re.findall(r'^#+ (.*)$', text, re.MULTILINE)
    return {
        re.sub(r'[^\w\- ]', '', each.lower()).strip().replace(' ', '-')
        for each in found
    }


def texts_of_the_code() -> Iterator[str]:
    """Every string of both daemons, with … for what is put in."""
    for package in ('glance', 'glance_registry'):
        for path in (ROOT / package).rglob('*.py'):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant):
                    text = node.value if isinstance(node.value, str) else ''
                elif isinstance(node, ast.JoinedStr):
                    text = ''.join(
                        str(part.value)
                        if isinstance(part, ast.Constant)
                        else '…'
                        for part in node.values
                    )
                else:
                    continue
                yield re.sub('%[sdr]', '…', text)


class TestSite(unittest.TestCase):
    def test_every_page_is_in_the_contents(self) -> None:
        index = (DOC / 'index.md').read_text()
        trees = re.findall(r'```{toctree}(.*?)```', index, re.DOTALL)
        named = [
            line
            for tree in trees
            for line in tree.splitlines()
            if line and not line.startswith(':')
        ]
        for name in ({*pages(), *MADE}) - {'index'}:
            with self.subTest(name):
                found = [each for each in named if fnmatch(name, each)]
                self.assertEqual(1, len(found), found)

    def test_links_lead_somewhere(self) -> None:
        for name, text in pages().items():
            for link in re.findall(r'\]\(([^)\s]+)\)', without_code(text)):
                if link.startswith('http'):
                    continue
                path, _, anchor = link.partition('#')
                with self.subTest(f'{name}: {link}'):
                    page = DOC / name
                    target = (page.parent / path) if path else page
                    target = target if path else target.with_suffix('.md')
                    self.assertTrue(target.exists())
                    if anchor:
                        self.assertIn(anchor, anchors(target.read_text()))

    def test_page_of_the_api_is_up_to_date(self) -> None:
        self.assertEqual(
            api_page.page(), api_page.PAGE.read_text(), 'run tools/reference'
        )


class TestReleaseNotes(unittest.TestCase):
    def test_notes_have_sections_that_reno_knows(self) -> None:
        files = [*NOTES.glob('*.yaml')]
        self.assertTrue(files)
        for path in files:
            with self.subTest(path.name):
                self.assertRegex(path.stem, '-[0-9a-f]{16}$')
                note = yaml.safe_load(path.read_text())
                self.assertLessEqual(set(note), SECTIONS)
                for items in note.values():
                    self.assertTrue(all(isinstance(it, str) for it in items))


class TestUpgrade(unittest.TestCase):
    def test_every_age_of_a_database_has_a_row(self) -> None:
        """The upgrades from each of these revisions have tests."""
        rows = re.findall(
            r'^\| \S+ \(\d+\).*?\| (`.*?) \|',
            (DOC / 'upgrade.md').read_text(),
            re.MULTILINE,
        )
        revisions = [
            name for row in rows for name in re.findall('`(.*?)`', row)
        ]
        self.assertEqual(
            sorted({*catalogs.AGES, 'ocata_contract01'}), sorted(revisions)
        )


class TestTroubleshooting(unittest.TestCase):
    def test_messages_are_real(self) -> None:
        known = '\n'.join({*texts_of_the_code()})
        text = TROUBLE.read_text().partition('## Codes of errors')[0]
        headings = [
            each
            for each in re.findall('^### (.*)$', text, re.MULTILINE)
            if ' ' in each and not each.startswith('systemctl')
        ]
        self.assertGreater(len(headings), 30)
        for message in headings:
            with self.subTest(message):
                self.assertIn(message, known)

    def test_every_entry_has_a_cause_and_something_to_do(self) -> None:
        text = TROUBLE.read_text().partition('## Codes of errors')[0]
        for entry in text.split('\n### ')[1:]:
            with self.subTest(entry.partition('\n')[0]):
                self.assertIn('Cause: ', entry)
                self.assertIn('\n- Do: ', entry)

    def test_every_code_has_a_row(self) -> None:
        rows = re.findall(r'^\| `(\w+)` \| (\d*)', TROUBLE.read_text(), re.M)
        told = dict(rows)
        own = {errors.Error, *subclasses(errors.Error)}
        self.assertEqual({each.code for each in own}, set(told))
        for each in own - {errors.ConfigurationError}:
            self.assertEqual(str(each.status), told[each.code], each)


def subclasses(of: type[errors.Error]) -> Iterator[type[errors.Error]]:
    for each in of.__subclasses__():
        if each.__module__ == errors.__name__:
            yield each
            yield from subclasses(each)
