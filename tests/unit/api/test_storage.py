"""The stores that the configuration names."""

import pathlib
import re
from typing import Any
import unittest

from glance.api import conf as api_conf
from glance.api import storage
from glance.common import errors
from glance.store import base as store_base
from glance.store import config
from glance.store import stores
from tests import base
from tests import webserver

ROOT = pathlib.Path(__file__).resolve().parents[3]


class TestStores(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = base.temporary_directory(self)

    def make(self, **options: Any) -> stores.Stores:
        default = {'filesystem_store_datadir': f'{self.directory}/images'}
        conf = base.configuration(
            api_conf,
            self.directory,
            default={
                f'glance_store.{name}': value
                for name, value in (default | options).items()
            },
        )
        return storage.from_conf(conf)

    def test_file_and_http_by_default(self) -> None:
        found = self.make()
        self.assertEqual(
            {'file', 'filesystem', 'http', 'https'}, set(found.schemes)
        )
        self.assertFalse(found.may_refuse_deletion(['file:///a']))
        self.assertTrue(found.is_foreign('HTTP://a/b'))
        self.assertFalse(found.is_foreign('rbd://a/b'))
        self.assertFalse(found.knows('rbd://a/b'))
        self.assertFalse(found.is_foreign('file:///a'))

    def test_names_of_older_files(self) -> None:
        found = self.make(
            stores=[
                'glance.store.filesystem.Store',
                ' glance_store._drivers.http.Store',
            ]
        )
        self.assertIn('https', found.schemes)

    def test_without_http(self) -> None:
        found = self.make(stores=['file'])
        self.assertFalse(found.knows('http://a/'))
        with self.assertRaises(errors.BadRequest):
            found.check('http://a/')
        with self.assertRaises(store_base.Elsewhere):
            found.open('http://a/', 0, None)
        found.delete('http://a/', 'an-id')  # the data belongs to others
        with self.assertRaises(store_base.Elsewhere):
            found.delete('rbd://a/b/c/snap', 'an-id')

    def test_a_server_that_is_down_does_not_end_the_start(self) -> None:
        with self.assertLogs('glance.store.named', 'ERROR') as logged:
            found = self.make(
                stores=['s3'],
                default_store='s3',
                s3_store_host=f'http://127.0.0.1:{webserver.closed_port()}',
                s3_store_bucket='images',
                s3_store_access_key='key',
                s3_store_secret_key='SECRET',
            )
        self.assertIn('The store s3 cannot be used', logged.output[0])
        self.assertNotIn('SECRET', logged.output[0])
        self.assertEqual(1, len(found.troubles()))
        with self.assertRaises(errors.StoreUnavailable):
            found.default.write('an-id', iter(()), lambda: None)

    def test_gridfs_and_sheepdog_that_are_down_are_the_single_store(
        self,
    ) -> None:
        port = webserver.closed_port()
        for scheme, options in (
            (
                'gridfs',
                {
                    'mongodb_store_uri': f'mongodb://u:SECRET@127.0.0.1:{port}'
                    '/images?serverSelectionTimeoutMS=10',
                },
            ),
            (
                'sheepdog',
                {
                    'sheepdog_store_address': '127.0.0.1',
                    'sheepdog_store_port': port,
                },
            ),
        ):
            with (
                self.subTest(scheme),
                self.assertLogs('glance.store.named', 'ERROR') as logged,
            ):
                found = self.make(
                    stores=['file', scheme], default_store=scheme, **options
                )
            self.assertIn(f'The store {scheme} cannot', logged.output[0])
            self.assertIn(str(port), logged.output[0])
            self.assertNotIn('SECRET', logged.output[0])
            self.assertEqual(scheme, found.default_id)

    def test_what_cannot_be(self) -> None:
        bad = pathlib.Path(self.directory, 'bad.pem')
        bad.write_text('no certificate')
        for options in (
            {'stores': ['file', 'floppy']},
            {'stores': ['http']},
            {'stores': []},
            {'default_store': 'http'},
            {'default_store': 'rbd'},
            {'https_ca_certificates_file': '/none'},
            {'https_ca_certificates_file': str(bad)},
        ):
            name = next(iter(options))
            with (
                self.subTest(str(options)),
                self.assertRaises(errors.ConfigurationError) as caught,
            ):
                self.make(**options)
            self.assertIn(name, str(caught.exception))

    def test_new_data_goes_to_files(self) -> None:
        found = self.make()
        url = found.write('id', iter([b'data']), lambda: None)
        self.assertTrue(url.startswith('file:///'))
        self.assertEqual(4, found.size(url))
        self.assertEqual(b'ata', b''.join(found.open(url, 1, None)))
        found.delete(url, 'an-id')
        with self.assertRaises(errors.NotFound):
            found.size(url)


class TestSeveral(unittest.TestCase):
    """Stores of ``enabled_backends``."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = base.temporary_directory(self)

    def read(self, text: str) -> config.Configuration:
        path = pathlib.Path(self.directory, 'stores.conf')
        path.write_text(text.replace('DIR', self.directory))
        conf = base.configuration(api_conf, self.directory)
        storage.register(conf)
        return storage.read(conf)

    def assert_refused(self, text: str, *told: str) -> None:
        with self.assertRaises(errors.ConfigurationError) as caught:
            self.read(text)
        for each in told:
            self.assertIn(each, str(caught.exception))

    def test_ids_types_and_values(self) -> None:
        found = self.read(SEVERAL)
        self.assertTrue(found.is_named)
        self.assertEqual('fast', found.default_id)
        self.assertEqual(
            [
                ('fast', 'file', 'Solid state disks', 10),
                ('cheap', 'file', None, 0),
                ('web', 'http', None, 0),
            ],
            [
                (each.id, each.kind, each.description, each.weight)
                for each in found.backends
            ],
        )
        self.assertEqual('/s', found.staging)
        self.assertEqual('/var/lib/glance/os_glance_tasks_store', found.tasks)

    def test_the_example_of_the_documentation(self) -> None:
        page = ROOT.joinpath('doc/operations/stores.md').read_text()
        example, *others = re.findall('```ini\n(.*?)```', page, re.DOTALL)
        for other in others:
            with self.subTest(other):
                self.read(other)
        found = self.read(example)
        self.assertEqual('fast', found.default_id)
        self.assertEqual('/srv/fast/staging', found.staging)
        self.assertEqual([10, 0, 0], [it.weight for it in found.backends])

    def test_common_values_are_for_stores_without_their_own(self) -> None:
        fast, cheap, web = self.read(SEVERAL).backends
        self.assertEqual(600, fast.options['filesystem_store_file_perm'])
        self.assertEqual(644, cheap.options['filesystem_store_file_perm'])
        self.assertTrue(web.options['https_insecure'])

    def test_values_of_the_single_store_are_not_theirs(self) -> None:
        fast, _, _ = self.read(
            f'{SEVERAL}\n[glance_store]\nfilesystem_store_datadirs = DIR/x\n'
        ).backends
        self.assertEqual([], fast.options['filesystem_store_datadirs'])

    def test_what_cannot_be(self) -> None:
        for lines, told in (
            ('enabled_backends = a:file', 'default_backend must be one of'),
            ('enabled_backends = a:floppy', "type 'floppy' is not known"),
            ('enabled_backends = a', 'list of ID:TYPE'),
            ('enabled_backends = os_glance_x:file', 'reserved'),
            ('enabled_backends = database:file', 'default_backend'),
            ('enabled_backends = glance_store:file', 'has other options'),
            (
                'enabled_backends = a:http\n[glance_store]\n'
                'default_backend = a',
                'read-only',
            ),
        ):
            with self.subTest(lines):
                self.assert_refused(f'[DEFAULT]\n{lines}\n', told)

    def test_two_stores_never_share_a_directory(self) -> None:
        for cheap in ('DIR/f', 'DIR/x/../f', 'DIR/staging'):
            text = (
                '[DEFAULT]\nenabled_backends = fast:file,cheap:file\n'
                '[glance_store]\ndefault_backend = fast\n'
                '[fast]\nfilesystem_store_datadir = DIR/f\n'
                f'[cheap]\nfilesystem_store_datadir = {cheap}\n'
                '[os_glance_staging_store]\n'
                'filesystem_store_datadir = DIR/staging\n'
            )
            with self.subTest(cheap):
                self.assert_refused(text, 'same directory')

    def test_one_directory_or_several(self) -> None:
        head = (
            '[DEFAULT]\nenabled_backends = a:file\n[glance_store]\n'
            'default_backend = a\n[a]\n'
        )
        several = (
            'filesystem_store_datadirs = DIR/a:5\n'
            'filesystem_store_datadirs = DIR/b:7\n'
        )
        (found,) = self.read(head + several).backends
        self.assertEqual(
            [(f'{self.directory}/b', 7), (f'{self.directory}/a', 5)],
            config.directories(found.options),
        )
        self.assert_refused(
            f'{head}{several}filesystem_store_datadir = /a\n', 'set one'
        )
        self.assert_refused(f'{head}filesystem_store_datadir =\n', 'be set')
        self.assert_refused(
            f'{head}filesystem_store_datadirs = /a:1\n'
            'filesystem_store_datadirs = /a:2\n',
            'twice',
        )


SEVERAL = """
[DEFAULT]
enabled_backends = fast:file, cheap:file, web:http
[glance_store]
default_backend = fast
[backend_defaults]
filesystem_store_file_perm = 644
https_insecure = True
[fast]
filesystem_store_datadir = DIR/fast
filesystem_store_file_perm = 600
store_description = Solid state disks
weight = 10
[cheap]
filesystem_store_datadir = DIR/cheap
[os_glance_staging_store]
filesystem_store_datadir = /s
"""


class TestMetadataFile(unittest.TestCase):
    def test_what_cannot_be(self) -> None:
        directory = base.temporary_directory(self)
        path = pathlib.Path(directory, 'mounts.json')
        for text in ('', '[1]', '{"id": "x"}', '{"id": 1, "mountpoint": ""}'):
            path.write_text(text)
            conf = base.configuration(
                api_conf,
                directory,
                default={
                    'glance_store.filesystem_store_datadir': directory,
                    'glance_store.filesystem_store_metadata_file': str(path),
                },
            )
            with (
                self.subTest(text),
                self.assertRaisesRegex(
                    errors.ConfigurationError, 'metadata_file'
                ),
            ):
                storage.from_conf(conf)
