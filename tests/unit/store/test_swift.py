"""What of Swift has branches of its own; the rest runs on a real server."""

import pathlib
from typing import Any
import unittest
from unittest import mock

from glance.common import errors
from glance.store import base
from glance.store import drivers
from glance.store import keystone
from glance.store import servers
from glance.store import swift
from glance.store import swift_projects
from glance.store import swift_record
from glance.store import swift_references
from glance.store import swift_tenants
from glance.store import swift_upload
from tests import base as tests_base
from tests.stores import contract

ID = contract.ID
GIVEN = {
    'swift_store_auth_address': 'http://127.0.0.1:9/v3',
    'swift_store_user': 'service:glance',
    'swift_store_key': 'SECRET',
}
FILE = """\
[ref1]
user = "service:glance"
key = 'SECRET%'
auth_address = keystone.example.org/v3
[ref2]
application_credential_id = id
application_credential_secret = hidden
auth_address = http://10.0.0.1:5000/v3
[ref3]
user = other:glance
key = x
auth_address = https://keystone.example.org/v3
user_domain_name = Users
project_domain_id = p
"""


def options(**more: Any) -> dict[str, Any]:
    return dict(contract.backend('swift', {**GIVEN, **more}).options)


class TestContainers(unittest.TestCase):
    def test_the_digits_of_the_id_choose_it(self) -> None:
        image_id = 'fdae39a1-bad3-4000-8000-000000000001'
        for seed, found in (
            (0, 'glance'),
            (3, 'glance_fda'),
            (8, 'glance_fdae39a1'),
            (10, 'glance_fdae39a1-ba'),
            (32, f'glance_{image_id}'),
        ):
            containers = swift.Containers('glance', seed, False)
            self.assertEqual(found, containers.of(image_id))
            if seed:
                self.assertTrue(containers.has_digits(found))
            # Such as the container of an image in the account of its owner.
            self.assertFalse(containers.has_digits(f'glance_{image_id}0'))


class TestReferences(unittest.TestCase):
    def path(self, text: str) -> str:
        path = pathlib.Path(tests_base.temporary_directory(self), 'conf')
        path.write_text(text)
        return str(path)

    def read(self, text: str, **more: Any) -> Any:
        return swift_references.of_options(
            options(swift_store_config_file=self.path(text), **more)
        )

    def test_sections_of_the_file_are_references(self) -> None:
        found = self.read(FILE)
        self.assertEqual(['ref1', 'ref2', 'ref3'], list(found))
        self.assertEqual('SECRET%', found['ref1'].key)
        self.assertEqual('service:glance', found['ref1'].user)
        self.assertEqual(
            'https://keystone.example.org/v3', found['ref1'].auth_address
        )
        self.assertEqual('default', found['ref1'].user_domain_id)
        self.assertEqual('hidden', found['ref2'].application_credential_secret)
        third = found['ref3']
        self.assertIsNone(third.user_domain_id)
        self.assertEqual('Users', third.user_domain_name)
        self.assertEqual('p', third.project_domain_id)

    def test_options_are_the_default_reference(self) -> None:
        found = swift_references.of_options(
            options(default_swift_reference='main')
        )
        self.assertEqual(['main'], list(found))
        self.assertEqual('service:glance', found['main'].user)

    def test_what_is_missing_is_named(self) -> None:
        for text, named in (
            ('[ref1]\nuser = a:b\nkey = SECRET\n', 'auth_address must be set'),
            ('[ref1]\nauth_address = a\nkey = SECRET\n', 'user must be set'),
            ('[ref1]\nauth_address = a\nuser = b\nkey = c\n', 'PROJECT:USER'),
            ('[ref2]\nauth_address = a\nuser = b:c\nkey = d\n', 'no section'),
            ('SECRET\n', 'not an INI file'),
            (
                '[ref1]\nauth_version = 2\nauth_address=a\nuser=b:c\nkey=d\n',
                'auth_version is 2',
            ),
        ):
            with self.assertRaisesRegex(
                errors.ConfigurationError, named
            ) as caught:
                self.read(text)
            self.assertNotIn('SECRET', str(caught.exception))
        with self.assertRaisesRegex(errors.ConfigurationError, 'No such file'):
            swift_references.of_options(
                options(swift_store_config_file='/nonexistent')
            )


