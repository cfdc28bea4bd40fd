"""The document of an image: the members that it must have or not have."""

from typing import Any

import jsonschema

from glance_registry.db import models
from tests import base
from tests.functional.permissions import callers

IDS = ('7a000000-0000-4000-8000-00000000ffff',)


class TestDocument(base.ServiceTestCase):
    def test_text_beyond_ascii_is_not_escaped(self) -> None:
        # covers 2.5-1..2
        image_id = self.image(name='Zwölf')
        response = self.call('GET', f'/v2/images/{image_id}')
        self.assertIn('"Zwölf"'.encode(), response.body)
        self.assertEqual('application/json', response.headers['Content-Type'])

    def test_every_document_is_valid_by_the_schema(self) -> None:
        # covers 17.2-6, 4.1-12
        for data in (None, b'', b'data'):
            self.image(
                data=data, name='n', tags=['a'], kernel_id=None, color='red'
            )
        schema = self.call('GET', '/v2/schemas/images').json
        document = self.call('GET', '/v2/images').json
        self.assertEqual(3, len(document['images']))
        one = {'type': 'object', **schema['properties']['images']['items']}
        for image in document['images']:
            jsonschema.validate(image, one)
            self.assertLess(
                set(image) - {'color', 'kernel_id'}, set(one['properties'])
            )
        jsonschema.validate(document, {'type': 'object', **schema})

    def test_members_are_valid_by_the_schema(self) -> None:
        # covers 17.3-1
        path = f'/v2/images/{self.image()}/members'
        self.call('POST', path, {'member': 'p2'})
        schema = self.call('GET', '/v2/schemas/members').json
        document = self.call('GET', path).json
        jsonschema.validate(document, {'type': 'object', **schema})
        self.assertEqual(
            set(document['members'][0]),
            set(schema['properties']['members']['items']['properties']),
        )

    def test_a_property_of_null_is_an_empty_text(self) -> None:
        """This does not apply to properties that may be null by the schema."""
        # covers 4.1-18
        image_id = self.image(color='red', kernel_id=None)
        self.service.database.write(
            lambda connection: connection.execute(
                models.image_properties.update()
                .where(models.image_properties.c.image_id == image_id)
                .values(value=None)
            )
        )
        shown = self.show(image_id)
        self.assertEqual('', shown['color'])
        self.assertIsNone(shown['kernel_id'])

    def test_either_format_goes_with_any_other(self) -> None:
        # covers 19.1-2
        for disk, container in (
            *(('ami', 'bare'), ('aki', 'ari'), ('raw', 'ami')),
            *(('qcow2', None), (None, 'ova')),
        ):
            shown = self.show(
                self.image(disk_format=disk, container_format=container)
            )
            self.assertEqual(disk, shown['disk_format'])
            self.assertEqual(container, shown['container_format'])

    def test_letter_case_of_a_format_counts(self) -> None:
        # covers 19.1-1
        for name, value in (
            *(('disk_format', 'RAW'), ('disk_format', '')),
            ('container_format', 'Bare'),
        ):
            response = self.call('POST', '/v2/images', {name: value})
            self.assert_status(400, response)

    def test_lost_data_does_not_hinder_a_deletion(self) -> None:
        # covers 7.5-5
        image_id = self.image(data=b'data')
        self.service.images.joinpath(image_id).unlink()
        path = f'/v2/images/{image_id}'
        self.assert_status(204, self.call('DELETE', path))
        self.assert_status(404, self.call('GET', path))


class TestSecondLocation(base.ServiceTestCase):
    def test_the_next_location_is_tried(self) -> None:
        # covers 8.2-16
        image_id = self.image(data=b'data')
        table = models.image_locations
        (row,) = self.service.database.read(
            lambda connection: connection.execute(table.select()).mappings()
        )
        lost = row['value'].replace(image_id, IDS[0])
        kept = {name: row[name] for name in row if name != 'id'}

        def put_a_lost_one_first(connection: Any) -> None:
            connection.execute(table.update().values(value=lost))
            connection.execute(table.insert().values(**kept))

        self.service.database.write(put_a_lost_one_first)
        self.assertEqual(b'data', self.data(image_id))
        self.service.images.joinpath(image_id).unlink()
        response = self.call('GET', f'/v2/images/{image_id}/file')
        self.assert_status(503, response)


class QuotaTestCase(base.ServiceTestCase):
    def add(self, image_id: str, name: str) -> int:
        response = self.patch(
            image_id, {'op': 'add', 'path': f'/{name}', 'value': 'x'}
        )
        return int(response.status_int)

    def tag(self, image_id: str, tag: str) -> int:
        response = self.call('PUT', f'/v2/images/{image_id}/tags/{tag}')
        return int(response.status_int)

    def share(self, image_id: str, project: str) -> int:
        path = f'/v2/images/{image_id}/members'
        return int(self.call('POST', path, {'member': project}).status_int)


