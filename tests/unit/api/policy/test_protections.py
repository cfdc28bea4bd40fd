"""The file of property protections."""

import pathlib
import tempfile
from typing import Any
import unittest

from glance.api import conf as api_conf
from glance.api import parts
from glance.api import policy
from glance.api.policy import protections
from glance.common import context
from glance.common import errors
from tests import base

ETC = pathlib.Path(__file__).parents[4] / 'etc'
GOOD = 'create = a\nread = @\nupdate = !\ndelete =\n'


class FileTestCase(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.path = self.directory / 'protections.conf'

    def load(
        self, text: str | bytes, rule_format: str = 'roles'
    ) -> protections.Protections | None:
        if isinstance(text, str):
            text = text.encode()
        self.path.write_bytes(text)
        return self.from_options(
            property_protection_file=str(self.path),
            property_protection_rule_format=rule_format,
        )

    def from_options(self, **options: Any) -> protections.Protections | None:
        conf = base.configuration(api_conf, '', default=options)
        return parts.property_protections(conf, policy.Policy(conf))

    def allows(self, text: str, action: str, name: str, *roles: str) -> bool:
        found = self.load(text)
        assert found is not None
        return found.of(context.RequestContext(roles=list(roles)))(
            action, name
        )

    def test_without_a_file_nothing_is_protected(self) -> None:
        self.assertIsNone(self.from_options())

    def test_good_files(self) -> None:
        for text in (
            f'[x]\n{GOOD}',
            f'\ufeff[x]\n{GOOD}',
            f'# A comment\n; another\n[x]\n{GOOD}',
            f'[x]\n{GOOD}'.replace('create =', 'CREATE:'),
            f'[%(x)s]\n{GOOD}',
            f'[DEFAULT]\n{GOOD}',
            f'[x]\n{GOOD}'.replace('!', '!, a'),
            f'[os_glance_x]\n{GOOD}\n[x]\n{GOOD}',
        ):
            with self.subTest(text):
                self.assertIsNotNone(self.load(text))

    def test_the_examples_are_good(self) -> None:
        for rule_format in ('roles', 'policies'):
            path = ETC / f'property-protections-{rule_format}.conf'
            found = self.load(path.read_text(), rule_format)
            assert found is not None
            allows = found.of(context.RequestContext(roles=['member']))
            self.assertTrue(allows('create', 'os_distro'))
            self.assertFalse(allows('read', 'x_billing_code_a'))

    def test_files_that_end_the_start_with_one_line(self) -> None:
        for text, told in {
            '': 'no section',
            'x': 'no section headers',
            f'[os_glance_x]\n{GOOD}': 'no section',
            '[x]\ncreate = a': '[x]',
            f'[x]\n{GOOD}'.replace('update', 'udpate'): 'udpate',
            f'[x]\n{GOOD}more = a': 'more',
            f'[x]\n{GOOD}create = b': 'create',
            f'[x]\n{GOOD}[x]\n{GOOD}': 'x',
            f'[(x]\n{GOOD}': '[(x]',
            f'[x]\n{GOOD}'.replace('= a', '= @, !'): '@',
            f'[x]\n{GOOD}'.encode('utf-16'): 'protections.conf',
            b'[\xff]\n' + GOOD.encode(): 'protections.conf',
            '#' * (protections.MAX_FILE_BYTES + 1): 'bytes',
        }.items():
            with (
                self.subTest(text[:40]),
                self.assertRaises(errors.ConfigurationError) as caught,
            ):
                self.load(text)
            message = str(caught.exception)
            self.assertIn('property_protection_file: ', message)
            self.assertIn(told, message)

    def test_files_that_are_not_there_end_the_start(self) -> None:
        for path in ('/nowhere/at/all', 'not-here.conf', str(self.directory)):
            with (
                self.subTest(path),
                self.assertRaises(errors.ConfigurationError) as caught,
            ):
                self.from_options(property_protection_file=path)
            self.assertIn(path, str(caught.exception))

    def test_a_relative_name_is_searched_like_other_files(self) -> None:
        self.path.write_text(f'[x]\n{GOOD}')
        main = self.directory / 'glance-api.conf'
        main.write_text(
            '[DEFAULT]\nproperty_protection_file = protections.conf\n'
        )
        conf = base.cfg.ConfigOpts()
        api_conf.register(conf)
        conf(args=['--config-file', str(main)], project='glance')
        found = parts.property_protections(conf, policy.Policy(conf))
        self.assertIsNotNone(found)

    def test_rules_are_names_of_one_rule(self) -> None:
        for value, good in (
            ('context_is_admin', True),
            ('@', True),
            ('!', True),
            ('', True),
            ('context_is_admin, get_image', False),
            ('role:admin', False),
            ('no_such_rule', False),
        ):
            text = f'[x]\n{GOOD}'.replace('= a', f'= {value}')
            with self.subTest(value):
                if good:
                    self.assertIsNotNone(self.load(text, 'policies'))
                    continue
                with self.assertRaises(errors.ConfigurationError):
                    self.load(text, 'policies')

    def test_the_first_section_that_matches_decides(self) -> None:
        text = f'[^a]\n{GOOD}[b]\n{GOOD.replace("create = a", "create = b")}'
        for name, role, allowed in (
            ('ab', 'a', True),
            ('ab', 'b', False),
            ('xbx', 'b', True),  # searched, not matched
            ('xbx', 'A', False),
            ('x', 'a', False),
        ):
            with self.subTest(f'{name} {role}'):
                self.assertEqual(
                    allowed, self.allows(text, 'create', name, role)
                )

    def test_values(self) -> None:
        for value, roles, allowed in (
            ('@', (), True),
            ('!', ('a',), False),
            ('', ('a',), False),
            ('!, a', ('a',), False),
            ('@, a', (), True),
            ('a', ('a',), True),
            ('A , B', ('b',), True),
            ('a', ('ab',), False),
            (',', ('a',), False),
        ):
            text = f'[x]\n{GOOD}'.replace('= a', f'= {value}')
            with self.subTest(f'{value} {roles}'):
                self.assertEqual(
                    allowed, self.allows(text, 'create', 'x', *roles)
                )

    def test_names_of_clients_do_not_fill_the_memory(self) -> None:
        found = self.load(f'[x]\n{GOOD}')
        assert found is not None
        allows = found.of(context.RequestContext(roles=['a']))
        for number in range(protections.KNOWN_NAMES + 100):
            allows('create', f'x{number}')
        kept = found._checks_of.cache_info().currsize
        self.assertEqual(protections.KNOWN_NAMES, kept)
