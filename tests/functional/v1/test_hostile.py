"""API v1: malicious headers, and the response to each."""

from typing import Any

from glance.api import app as api_app
from glance.common import middleware
from tests import base
from tests.functional.v1 import test_sources

META = 'HTTP_X_IMAGE_META_'
#: Value that no response may return as separate header lines.
SPLIT = 'a\r\nSet-Cookie: evil=1'


class TestHostileHeaders(base.ServiceTestCase):
    def post(self, *, caller: str = 'alice', **fields: str) -> Any:
        """Create an image without data, with raw header values."""
        headers = {
            f'x-image-meta-{name.replace("property_", "property-")}': value
            for name, value in fields.items()
        }
        return self.call('POST', '/v1/images', caller=caller, headers=headers)

    def test_statuses(self) -> None:
        for fields, status in (
            ({'property_x': '\xff\xfe'}, 400),  # no UTF-8
            ({'name': '\xff'}, 400),
            ({'property_x': '\xf0\x9d\x84\x9e'}, 400),  # 4 bytes
            ({'name': '\xf0\x9d\x84\x9e'}, 400),
            ({'property_x': 'x' * 65536}, 400),
            ({'property_' + 'x' * 256: 'x'}, 400),
            ({'name': 'x' * 256}, 400),
            ({'owner': 'x' * 256}, 400),
            ({'property_os_glance_failed_reason': 'x'}, 403),
            ({'property_OS-Glance-Import-Task': 'x'}, 403),
            ({'property_deleted': 'x'}, 403),
            ({'property_owner': 'x'}, 400),
            ({'property_': 'x'}, 400),
            ({'location': 'file:///etc/passwd'}, 400),
            ({'location': 'http://127.0.0.1:9191/'}, 400),
            ({'min_ram': '1,2'}, 400),  # a header twice
            ({'min_ram': '\xd9\xa3'}, 400),  # a digit of another script
            ({'id': '../../etc/passwd'}, 400),
            ({'is_public': 'true'}, 403),
        ):
            with self.subTest(str(fields)[:60]):
                self.assert_status(status, self.post(**fields))

    def test_a_property_of_64_kib_is_the_largest(self) -> None:
        self.assert_status(201, self.post(property_x='x' * 65535))

    def test_the_owner_is_the_caller(self) -> None:
        response = self.post(owner='p2')
        self.assertEqual('p1', response.json['image']['owner'])
        image_id = response.json['image']['id']
        changed = self.call(
            'PUT',
            f'/v1/images/{image_id}',
            headers={'x-image-meta-owner': 'p2'},
        )
        self.assertEqual('p1', changed.json['image']['owner'])

    def test_a_line_break_splits_no_response(self) -> None:
        # Line breaks are percent-encoded by the client, or set with v2.
        headers = {
            'x-image-meta-property-a': 'a%0D%0ASet-Cookie: evil=1',
            'User-Agent': 'python-glanceclient',
        }
        first = self.call('POST', '/v1/images', headers=headers)
        second = self.image(a=SPLIT, **{'b\r\nx': 'y'})
        for image_id in (first.json['image']['id'], second):
            shown = self.call('HEAD', f'/v1/images/{image_id}')
            self.assertNotIn('Set-Cookie', shown.headers)
            self.assertEqual(
                'a%0D%0ASet-Cookie: evil=1',
                shown.headers['x-image-meta-property-a'],
            )
            for name, value in shown.headers.items():
                self.assertNotIn('\n', name + value)
                self.assertNotIn('\r', name + value)

    def test_fields_of_an_image_are_no_identity(self) -> None:
        # The identity is only in the context from the pipeline.
        response = self.call(
            'POST',
            '/v1/images',
            headers={
                'x-image-meta-property-x-roles': 'admin',
                'x-image-meta-property-x-project-id': 'p2',
                'x-glance-registry-purge-props': 'true',
            },
        )
        self.assertEqual('p1', response.json['image']['owner'])
        listed = self.call('GET', '/v1/images?is_public=none')
        self.assertEqual(1, len(listed.json['images']))

    def test_without_a_filter_of_identity_its_headers_count_nothing(
        self,
    ) -> None:
        service = self.service
        plain = api_app.images_api(
            service.conf, service.registry, service.stores
        )
        service.app = middleware.Context(plain)
        forged = base.identity('admin') | {'X-Identity-Status': 'Invalid'}
        response = self.call('GET', '/v1/images', caller=None, headers=forged)
        self.assert_status(401, response)


class TestCount(test_sources.V1TestCase):
    options = {'image_property_quota': 3}

    def test_properties_are_counted(self) -> None:
        fields = {f'property_p{each}': 'x' for each in range(4)}
        self.assert_status(413, self.send('POST', **fields))
        fields.pop('property_p0')
        image_id = self.made(**fields)
        more = self.send(
            'PUT',
            f'/{image_id}',
            headers={'x-glance-registry-purge-props': 'false'},
            property_other='x',
        )
        self.assert_status(413, more)
        replaced = self.send('PUT', f'/{image_id}', property_other='x')
        self.assert_status(200, replaced)
