from typing import Any
import unittest

from glance.api.v2 import patch
from glance.api.v2 import schemas
from glance.common import contract
from glance.common import errors
from glance.images import properties

SCHEMA = schemas.ImageSchema(['raw', 'qcow2'], ['bare'])


def image(**values: Any) -> contract.Image:
    known: dict[str, Any] = {
        'id': 'x',
        'row_version': 7,
        'status': 'queued',
        'name': 'n',
        'properties': {'a': '1', 'kernel_id': None},
        'tags': ['t'],
    }
    return {**known, **values}  # type: ignore


def operations(*items: dict[str, Any], media: str = patch.V21) -> Any:
    return patch.parse(media, list(items))


def add(path: str, value: Any) -> dict[str, Any]:
    return {'op': 'add', 'path': path, 'value': value}


def replace(path: str, value: Any) -> dict[str, Any]:
    return {'op': 'replace', 'path': path, 'value': value}


def remove(path: str) -> dict[str, Any]:
    return {'op': 'remove', 'path': path}


class TestPaths(unittest.TestCase):
    def test_names(self) -> None:
        for path, name in {
            '/a': 'a',
            '//a': 'a',
            '///a': 'a',
            '/': '',
            '/ a b ': 'a b',
            '/a~1b': 'a/b',
            '/a~0b': 'a~b',
            '/~01': '~1',
            '/~0~1': '~/',
            '/~10': '/0',
            '/é': 'é',
            '/0': '0',
            '/-': '-',
            '/%2F': '%2F',
        }.items():
            with self.subTest(path):
                found = operations(add(path, 'x'))[0]
                self.assertEqual(name, found.name)

    def test_malformed(self) -> None:
        for path in (
            '',
            'a',
            'a/b',
            '/a/b',
            '/a/',
            '//',
            '///',
            '/a//b',
            '/~',
            '/~2',
        ) + ('/a~', '/~~', '/tags/-', '/tags/0', None, 1, ['/a'], {}):
            for op in (add(path, 'x'), replace(path, 'x'), remove(path)):  # type: ignore[arg-type]
                with (
                    self.subTest(str(op)),
                    self.assertRaises(errors.BadRequest),
                ):
                    operations(op)

    def test_forbidden_for_every_op(self) -> None:
        for name in (
            *patch.READ_ONLY,
            *properties.RESERVED,
            'os_glance',
            'os_glance_x',
            'locations',
            'locations/0',
            'locations/-',
        ):
            for op in (
                add(f'/{name}', 'x'),
                replace(f'/{name}', 'x'),
                remove(f'/{name}'),
            ):
                with (
                    self.subTest(str(op)),
                    self.assertRaises(errors.Forbidden),
                ):
                    operations(op)

    def test_a_name_in_disguise_is_still_forbidden(self) -> None:
        for path in ('// status', '/ status ', '//os_glance_x', '/ locations'):
            with self.subTest(path), self.assertRaises(errors.Forbidden):
                operations(add(path, 'x'))


