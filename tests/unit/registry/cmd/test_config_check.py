"""glance-manage config check."""

import json
from pathlib import Path
import tempfile
from typing import Any
import unittest

from tests.unit.common import test_settings
from tests.unit.registry.cmd import sites
from tests.unit.registry.cmd import test_manage

ETC = Path(__file__).parents[4] / 'etc'


class Checks(unittest.TestCase):
    """Calls the command for files in a directory of its own."""

    def setUp(self) -> None:
        super().setUp()
        test_manage._keep_logging(self)
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.directory = Path(home.name)

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text)
        return path

    def call(self, *argv: str) -> test_manage.Outcome:
        empty = ('--config-file', '/dev/null')
        return test_manage._call(*empty, 'config', 'check', *argv)

    def table(self) -> list[dict[str, Any]]:
        """The rows of the directory."""
        outcome = self.call('--json', str(self.directory))
        rows: list[dict[str, Any]] = json.loads(outcome.out)
        refused = any(row['fate'] == 'refused' for row in rows)
        self.assertEqual(int(refused), outcome.code, outcome)
        return rows

    def fates(self) -> set[str]:
        return {row['fate'] for row in self.table()}

    def rows(self, code: int = 0) -> dict[tuple[str, str], dict[str, Any]]:
        """The table of the directory, by section and option."""
        rows = self.table()
        refused = any(row['fate'] == 'refused' for row in rows)
        self.assertEqual(code, int(refused), rows)
        return {(row['section'], row['option']): row for row in rows}

    def assert_fates(
        self, expected: dict[tuple[str, str], str], code: int = 0
    ) -> dict[tuple[str, str], dict[str, Any]]:
        rows = self.rows(code)
        self.assertEqual(
            expected, {key: row['fate'] for key, row in rows.items()}
        )
        return rows