class TestNoQuotas(QuotaTestCase):
    api_options = {
        'image_property_quota': -1,
        'image_tag_quota': -1,
        'image_member_quota': -1,
    }

    def test_a_negative_quota_is_none(self) -> None:
        # covers 18-4
        properties = {f'p{number}': 'x' for number in range(130)}
        tags = [f't{number}' for number in range(130)]
        image_id = self.image(tags=tags, **properties)
        self.assertEqual(200, self.add(image_id, 'more'))
        self.assertEqual(204, self.tag(image_id, 'more'))
        for number in range(130):
            self.assertEqual(200, self.share(image_id, f'm{number}'))


class TestLoweredQuotas(QuotaTestCase):
    """A service whose limits were lowered below existing numbers."""

    def lower(self) -> None:
        """Lower the limits; they apply only to additions."""
        for name in ('property', 'tag', 'member'):
            self.service.conf.set_override(f'image_{name}_quota', 1)
        self.service.app = self.service._pipeline()

    def test_what_is_there_stays_and_can_be_changed(self) -> None:
        # covers 18-5, 7.4.4-5
        image_id = self.image(a='1', b='2', tags=['a', 'b'])
        for project in ('p2', 'p3'):
            self.share(image_id, project)
        self.lower()
        self.assertEqual(200, self.add(image_id, 'a'))
        self.assertEqual(413, self.add(image_id, 'c'))
        self.assertEqual(204, self.tag(image_id, 'a'))
        self.assertEqual(413, self.tag(image_id, 'c'))
        self.assertEqual(413, self.share(image_id, 'p4'))
        remove = {'op': 'remove', 'path': '/b'}
        self.assert_status(200, self.patch(image_id, remove))
        members = self.call('GET', f'/v2/images/{image_id}/members').json
        self.assertEqual(2, len(members['members']))
        self.assertEqual({'a', 'b'}, set(self.show(image_id)['tags']))


class TestOwnNames(QuotaTestCase):
    api_options = {'image_property_quota': 1}

    def test_the_services_own_names_take_no_quota(self) -> None:
        # covers 4.2-2
        image_id = self.image()
        for name in ('os_glance_a', 'os_glance_b'):
            self.write(image_id, name)
        self.assertEqual(200, self.add(image_id, 'mine'))
        self.assertEqual(413, self.add(image_id, 'more'))
        self.assertEqual('x', self.show(image_id)['os_glance_a'])

    def write(self, image_id: str, name: str) -> None:
        row = {'image_id': image_id, 'name': name, 'value': 'x'}
        self.service.database.write(
            lambda connection: connection.execute(
                models.image_properties.insert(), row
            )
        )

    def test_nobody_touches_them(self) -> None:
        # covers 4.2-1
        image_id = self.image()
        self.write(image_id, 'os_glance_a')
        change = {'path': '/os_glance_a', 'value': 'y'}
        for caller in ('alice', 'admin'):
            for op in ('add', 'replace', 'remove'):
                response = self.patch(
                    image_id, {**change, 'op': op}, caller=caller
                )
                self.assert_status(403, response)
        self.assertEqual('x', self.show(image_id)['os_glance_a'])


class TestListed(base.ServiceTestCase):
    """Images that a list leaves out."""

    def setUp(self) -> None:
        rules = {'get_image': "role:reader and not 'yes':%(secret)s"}
        self.api_options = {
            'oslo_policy.policy_file': callers.written(self, rules)
        }
        super().setUp()

    def test_what_get_image_refuses_is_left_out(self) -> None:
        # covers 7.2-4
        self.image(name='shown')
        self.image(name='secret', secret='yes')
        self.assertEqual(['shown'], self.listed())
        response = self.call('GET', '/v2/images?limit=1&sort=name:asc').json
        self.assertEqual([], response['images'])
        following: Any = self.call('GET', response['next']).json
        self.assertEqual(
            ['shown'], [image['name'] for image in following['images']]
        )

    def test_an_owner_does_not_widen_a_list(self) -> None:
        # covers 7.2.4-5, 7.2.3-9
        self.image(name='community', caller='bob', visibility='community')
        self.image(name='private', caller='bob', visibility='private')
        self.image(
            name='public', caller='admin', owner='p2', visibility='public'
        )
        self.assertEqual(['public'], self.listed('?owner=p2'))
        self.assertEqual(
            {'public', 'community'},
            set(self.listed('?owner=p2&visibility=all')),
        )
