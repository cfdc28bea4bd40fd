"""The stores that the configuration names."""

import pathlib
from typing import Any
import unittest

from glance.api import conf as api_conf
from glance.api import storage
from glance.common import errors
from glance.store import base as store_base
from glance.store import stores
from tests import base


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
        self.assertFalse(found.can_refuse_deletion)
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
        with self.assertLogs(stores.LOG, 'ERROR') as logged:
            found.delete('http://a/', 'an-id')
        self.assertIn('remove the data of image an-id', logged.output[0])

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
