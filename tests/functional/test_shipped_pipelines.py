"""The complete shipped pipelines."""

import pathlib
import re
from typing import Any
from unittest import mock

import webob

import glance.api
from glance.api import app as api_app
from glance.common import filebody
from glance.common import pipeline
from tests import base

PASTE_FILE = str(pathlib.Path(glance.api.__path__[0], 'glance-api-paste.ini'))
ORIGIN = 'https://dashboard.example.org'
PREFLIGHT = {
    'Origin': ORIGIN,
    'Access-Control-Request-Method': 'PUT',
    'Access-Control-Request-Headers': 'x-auth-token, content-type',
}
IMAGE_ID = '7a000000-0000-4000-8000-000000000001'


class PipelineTestCase(base.ServiceTestCase):
    """glance-api of a paste file, with the service's registry and store."""

    flavor: str | None = 'trusted-auth'
    paste_file = PASTE_FILE

    def setUp(self) -> None:
        super().setUp()
        conf = self.service.conf
        conf.set_override('bind_host', '127.0.0.1')
        conf.set_override('flavor', self.flavor, group='paste_deploy')
        conf.set_override(
            'filesystem_store_datadir',
            str(self.service.images),
            group='glance_store',
        )
        with mock.patch.object(
            api_app.registry_access,
            'client',
            lambda _conf: self.service.registry,
        ):
            self.service.app = pipeline.load_app(
                conf, 'glance-api', self.paste_file
            )

    def check_addresses(self, base: str, headers: dict[str, str]) -> None:
        versions = self.call('GET', '/versions', headers=headers)
        moved = self.call('GET', '/v2', headers=headers)
        created = self.call('POST', '/v2/images', {}, headers=headers)
        self.assertEqual(
            [
                f'{base}/v2/',
                f'{base}/v2/',
                f'{base}/v2/images/{created.json["id"]}',
            ],
            [
                versions.json['versions'][0]['links'][0]['href'],
                moved.headers['Location'],
                created.headers['Location'],
            ],
        )

    def allows(self, response: webob.Response) -> bool:
        return 'Access-Control-Allow-Origin' in response.headers


class TestWithoutCors(PipelineTestCase):
    def test_options_is_200_on_every_path_without_a_token(self) -> None:
        # covers 2.6-9
        for path in (
            *('/', '/versions', '/healthcheck', '/v2', '/v2/images'),
            *(f'/v2/images/{IMAGE_ID}/file', '/v2/nothing', '/v1/images'),
        ):
            with self.subTest(path):
                response = self.call(
                    'OPTIONS', path, caller=None, headers=PREFLIGHT
                )
                self.assert_status(200, response)
                self.assertEqual(b'', response.body)
                self.assertFalse(self.allows(response))
                self.assertNotIn('x-openstack-request-id', response.headers)

    def test_healthcheck_needs_no_token(self) -> None:
        # covers 2.1-3
        for path in ('/healthcheck', '/healthcheck/below'):
            response = self.call('GET', path, caller=None)
            self.assert_status(200, response)
            self.assertNotIn('x-openstack-request-id', response.headers)

    def test_headers_of_proxies_are_not_believed(self) -> None:
        headers = {'X-Forwarded-Host': 'evil.example.org'}
        response = self.call('GET', '/versions', headers=headers)
        self.assertNotIn('evil', response.text)