class ConfigCheckTest(Checks):
    def test_options_by_fate(self) -> None:
        self.write(
            'glance-api.conf',
            '[DEFAULT]\nworkers = 3\nimage_size_cap = big\nfoo = 1\n'
            'flavor = keystone\ndata_api = x\nowner_is_tenant = False\n'
            '[keystone_authtoken]\nauth_url = http://k\n'
            '[paste_deploy]\nflavor = keystone\n',
        )
        rows = self.assert_fates(
            {
                ('DEFAULT', 'workers'): 'read',
                ('DEFAULT', 'image_size_cap'): 'refused',
                ('DEFAULT', 'foo'): 'unknown',
                ('DEFAULT', 'flavor'): 'unknown',
                ('DEFAULT', 'data_api'): 'accepted',
                ('DEFAULT', 'owner_is_tenant'): 'refused',
                ('keystone_authtoken', 'auth_url'): 'read',
                ('paste_deploy', 'flavor'): 'read',
            },
            1,
        )
        place = rows['DEFAULT', 'flavor']['reason']
        self.assertEqual('it belongs in [paste_deploy].', place)
        self.assertIn('big', rows['DEFAULT', 'image_size_cap']['reason'])

    def test_nothing_is_refused(self) -> None:
        self.write(
            'glance-api.conf',
            '[DEFAULT]\nworkers = 3\nfoo = 1\nbind_host = ::1\n',
        )
        outcome = self.call(str(self.directory))
        self.assertEqual(0, outcome.code)
        head, *lines = outcome.out.splitlines()
        self.assertEqual(['FATE', 'FILE', 'SETTING', 'REASON'], head.split())
        self.assertEqual(
            [['read', 'glance-api.conf', '[DEFAULT]', 'workers']],
            [line.split() for line in lines if 'workers' in line],
        )
        quiet = self.call('--quiet', str(self.directory)).out
        self.assertNotIn('workers', quiet)
        self.assertIn('foo', quiet)

    def test_every_option_that_operators_know_has_a_fate(self) -> None:
        known = test_settings.KNOWN_API
        text = ''.join(
            f'[{section}]\n' + ''.join(f'{name} =\n' for name in names.split())
            for section, names in known.items()
        )
        self.write('glance-api.conf', text)
        registry = test_settings.KNOWN_REGISTRY.split()
        lines = ''.join(f'{name} =\n' for name in registry)
        self.write('glance-registry.conf', f'[DEFAULT]\n{lines}')
        outcome = self.call('--json', str(self.directory))
        fates = {row['fate'] for row in json.loads(outcome.out)}
        self.assertNotIn('unknown', fates)

    def test_files_of_other_programs_hold_options_of_glance_api(self) -> None:
        self.write(
            'glance-manage.conf',
            '[DEFAULT]\nmetadata_source_path = /x\nimage_size_cap = 1\n'
            'data_api = x\nfoo = 1\n[database]\nconnection = sqlite://\n',
        )
        self.assert_fates(
            {
                ('DEFAULT', 'metadata_source_path'): 'read',
                ('DEFAULT', 'image_size_cap'): 'accepted',
                ('DEFAULT', 'data_api'): 'accepted',
                ('DEFAULT', 'foo'): 'unknown',
                ('database', 'connection'): 'read',
            }
        )

    def test_paste_files(self) -> None:
        self.write(
            'glance-api-paste.ini',
            '[filter:gzip]\npaste.filter_factory = '
            'glance.api.middleware.gzip:GzipMiddleware.factory\n'
            '[filter:cors]\npaste.filter_factory = '
            'oslo_middleware.cors:filter_factory\n'
            '[filter:json]\npaste.filter_factory = json:loads\n'
            '[filter:site]\npaste.filter_factory = site.example:factory\n',
        )
        key = 'paste.filter_factory'
        self.assert_fates(
            {
                ('filter:gzip', key): 'accepted',
                ('filter:cors', key): 'read',
                ('filter:json', key): 'read',
                ('filter:site', key): 'refused',
            },
            1,
        )

    def test_policies(self) -> None:
        self.write(
            'policy.yaml',
            'get_images: "role:reader"\nadd_image: "rule:mine"\n'
            'mine: "role:a or role:b"\nforgotten: "@"\n'
            'get_image: "rule:nowhere"\ndelete_image: "role:a ornot"\n',
        )
        self.assert_fates(
            {
                ('rule', 'get_images'): 'read',
                ('rule', 'add_image'): 'read',
                ('rule', 'mine'): 'read',
                ('rule', 'forgotten'): 'unknown',
                ('rule', 'get_image'): 'refused',
                ('rule', 'delete_image'): 'refused',
            },
            1,
        )

    def test_property_protections(self) -> None:
        keys = 'create = {0}\nread = {0}\nupdate = {0}\ndelete = {0}\n'
        self.write('site-policies.conf', f'[a]\n{keys.format("mine")}')
        row = self.rows(1)['', '']
        self.assertIn('the policy has no rule mine', row['reason'])
        self.write('policy.yaml', 'mine: "role:a"\n')
        self.assertEqual('read', self.rows()['a', '']['fate'])
        self.write('site-roles.conf', '[b]\ncreate = a\n')
        self.assertIn('section [b]', self.rows(1)['', '']['reason'])

    def test_files_of_other_readers(self) -> None:
        self.write('rootwrap.conf', '[DEFAULT]\nexec_dirs = /bin\n')
        self.write('glance-swift.conf', '[ref1]\nuser = a:b\nkey = c\n')
        self.assert_fates(
            {
                ('DEFAULT', 'exec_dirs'): 'read',
                ('ref1', 'user'): 'read',
                ('ref1', 'key'): 'read',
            }
        )
        self.write('schema-image.json', '{"kernel_id": {}')
        self.assertEqual('refused', self.rows(1)['', '']['fate'])
        self.write('schema-image.json', '{"size": {"type": "string"}}')
        row = self.rows(1)['', '']
        self.assertIn('size is a member of every image', row['reason'])
        self.write('schema-image.json', '{"kernel_id": {}}')
        self.assertEqual('read', self.rows()['', '']['fate'])

    def test_files_that_cannot_be_read(self) -> None:
        for name in ('glance-api.conf', 'a-paste.ini', 'policy.yaml'):
            path = self.write(name, '[x\ny: - : z')
            row = self.rows(1)['' if name[0] != 'p' else 'rule', '']
            self.assertEqual('refused', row['fate'], name)
            path.unlink()
        outcome = self.call('/nonexistent')
        self.assertEqual(1, outcome.code)
        self.assertIn('/nonexistent does not exist', outcome.err)

    def test_what_we_ship_is_read(self) -> None:
        outcome = self.call('--json', str(ETC))
        rows = json.loads(outcome.out)
        self.assertGreater(len(rows), 40)
        self.assertEqual(
            [], [row for row in rows if row['fate'] in ('refused', 'unknown')]
        )
        self.assertEqual(0, outcome.code)

    def test_no_option_of_a_site_is_unknown(self) -> None:
        for site, files in sites.SITES.items():
            for name, text in files.items():
                path = self.write(name, text)
                with self.subTest(site=site, file=name):
                    outcome = self.call('--json', '--quiet', str(path))
                    rows = json.loads(outcome.out)
                    bad = [
                        row
                        for row in rows
                        if row['fate'] not in ('read', 'accepted')
                    ]
                    self.assertEqual([], bad)
                    self.assertEqual(0, outcome.code)
                    for row in rows:
                        self.assertNotEqual('', row['reason'])
                path.unlink()
