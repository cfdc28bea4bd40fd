from typing import Any
import unittest

import webob

from glance.api import versions


def app(environ: dict[str, Any], start_response: Any) -> Any:
    """Answers with the path that is left."""
    response = webob.Response(text=environ['PATH_INFO'])
    return response(environ, start_response)


class TestNegotiation(unittest.TestCase):
    def ask(
        self, path: str, public: str | None = None, **headers: str
    ) -> webob.Response:
        pipeline = versions.Negotiation(app, versions.Versions(public))
        request = webob.Request.blank('/', headers=headers)
        request.environ['PATH_INFO'] = path
        return request.get_response(pipeline)

    def test_paths(self) -> None:
        for path, left in {
            '/v2/images': '/v2/images',
            '/v2.0/images': '/v2/images',
            '/v2.17/images': '/v2/images',
            # Doubled slashes behind it may be part of a name.
            '//v2//images//x': '/v2//images//x',
            '/v2/': '/v2/',
            '/v2/\xff': '/v2/\xff',
        }.items():
            with self.subTest(path):
                self.assertEqual(left, self.ask(path).text)

    def test_all_else_is_the_document(self) -> None:
        # covers 25-2
        for path, status in {
            '': 300,
            '/': 300,
            '/foo': 300,
            '/v1/images': 300,
            '/v2.8/images': 300,
            '/v2.16/images': 300,
            '/v2.18/images': 300,
            '/v2.100/images': 300,
            '/v20/images': 300,
            '/V2/images': 300,
            '/\xff\xfe': 300,
            '/versions': 200,
            '/versions/': 200,
            '/versions/x': 200,
        }.items():
            with self.subTest(path):
                response = self.ask(path)
                self.assertEqual(status, response.status_int)
                self.assertEqual(11, len(response.json['versions']))

    def test_the_current_version_is_known(self) -> None:
        # covers 25-1
        found = self.ask('/versions').json['versions']
        current = [v['id'] for v in found if v['status'] == 'CURRENT']
        self.assertEqual(['v2.17'], current)

    def test_links_follow_the_request_or_the_option(self) -> None:
        # covers 3-7
        for public, headers, href in (
            (None, {'Host': 'h:9292'}, 'http://h:9292/v2/'),
            ('https://x/image', {'Host': 'h'}, 'https://x/image/v2/'),
            ('https://x/image/', {}, 'https://x/image/v2/'),
        ):
            response = self.ask('/versions', public, **headers)
            for version in response.json['versions']:
                self.assertEqual(href, version['links'][0]['href'])

    def test_the_accept_header(self) -> None:
        for accept, status in {
            'application/vnd.openstack.images-v2': 200,
            'application/vnd.openstack.images-v2.7': 200,
            'Application/Vnd.OpenStack.Images-V2.7': 200,
            'application/vnd.openstack.images-v2.8': 300,
            'application/vnd.openstack.images-v3': 300,
            'application/vnd.openstack.compute-v2': 300,
            'application/json': 300,
        }.items():
            with self.subTest(accept):
                response = self.ask('/images', Accept=accept)
                self.assertEqual(status, response.status_int)
                if status == 200:
                    self.assertEqual('/v2/images', response.text)
