"""API v1: the sources of data, and images whose data does not arrive."""

from typing import Any

import webob

from glance.common import errors
from glance.tasks import executor
from tests import base
from tests.functional import test_cache
from tests.functional import test_failures
from tests.functional.imports import importing

DATA = importing.DATA
FORMATS = {'disk_format': 'raw', 'container_format': 'bare'}


def meta(**fields: Any) -> dict[str, str]:
    """Return headers with fields of an image; ``property_x`` is a property."""
    return {
        f'x-image-meta-{name.replace("property_", "property-")}': str(value)
        for name, value in fields.items()
    }


class V1TestCase(importing.ImportTestCase):
    def send(
        self,
        method: str,
        path: str = '',
        body: bytes | None = None,
        caller: str = 'alice',
        headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> webob.Response:
        return self.call(
            method,
            f'/v1/images{path}',
            body,
            caller=caller,
            headers=meta(**fields) | (headers or {}),
        )

    def copy(self, url: str, path: str = '', **fields: Any) -> webob.Response:
        """Request that data is copied, with POST, or PUT of an image."""
        method = 'PUT' if path else 'POST'
        headers = {'x-glance-api-copy-from': url}
        return self.send(method, path, headers=headers, **fields)

    def made(self, status: int = 201, **fields: Any) -> str:
        response = self.send('POST', **fields)
        self.assert_status(status, response)
        image_id: str = response.json['image']['id']
        return image_id

    def status(self, image_id: str) -> str:
        response = self.send('HEAD', f'/{image_id}')
        self.assert_status(200, response)
        return response.headers['x-image-meta-status']

    def killed(self) -> list[str]:
        """Return ids of killed images, which only this list shows."""
        found = self.send('GET', '/detail?changes-since=2001-01-01T00:00:00Z')
        return [
            image['id']
            for image in found.json['images']
            if image['status'] == 'killed'
        ]


class TestCopies(V1TestCase):
    def test_data_is_copied_and_the_response_is_that_of_the_reservation(
        self,
    ) -> None:
        response = self.copy(self.web.url('/a'), name='copied', **FORMATS)
        self.assert_status(201, response)
        image = response.json['image']
        self.assertEqual('queued', image['status'])
        self.assertEqual(len(DATA), image['size'])
        got = self.send('GET', f'/{image["id"]}')
        self.assert_status(200, got)
        self.assertEqual(DATA, got.body)
        self.assertEqual('active', got.headers['x-image-meta-status'])
        self.assert_imported(image['id'])

    def test_formats_are_not_required(self) -> None:
        image = self.copy(self.web.url('/a')).json['image']
        self.assertEqual('active', self.status(image['id']))

    def test_a_queued_image_gets_data_by_put(self) -> None:
        image_id = self.made(property_kept='x', **FORMATS)
        response = self.copy(
            self.web.url('/a'), f'/{image_id}', property_kept='x'
        )
        self.assert_status(200, response)
        self.assertEqual(DATA, self.data(image_id))
        again = self.copy(self.web.url('/a'), f'/{image_id}')
        self.assert_status(400, again)

    def test_what_the_client_expects_of_the_data(self) -> None:
        for fields, status in (
            ({'size': len(DATA)}, 'active'),
            ({'size': len(DATA) + 1}, 'killed'),
            ({'checksum': '0' * 32}, 'killed'),
        ):
            with self.subTest(fields):
                response = self.copy(self.web.url('/a'), **fields)
                self.assert_status(201, response)
                image_id = response.json['image']['id']
                self.assertEqual(status, self.status(image_id))

    def test_a_source_that_is_refused_leaves_no_image(self) -> None:
        for url, status in (
            (self.web.url('/missing'), 404),
            ('http://127.0.0.1:1/x', 400),
            ('http://10.0.0.1/x', 400),
            ('file:///etc/passwd', 400),
            ('ftp://web.example/x', 400),
            ('', 400),
        ):
            with self.subTest(url):
                self.assert_status(status, self.copy(url))
        found = self.send('GET', '?changes-since=2001-01-01T00:00:00Z')
        self.assertEqual([], found.json['images'])

    def test_the_log_tells_the_status_after_a_failed_upload(self) -> None:
        image_id = self.made(size=1, **FORMATS)
        with self.assertLogs('glance', 'WARNING') as logs:
            sent = self.send('PUT', f'/{image_id}', b'four')
        self.assert_status(400, sent)
        upload, after = (
            line for line in logs.output if f'age {image_id} ' in line
        )
        self.assertIn('failed; the image is queued now', upload)
        self.assertIn('is killed now', after)
        self.assertEqual('killed', self.status(image_id))

    def test_a_source_that_fails_later_leaves_a_killed_image(self) -> None:
        response = self.copy(self.web.url('/missing'), size=5)
        self.assert_status(201, response)
        image_id = response.json['image']['id']
        self.assertEqual('killed', self.status(image_id))
        self.assertEqual([image_id], self.killed())
        reason = self.show(image_id)['os_glance_failed_reason']
        self.assertIn('404', reason)
        self.assertEqual([], self.files())
        self.assertEqual('failure', self.task(image_id, 'failure')['status'])

    def test_nobody_is_asked_before_it_is_permitted(self) -> None:
        response = self.copy(self.web.url('/a'), is_public='true')
        self.assert_status(403, response)
        self.assertEqual([], self.web.requests)

    def test_only_one_source(self) -> None:
        copied = {'x-glance-api-copy-from': self.web.url('/a')}
        place = meta(location=self.web.url('/a'))
        for headers, body in (
            (copied | place, None),
            (copied, b'x'),
            (place, b'x'),
        ):
            with self.subTest(headers):
                response = self.send('POST', '', body, headers=headers)
                self.assert_status(400, response)


class TestQueuedCopies(V1TestCase):
    inline = False

    def setUp(self) -> None:
        super().setUp()
        self.patched(executor.Executor, 'submit', lambda *_args: None)

    def test_a_copy_is_saving_while_it_waits_for_its_worker(self) -> None:
        image = self.copy(self.web.url('/a'), **FORMATS).json['image']
        self.assertEqual('saving', self.status(image['id']))
        second = self.copy(self.web.url('/a'), f'/{image["id"]}')
        self.assert_status(400, second)
        put = self.send('PUT', f'/{image["id"]}', b'data')
        self.assert_status(409, put)
        deleted = self.send('DELETE', f'/{image["id"]}')
        self.assert_status(200, deleted)


class TestLocations(V1TestCase):
    def test_data_stays_where_it_is(self) -> None:
        url = self.web.url('/a')
        image_id = self.made(location=url, **FORMATS)
        got = self.send('GET', f'/{image_id}')
        self.assertEqual(DATA, got.body)
        self.assertEqual([], self.files())
        self.assertEqual(str(len(DATA)), got.headers['x-image-meta-size'])
        self.assertNotIn(url, str(got.headers))
        self.assertNotIn('location', self.send('GET', '/detail').text)

    def test_a_queued_image_gets_a_location_by_put(self) -> None:
        image_id = self.made(**FORMATS)
        place = self.web.url('/a')
        path = f'/{image_id}'
        self.assert_status(200, self.send('PUT', path, location=place))
        self.assertEqual('active', self.status(image_id))
        self.assert_status(400, self.send('PUT', path, location=place))

    def test_what_the_client_expects_of_the_data(self) -> None:
        place = self.web.url('/a')
        self.made(location=place, size=len(DATA), **FORMATS)
        other = self.send('POST', location=place, size=7, **FORMATS)
        self.assert_status(409, other)
        queued = self.made(size=7, **FORMATS)
        later = self.send('PUT', f'/{queued}', location=place)
        self.assert_status(409, later)
        self.assertEqual('queued', self.status(queued))

    def test_a_location_without_data_leaves_no_image(self) -> None:
        for url in (self.web.url('/missing'), 'http://10.0.0.1/x'):
            with self.subTest(url):
                response = self.send('POST', location=url, **FORMATS)
                self.assert_status(400, response)
        found = self.send('GET', '?changes-since=2001-01-01T00:00:00Z')
        self.assertEqual([], found.json['images'])

    def test_formats_are_required(self) -> None:
        response = self.send('POST', location=self.web.url('/a'))
        self.assert_status(400, response)


class TestBodies(V1TestCase):
    options = {'image_size_cap': 100}

    def put(self, image_id: str, source: base.Source, **rest: Any) -> Any:
        headers = {'Content-Type': 'application/octet-stream'}
        request = webob.Request.blank(
            f'/v1/images/{image_id}',
            method='PUT',
            headers=headers | base.identity('alice'),
        )
        request.headers['Transfer-Encoding'] = 'chunked'
        request.environ['wsgi.input'] = source
        return request.get_response(self.service.app)

    def test_a_request_that_can_bring_no_data_changes_no_status(self) -> None:
        queued = self.made()
        path = f'/{queued}'
        self.assert_status(400, self.send('PUT', path, b'x'))  # no formats
        plain = self.send(
            'PUT', path, b'x', headers={'Content-Type': 'text/plain'}
        )
        self.assert_status(400, plain)
        self.assert_status(400, self.send('PUT', path, b'x' * 101))
        self.assertEqual('queued', self.status(queued))

    def test_data_that_is_not_as_expected_kills_the_image(self) -> None:
        for fields in ({'size': 7}, {'checksum': '0' * 32}):
            with self.subTest(fields):
                image_id = self.made(**fields, **FORMATS)
                response = self.send('PUT', f'/{image_id}', b'hello')
                self.assert_status(400, response)
                self.assertEqual('killed', self.status(image_id))
                self.assertEqual([], self.files())

    def test_a_client_that_went_away_kills_the_image(self) -> None:
        image_id = self.made(**FORMATS)
        response = self.put(image_id, base.Source(b'x', OSError('gone')))
        self.assertEqual(400, response.status_int)
        self.assertEqual('killed', self.status(image_id))

    def test_a_stream_above_the_cap_kills_the_image(self) -> None:
        image_id = self.made(**FORMATS)
        response = self.put(image_id, base.Source(b'x' * 101))
        self.assertEqual(413, response.status_int)
        self.assertEqual('killed', self.status(image_id))

    def test_an_image_that_is_deleted_meanwhile(self) -> None:
        image_id = self.made(**FORMATS)

        def delete() -> None:
            self.send('DELETE', f'/{image_id}')

        response = self.put(image_id, base.Source(b'x', delete, b'y'))
        self.assertEqual(412, response.status_int)
        self.assertEqual([], self.files())

    def test_of_two_uploads_one_succeeds(self) -> None:
        image_id = self.made(**FORMATS)

        def second() -> None:
            response = self.send('PUT', f'/{image_id}', b'other')
            self.assert_status(409, response)

        response = self.put(image_id, base.Source(b'x', second, b'y'))
        self.assertEqual(200, response.status_int)
        self.assertEqual(b'xy', self.data(image_id))

    def test_a_killed_image_can_only_be_deleted(self) -> None:
        image_id = self.made(size=7, **FORMATS)
        self.assert_status(400, self.send('PUT', f'/{image_id}', b'hello'))
        self.assertEqual([image_id], self.killed())
        for path in ('', '/detail', '?status=killed'):
            self.assertEqual([], self.send('GET', path).json['images'])
        self.assertEqual([], self.listed())
        self.assert_status(404, self.send('GET', f'/{image_id}'))
        self.assert_status(409, self.send('PUT', f'/{image_id}', b'hello'))
        response = self.call('PUT', f'/v2/images/{image_id}/file', b'hello')
        self.assert_status(409, response)
        self.assertEqual('killed', self.show(image_id)['status'])
        self.assert_status(200, self.send('DELETE', f'/{image_id}'))


class TestFailingStores(V1TestCase):
    @staticmethod
    def wrap_store(store: Any) -> Any:
        return test_failures.FailingStore(store)

    def test_each_failure_kills_the_image(self) -> None:
        for trouble, status in (
            (errors.Forbidden('no'), 403),
            (errors.LimitExceeded('full'), 413),
            (errors.StoreUnavailable(), 503),
            (RuntimeError('a bug'), 500),
        ):
            with self.subTest(status):
                self.service.store.trouble = {'write': trouble}
                response = self.send('POST', '', b'data', **FORMATS)
                self.assert_status(status, response)
                self.service.store.trouble = {}
        self.assertEqual(4, len(self.killed()))
        self.assertEqual([], self.files())


class TestQuota(V1TestCase):
    options = {'user_storage_quota': '10B'}

    def test_data_above_the_quota_kills_the_image(self) -> None:
        image_id = self.made(**FORMATS)
        response = self.send('PUT', f'/{image_id}', b'x' * 11)
        self.assert_status(413, response)
        self.assertEqual('killed', self.status(image_id))
        copied = self.copy(self.web.url('/a'))
        self.assert_status(201, copied)
        copied_id = copied.json['image']['id']
        self.assertEqual('killed', self.status(copied_id))


class TestStores(V1TestCase):
    def test_a_store_is_known_by_its_scheme(self) -> None:
        for name, status in (('file', 201), ('tape', 400), ('http', 410)):
            with self.subTest(name):
                response = self.send(
                    'POST', '', b'data', store=name, **FORMATS
                )
                self.assert_status(status, response)


class TestCache(test_cache.CacheTestCase):
    def test_the_same_data_and_headers_come_from_the_cache(self) -> None:
        image_id = self.image(data=b'0123456789', os='debian')
        path = f'/v1/images/{image_id}'
        first = self.call('GET', path)
        self.assertEqual(b'0123456789', first.body)
        self.assertEqual([image_id], self.cached())
        opened = len(self.store.opened)
        second = self.call('GET', path)
        self.assertEqual(b'0123456789', second.body)
        self.assertEqual(opened, len(self.store.opened))
        for response in (first, second):
            response.headers.pop('x-openstack-request-id')
        self.assertEqual(dict(first.headers), dict(second.headers))
        self.assertEqual('debian', second.headers['x-image-meta-property-os'])
        self.assert_status(200, self.call('DELETE', path))
        self.assertEqual([], self.cached())