class TestUrls(unittest.TestCase):
    def setUp(self) -> None:
        place = keystone.Place('object-store', 'public')
        tls = servers.tls_context('swift_store_cacert', None)
        path = pathlib.Path(tests_base.temporary_directory(self), 'conf')
        path.write_text(FILE)
        found = swift_references.of_options(
            options(swift_store_config_file=str(path))
        )
        logins = {
            name: keystone.Login(reference, place, tls, 60)
            for name, reference in found.items()
        }
        self.accounts = swift.Accounts(logins, 'ref1', tls)

    def reference(self, url: str) -> str:
        account, path = self.accounts.of(url)
        self.assertEqual(f'glance/{ID}', path)
        (name,) = [
            name
            for name, each in self.accounts._accounts.items()
            if each is account
        ]
        return name

    def test_a_url_names_its_reference_or_its_project(self) -> None:
        host = 'keystone.example.org'
        for url, name in (
            (f'swift+config://ref2/glance/{ID}', 'ref2'),
            (f'swift://service%3Aglance:k@{host}/v3/glance/{ID}', 'ref1'),
            (f'swift+https://service:old:k/@{host}/v3/glance/{ID}', 'ref1'),
            (f'swift+https://other%3Ax:k@{host}/v3/glance/{ID}', 'ref3'),
        ):
            with self.subTest(url):
                self.assertEqual(name, self.reference(url))

    def test_urls_of_others_are_not_followed(self) -> None:
        host = 'keystone.example.org'
        for url in (
            f'swift+config://ref4/glance/{ID}',
            f'swift+config://ref1/v3/glance/{ID}',
            f'swift+config://a:b@ref1/glance/{ID}',
            'swift+config://ref1/glance/',
            f'swift+https://third%3Ax:k@{host}/v3/glance/{ID}',
            f'swift+https://service%3Aglance:k@evil.org/v3/glance/{ID}',
            f'swift+https://{host}/v3/glance/{ID}',
            f'https://{host}/v3/glance/{ID}',
            'swift',
        ):
            with self.subTest(url), self.assertRaises(base.Elsewhere):
                self.accounts.of(url)


class TestConfiguration(unittest.TestCase):
    def make(self, **settings: Any) -> None:
        drivers.make(contract.backend('swift', {**GIVEN, **settings}))

    def test_a_missing_option_is_named(self) -> None:
        for name in GIVEN:
            with self.assertRaisesRegex(
                errors.ConfigurationError, f'{name} must be set'
            ):
                self.make(**{name: None})

    def test_what_is_not_supported_is_refused(self) -> None:
        for settings in (
            {'swift_store_auth_version': '2'},
            {
                'swift_store_multi_tenant': True,
                'swift_store_config_file': '/etc/glance/swift.conf',
            },
        ):
            name = next(iter(settings))
            with self.assertRaisesRegex(errors.ConfigurationError, name):
                self.make(**settings)

    def test_a_keystone_that_is_down_is_a_reason(self) -> None:
        with self.assertRaises(errors.StoreUnavailable) as caught:
            self.make()
        reason = str(base.reason(caught.exception))
        self.assertIn('127.0.0.1:9', reason)
        self.assertNotIn('SECRET', reason)


class TestTenants(unittest.TestCase):
    """Accounts of projects, found from that of the service."""

    def made(self, url: str, project: str = 'p0') -> swift_projects.Tenants:
        login = mock.Mock()
        login.alone = mock.MagicMock()
        login.access.return_value = keystone.Access('token', url)
        login.project_id.return_value = project
        tenants = swift_projects.Tenants(login, mock.Mock())
        tenants.learn()
        self.login = login
        return tenants

    def test_the_id_of_the_project_is_replaced(self) -> None:
        tenants = self.made('https://swift:8080/v1/AUTH_p0')
        self.assertEqual('https://swift:8080/v1/AUTH_p7', tenants.url('p7'))
        self.assertEqual('https://swift:8080/v1/AUTH_p0', tenants.url(None))
        self.assertEqual(
            'https://swift:8080/v1/AUTH_a%2Fb', tenants.url('a/b')
        )

    def test_a_url_without_the_project_is_refused(self) -> None:
        for url in ('https://swift/v1/AUTH_x', 'https://swift/v1/AUTH_p0/c'):
            with self.assertRaisesRegex(
                errors.ConfigurationError, 'swift_store_multi_tenant'
            ):
                self.made(url)

    def test_accounts_of_other_servers_are_not_ours(self) -> None:
        tenants = self.made('https://swift/v1/AUTH_p0')
        self.assertTrue(tenants.owns('https://swift/v1/AUTH_p7'))
        for url in (
            'https://swift/v1/AUTH_',
            'https://swift/v1/AUTH_p7/c',
            'http://swift/v1/AUTH_p7',
            'https://other/v1/AUTH_p7',
        ):
            self.assertFalse(tenants.owns(url), url)

    def test_not_all_accounts_are_kept(self) -> None:
        tenants = self.made('https://swift/v1/AUTH_p0')
        first = tenants.at(tenants.url('p1'))
        self.assertIs(first, tenants.at(tenants.url('p1')))
        for number in range(swift_projects.MAX_ACCOUNTS):
            tenants.at(tenants.url(f'other-{number}'))
        self.assertEqual(
            swift_projects.MAX_ACCOUNTS + 2, self.login.alone.call_count
        )
        self.assertIsNot(first, tenants.at(tenants.url('p1')))