class TestWithCors(PipelineTestCase):
    api_options = {
        'cors.allowed_origin': [ORIGIN],
        'oslo_middleware.enable_proxy_headers_parsing': True,
    }

    def test_preflight_of_every_path_without_a_token(self) -> None:
        # covers 2.7-1
        for path in ('/', '/versions', '/healthcheck', '/v2/images', '/v2/x'):
            with self.subTest(path):
                response = self.call(
                    'OPTIONS', path, caller=None, headers=PREFLIGHT
                )
                self.assert_status(200, response)
                self.assertTrue(self.allows(response))
                self.assertEqual(b'', response.body)
                self.assertNotIn('x-openstack-request-id', response.headers)

    def test_answers_and_errors_carry_the_headers(self) -> None:
        # covers 2.7-4
        for method, path, caller, status in (
            ('GET', '/v2/images', 'alice', 200),
            ('GET', '/versions', None, 200),
            ('GET', '/', None, 300),
            ('GET', '/v2/images', None, 401),
            ('GET', '/v2/images', 'nobody', 403),
            ('GET', '/v2/nothing', 'alice', 404),
            ('DELETE', '/v2/images', 'alice', 405),
            ('GET', '/v2/images?limit=x', 'alice', 400),
        ):
            with self.subTest(f'{method} {path} {caller}'):
                response = self.call(
                    method, path, caller=caller, headers={'Origin': ORIGIN}
                )
                self.assert_status(status, response)
                self.assertTrue(self.allows(response))
                self.assertEqual('Origin', response.headers['Vary'])
        other = self.call('GET', '/v2/images', headers={'Origin': 'http://x'})
        self.assert_status(200, other)
        self.assertFalse(self.allows(other))

    def test_data_streams_through_all_filters(self) -> None:
        image_id = self.image()
        response = self.put(
            image_id, base.Source(b'da', b'ta'), headers={'Origin': ORIGIN}
        )
        self.assert_status(204, response)
        response = self.call(
            'GET', f'/v2/images/{image_id}/file', headers={'Origin': ORIGIN}
        )
        # The kernel can send the file, because no filter has read it.
        self.assertIsInstance(response.app_iter, filebody.FileBody)
        self.assertEqual(b'data', response.body)
        self.assertTrue(self.allows(response))

    def test_no_data_is_still_without_a_content_type(self) -> None:
        response = self.call('GET', f'/v2/images/{self.image()}/file')
        self.assert_status(204, response)
        self.assertNotIn('Content-Type', response.headers)

    def test_a_proxy_says_under_what_address_it_was_asked(self) -> None:
        headers = {
            'X-Forwarded-Proto': 'https',
            'X-Forwarded-Host': 'images.example.org',
        }
        response = self.call('GET', '/versions', headers=headers)
        link = response.json['versions'][0]['links'][0]['href']
        self.assertEqual('https://images.example.org/v2/', link)

    def test_every_whole_address_follows_the_proxy(self) -> None:
        headers = {
            'X-Forwarded-Proto': 'https, http',
            'X-Forwarded-Host': 'images.example.org, internal',
            'X-Forwarded-Prefix': '/image',
        }
        self.check_addresses('https://images.example.org/image', headers)

    def test_addresses_without_a_proxy_are_the_request_s(self) -> None:
        self.check_addresses('http://localhost', {})


class TestPublicEndpoint(PipelineTestCase):
    api_options = {
        'oslo_middleware.enable_proxy_headers_parsing': True,
        'public_endpoint': 'https://public.example.org/image/',
    }

    def test_the_option_is_believed_more_than_the_proxy(self) -> None:
        headers = {'X-Forwarded-Host': 'h', 'X-Forwarded-Prefix': '/other'}
        self.check_addresses('https://public.example.org/image', headers)


class TestOfEveryFlavor(PipelineTestCase):
    flavor = None

    def test_without_a_flavor_everybody_is_an_admin(self) -> None:
        response = self.call('POST', '/v2/images', {}, caller=None)
        self.assert_status(201, response)
        self.assertIsNone(response.json['owner'])
        self.assert_status(200, self.call('GET', '/v2/images', caller=None))


class TestKeystone(PipelineTestCase):
    """The pipeline with Keystone; requests without a token need none."""

    flavor = 'keystone'
    files_beside = {
        'keystone.conf': (
            '[keystone_authtoken]\n'
            'www_authenticate_uri = http://id.example.org:5000\n'
        )
    }
    api_options = {'cors.allowed_origin': [ORIGIN]}

    def test_every_401_says_where_to_get_a_token(self) -> None:
        # covers 2.2-1
        for method, path in (
            ('GET', '/v2/images'),
            ('POST', '/v2/images'),
            ('GET', '/v2/nothing'),
        ):
            response = self.call(method, path, caller=None)
            self.assert_status(401, response)
            self.assertEqual(
                'Keystone uri="http://id.example.org:5000"',
                response.headers['WWW-Authenticate'],
            )

    def test_identity_headers_of_a_client_are_nothing(self) -> None:
        """Only a token identifies the caller."""
        self.assert_status(401, self.call('GET', '/v2/images', caller='admin'))

    def test_what_needs_no_token(self) -> None:
        for method, path, status in (
            ('GET', '/', 300),
            ('GET', '/versions', 200),
            ('GET', '/v2', 302),
            ('GET', '/healthcheck', 200),
            ('OPTIONS', '/v2/images', 200),
        ):
            response = self.call(method, path, caller=None, headers=PREFLIGHT)
            self.assert_status(status, response)


