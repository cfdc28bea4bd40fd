"""Downloads of images of another image service."""

import hashlib
import json
from typing import Any

from glance.images.importing import remote
from glance.images.importing import source
from glance.images.importing import sources
from tests import webserver
from tests.unit.images.importing import web_cases

DATA = web_cases.DATA


class TestRemoteGlance(web_cases.WebTestCase):
    ID = '7a000000-0000-4000-8000-000000000009'

    def setUp(self) -> None:
        super().setUp()
        self.document: dict[str, Any] = {
            'id': self.ID,
            'status': 'active',
            'size': len(DATA),
            'os_hash_algo': 'sha512',
            'os_hash_value': hashlib.sha512(DATA).hexdigest(),
        }
        self.path = f'/image/v2/images/{self.ID}'
        self.web.answers[self.path] = lambda handler: handler.reply(
            200, json.dumps(self.document).encode()
        )
        self.web.answers[f'{self.path}/file'] = self.served
        self.service = remote.Service(
            self.client(), self.web.url('/image/v2/'), 'a-token'
        )

    def open(self, **_options: Any) -> Any:
        found = self.service.image(self.ID, self.limits)
        opened: source.Source = sources.glance(
            self.service, found, self.limits
        )
        self.addCleanup(opened.close)
        return opened

    def test_document_and_data(self) -> None:
        self.assertEqual(DATA, self.download())
        sent = [headers['X-Auth-Token'] for *_, headers in self.web.requests]
        self.assertEqual(['a-token', 'a-token'], sent)

    def test_the_token_follows_no_redirect_to_another_server(self) -> None:
        other = webserver.WebServer(self)
        other.answers['/a'] = self.served
        self.web.redirect(f'{self.path}/file', other.url('/a'))
        self.service = remote.Service(
            self.client(other.port), self.web.url('/image'), 'a-token'
        )
        self.assertEqual(DATA, self.download())
        self.assertNotIn('X-Auth-Token', other.requests[0][2])

    def test_an_image_that_is_not_active(self) -> None:
        self.document['status'] = 'queued'
        self.fails('is not active')

    def test_another_size_than_the_image_has(self) -> None:
        self.document['size'] = 5
        self.fails('announces')

    def test_another_hash_than_the_image_has(self) -> None:
        self.document['os_hash_value'] = '0' * 128
        self.fails('was expected')
        self.document |= {'os_hash_value': None, 'checksum': '0' * 32}
        self.fails('md5')

    def test_no_image(self) -> None:
        for body in (b'[]', b'{', b'{}', b'\xff'):
            self.web.answers[self.path] = lambda handler, body=body: (
                handler.reply(200, body)
            )
            self.fails('did not respond with an image')
