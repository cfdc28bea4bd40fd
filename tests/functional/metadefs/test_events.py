"""Notifications of the catalogue."""

from typing import Any

from tests.functional import test_notifications
from tests.functional.metadefs import catalogue

NAMESPACE = {
    *('namespace', 'namespace_old', 'display_name', 'protected'),
    *('visibility', 'owner', 'description', 'created_at', 'updated_at'),
    *('deleted', 'deleted_at'),
}
COMMON = {'namespace', 'name', 'name_old', 'deleted', 'deleted_at'}
TIMES = {'created_at', 'updated_at'}


class Catalogue(
    test_notifications.EventsTestCase, catalogue.CatalogueTestCase
):
    pass


class TestEvents(Catalogue):
    def tell(self, *call: Any, expected: str) -> dict[str, Any]:
        self.assertLess(self.ask(*call).status_int, 300)
        self.assertEqual([expected], self.told())
        payload: dict[str, Any] = self.last
        return payload

    def test_a_namespace(self) -> None:
        # covers 50.5-1
        payload = self.tell(
            *('POST', '', {'namespace': 'n', 'display_name': 'N'}),
            expected='metadef_namespace.create',
        )
        self.assertEqual(NAMESPACE, payload.keys())
        self.assertEqual('p-admin', payload['owner'])
        self.assertIs(False, payload['deleted'])
        payload = self.tell(
            *('PUT', '/n', {'namespace': 'm'}),
            expected='metadef_namespace.update',
        )
        self.assertEqual(
            ('m', 'n'), (payload['namespace'], payload['namespace_old'])
        )
        for kind in ('objects', 'properties', 'tags'):
            payload = self.tell(
                *('DELETE', f'/m/{kind}'),
                expected=f'metadef_namespace.delete_{kind}',
            )
            self.assertEqual(NAMESPACE, payload.keys())
        payload = self.tell(
            *('DELETE', '/m'), expected='metadef_namespace.delete'
        )
        self.assertIs(True, payload['deleted'])
        self.assertRegex(payload['deleted_at'], r'^\d{4}-.*T.*\dZ$')

    def test_definitions_of_every_kind(self) -> None:
        # covers 50.5-1
        self.namespace()
        self.told()
        one = {'title': 'O', 'type': 'integer', 'minimum': 1}
        for kind, path, body, members in (
            (
                'object',
                'objects',
                {'properties': {'p': one}, 'required': ['p']},
                {'properties', 'required', 'description'} | TIMES,
            ),
            ('property', 'properties', one, {'minimum', 'title', 'enum'}),
        ):
            made = self.tell(
                *('POST', f'/n/{path}', {'name': 'a', **body}),
                expected=f'metadef_{kind}.create',
            )
            self.assertLessEqual(COMMON | members, made.keys())
            self.assertEqual('n', made['namespace'])
            changed = self.tell(
                *('PUT', f'/n/{path}/a', {'name': 'b', **body}),
                expected=f'metadef_{kind}.update',
            )
            self.assertEqual(
                ('b', 'a'), (changed['name'], changed['name_old'])
            )
            gone = self.tell(
                *('DELETE', f'/n/{path}/b'),
                expected=f'metadef_{kind}.delete',
            )
            self.assertEqual(('b', True), (gone['name'], gone['deleted']))
        self.assertEqual(1, changed['minimum'])

    def test_tags_and_associations(self) -> None:
        # covers 50.5-1
        self.namespace()
        self.told()
        payload = self.tell(
            *('POST', '/n/tags/t'), expected='metadef_tag.create'
        )
        self.assertEqual(COMMON | TIMES, payload.keys())
        self.tell(
            *('PUT', '/n/tags/t', {'name': 'u'}),
            expected='metadef_tag.update',
        )
        self.tell('DELETE', '/n/tags/u', expected='metadef_tag.delete')
        payload = self.tell(
            *('POST', '/n/resource_types', {'name': 'T', 'prefix': 'x'}),
            expected='metadef_resource_type.create',
        )
        self.assertEqual(
            COMMON | TIMES | {'prefix', 'properties_target'}, payload.keys()
        )
        self.tell(
            *('DELETE', '/n/resource_types/T'),
            expected='metadef_resource_type.delete',
        )
        self.ask('POST', '/n/tags', {'tags': [{'name': 'a'}, {'name': 'b'}]})
        self.assertEqual(['metadef_tag.create'] * 2, self.told())

    def test_a_full_namespace(self) -> None:
        # covers 50.5-1
        self.full()
        self.assertEqual(
            [
                *('metadef_namespace.create', 'metadef_resource_type.create'),
                *('metadef_property.create', 'metadef_object.create'),
                'metadef_tag.create',
            ],
            self.told(),
        )

    def test_failures_tell_nothing(self) -> None:
        self.full(protected=True)
        self.told()
        for method, path, body in (
            ('POST', '', {'namespace': 'n'}),
            ('POST', '/n/tags/a', None),
            ('PUT', '/n/objects/z', {'name': 'a'}),
            ('DELETE', '/n', None),
            ('DELETE', '/n/tags/a', None),
            ('DELETE', '/n/tags', None),
        ):
            self.assertGreaterEqual(
                self.ask(method, path, body).status_int, 400
            )
        self.assertEqual([], self.told())


class TestDisabledEvents(Catalogue):
    disabled = ['metadef_tag', 'metadef_object.create']

    def test_groups_are_disabled(self) -> None:
        # covers 50.5-2
        self.full()
        self.ask('PUT', '/n/objects/a', {'name': 'b'})
        self.assertEqual(
            [
                *('metadef_namespace.create', 'metadef_resource_type.create'),
                *('metadef_property.create', 'metadef_object.update'),
            ],
            self.told(),
        )
