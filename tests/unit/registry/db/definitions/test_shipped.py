"""The definition files that are shipped: etc/metadefs."""

import configparser
from pathlib import Path
import sys
from typing import Any
import unittest

import yaml

from glance_registry.db.definitions import files

ROOT = Path(__file__).parents[5]
SHIPPED = ROOT / 'etc' / 'metadefs'
FACTS = Path(__file__).with_name('facts.yaml')
_FREE = ('title', 'description', 'pattern')


def _facts(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {key: each[key] for key in each if key not in _FREE}
        for name, each in properties.items()
    }


class TestShippedFiles(unittest.TestCase):
    """Names, types, enums, operators, bounds, defaults: facts.yaml."""

    def setUp(self) -> None:
        super().setUp()
        self.facts = yaml.safe_load(FACTS.read_text())
        self.documents = {
            path.name: files.read(path) for path in files.find(str(SHIPPED))
        }

    def test_every_file_is_there(self) -> None:
        self.assertEqual(33, len(self.documents))
        self.assertEqual(list(self.facts), list(self.documents))

    def test_the_package_carries_them(self) -> None:
        described = configparser.ConfigParser()
        described.read(ROOT / 'setup.cfg')
        shared = described['options.data_files'][str(files.SHARED)]
        self.assertEqual(f'{SHIPPED.relative_to(ROOT)}/*.json', shared.strip())
        self.assertIn(Path(sys.prefix, files.SHARED), files.DIRECTORIES)

    def test_files_have_the_facts(self) -> None:
        for name, document in self.documents.items():
            found = {
                key: document[key]
                for key in (
                    *('namespace', 'display_name', 'protected'),
                    'resource_type_associations',
                )
            }
            if 'properties' in document:
                found['properties'] = _facts(document['properties'])
            if 'objects' in document:
                found['objects'] = {
                    each['name']: _facts(each['properties'])
                    for each in document['objects']
                }
            with self.subTest(name):
                self.assertEqual(self.facts[name], found)

    def test_everybody_sees_every_namespace(self) -> None:
        for name, document in self.documents.items():
            self.assertEqual('public', document['visibility'], name)

    def test_people_are_told_what_each_thing_is(self) -> None:
        for name, document in self.documents.items():
            groups = [document, *document.get('objects', ())]
            properties = [
                each
                for group in groups
                for each in group.get('properties', {}).values()
            ]
            for each in (*groups, *properties):
                self.assertGreater(len(each['description']), 10, (name, each))

    def test_defaults_are_allowed_values(self) -> None:
        for name, document in self.documents.items():
            for group in (document, *document.get('objects', ())):
                for key, each in group.get('properties', {}).items():
                    if 'default' in each and 'enum' in each:
                        self.assertIn(each['default'], each['enum'], name)
                    if 'default' in each and 'minimum' in each:
                        self.assertIsInstance(each['default'], int, key)