class TestRoutes(PipelineTestCase):
    """Tests of all routes in the route table."""

    def setUp(self) -> None:
        super().setUp()
        router = api_app.images_api(
            self.service.conf, self.service.registry, self.service.stores
        )
        self.paths = {
            re.sub('{.*?}', IMAGE_ID, path): set(methods)
            for path, methods in router._handlers.items()
        }
        self.assertIn(f'/v2/images/{IMAGE_ID}', self.paths)

    def every(self, *methods: str) -> Any:
        for path, known in self.paths.items():
            for method in methods:
                if method not in known:
                    yield path, known, method

    def test_another_method_is_405_and_names_the_right_ones(self) -> None:
        for path, known, method in self.every(
            *('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'BREW')
        ):
            with self.subTest(f'{method} {path}'):
                response = self.call(method, path)
                self.assert_status(405, response)
                named = response.headers['Allow'].split(', ')
                self.assertEqual(sorted(known), named)
                self.assertEqual('405 Method Not Allowed', self.code(response))

    def test_head_is_get_without_a_body(self) -> None:
        # covers 25-49
        self.image(id=IMAGE_ID, data=b'data')
        for path, known in self.paths.items():
            with self.subTest(path):
                response = self.call('HEAD', path)
                self.assertEqual(b'', response.body)
                if 'GET' not in known:
                    self.assert_status(405, response)
                    continue
                if path == f'/v1/images/{IMAGE_ID}':
                    continue  # v1 describes with HEAD what GET downloads
                shown = self.call('GET', path)
                self.assertEqual(shown.status, response.status)
                if shown.status_int < 400:
                    self.assertEqual(
                        self.described(shown), self.described(response)
                    )

    def described(self, response: webob.Response) -> dict[str, str]:
        """Return the headers that describe the response."""
        return {
            name: value
            for name, value in response.headers.items()
            if name != 'x-openstack-request-id'
        }

    def test_a_slash_at_the_end_is_another_path(self) -> None:
        # covers 2.1-5
        self.assertIn('/v1/', self.paths)  # has its slash already
        for path, known in self.paths.items():
            for method in known if path != '/v1/' else ():
                with self.subTest(f'{method} {path}/'):
                    response = self.call(method, f'{path}/')
                    self.assert_status(404, response)

    def test_without_a_token_every_call_is_401(self) -> None:
        # covers 2.1-2
        for path, known in self.paths.items():
            for method in (*known, 'HEAD', 'TRACE', 'BREW'):
                for asked in (path, f'{path}/', f'{path}/more'):
                    with self.subTest(f'{method} {asked}'):
                        response = self.call(method, asked, caller=None)
                        self.assert_status(401, response)

    def test_every_answer_names_its_request(self) -> None:
        for path, known in self.paths.items():
            for method in (*known, 'TRACE'):
                with self.subTest(f'{method} {path}'):
                    response = self.call(
                        method,
                        path,
                        headers={'X-OpenStack-Request-ID': 'mine'},
                    )
                    self.assertEqual(
                        'req-mine', response.headers['x-openstack-request-id']
                    )

    def test_bodiless_calls_mind_no_content_type(self) -> None:
        # covers 25-6
        image_id = self.image(data=b'data')
        self.call('PUT', f'/v2/images/{image_id}/tags/x')
        one = f'/v2/images/{image_id}'
        for method, path in (
            ('GET', one),
            ('GET', '/v2/images'),
            ('GET', f'{one}/file'),
            ('GET', f'{one}/members'),
            ('GET', '/v2/schemas/image'),
            ('PUT', f'{one}/tags/y'),
            ('DELETE', f'{one}/tags/y'),
            ('POST', f'{one}/actions/deactivate'),
            ('POST', f'{one}/actions/reactivate'),
            ('DELETE', one),
        ):
            for kind in ('application/octet-stream', 'x', ''):
                if method == 'DELETE' and kind:
                    continue
                with self.subTest(f'{method} {path} {kind}'):
                    response = self.call(
                        method, path, headers={'Content-Type': kind}
                    )
                    self.assertLess(response.status_int, 300)

    def test_a_list_ignores_a_body(self) -> None:
        for body in (b'x', b'{}', b'\xff' * 1000):
            self.assert_status(200, self.call('GET', '/v2/images', body))

    def test_successes_without_a_body_are_no_json(self) -> None:
        # covers 25-4
        image_id = self.image(data=b'data')
        one = f'/v2/images/{image_id}'
        for method, path in (
            ('PUT', f'{one}/tags/x'),
            ('DELETE', f'{one}/tags/x'),
            ('POST', f'{one}/actions/deactivate'),
            ('POST', f'{one}/actions/reactivate'),
            ('DELETE', one),
        ):
            with self.subTest(f'{method} {path}'):
                response = self.call(method, path)
                self.assert_status(204, response)
                self.assertEqual(
                    'text/html; charset=UTF-8',
                    response.headers['Content-Type'],
                )
                self.assertEqual('0', response.headers['Content-Length'])

    def code(self, response: webob.Response) -> str:
        found: str = response.json['code']
        return found
