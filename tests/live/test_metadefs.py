"""Every call on metadata definitions that today's clients have."""

import json
import unittest
import uuid

from tests.live import clients
from tests.live import cloud

SCHEMA = '{"description": "d", "minimum": 1}'
OBJECT = '{"properties": {"p": {"title": "P", "type": "string"}}}'


class Metadefs(cloud.Cloud, unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.admin = cls.people['admin']

    def namespace(self) -> str:
        return f'OS::{uuid.uuid4().hex}'


class Glance(Metadefs):
    """The commands md-* of python-glanceclient."""

    def md(self, command: str, *words: object) -> str:
        return self.admin.run('glance', f'md-{command}', *words)

    def column(self, name: str, command: str, *words: object) -> list[str]:
        rows = self.admin.glance(f'md-{command}', *words)
        return [row[name] for row in rows]

    def test_namespaces_and_resource_types(self) -> None:
        one, other = self.namespace(), self.namespace()
        words = ('--display-name', 'One', '--visibility', 'public')
        self.md('namespace-create', one, *words, '--protected', 'True')
        self.assertIn(one, self.md('namespace-list'))
        shown = self.admin.glance_one('md-namespace-show', one)
        self.assertEqual('One', shown['display_name'])
        self.assertEqual('True', shown['protected'])
        with self.assertRaisesRegex(clients.Failed, '403'):
            self.md('namespace-delete', one)
        self.md('namespace-update', one, '--protected', 'False')
        self.md(
            *('resource-type-associate', one),
            *('--name', 'OS::Glance::Image', '--prefix', 'hw_'),
        )
        self.assertIn('OS::Glance::Image', self.md('resource-type-list'))
        self.assertIn('hw_', self.md('namespace-resource-type-list', one))
        self.md('resource-type-deassociate', one, 'OS::Glance::Image')
        self.assertNotIn('hw_', self.md('namespace-resource-type-list', one))
        path = self._file()
        path.write_text(json.dumps({'namespace': other, 'protected': False}))
        self.md('namespace-import', '--file', path)
        for each in (one, other):
            self.md('namespace-delete', each)
            with self.assertRaisesRegex(clients.Failed, '404'):
                self.md('namespace-show', each)

    def test_objects_and_properties(self) -> None:
        one = self.namespace()
        self.md('namespace-create', one)
        self.md('object-create', one, '--name', 'o', '--schema', OBJECT)
        self.assertEqual(['o'], self.column('name', 'object-list', one))
        self.assertIn('["p"]', self.md('object-show', one, 'o'))
        self.assertIn('P', self.md('object-property-show', one, 'o', 'p'))
        self.md('object-update', one, 'o', '--name', 'q')
        self.md('object-delete', one, 'q')
        self.md('object-create', one, '--name', 'o', '--schema', OBJECT)
        self.md('namespace-objects-delete', one)
        self.assertEqual([], self.column('name', 'object-list', one))
        new = ('--title', 'P', '--type', 'integer', '--schema', SCHEMA)
        self.md('property-create', one, '--name', 'p', *new)
        self.assertEqual(['p'], self.column('name', 'property-list', one))
        self.md('property-update', one, 'p', '--name', 'q', '--title', 'Q')
        self.assertIn('Q', self.md('property-show', one, 'q'))
        self.md('property-delete', one, 'q')
        self.md('property-create', one, '--name', 'p', *new)
        self.md('namespace-properties-delete', one)
        self.assertEqual([], self.column('name', 'property-list', one))

    def test_tags(self) -> None:
        one = self.namespace()
        self.md('namespace-create', one)
        self.md('tag-create', one, '--name', 'Zwölf')
        self.assertIn('Zwölf', self.md('tag-show', one, 'Zwölf'))
        self.md('tag-update', one, 'Zwölf', '--name', 't')
        self.md('tag-create-multiple', one, '--names', 'a,b')
        self.assertEqual({'a', 'b'}, set(self.column('name', 'tag-list', one)))
        # The option --append of glanceclient 4 fails before it sends.
        answer = self.sdk['admin'].image.post(
            f'/metadefs/namespaces/{one}/tags',
            json={'tags': [{'name': 'c'}]},
            headers={'X-Openstack-Append': 'True'},
        )
        self.assertEqual(201, answer.status_code)
        self.md('tag-delete', one, 'a')
        self.assertEqual({'b', 'c'}, set(self.column('name', 'tag-list', one)))
        self.md('namespace-tags-delete', one)
        self.assertEqual([], self.column('name', 'tag-list', one))


class Openstack(Metadefs):
    """The commands ``openstack image metadef``."""

    def md(self, *words: object) -> str:
        return self.admin.run('openstack', 'image', 'metadef', *words)

    def json(self, *words: object) -> object:
        return self.admin.openstack('image', 'metadef', *words)

    def test_namespaces_and_resource_types(self) -> None:
        one = self.namespace()
        words = ('--display-name', 'One', '--public', '--protected')
        self.json('namespace', 'create', one, *words)
        listed = self.json('namespace', 'list')
        self.assertIn(one, [row['namespace'] for row in listed])
        self.md('namespace', 'set', one, '--unprotected', '--tag', 't')
        shown = self.json('namespace', 'show', one)
        self.assertIs(False, shown['protected'])
        self.md('namespace', 'unset', one, '--tag', 't')
        self.md('namespace', 'unset', one, '--all-tags')
        association = ('resource', 'type', 'association')
        self.json(*association, 'create', one, 'OS::Nova::Flavor')
        rows = self.json(*association, 'list', one)
        self.assertIn('OS::Nova::Flavor', json.dumps(rows))
        self.assertIn('OS::Nova::Flavor', self.md('resource', 'type', 'list'))
        self.md(*association, 'delete', one, 'OS::Nova::Flavor')
        self.md('namespace', 'delete', one)
        with self.assertRaises(clients.Failed):
            self.md('namespace', 'show', one)

    def test_objects_and_properties(self) -> None:
        one = self.namespace()
        self.json('namespace', 'create', one)
        self.json('object', 'create', '--namespace', one, 'o')
        self.md('object', 'update', one, 'o', '--name', 'q')
        self.assertIn('q', self.md('object', 'list', one))
        self.assertIn('q', self.md('object', 'show', one, 'q'))
        answer = self.sdk['admin'].image.put(
            f'/metadefs/namespaces/{one}/objects/q',
            json={'name': 'q', **json.loads(OBJECT)},
        )
        self.assertEqual(200, answer.status_code)
        shown = self.md('object', 'property', 'show', one, 'q', 'p')
        self.assertIn('P', shown)
        self.md('object', 'delete', one, 'q')
        new = ('--title', 'P', '--type', 'integer', '--schema', SCHEMA)
        self.json('property', 'create', one, '--name', 'p', *new)
        self.md('property', 'set', one, 'p', '--title', 'Q')
        self.assertIn('Q', self.md('property', 'show', one, 'p'))
        self.assertIn('p', self.md('property', 'list', one))
        self.md('property', 'delete', one, 'p')
        self.md('namespace', 'delete', one)


class Sdk(Metadefs):
    """The calls of openstacksdk."""

    def test_every_call(self) -> None:
        image, name = self.sdk['admin'].image, self.namespace()
        one = image.create_metadef_namespace(
            namespace=name, display_name='One', visibility='public'
        )
        image.update_metadef_namespace(
            one, namespace=name, display_name='Two', visibility='public'
        )
        self.assertEqual('Two', image.get_metadef_namespace(name).display_name)
        self.assertIn(
            name,
            [each.namespace for each in image.metadef_namespaces(limit=1)],
        )
        image.add_tag_to_metadef_namespace(name, 't')
        image.remove_tag_from_metadef_namespace(name, 't')
        image.remove_tags_from_metadef_namespace(name)
        image.create_metadef_object(name, name='o', description='d')
        image.update_metadef_object('o', name, name='o', description='e')
        self.assertEqual('e', image.get_metadef_object('o', name).description)
        self.assertEqual(1, len(list(image.metadef_objects(name))))
        image.delete_metadef_object('o', name)
        image.delete_all_metadef_objects(name)
        new = {'title': 'P', 'type': 'string'}
        image.create_metadef_property(name, name='p', **new)
        image.update_metadef_property('p', name, name='p', **new)
        self.assertEqual('P', image.get_metadef_property('p', name).title)
        self.assertEqual(
            ['p'], [each.name for each in image.metadef_properties(name)]
        )
        image.delete_metadef_property('p', name)
        image.delete_all_metadef_properties(name)
        image.create_metadef_resource_type_association(
            name, name='OS::Cinder::Volume', prefix='x'
        )
        (found,) = image.metadef_resource_type_associations(name)
        self.assertEqual('x', found.prefix)
        types = [each.name for each in image.metadef_resource_types()]
        self.assertIn('OS::Cinder::Volume', types)
        image.delete_metadef_resource_type_association(found, name)
        image.delete_metadef_namespace(name)

    def test_every_schema(self) -> None:
        image = self.sdk['bob'].image
        for kind in (
            *('namespace', 'namespaces', 'object', 'objects', 'property'),
            *('properties', 'resource_type', 'resource_types', 'tag', 'tags'),
        ):
            found = getattr(image, f'get_metadef_{kind}_schema')()
            self.assertTrue(found.properties, kind)