class TestForms(unittest.TestCase):
    def test_v20(self) -> None:
        found = operations(
            {'add': '/a', 'value': 'x'},
            {'replace': '/b', 'value': 'y'},
            {'remove': '/c'},
            media=patch.V20,
        )
        self.assertEqual(
            [
                ('add', 'a', 'a', 'x', True),
                ('replace', 'b', 'b', 'y', True),
                ('remove', 'c', 'c', None, True),
            ],
            [tuple(operation) for operation in found],
        )

    def test_forms_do_not_mix(self) -> None:
        for media, item in (
            (patch.V20, add('/a', 'x')),
            (patch.V21, {'add': '/a', 'value': 'x'}),
            (patch.V20, {'add': '/a', 'remove': '/a', 'value': 'x'}),
            (patch.V20, {'test': '/a', 'value': 'x'}),
            (patch.V20, {}),
            (patch.V21, {}),
            (patch.V21, {'op': 'add', 'value': 'x'}),
            (patch.V21, {'op': 'test', 'path': '/a', 'value': 'x'}),
            (patch.V21, {'op': 'ADD', 'path': '/a', 'value': 'x'}),
            (patch.V21, {'op': ['add'], 'path': '/a', 'value': 'x'}),
            (patch.V21, {'op': 'add', 'path': '/a'}),
            (patch.V20, {'replace': '/a'}),
        ):
            with (
                self.subTest(str(item)),
                self.assertRaises(errors.BadRequest),
            ):
                operations(item, media=media)

    def test_only_arrays_of_objects(self) -> None:
        for document in (None, {}, 'x', 5, [None], ['x'], [[]]):
            with (
                self.subTest(str(document)),
                self.assertRaises(errors.BadRequest),
            ):
                patch.parse(patch.V21, document)

    def test_a_limit_of_operations(self) -> None:
        many = [add('/a', 'x')] * patch.MAX_OPERATIONS
        self.assertEqual(len(many), len(operations(*many)))
        with self.assertRaises(errors.LimitExceeded):
            operations(*many, add('/a', 'x'))

    def test_values_are_checked_one_by_one(self) -> None:
        for name, good, bad in (
            ('name', None, 5),
            ('name', 'x' * 255, 'x' * 256),
            ('min_ram', 0, -1),
            ('min_ram', 2**31 - 1, 2**31),
            ('min_disk', 5, None),
            ('min_disk', 5, True),
            ('protected', False, 'false'),
            ('visibility', 'community', None),
            ('disk_format', None, 'vmdk'),
            ('tags', [], 'x'),
            ('tags', ['x', 'x'], [None]),
            ('kernel_id', None, 'x'),
            ('color', '', None),
            ('color', 'x', 5),
            ('color', 'x' * 65_535, 'x' * 65_536),
            ('description', 'x', None),
        ):
            patch.checked(operations(add(f'/{name}', good)), SCHEMA)
            with (
                self.subTest(f'{name} {bad!r:.40}'),
                self.assertRaises(errors.BadRequest),
            ):
                patch.checked(operations(replace(f'/{name}', bad)), SCHEMA)
        patch.checked(operations(remove('/color')), SCHEMA)


class TestChanges(unittest.TestCase):
    def changes(
        self, *items: dict[str, Any], media: str = patch.V21, **values: Any
    ) -> contract.ImageChanges:
        return patch.changes(
            operations(*items, media=media), image(**values), SCHEMA
        )

    def test_members_and_properties(self) -> None:
        found = self.changes(
            replace('/name', 'm'),
            add('/min_ram', 5),
            add('/b', '2'),
            replace('/a', '3'),
            replace('/tags', ['z', 'y', 'z']),
        )
        self.assertEqual(
            {
                'row_version': 7,
                'values': {'name': 'm', 'min_ram': 5},
                'properties': {'a': '3', 'b': '2'},
                'tags': ['y', 'z'],
            },
            found,
        )

    def test_what_does_not_change_is_not_sent(self) -> None:
        found = self.changes(replace('/a', '1'), add('/b', '2'), remove('/b'))
        self.assertEqual({}, found['properties'])
        self.assertNotIn('tags', found)

    def test_in_order(self) -> None:
        found = self.changes(
            remove('/a'), add('/a', 'x'), replace('/a', 'y'), add('/c', 'z')
        )
        self.assertEqual({'a': 'y', 'c': 'z'}, found['properties'])
        found = self.changes(add('/c', 'z'), remove('/c'), remove('/a'))
        self.assertEqual({'a': None}, found['properties'])
        with self.assertRaises(errors.Conflict):
            self.changes(remove('/a'), replace('/a', 'x'))

    def test_what_is_not_there(self) -> None:
        # covers 25-29
        for item in (remove('/c'), replace('/c', 'x')):
            with self.assertRaises(errors.Conflict):
                self.changes(item)
        with self.assertRaises(errors.Forbidden):
            self.changes(remove('/name'))

    def test_v20_adds_only_what_is_new(self) -> None:
        # covers 25-30
        for path in ('/a', '/name', '/tags'):
            with self.subTest(path), self.assertRaises(errors.Conflict):
                self.changes({'add': path, 'value': []}, media=patch.V20)
        found = self.changes({'add': '/c', 'value': 'x'}, media=patch.V20)
        self.assertEqual({'c': 'x'}, found['properties'])

    def test_formats_are_open_at_first(self) -> None:
        # covers 25-31
        for status in ('queued', 'importing'):
            found = self.changes(add('/disk_format', 'raw'), status=status)
            self.assertEqual({'disk_format': 'raw'}, found['values'])
        for status in ('saving', 'uploading', 'active', 'deactivated'):
            for name in ('disk_format', 'container_format'):
                with (
                    self.subTest(f'{status} {name}'),
                    self.assertRaises(errors.Forbidden),
                ):
                    self.changes(replace(f'/{name}', 'x'), status=status)
