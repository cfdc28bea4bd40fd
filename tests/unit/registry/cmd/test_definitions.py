"""glance-manage db load_metadefs, unload_metadefs and export_metadefs."""

import json
import os
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa

from glance_registry.db import models
from glance_registry.db.definitions import files
from tests.unit.registry.cmd import test_manage
from tests.unit.registry.db.definitions import test_shipped

SHIPPED = str(test_shipped.SHIPPED)

WHOLE: dict[str, Any] = {
    'namespace': 'Site::Räcks',
    'display_name': 'Racks',
    'description': 'Where a host stands.',
    'visibility': 'private',
    'protected': False,
    'owner': 'p1',
    'resource_type_associations': [
        {'name': 'OS::Glance::Image'},
        {'name': 'Site::Rack', 'prefix': '', 'properties_target': 'image'},
    ],
    'properties': {
        'height': {
            'title': 'Height',
            'type': 'integer',
            'default': 5,
            'minimum': 1.5,
            'x-site': {'kept': [None, True]},
        }
    },
    'objects': [
        {
            'name': 'Place',
            'description': 'Of a rack.',
            'required': ['row', 'hall'],
            'properties': {'row': {'title': 'Row', 'type': 'string'}},
        },
        {'name': 'Empty', 'properties': {}},
    ],
    'tags': [{'name': 'a/b'}, {'name': 'cold'}],
}


