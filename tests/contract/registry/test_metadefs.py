"""The catalogue of metadata definitions."""

from typing import Any

from glance.common import context
from glance.common import errors
from glance.common.contract import metadefs
from tests.contract.registry import callers

ASSOCIATION = {'name': 'OS::Glance::Image', 'prefix': 'hw_'}
PROPERTY = {'name': 'x', 'definition': {'title': 'X', 'type': 'string'}}
OBJECT = {
    'name': 'o',
    'description': None,
    'required': ['a', 'b'],
    'properties': {'a': {'title': 'A', 'type': 'integer'}},
}


def tags(*names: str) -> list[Any]:
    return [{'name': name} for name in names]


class TestMetadefs(callers.RegistryTestCase):
    def make(
        self,
        namespace: str,
        caller: context.RequestContext = callers.ALICE,
        contents: dict[str, Any] | None = None,
        **values: Any,
    ) -> metadefs.Namespace:
        usual = {
            'namespace': namespace,
            'display_name': None,
            'description': None,
            'visibility': 'private',
            'protected': False,
            'owner': caller.project_id,
        }
        new: Any = {
            'values': {**usual, **values},
            **{kind: [] for kind in metadefs.KINDS},
            **(contents or {}),
        }
        return self.client.create_namespace(caller, new)

    def full(self, namespace: str, **values: Any) -> metadefs.Namespace:
        association = {**ASSOCIATION, 'properties_target': None}
        contents = {
            'resource_type_associations': [association],
            'properties': [PROPERTY],
            'objects': [OBJECT],
            'tags': tags('t2', 't1'),
        }
        return self.make(namespace, contents=contents, **values)

    def get(
        self, namespace: str, *kinds: Any, caller: Any = callers.ALICE, **rest
    ) -> Any:
        wanted: Any = {'namespace': namespace, 'kinds': list(kinds), **rest}
        return self.client.get_namespace(caller, wanted)

    def names(self, namespace: str, kind: Any, **page: Any) -> list[str]:
        rest = {}
        if page:
            usual = {'limit': None, 'marker': None}
            usual |= {'sort_key': 'name', 'sort_dir': 'asc'}
            rest = {'page': {**usual, **page}}
        found = self.get(namespace, kind, **rest)
        return [each['name'] for each in found[kind]]

    def listed(self, caller: Any = callers.ALICE, **query: Any) -> list[str]:
        usual: Any = {
            'limit': None,
            'marker': None,
            'sort_key': 'namespace',
            'sort_dir': 'asc',
            'visibility': None,
            'resource_types': None,
        }
        found = self.client.list_namespaces(caller, {**usual, **query})
        return [each['namespace'] for each in found]

    def add(
        self, namespace: str, kind: Any, *new: Any, replace: bool = False
    ) -> list[Any]:
        return self.client.add_definitions(
            callers.ALICE,
            {
                'namespace': namespace,
                'kind': kind,
                'definitions': list(new),
                'replace': replace,
            },
        )

    def test_create_namespace(self) -> None:
        made: Any = self.full('n', description='Zwölf', visibility='public')
        self.assertLessEqual(metadefs.Namespace.__required_keys__, made.keys())
        self.assertEqual('Zwölf', made['description'])
        self.assertIs(False, made['protected'])
        for kind, expected in (
            ('resource_type_associations', [ASSOCIATION]),
            ('properties', [PROPERTY]),
            ('objects', [OBJECT]),
            ('tags', tags('t2', 't1')),
        ):
            found = [
                {key: each[key] for key in wanted}
                for each, wanted in zip(made[kind], expected, strict=True)
            ]
            self.assertEqual(expected, found)
            self.assertEqual(made['created_at'], made[kind][0]['created_at'])
        self.expect(errors.Duplicate, self.full, 'n')

    def test_nothing_is_left_of_a_namespace_that_fails(self) -> None:
        contents = {'objects': [OBJECT], 'tags': tags('t', 't')}
        self.expect(errors.Duplicate, self.make, 'n', callers.ALICE, contents)
        self.assertEqual([], self.listed(callers.ADMIN))
        self.make('n', contents={'objects': [OBJECT]})

    def test_get_namespace(self) -> None:
        self.full('n')
        self.full('m')
        self.assertNotIn('tags', self.get('n'))
        self.assertEqual(['t2', 't1'], self.names('n', 'tags'))
        self.assertEqual(
            'X',
            self.get('n', 'properties', name='x')['properties'][0][
                'definition'
            ]['title'],
        )
        for wanted in ({'name': 'y'}, {'name': 'X'}):
            with self.assertRaisesRegex(errors.NotFound, wanted['name']):
                self.get('n', 'properties', **wanted)
        self.expect(errors.NotFound, self.get, 'N')
        with self.assertRaises(errors.NotFound):
            self.get('n', caller=callers.BOB)
        self.get('n', caller=callers.ADMIN)

    def test_pages_of_tags(self) -> None:
        self.full('n')
        self.add('n', 'tags', *tags('t4', 't3'))
        for expected, page in (
            (['t1', 't2', 't3', 't4'], {'sort_dir': 'asc'}),
            (['t4', 't3'], {'sort_dir': 'desc', 'limit': 2}),
            (['t2', 't1'], {'sort_dir': 'desc', 'marker': 't3'}),
            (['t3'], {'marker': 't2', 'limit': 1}),
            ([], {'limit': 0}),
        ):
            with self.subTest(page):
                self.assertEqual(expected, self.names('n', 'tags', **page))
        # All have the same second, so the order of creation is used.
        self.assertEqual(
            ['t3', 't4'],
            self.names(
                'n',
                'tags',
                sort_key='created_at',
                sort_dir='desc',
                limit=2,
            ),
        )
        self.assertEqual(
            ['t1', 't2'],
            self.names(
                'n',
                'tags',
                sort_key='created_at',
                sort_dir='desc',
                marker='t4',
            ),
        )
        with self.assertRaisesRegex(errors.NotFound, 't9'):
            self.names('n', 'tags', marker='t9')
        with self.assertRaises(errors.NotFound):
            self.names(
                'n', 'resource_type_associations', marker='OS::Nova::Server'
            )

    def test_list_namespaces(self) -> None:
        self.full('b')
        self.make('a', visibility='public', display_name='Z')
        self.make('c', callers.BOB)
        self.make('d', callers.BOB, visibility='public', display_name='Y')
        self.assertEqual(['a', 'b', 'd'], self.listed())
        self.assertEqual(['a', 'c', 'd'], self.listed(callers.BOB))
        self.assertEqual(['a', 'b', 'c', 'd'], self.listed(callers.ADMIN))
        nobody = context.RequestContext(overwrite=False)
        self.assertEqual(['a', 'd'], self.listed(nobody))
        for expected, query in (
            (['a', 'd'], {'visibility': 'public'}),
            (['b'], {'visibility': 'private'}),
            (['b'], {'resource_types': ['x', 'OS::Glance::Image']}),
            ([], {'resource_types': ['os::glance::image']}),
            (['a', 'b'], {'limit': 2}),
            (['d'], {'limit': 2, 'marker': 'b'}),
            (['b', 'a'], {'sort_dir': 'desc', 'marker': 'd'}),
            # A missing text sorts as the smallest.
            (['b', 'd', 'a'], {'sort_key': 'display_name'}),
            (['d', 'a'], {'sort_key': 'display_name', 'marker': 'b'}),
            (['b'], {'sort_key': 'created_at', 'limit': 1}),
            (['a', 'd'], {'sort_key': 'created_at', 'marker': 'b'}),
            ([], {'limit': 0}),
        ):
            with self.subTest(query):
                self.assertEqual(expected, self.listed(**query))
        for key in ('visibility', 'protected', 'owner', 'description', 'id'):
            every = self.listed(sort_key=key)
            self.assertEqual(['a', 'b', 'd'], sorted(every))
            self.assertEqual(
                every[1:], self.listed(sort_key=key, marker=every[0])
            )
        for marker in ('c', 'x'):
            with self.assertRaises(errors.NotFound):
                self.listed(marker=marker)

    def test_update_namespace(self) -> None:
        made = self.full('n', display_name='N', protected=True)
        self.make('m')
        values: Any = {
            'namespace': 'm',
            'display_name': None,
            'description': 'd',
            'visibility': 'public',
            'protected': False,
            'owner': 'p2',
        }
        update = self.client.update_namespace
        change: Any = {'namespace': 'n', 'values': values}
        self.expect(errors.NotFound, update, callers.BOB, change)
        self.expect(errors.Duplicate, update, callers.ALICE, change)
        values['namespace'] = 'k'
        changed = update(callers.ALICE, change)
        self.assertEqual(values, {key: changed[key] for key in values})
        self.assertEqual(
            made['resource_type_associations'],
            changed['resource_type_associations'],
        )
        self.assertEqual(['o'], self.names('k', 'objects'))

    def test_delete_namespace(self) -> None:
        self.full('n', protected=True)
        self.full('m')
        delete = self.client.delete_namespace
        self.expect(errors.Forbidden, delete, callers.ALICE, 'n')
        self.expect(errors.NotFound, delete, callers.BOB, 'm')
        delete(callers.ALICE, 'm')
        self.expect(errors.NotFound, delete, callers.ALICE, 'm')
        self.assertEqual(['n'], self.listed())
        self.assertEqual(['t2', 't1'], self.names('n', 'tags'))
        self.full('m')

    def test_add_definitions(self) -> None:
        self.full('n', protected=True)
        (made,) = self.add('n', 'objects', {**OBJECT, 'name': 'p'})
        (found,) = self.get('n', 'objects', name='p')['objects']
        self.assertEqual(found, made)
        self.assertEqual(['o', 'p'], self.names('n', 'objects'))
        new = {'name': 'T', 'prefix': None, 'properties_target': 'image'}
        self.add('n', 'resource_type_associations', new)
        for kind, one in (
            ('objects', OBJECT),
            ('properties', PROPERTY),
            ('tags', tags('t1')[0]),
            ('resource_type_associations', new),
        ):
            self.expect(errors.Duplicate, self.add, 'n', kind, one)
        self.add('n', 'tags', *tags('t5', 't6'), replace=True)
        self.assertEqual(['t5', 't6'], self.names('n', 'tags'))
        self.add('n', 'tags', replace=True)
        self.assertEqual(['t5', 't6'], self.names('n', 'tags'))
        for again in (tags('t7', 't6'), tags('t7', 't7')):
            self.expect(errors.Duplicate, self.add, 'n', 'tags', *again)
        self.assertEqual(['t5', 't6'], self.names('n', 'tags'))
        self.expect(errors.NotFound, self.add, 'm', 'tags', *tags('t'))
        self.expect(errors.BadRequest, self.add, 'n', 'other', *tags('t'))

    def test_many_tags_at_once(self) -> None:
        self.make('n')
        many = [f'tag {number}' for number in range(1000)]
        self.assertEqual(1000, len(self.add('n', 'tags', *tags(*many))))
        self.assertEqual(many, self.names('n', 'tags'))

    def test_update_definition(self) -> None:
        self.full('n', protected=True)
        self.add('n', 'objects', {**OBJECT, 'name': 'p'})
        new = {
            'name': 'q',
            'description': 'Zwölf',
            'required': [],
            'properties': {},
        }
        change: Any = {'namespace': 'n', 'kind': 'objects', 'name': 'o'}
        change['definition'] = new
        update = self.client.update_definition
        changed = update(callers.ALICE, change)
        self.assertEqual(new, {key: changed[key] for key in new})
        (found,) = self.get('n', 'objects', name='q')['objects']
        self.assertEqual(changed, found)
        self.expect(errors.NotFound, update, callers.ALICE, change)
        change['name'] = 'q'
        self.expect(errors.NotFound, update, callers.BOB, change)
        change['definition'] = {**new, 'name': 'p'}
        self.expect(errors.Duplicate, update, callers.ALICE, change)
        update(
            callers.ALICE,
            {
                'namespace': 'n',
                'kind': 'tags',
                'name': 't1',
                'definition': {'name': 't9'},
            },
        )
        self.assertEqual(['t2', 't9'], self.names('n', 'tags'))

    def test_delete_definitions(self) -> None:
        self.full('n')
        self.full('p', protected=True)
        self.full('m')
        delete = self.client.delete_definitions
        for kind, name in (
            ('objects', 'o'),
            ('properties', 'x'),
            ('tags', 't1'),
            ('resource_type_associations', 'OS::Glance::Image'),
        ):
            one: Any = {'namespace': 'n', 'kind': kind, 'name': name}
            for error, change in (
                (errors.Forbidden, {'namespace': 'p'}),
                (errors.Forbidden, {'namespace': 'p', 'name': None}),
                (errors.NotFound, {'name': 'X'}),
            ):
                self.expect(error, delete, callers.ALICE, {**one, **change})
            self.expect(errors.NotFound, delete, callers.BOB, one)
            delete(callers.ALICE, one)
            self.expect(errors.NotFound, delete, callers.ALICE, one)
            delete(callers.ALICE, {**one, 'name': None})
            self.assertEqual([], self.names('n', kind))
            self.assertIn(name, self.names('m', kind))

    def test_list_resource_types(self) -> None:
        self.full('n')
        self.full('m')
        new = {'name': 'A', 'prefix': None, 'properties_target': None}
        self.add('n', 'resource_type_associations', new)
        self.client.delete_namespace(callers.ALICE, 'n')
        found = self.client.list_resource_types(callers.BOB)
        self.assertEqual(
            ['A', 'OS::Glance::Image'], [each['name'] for each in found]
        )
        self.assertEqual(
            metadefs.ResourceType.__required_keys__, found[0].keys()
        )

    def test_list_constraints(self) -> None:
        self.full('n')
        self.full('m', visibility='public')
        self.make('k', contents={'properties': [PROPERTY]})
        found = self.client.list_constraints(callers.BOB, 'OS::Glance::Image')
        self.assertEqual(
            {
                ('n', 'private', 'hw_x'),
                ('n', 'private', 'hw_a'),
                ('m', 'public', 'hw_x'),
                ('m', 'public', 'hw_a'),
            },
            {
                (each['namespace'], each['visibility'], each['name'])
                for each in found
            },
        )
        self.assertEqual(
            [], self.client.list_constraints(callers.BOB, 'os::glance::image')
        )

    def test_names_with_any_character(self) -> None:
        for number, name in enumerate(('a/b', '50%', 'a b', 'café', 'ü/%2F')):
            namespace = f'{name} {number}'
            self.make(namespace, contents={'tags': tags(name)})
            found = self.get(namespace, 'tags', name=name)
            self.assertEqual(name, found['tags'][0]['name'])
            self.client.delete_namespace(callers.ALICE, namespace)


class TestMetadefsMysql(TestMetadefs):
    kind = 'mysql'


class TestMetadefsPostgresql(TestMetadefs):
    kind = 'postgresql'
