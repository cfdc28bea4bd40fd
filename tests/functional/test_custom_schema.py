"""An operator's schema-image.json."""

import json
from typing import Any

from glance.common import context
from tests import base

PROPERTIES = {
    'colour': {'type': 'string', 'enum': ['red', 'green']},
    'kernel_id': {'type': ['null', 'string'], 'description': 'A kernel.'},
    'room': {'pattern': '^[a-z]+$'},
}


class CustomSchemaTestCase(base.ServiceTestCase):
    document: dict[str, Any] = PROPERTIES

    def setUp(self) -> None:
        self.files_beside = {'schema-image.json': json.dumps(self.document)}
        super().setUp()

    def create(self, status: int, **values: Any) -> Any:
        response = self.call('POST', '/v2/images', values)
        self.assert_status(status, response)
        return response.json

    def change(
        self, status: int, image_id: str, op: str, name: str, value: Any = 'x'
    ) -> Any:
        operation = {'op': op, 'path': f'/{name}'}
        if op != 'remove':
            operation['value'] = value
        response = self.patch(image_id, operation)
        self.assert_status(status, response)
        return response.json

    def schema(self, name: str = 'image') -> Any:
        return self.call('GET', f'/v2/schemas/{name}').json


class TestFlat(CustomSchemaTestCase):
    """A file with only names and constraints, which replace the defaults."""

    def test_it_is_published(self) -> None:
        # covers 25-48
        for schema in (
            self.schema(),
            self.schema('images')['properties']['images']['items'],
        ):
            found = schema['properties']
            for name, constraints in PROPERTIES.items():
                self.assertEqual(
                    {**constraints, 'is_base': False}, found[name]
                )
            self.assertNotIn('os_distro', found)
            self.assertNotIn('is_base', found['name'])
            self.assertNotIn('required', schema)

    def test_values_are_checked(self) -> None:
        for name, value, status in (
            ('colour', 'red', 201),
            ('colour', 'blue', 400),
            ('colour', None, 400),
            ('room', 'a', 201),
            ('room', 'a\n', 400),
            ('room', '7', 400),
            ('room', 7, 400),
            ('room', None, 400),
            ('room', 'x' * 65_536, 400),
            ('room', '\U0001f4bf', 400),
            ('kernel_id', None, 201),
            ('kernel_id', 'no UUID any more', 201),
            ('ramdisk_id', None, 400),
            ('anything', 'else', 201),
        ):
            with self.subTest(f'{name} {value!r:.20}'):
                self.create(status, **{name: value})
                if value is not None:
                    image_id = self.image()
                    expected = 200 if status == 201 else status
                    self.change(expected, image_id, 'add', name, value)

    def test_null_stays_null_where_the_schema_allows_it(self) -> None:
        self.assertIsNone(self.create(201, kernel_id=None)['kernel_id'])

    def test_properties_of_the_schema_come_and_go(self) -> None:
        image_id = self.image(colour='red')
        self.change(200, image_id, 'replace', 'colour', 'green')
        left = self.change(200, image_id, 'remove', 'colour')
        self.assertNotIn('colour', left)


class TestRequired(CustomSchemaTestCase):
    document = {
        'properties': PROPERTIES,
        'required': ['colour', 'name'],
    }

    def test_it_is_published(self) -> None:
        self.assertEqual(['colour', 'name'], self.schema()['required'])

    def test_an_image_without_is_refused(self) -> None:
        # covers 4.3-4
        for values, status in (
            ({}, 400),
            ({'name': 'x'}, 400),
            ({'colour': 'red'}, 400),
            ({'name': 'x', 'colour': 'blue'}, 400),
            ({'name': None, 'colour': 'red'}, 201),
            ({'name': 'x', 'colour': 'red', 'more': 'x'}, 201),
        ):
            with self.subTest(str(values)):
                self.create(status, **values)

    def test_wart_required_does_not_break_patch(self) -> None:
        """The resulting image is validated, not only the changed value."""
        # covers 4.3-5
        image_id = self.create(201, name='x', colour='red')['id']
        self.change(200, image_id, 'replace', 'name', 'y')
        self.change(200, image_id, 'add', 'more')
        self.change(200, image_id, 'replace', 'colour', 'green')
        self.change(400, image_id, 'remove', 'colour')
        self.assertEqual('green', self.show(image_id)['colour'])
        moved = self.patch(
            image_id,
            {'op': 'remove', 'path': '/colour'},
            {'op': 'add', 'path': '/colour', 'value': 'red'},
        )
        self.assert_status(200, moved)

    def test_an_older_image_gets_what_it_lacks_first(self) -> None:
        caller = context.RequestContext(project_id='p1', user_id='u')
        image_id = '7a000000-0000-4000-8000-000000000001'
        self.service.registry.create_image(
            caller,
            {
                'id': image_id,
                'values': {'owner': 'p1', 'visibility': 'shared'},
                'properties': {},
                'tags': [],
            },
        )
        self.change(400, image_id, 'replace', 'name', 'y')
        self.change(200, image_id, 'add', 'colour', 'red')
        self.change(200, image_id, 'replace', 'name', 'y')
