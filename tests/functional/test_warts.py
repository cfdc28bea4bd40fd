"""Faults of upstream in images, members, tags and lists that we avoid.

Those of uploads and races are in test_image_data.py and test_races.py, those
of property protections and of required properties in test_protections.py and
test_custom_schema.py.
"""

import json
from typing import Any
import urllib.parse

from tests import base

#: Attributes and methods of upstream's image object, and words that look
#: like members of the entity.
INNER_NAMES = (
    *('image_id', 'base', 'member', 'members', 'extra_properties'),
    *('get_data', 'set_data', 'context', 'delete', 'save', 'is_public'),
    *('properties', 'metadata', 'links', '__class__', '__init__'),
)


class TestWarts(base.ServiceTestCase):
    def change(self, image_id: str, *operations: Any, status: int) -> Any:
        response = self.patch(image_id, *operations)
        self.assert_status(status, response)
        return response.json

    def test_wart_a_flat_array_is_400_everywhere(self) -> None:
        image_id = self.image()
        for body in ([], ['x'], [[]], [{'name': 'x'}], [None]):
            for method, path in (
                ('POST', '/v2/images'),
                ('POST', f'/v2/images/{image_id}/members'),
                ('PUT', f'/v2/images/{image_id}/members/p2'),
            ):
                with self.subTest(f'{method} {path} {body}'):
                    self.assert_status(400, self.call(method, path, body))

    def test_wart_wrong_inner_types_are_400(self) -> None:
        image_id = self.image()
        members = f'/v2/images/{image_id}/members'
        for value in (1, None, True, [], {}, ['p2'], {'id': 'p2'}):
            with self.subTest(repr(value)):
                body = {'member': value}
                self.assert_status(400, self.call('POST', members, body))
                self.assert_status(
                    400, self.call('POST', '/v2/images', {'name': [value]})
                )
                self.change(
                    image_id,
                    {'op': 'add', 'path': value, 'value': 'x'},
                    status=400,
                )
                self.change(
                    image_id,
                    {'op': value, 'path': '/name', 'value': 'x'},
                    status=400,
                )

    def test_wart_a_request_id_that_is_too_long_is_431(self) -> None:
        for length, status in ((64, 200), (65, 431), (10_000, 431)):
            headers = {'X-OpenStack-Request-ID': 'x' * length}
            response = self.call('GET', '/v2/images', headers=headers)
            self.assert_status(status, response)
            if status == 200:  # the registry took it, with its prefix
                self.assertEqual(
                    f'req-{"x" * length}',
                    response.headers['x-openstack-request-id'],
                )

    def test_wart_repeated_parameters_are_kept_in_links(self) -> None:
        for name in ('a', 'b', 'c'):
            self.image(name=name, tags=['x', 'y'])
        self.image(name='d', tags=['y'])
        asked = [
            *(('tag', 'x'), ('tag', 'y')),
            *(('sort_key', 'status'), ('sort_key', 'name')),
            *(('sort_dir', 'asc'), ('sort_dir', 'asc'), ('limit', '2')),
        ]
        path, names = f'/v2/images?{urllib.parse.urlencode(asked)}', []
        while path:
            page = self.call('GET', path).json
            names.append([image['name'] for image in page['images']])
            link = urllib.parse.urlsplit(page['first'])
            self.assertEqual(asked, urllib.parse.parse_qsl(link.query))
            path = page.get('next', '')
        self.assertEqual([['a', 'b'], ['c']], names)

    def test_wart_what_is_single_is_400_when_given_twice(self) -> None:
        for pair in (
            *('limit=2&limit=3', 'sort=name&sort=id', 'visibility=all'),
            *('marker=a&marker=b', 'os_hidden=true&os_hidden=false'),
            *('name=a&name=b', 'owner=a&owner=b'),
        ):
            twice = pair if pair.count('=') == 2 else f'{pair}&{pair}'
            with self.subTest(twice):
                self.assert_status(
                    400, self.call('GET', f'/v2/images?{twice}')
                )

    def test_wart_filters_of_unknown_bounds_match_nothing(self) -> None:
        self.image(name='one')
        for name in (
            *('color_min', 'color_max', 'name_min', 'created_at_max'),
            *('_min', '_max', 'properties', 'locations', 'members'),
        ):
            for value in ('1', 'x', ''):
                with self.subTest(f'{name}={value}'):
                    self.assertEqual([], self.listed(f'?{name}={value}'))

    def test_wart_an_owner_is_not_given_away_by_add(self) -> None:
        image_id = self.image(name='mine')
        for op in ('add', 'replace'):
            for owner in ('p2', None, ''):
                with self.subTest(f'{op} {owner}'):
                    self.change(
                        image_id,
                        {'op': 'replace', 'path': '/name', 'value': 'other'},
                        {'op': op, 'path': '/owner', 'value': owner},
                        status=403,
                    )
                    after = self.show(image_id)
                    self.assertEqual('p1', after['owner'])
                    self.assertEqual('mine', after['name'])
        given = self.patch(
            image_id,
            {'op': 'add', 'path': '/owner', 'value': 'p2'},
            caller='admin',
        )
        self.assertEqual('p2', given.json['owner'])

    def test_wart_inner_names_are_custom_names(self) -> None:
        image_id = self.image()
        for name in INNER_NAMES:
            for op, value, status in (
                ('replace', 'x', 409),
                ('remove', None, 409),
                ('add', 'x', 200),
                ('replace', 'y', 200),
            ):
                operation = {'op': op, 'path': f'/{name}', 'value': value}
                with self.subTest(f'{op} {name}'):
                    self.change(image_id, operation, status=status)
            self.assertEqual('y', self.show(image_id)[name])
            removal = {'op': 'remove', 'path': f'/{name}'}
            self.assertNotIn(name, self.change(image_id, removal, status=200))

    def test_schema_of_one_store_does_not_name_the_member_of_several(
        self,
    ) -> None:
        """python-glanceclient 3.0 to 4.1 fails on an option given twice."""
        image = self.call('GET', '/v2/schemas/image').json
        images = self.call('GET', '/v2/schemas/images').json
        listed = images['properties']['images']['items']
        for schema in (image, listed):
            self.assertIn('name', schema['properties'])
            self.assertNotIn('stores', schema['properties'])

    def test_wart_stores_is_read_only(self) -> None:
        image_id = self.image()
        for op in ('add', 'replace', 'remove'):
            operation = {'op': op, 'path': '/stores', 'value': 'x'}
            self.change(image_id, operation, status=403)
        self.assertNotIn('stores', self.show(image_id))

    def test_wart_hashes_are_refused_on_create(self) -> None:
        for name in ('os_hash_algo', 'os_hash_value', 'checksum'):
            for value in ('x', None):
                response = self.call('POST', '/v2/images', {name: value})
                self.assert_status(403, response)
        self.assertEqual([], self.listed())

    def test_wart_a_long_name_is_400_in_a_patch(self) -> None:
        image_id = self.image()
        for length, status in ((255, 200), (256, 400)):
            operation = {'op': 'add', 'path': '/' + 'x' * length, 'value': ''}
            self.change(image_id, operation, status=status)

    def test_wart_tags_of_the_path_are_utf_8(self) -> None:
        image_id = self.image()
        for tag in ('Größe', '標籤', 'a b', 'a+b', '100%', 'ß'):
            quoted = urllib.parse.quote(tag, safe='')
            path = f'/v2/images/{image_id}/tags/{quoted}'
            with self.subTest(tag):
                self.assert_status(204, self.call('PUT', path))
                self.assertEqual([tag], self.show(image_id)['tags'])
                query = urllib.parse.urlencode({'tag': tag})
                self.assertEqual(1, len(self.listed(f'?{query}')))
                self.assert_status(204, self.call('DELETE', path))
                self.assertEqual([], self.show(image_id)['tags'])
        latin_1 = f'/v2/images/{image_id}/tags/Gr%F6%DFe'
        self.assert_status(400, self.call('PUT', latin_1))

    def test_wart_a_range_of_an_image_without_data(self) -> None:
        image_id = self.image()
        path = f'/v2/images/{image_id}/file'
        for headers in (
            {'Range': 'bytes=0-1'},
            {'Range': 'bytes=x'},
            {'Content-Range': 'bytes 0-1/2'},
            {'Content-Range': 'x'},
        ):
            response = self.call('GET', path, headers=headers)
            self.assert_status(204, response)
        self.upload(image_id, b'data')
        for value in ('bytes 0-9/4', 'bytes 3-1/4', 'bytes */4', 'x'):
            response = self.call('GET', path, headers={'Content-Range': value})
            self.assert_status(416, response)