class DefinitionsTestCase(test_manage.ActionsTestCase):
    """A database that is ready, and a directory of files."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = self.conf.parent / 'files'
        self.directory.mkdir()
        models.metadata.create_all(self.engine())

    def write(self, name: str, content: dict[str, Any] | str) -> Path:
        path = self.directory / name
        if not isinstance(content, str):
            content = json.dumps(content)
        path.write_text(content)
        return path

    def load(self, *flags: str) -> test_manage.Outcome:
        path = str(self.directory)
        return self.call('db', 'load_metadefs', '--path', path, *flags)

    def exported(self) -> dict[str, Any]:
        """What the database holds, by namespace."""
        with self.engine().connect() as connection:
            count = connection.scalar(
                sa.select(sa.func.count()).select_from(
                    models.metadef_namespaces
                )
            )
        where = self.conf.parent / 'exported'
        if count:
            outcome = self.call('db', 'export_metadefs', '--path', str(where))
            self.assertEqual(0, outcome.code, outcome)
        found = [files.read(path) for path in where.glob('*.json')]
        for path in where.glob('*.json'):
            path.unlink()
        return {each['namespace']: each for each in found}


class RowsTest(DefinitionsTestCase):
    """What gets into the database, on one kind of engine."""

    def test_result_as_json(self) -> None:
        self.write('whole.json', WHOLE)
        broken = self.write('broken.json', '{')
        outcome = self.load('--json', '--quiet')
        self.assertEqual(1, outcome.code)
        document = json.loads(outcome.out)
        ((namespace, result),) = [
            (each['namespace'], each['result'])
            for each in document['namespaces']
        ]
        self.assertEqual(('Site::Räcks', 'loaded'), (namespace, result))
        self.assertIn(str(broken), document['errors'][0])
        self.assertEqual('', self.load('--quiet').out)

    def test_round_trip_is_the_same_byte_for_byte(self) -> None:
        self.write('whole.json', WHOLE)
        self.assertEqual(0, self.load().code)
        shipped = self.call('db_load_metadefs', SHIPPED)
        self.assertEqual(0, shipped.code, shipped)
        first, second = self.conf.parent / 'first', self.conf.parent / 'second'
        self.assert_codes(
            (0, f'db export_metadefs --path {first}'),
            (0, 'db unload_metadefs'),
        )
        self.assertEqual({}, self.exported())
        self.assert_codes(
            (0, f'db load_metadefs --path {first}'),
            (0, f'db_export_metadefs {second}'),
        )
        texts = {path.name: path.read_bytes() for path in first.glob('*.json')}
        self.assertEqual(34, len(texts))
        self.assertEqual(
            texts,
            {path.name: path.read_bytes() for path in second.glob('*.json')},
        )
        expected = dict(WHOLE, objects=WHOLE['objects'][::-1])
        self.assertEqual(expected, self.exported()['Site::Räcks'])

    def test_resource_types_of_files_are_protected(self) -> None:
        self.assertEqual(0, self.call('db_load_metadefs', SHIPPED).code)
        table = models.metadef_resource_types
        with self.engine().connect() as connection:
            rows = connection.execute(
                sa.select(table.c.name, table.c.protected)
            )
            found = {name: bool(protected) for name, protected in rows}
        kinds = (
            'OS::Glance::Image OS::Cinder::Volume OS::Nova::Server '
            'OS::Nova::Aggregate OS::Nova::Flavor OS::Trove::Instance'
        )
        self.assertEqual(dict.fromkeys(kinds.split(), True), found)

    def test_what_happens_to_a_namespace_that_exists(self) -> None:
        changed = {
            **WHOLE,
            'display_name': 'New',
            'tags': [{'name': 'new'}],
            'properties': {'height': {'title': 'New', 'type': 'string'}},
        }
        modes = {
            '--merge': ('Racks', 'Height', ['a/b', 'cold', 'new']),
            '--merge --prefer_new': ('New', 'New', ['a/b', 'cold', 'new']),
            '--merge --overwrite': ('New', 'New', ['new']),
        }
        for flags, expected in modes.items():
            with self.subTest(flags):
                self.write('a.json', WHOLE)
                self.assertEqual(0, self.load('--merge', '--overwrite').code)
                self.write('a.json', changed)
                self.assertEqual(0, self.load(*flags.split()).code)
                found = self.exported()['Site::Räcks']
                title = found['properties']['height']['title']
                tags = [tag['name'] for tag in found['tags']]
                self.assertEqual(
                    expected, (found['display_name'], title, tags)
                )

    def test_a_file_is_loaded_whole_or_not_at_all(self) -> None:
        self.write('a.json', {**WHOLE, 'namespace': 'First'})
        path = self.write('b.json', WHOLE)
        with self.engine().begin() as connection:
            connection.exec_driver_sql('DROP TABLE metadef_tags')
        outcome = self.load()
        self.assertEqual(1, outcome.code)
        self.assertNotIn(str(path), outcome.out)
        with self.engine().connect() as connection:
            for table in (
                models.metadef_namespaces,
                models.metadef_properties,
                models.metadef_resource_types,
            ):
                rows = connection.execute(sa.select(table)).all()
                self.assertEqual([], rows, table.name)


class LoadTest(DefinitionsTestCase):
    def test_namespaces_that_exist_are_skipped(self) -> None:
        self.write('a.json', WHOLE)
        self.assertEqual(0, self.load().code)
        self.write('a.json', {**WHOLE, 'display_name': 'New', 'tags': []})
        outcome = self.load()
        self.assertEqual(0, outcome.code)
        self.assertIn('Site::Räcks was skipped', outcome.out)
        self.assertEqual(
            'Racks', self.exported()['Site::Räcks']['display_name']
        )

    def test_modes_are_words_of_older_scripts_too(self) -> None:
        path = self.write('a.json', WHOLE)
        self.assert_codes((0, f'db_load_metadefs {path} False False False'))
        self.write('a.json', {**WHOLE, 'display_name': 'New'})
        self.assert_codes(
            (0, f'db_load_metadefs {path} True True'),
            (2, f'db_load_metadefs {path} perhaps'),
        )
        self.assertEqual('New', self.exported()['Site::Räcks']['display_name'])

    def test_modes_that_contradict_load_nothing(self) -> None:
        self.write('a.json', WHOLE)
        for flags in (
            *(['--prefer_new'], ['--overwrite']),
            ['--merge', '--prefer_new', '--overwrite'],
        ):
            outcome = self.load(*flags)
            self.assertEqual(1, outcome.code, flags)
            self.assertIn('need --merge', outcome.err)
        self.assertEqual({}, self.exported())

    def test_faults_name_file_and_place(self) -> None:
        cases = {
            '{"namespace": 1}': 'namespace: 1 is not of type',
            '{}': "top level: 'namespace' is a required property",
            '[]': 'top level: [] is not of type',
            '{"namespace": "a",\n "b" 1}': 'line 2, column 6:',
            '{"namespace": "a", "tags": [], "tags": []}': '"tags" is there',
            '{"namespace": "a", "protectd": 1}': "'protectd' was unexpected",
            '{"namespace": "a", "objects": [{"name": "o"}, {"name": "o"}]}': (
                'objects: the name "o" is there twice'
            ),
            '{"namespace": "a", "properties": {"p": {"type": "strng"}}}': (
                'properties/p/type:'
            ),
            '{"namespace": "a", "objects": [{"name": "o", "required": ["a,b"]'
            '}]}': 'objects/0/required/0:',
        }
        for text, message in cases.items():
            with self.subTest(text):
                path = self.write('bad.json', text)
                outcome = self.load()
                self.assertEqual(1, outcome.code)
                self.assertIn(f'ERROR: {path}: ', outcome.err)
                self.assertIn(message, outcome.err)

    def test_bytes_that_are_no_text(self) -> None:
        (self.directory / 'bad.json').write_bytes(b'{"namespace": "\xff"}')
        self.assertEqual(1, self.load().code)

    def test_a_wrong_file_does_not_keep_the_others_out(self) -> None:
        self.write('a.json', '{')
        self.write('b.json', WHOLE)
        self.assertEqual(1, self.load().code)
        self.assertIn('Site::Räcks', self.exported())

    def test_two_files_of_one_namespace(self) -> None:
        self.write('a.json', WHOLE)
        second = self.write('b.json', {**WHOLE, 'display_name': 'Second'})
        outcome = self.load()
        self.assertEqual(1, outcome.code)
        self.assertIn(f'ERROR: {second}: ', outcome.err)
        self.assertEqual(
            'Racks', self.exported()['Site::Räcks']['display_name']
        )

    def test_nothing_to_load(self) -> None:
        for path in (self.directory, self.directory / 'absent'):
            outcome = self.call('db', 'load_metadefs', '--path', str(path))
            self.assertEqual(1, outcome.code)
            self.assertIn(f'{path}', outcome.err)

    def test_a_relative_path(self) -> None:
        self.write('a.json', WHOLE)
        here = os.getcwd()
        os.chdir(self.directory)
        self.addCleanup(os.chdir, here)
        self.assert_codes(
            (0, 'db load_metadefs --path a.json'),
            (0, 'db export_metadefs --path out'),
            (0, 'db load_metadefs out'),
        )

    def test_the_directory_of_the_configuration(self) -> None:
        self.write('a.json', WHOLE)
        with self.conf.open('a') as conf:
            conf.write(f'[DEFAULT]\nmetadata_source_path={self.directory}\n')
        self.assert_codes((0, 'db load_metadefs'))
        self.assertIn('Site::Räcks', self.exported())

    def test_the_installed_files_are_found_without_an_option(self) -> None:
        directories = (self.conf.parent / 'absent', test_shipped.SHIPPED)
        with mock.patch.object(files, 'DIRECTORIES', directories):
            self.assert_codes((0, 'db load_metadefs'))
        self.assertEqual(33, len(self.exported()))
        with mock.patch.object(files, 'DIRECTORIES', directories[:1]):
            outcome = self.call('db', 'load_metadefs')
        self.assertEqual(1, outcome.code)
        self.assertIn('--path', outcome.err)


class ExportTest(DefinitionsTestCase):
    def test_equal_display_names_do_not_replace_each_other(self) -> None:
        for number in range(3):
            name = {'namespace': f'n{number}', 'display_name': 'A b!'}
            self.write(f'{number}.json', {**WHOLE, **name})
        self.write('none.json', {'namespace': '::/'})
        self.assertEqual(0, self.load().code)
        where = self.conf.parent / 'out'
        self.assert_codes((0, f'db export_metadefs --path {where}'))
        self.assertEqual(
            ['Ab-2.json', 'Ab-3.json', 'Ab.json', 'namespace.json'],
            sorted(path.name for path in where.iterdir()),
        )

    def test_a_row_that_could_not_be_loaded_again_is_told(self) -> None:
        self.write('a.json', WHOLE)
        self.assertEqual(0, self.load().code)
        table = models.metadef_properties
        with self.engine().begin() as connection:
            connection.execute(table.update(), {'json_schema': {'type': 'x'}})
        where = self.conf.parent / 'out'
        outcome = self.call('db', 'export_metadefs', '--path', str(where))
        self.assertEqual(1, outcome.code)
        self.assertIn(
            f'{where / "Racks.json"}: properties/height', outcome.err
        )


class MysqlRowsTest(RowsTest):
    kind = 'mysql'


class PostgresqlRowsTest(RowsTest):
    kind = 'postgresql'
