"""Bad requests, each with the status it should have.

They are written as raw bytes where a client library would refuse to send
them.
"""

import io
import json
from typing import Any, NamedTuple
import urllib.parse

import webob

from tests import base

IMAGE_ID = '7a000000-0000-4000-8000-000000000001'
ONE = f'/v2/images/{IMAGE_ID}'
PATCH = 'application/openstack-images-v2.1-json-patch'
DISC = '\U0001f4bf'  # four bytes in UTF-8


class Bad(NamedTuple):
    what: str
    method: str
    target: str
    body: bytes | None
    status: int
    content_type: str = 'application/json'


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def nested(depth: int) -> bytes:
    return b'[' * depth + b']' * depth


class BadInputTestCase(base.ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.image(id=IMAGE_ID, name='one')
        self.before = self.show(IMAGE_ID)

    def raw(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        content_type: str = '',
        **environ: Any,
    ) -> webob.Response:
        """Send a request; its target is decoded as by a server."""
        path, _, query = target.partition('?')
        request = webob.Request.blank('/', headers=base.identity('alice'))
        request.environ.update(
            {
                'REQUEST_METHOD': method,
                'PATH_INFO': urllib.parse.unquote_to_bytes(path).decode(
                    'latin-1'
                ),
                'QUERY_STRING': query,
                'CONTENT_TYPE': content_type,
                'HTTP_ACCEPT': 'application/json',
                **environ,
            }
        )
        if body is not None:
            request.environ['wsgi.input'] = io.BytesIO(body)
            request.environ['CONTENT_LENGTH'] = str(len(body))
        return request.get_response(self.service.app)

    def check(self, bad: Bad) -> webob.Response:
        response = self.raw(bad.method, bad.target, bad.body, bad.content_type)
        self.assertEqual(bad.status, response.status_int, response.text[:500])
        # The response does not repeat a long bad value completely.
        self.assertLess(len(response.body), 16_384)
        return response

    def check_all(self, table: list[Bad]) -> None:
        for bad in table:
            with self.subTest(bad.what[:60]):
                self.check(bad)
        self.assertEqual(self.before, self.show(IMAGE_ID))