class TestForbiddenNames(base.ServiceTestCase):
    """Names that a client may not set with any call."""

    refused: tuple[tuple[str, Any], ...] = (
        *((name, 'x') for name in ('direct_url', 'self', 'file', 'schema')),
        *(('stores', 'x'), ('stores', 7)),  # before the schema is asked
        *(('status', 'active'), ('checksum', 'x'), ('checksum', None)),
        *(('size', 1), ('size', None), ('virtual_size', 1)),
        *(('created_at', 'x'), ('updated_at', 'x')),
        *(('locations', []), ('location', 'x'), ('deleted', 'x')),
        *(('deleted_at', 'x'), ('os_glance', 'x'), ('os_glance_x', 'x')),
        ('locations', [{'url': 'file:///etc/passwd', 'metadata': {}}]),
    )

    def test_on_create(self) -> None:
        for name, value in self.refused:
            with self.subTest(f'{name} {value}'):
                response = self.call('POST', '/v2/images', {name: value})
                self.assert_status(403, response)
        for name, value in (
            *(('status', 'broken'), ('status', None), ('size', 'x')),
            *(('checksum', 'x' * 33), ('created_at', 1), ('locations', 'x')),
        ):
            with self.subTest(f'{name} {value}: the schema comes first'):
                response = self.call('POST', '/v2/images', {name: value})
                self.assert_status(400, response)
        self.assertEqual([], self.listed())

    def test_in_a_patch(self) -> None:
        image_id = self.image()
        before = self.show(image_id)
        names = {name for name, _value in self.refused} | {'id'}
        for name in names | {'os_hash_algo', 'os_hash_value'}:
            for op in ('add', 'replace', 'remove'):
                with self.subTest(f'{op} {name}'):
                    response = self.patch(
                        image_id, {'op': op, 'path': f'/{name}', 'value': 'x'}
                    )
                    self.assert_status(403, response)
        self.assertEqual(before, self.show(image_id))

    def test_ossa_2015_019_headers_set_nothing(self) -> None:
        """CVE-2015-5251: no status, owner or size by a header of API v1."""
        headers = {
            f'X-Image-Meta-{name}': value
            for name, value in (
                *(('status', 'queued'), ('owner', 'p9'), ('size', '7')),
                *(('checksum', '0' * 32), ('is_public', 'true')),
                *(('id', '7a000000-0000-4000-8000-000000000009'),),
                *(('location', 'file:///etc/passwd'), ('name', 'x')),
                *(('property-color', 'red'), ('protected', 'true')),
            )
        }
        image_id = self.image(data=b'data')
        one, before = f'/v2/images/{image_id}', self.show(image_id)
        kind = 'application/openstack-images-v2.1-json-patch'
        for method, path, body, status, more in (
            ('PUT', one, b'', 405, {}),
            ('POST', one, b'', 405, {}),
            ('PUT', f'{one}/file', b'other', 409, {}),
            ('PATCH', one, [], 200, {'Content-Type': kind}),
            ('GET', one, None, 200, {}),
        ):
            with self.subTest(f'{method} {path}'):
                response = self.call(
                    method, path, body, headers={**headers, **more}
                )
                self.assert_status(status, response)
        self.assertEqual(before, self.show(image_id))
        self.assertEqual(b'data', self.data(image_id))
        made = self.call('POST', '/v2/images', {}, headers=headers).json
        self.assertEqual('queued', made['status'])
        self.assertEqual('p1', made['owner'])
        self.assertNotIn('color', made)
        self.assertIsNone(made['name'])

    def test_ossa_2015_019_nobody_sets_what_the_service_knows(self) -> None:
        """Admins cannot set it either."""
        image_id = self.image(data=b'data')
        before = self.show(image_id)
        for name in ('status', 'checksum', 'size', 'os_hash_value', 'id'):
            value = before[name]
            response = self.patch(
                image_id,
                {'op': 'replace', 'path': f'/{name}', 'value': value},
                caller='admin',
            )
            self.assert_status(403, response)
        self.assertEqual(before, self.show(image_id))


class TestLimits(base.ServiceTestCase):
    api_options = {
        'image_property_quota': 2,
        'image_tag_quota': 2,
        'image_member_quota': 2,
    }

    def test_cve_2016_8611_counts_have_a_limit(self) -> None:
        """OSSN-0076: rows, tags, properties and members of one image."""
        image_id = self.image(a='x', b='x', tags=['a', 'b'])
        one = f'/v2/images/{image_id}'
        for method, path, body in (
            ('POST', '/v2/images', {'a': 'x', 'b': 'x', 'c': 'x'}),
            ('POST', '/v2/images', {'tags': ['a', 'b', 'c']}),
            ('PUT', f'{one}/tags/c', None),
        ):
            with self.subTest(f'{method} {path} {json.dumps(body)}'):
                self.assert_status(413, self.call(method, path, body))
        added = {'op': 'add', 'path': '/c', 'value': 'x'}
        self.assert_status(413, self.patch(image_id, added))
        for number in range(3):
            body = {'member': f'p{number}'}
            response = self.call('POST', f'{one}/members', body)
            self.assert_status(200 if number < 2 else 413, response)