class TestRights(unittest.TestCase):
    """Access control lists of containers."""

    def made(self, *admins: str) -> swift_tenants.TenantStore:
        return swift_tenants.TenantStore(
            mock.Mock(place='place'),
            swift.Containers('glance', 0, True),
            mock.Mock(),
            0,
            mock.Mock(),
            admins,
        )

    def test_text_with_a_meaning_in_lists_is_no_project(self) -> None:
        members = ['.r:*', 'x,.r:*', '*', 'a b', 'x' * 65, '', 'p-2_Z']
        with self.assertLogs('glance.store', 'WARNING') as logs:
            rights = self.made('adm')._rights(False, members)
        self.assertEqual('p-2_Z:*,adm:*', rights['X-Container-Read'])
        self.assertIn('x,.r:*', logs.output[0])

    def test_admins_must_be_projects(self) -> None:
        with self.assertRaisesRegex(
            errors.ConfigurationError, 'swift_store_admin_tenants'
        ):
            self.made('.r:*')

    def test_whose_a_url_is_needs_no_login(self) -> None:
        store = self.made()
        store._tenants.owns.return_value = True
        self.assertTrue(store.owns('swift+https://swift/v1/AUTH_p/c/o'))
        store._tenants.at.assert_not_called()

    def test_the_place_is_another_one_than_that_of_one_account(self) -> None:
        single = swift.SwiftStore(
            mock.Mock(place='place'),
            swift.Containers('glance', 0, True),
            mock.Mock(),
            0,
        )
        self.assertNotEqual(single.identity, self.made().identity)


class TestRecords(unittest.TestCase):
    """What the data of an image is."""

    def test_what_is_written_is_read(self) -> None:
        pieces = [swift_upload.Piece('id-1', 5, 'abc')]
        body = swift_record.dumped(pieces)
        self.assertEqual(pieces, swift_record.loaded(body))
        self.assertIsNone(swift_record.loaded(b''))

    def test_a_damaged_record_is_refused(self) -> None:
        for body in (b'{}', b'[]', b'x', b'{"pieces": [1]}'):
            with self.assertRaises(errors.StoreUnavailable):
                swift_record.loaded(body)

    def test_each_response_is_compared(self) -> None:
        place = swift_record.Place(mock.Mock(), 'glance_id', 'id')
        pieces = [swift_upload.Piece('id', 4, 'abc')]
        good = {'ETag': '"abc"'}
        for headers, length in (
            ({'ETag': 'other'}, 4),
            ({}, 4),
            (good, 5),
            ({**good, 'Content-Location': '/v1/AUTH_x/c/o'}, 4),
            ({**good, 'X-Symlink-Target': 'c/o'}, 4),
        ):
            response = mock.Mock(status=200, headers=headers, length=length)
            place.account.open.return_value = response
            with (
                self.assertRaises(errors.StoreUnavailable),
                self.assertLogs('glance.store', 'ERROR'),
            ):
                swift_record.Source(place, pieces, 0, 4)
            response.close.assert_called_once_with()
        response = mock.Mock(status=200, headers=good, length=4)
        place.account.open.return_value = response
        swift_record.Source(place, pieces, 0, 4)
        place.account.open.assert_called_with(
            'glance_id/id', {}, swift_record.ITSELF
        )


class TestAbilities(unittest.TestCase):
    def test_accounts_of_projects_are_listed_but_not_written_aside(
        self,
    ) -> None:
        """A copy in the account of an owner would not be found again."""
        for kind, sets_aside in (
            (swift.SwiftStore, True),
            (swift_tenants.TenantStore, False),
        ):
            store = kind.__new__(kind)
            self.assertIsInstance(store, base.Lists)
            self.assertEqual(sets_aside, isinstance(store, base.SetsAside))
