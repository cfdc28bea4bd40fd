"""Large and deeply nested bodies of requests on the catalogue."""

import json
from typing import Any

from glance.common import context
from tests.functional.metadefs import catalogue

TAGS = 1000


class TestBodies(catalogue.CatalogueTestCase):
    def nested(self, levels: int) -> Any:
        value: Any = 'x'
        for _ in range(levels):
            value = [value]
        return value

    def test_a_thousand_tags_in_one_call(self) -> None:
        # covers 50.2-23
        self.namespace()
        tags = [{'name': f'tag {number:04}'} for number in range(TAGS)]
        answer = self.ask('POST', '/n/tags', {'tags': tags})
        self.assert_status(201, answer)
        self.assertEqual(tags, answer.json['tags'])
        found = self.ask('GET', '/n/tags?sort_key=name&sort_dir=asc').json
        self.assertEqual(tags, found['tags'])
        append = {'X-Openstack-Append': 'true'}
        again = {'tags': [{'name': 'new'}, tags[TAGS // 2]]}
        answer = self.ask('POST', '/n/tags', again, headers=append)
        self.assert_status(409, answer)
        self.assertEqual(TAGS, len(self.ask('GET', '/n/tags').json['tags']))

    def test_a_default_is_nested_twenty_levels_at_most(self) -> None:
        # covers 50.1-16
        self.namespace()
        for levels, status in ((20, 201), (21, 400), (500, 400)):
            default = self.nested(levels)
            each = {'title': 'D', 'type': 'array', 'default': default}
            name = f'p{levels}'
            answer = self.ask('POST', '/n/properties', {'name': name, **each})
            self.assert_status(status, answer)
            answer = self.ask(
                'POST', '/n/objects', {'name': name, 'properties': {'p': each}}
            )
            self.assert_status(status, answer)
            body = {'namespace': name, 'properties': {'p': each}}
            self.assert_status(status, self.ask('POST', '', body))
        shown = self.ask('GET', '/n/properties/p20').json
        self.assertEqual(json.dumps(self.nested(20)), shown['default'])

    def test_deep_values_where_none_belong(self) -> None:
        # covers 50.1-16
        self.namespace()
        deep = self.nested(500)
        for path, body in (
            ('', {'namespace': deep}),
            ('', {'namespace': 'm', 'tags': deep}),
            ('', {'namespace': 'm', 'color': deep}),
            ('/n/objects', {'name': 'o', 'properties': {'p': deep}}),
            ('/n/objects', {'name': 'o', 'required': deep}),
            ('/n/properties', {'name': 'p', 'title': deep, 'type': deep}),
            ('/n/tags', {'tags': deep}),
            ('/n/resource_types', {'name': 'T', 'prefix': deep}),
        ):
            with self.subTest(path):
                answer = self.ask('POST', path, body)
                self.assert_status(400, answer)
                self.assertLess(len(answer.body), 1500)

    def test_a_definition_that_no_column_holds(self) -> None:
        # covers 50.1-16
        self.namespace()
        large = {**catalogue.PROPERTY, 'enum': ['x' * 1000] * 66}
        for path, body in (
            ('/n/properties', {'name': 'p', **large}),
            ('/n/objects', {'name': 'o', 'properties': {'p': large}}),
            ('/n/objects', {'name': 'o', 'description': 'x' * 65_536}),
            ('/n/objects', {'name': 'o', 'required': ['x' * 65_536]}),
        ):
            answer = self.ask('POST', path, body)
            self.assert_status(400, answer)
            self.assertIn('65535 bytes', answer.text)

    def test_numbers_that_no_client_holds(self) -> None:
        # covers 50.2-14
        self.namespace()
        for name, value in (
            ('minimum', 10**30),
            ('maximum', -(10**30)),
            ('maxLength', 10**30),
            ('minItems', -1),
        ):
            body = {'name': 'p', **catalogue.PROPERTY, name: value}
            answer = self.ask('POST', '/n/properties', body)
            self.assert_status(400, answer)

    def test_everything_that_was_sent_is_stored(self) -> None:
        # covers 50.1-5
        self.namespace()
        sent = {'title': 'P', 'type': 'number', 'minimum': 1.5, 'default': 2}
        self.ask('POST', '/n/properties', {'name': 'p', **sent})
        shown = self.ask('GET', '/n/properties/p').json
        self.assertEqual((1, '2'), (shown['minimum'], shown['default']))
        (stored,) = self.service.registry.get_namespace(
            self.admin(), {'namespace': 'n', 'kinds': ['properties']}
        )['properties']
        self.assertEqual({'name': 'p', **sent}, stored['definition'])

    def admin(self) -> Any:
        return context.RequestContext(is_admin=True, overwrite=False)


class TestBodiesMysql(TestBodies):
    kind = 'mysql'


class TestBodiesPostgresql(TestBodies):
    kind = 'postgresql'
