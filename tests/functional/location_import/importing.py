"""Registration of locations, with a real web server."""

import hashlib
from typing import Any
from unittest import mock

from glance.tasks import executor
from glance.tasks import location_import
from tests import base
from tests import webserver
from tests.contract import racers

DATA = b'data on a web server' * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()
SHA512 = hashlib.sha512(DATA).hexdigest()
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()
CLAIM = {'os_hash_algo': 'sha256', 'os_hash_value': SHA256}
WRONG = {'os_hash_algo': 'sha256', 'os_hash_value': '0' * 64}


class ImportTestCase(base.ServiceTestCase):
    options: dict[str, Any] = {}
    #: Run tasks within their requests, so that tests need not wait.
    inline = True

    def setUp(self) -> None:
        self.web = webserver.WebServer(self)
        self.web.data['/a'] = DATA
        self.api_options = {
            'import_filtering_opts.allowed_hosts': ['127.0.0.1'],
            'import_filtering_opts.allowed_ports': [str(self.web.port)],
            **self.options,
        }
        self.patched(location_import, 'RETRY_SECONDS', 0)
        if self.inline:
            self.patched(
                executor.Executor, 'submit', lambda _executor, job: job()
            )
        super().setUp()

    def patched(self, owner: Any, name: str, value: Any) -> None:
        self.enterContext(mock.patch.object(owner, name, value))

    def post(
        self,
        image_id: str,
        url: str | None = None,
        claim: Any = None,
        caller: str = 'alice',
        **rest: Any,
    ) -> Any:
        body = {'url': self.web.url('/a') if url is None else url, **rest}
        if claim is not None:
            body['validation_data'] = claim
        return self.call(
            'POST', f'/v2/images/{image_id}/locations', body, caller=caller
        )

    def assert_image(self, image_id: str, **values: Any) -> None:
        document = self.show(image_id)
        shown = {name: document.get(name) for name in values}
        self.assertEqual(values, shown)

    def assert_failed(self, image_id: str, reason: str | None = None) -> None:
        """Check that the image is queued, without data, with the reason."""
        self.assert_image(
            image_id,
            status='queued',
            size=None,
            checksum=None,
            os_hash_algo=None,
            os_hash_value=None,
        )
        told = self.show(image_id)['os_glance_failed_reason']
        if reason is not None:
            self.assertEqual(reason, told)
        self.assertNotIn('http', told)
        places = self.service.registry.get_image(
            racers.caller('admin'), image_id
        )['locations']
        self.assertEqual([], places)
