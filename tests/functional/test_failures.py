"""Failures of the store or registry: clear statuses, no partial changes."""

from collections.abc import Callable
import errno
from typing import Any

import orjson

from glance import registry_client
from glance.common import errors
from tests import base

PATCH = 'application/openstack-images-v2.1-json-patch'
ID = '7a000000-0000-4000-8000-000000000001'


class FailingStore:
    """A store whose operations can be made to fail."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.trouble: dict[str, Exception] = {}
        #: Number of chunks after which write fails; None: after the last one.
        self.after_chunks: int | None = 0

    def write(self, image_id: str, data: Any, *rest: Any) -> str:
        if 'write' not in self.trouble:
            url: str = self._store.write(image_id, data, *rest)
            return url
        for count, _chunk in enumerate(data):
            if count == self.after_chunks:
                break
        raise self.trouble['write']

    def __getattr__(self, name: str) -> Any:
        if name in self.trouble:
            raise_it = self.trouble[name]

            def fail(*_args: Any) -> None:
                raise raise_it

            return fail
        return getattr(self._store, name)


class TestStoreFailures(base.ServiceTestCase):
    @staticmethod
    def wrap_store(store: Any) -> Any:
        return FailingStore(store)

    def test_an_upload_into_a_failing_store(self) -> None:
        # covers 8.1-15..16, 8.1-20
        for after in (0, 1, None):
            for trouble, status in (
                (
                    errors.LimitExceeded('The image store has no space left.'),
                    413,
                ),
                (errors.StoreUnavailable(), 503),
                (RuntimeError('a bug with /a/path in it'), 500),
            ):
                with self.subTest(f'{trouble!r} after {after}'):
                    self.check_upload(trouble, status, after)

    def check_upload(
        self, trouble: Exception, status: int, after: int | None
    ) -> None:
        store = self.service.store
        store.trouble['write'], store.after_chunks = trouble, after
        image_id = self.image()
        source = base.Source(b'one', b'two', b'three')
        response = self.put(image_id, source)
        self.assert_status(status, response)
        self.assertEqual(status == 503, 'Retry-After' in response.headers)
        self.assertNotIn('/a/path', response.text)
        image = self.show(image_id)
        self.assertEqual('queued', image['status'])
        self.assertIsNone(image['size'])
        self.assertEqual([], self.files())
        store.trouble.clear()
        self.upload(image_id, b'again')
        self.call('DELETE', f'/v2/images/{image_id}')

    def test_no_descriptor_is_free(self) -> None:
        """The status is 503 at each step of an upload or a download."""
        image_id = self.image(data=b'hello')
        queued = self.image()
        for code in (errno.EMFILE, errno.ENFILE):
            self.service.store.trouble = {
                name: OSError(code, 'Too many open files')
                for name in ('open', 'write')
            }
            source = base.Source(b'x')
            for response in (
                self.call('GET', f'/v2/images/{image_id}/file'),
                self.put(queued, source),
            ):
                self.assert_status(503, response)
                self.assertIn('Retry-After', response.headers)
        self.assertEqual('queued', self.show(queued)['status'])

    def test_a_download_from_a_failing_store(self) -> None:
        # covers 8.2-12
        image_id = self.image(data=b'hello')
        store = self.service.store
        for trouble, status in (
            (errors.StoreUnavailable(), 503),
            (errors.NotFound(), 503),
            (RuntimeError('a bug'), 500),
        ):
            store.trouble['open'] = trouble
            with self.subTest(repr(trouble)):
                response = self.call('GET', f'/v2/images/{image_id}/file')
                self.assert_status(status, response)

    def test_a_deletion_in_a_failing_store(self) -> None:
        """The image is deleted, although its data stays in the store."""
        image_id = self.image(data=b'hello')
        self.service.store.trouble['delete'] = errors.StoreUnavailable()
        response = self.call('DELETE', f'/v2/images/{image_id}')
        self.assert_status(204, response)
        self.assert_status(
            404, self.call('GET', f'/v2/images/{image_id}/file')
        )

    def test_bytes_that_cannot_be_undone_do_not_hide_the_cause(self) -> None:
        image_id = self.image()
        store = self.service.store
        store.trouble['hold'] = errors.StoreUnavailable()
        source = base.Source(
            b'data', lambda: self.call('DELETE', f'/v2/images/{image_id}')
        )
        self.assert_status(410, self.put(image_id, source))


#: Every call of the API that needs the registry.
CALLS: tuple[tuple[str, str, bytes | None, str], ...] = (
    ('POST', '/v2/images', b'{}', 'application/json'),
    ('GET', '/v2/images', None, ''),
    ('GET', f'/v2/images/{ID}', None, ''),
    (
        'PATCH',
        f'/v2/images/{ID}',
        b'[{"op": "add", "path": "/name", "value": "x"}]',
        PATCH,
    ),
    ('DELETE', f'/v2/images/{ID}', None, ''),
    ('PUT', f'/v2/images/{ID}/file', b'data', 'application/octet-stream'),
    ('GET', f'/v2/images/{ID}/file', None, ''),
    ('PUT', f'/v2/images/{ID}/tags/x', None, ''),
    ('DELETE', f'/v2/images/{ID}/tags/x', None, ''),
    ('GET', f'/v2/images/{ID}/members', None, ''),
    ('POST', f'/v2/images/{ID}/members', b'{"member": "p2"}', ''),
    ('GET', f'/v2/images/{ID}/members/p2', None, ''),
    ('PUT', f'/v2/images/{ID}/members/p2', b'{"status": "accepted"}', ''),
    ('DELETE', f'/v2/images/{ID}/members/p2', None, ''),
    ('POST', f'/v2/images/{ID}/actions/deactivate', None, ''),
    ('POST', f'/v2/images/{ID}/actions/reactivate', None, ''),
)

_OOPS = {'error': {'code': 'error', 'message': 'secret detail'}}
#: Responses that a broken registry, or a proxy before it, may send.
GARBAGE: tuple[tuple[int, bytes], ...] = (
    (200, b'<html>Welcome</html>'),
    (200, b''),
    (200, b'null'),
    (200, b'[]'),
    (200, b'{}'),
    (200, b'"image"'),
    (200, b'{"id": "cut off'),
    (200, b'\xff\xfe'),
    (302, b''),
    (304, b''),
    (400, b''),
    (403, b'<html>Proxy says no</html>'),
    (404, b'not here'),
    (404, b'{}'),
    (404, b'{"error": "gone"}'),
    (404, b'{"error": {"code": "not_found"}}'),
    (409, b'{"error": {"code": ["conflict"], "message": "x"}}'),
    (418, b'{"error": {"code": "teapot", "message": "x"}}'),
    (500, b''),
    (500, orjson.dumps(_OOPS)),
    (502, b'<html>Bad Gateway</html>'),
    (503, b''),
    (504, b'{}'),
)


class Scripted:
    """A transport whose responses and errors come from a function."""

    def __init__(self, answer: Callable[[], registry_client.Answer]) -> None:
        self._answer = answer

    def send(self, *_request: Any) -> registry_client.Answer:
        return self._answer()


class TestRegistryFailures(base.ServiceTestCase):
    def script(self, answer: Callable[[], registry_client.Answer]) -> None:
        self.service.registry._transport = Scripted(answer)

    def check_every_call(self) -> None:
        for method, path, body, content_type in CALLS:
            with self.subTest(f'{method} {path}'):
                response = self.call(
                    method, path, body, headers={'Content-Type': content_type}
                )
                self.assert_status(503, response)
                self.assertIn('Retry-After', response.headers)
                self.assertNotIn('secret', response.text)

    def test_a_registry_that_is_away_is_503(self) -> None:
        def away() -> registry_client.Answer:
            raise errors.RegistryUnavailable

        self.script(away)
        self.check_every_call()
        self.assertEqual([], self.files())

    def test_a_registry_that_answers_garbage_is_503(self) -> None:
        for status, body in GARBAGE:
            answer = registry_client.Answer(status, body)
            self.script(lambda answer=answer: answer)
            with self.subTest(f'{status} {body[:30]!r}'):
                self.check_every_call()

    def test_schemas_and_versions_need_no_registry(self) -> None:
        self.script(lambda: registry_client.Answer(500, b''))
        for path in ('/v2/schemas/image', '/versions'):
            self.assert_status(200, self.call('GET', path))

    def test_a_registry_that_refuses_us_is_503(self) -> None:
        """The status is not 401, because a new token would not help."""
        code = errors.NotAService.code
        refusal = {'error': {'code': code, 'message': 'secret'}}
        for status, body in (
            *((401, text) for text in (b'', b'<html>', b'{"error": {}}')),
            (403, orjson.dumps(refusal)),
        ):
            answer = registry_client.Answer(status, body)
            self.script(lambda answer=answer: answer)
            with self.subTest(repr(body)):
                self.check_every_call()

    def test_a_registry_that_refuses_only_the_caller_is_401(self) -> None:
        """The caller's token may have expired, so a new one may help."""
        wire = self.service.wire

        class Refusing:
            def send(self, method: str, path: str, *rest: Any) -> Any:
                if path.startswith('/v1/images'):
                    return registry_client.Answer(401, b'')
                return wire.send(method, path, *rest)

        self.service.registry._transport = Refusing()
        response = self.call('GET', f'/v2/images/{ID}')
        self.assert_status(401, response)

    def test_an_unknown_outcome_of_finish_keeps_the_bytes(self) -> None:
        """The responses to finish and abandon are lost: data may be in use."""
        image_id = self.image()
        wire = self.service.wire

        class Losing:
            def send(self, method: str, path: str, *rest: Any) -> Any:
                if path.endswith(('/finish-upload', '/abandon-upload')):
                    raise errors.RegistryUnavailable
                return wire.send(method, path, *rest)

        self.service.registry._transport = Losing()
        response = self.call('PUT', f'/v2/images/{image_id}/file', b'data')
        self.assert_status(503, response)
        self.assertEqual([image_id], self.files())
        self.assertEqual('saving', self.show(image_id)['status'])

    def test_a_lost_answer_to_finish(self) -> None:
        image_id = self.image()
        wire = self.service.wire

        class Losing:
            def send(self, method: str, path: str, *rest: Any) -> Any:
                answer = wire.send(method, path, *rest)
                if path.endswith('/finish-upload'):
                    raise errors.RegistryUnavailable
                return answer

        self.service.registry._transport = Losing()
        response = self.call('PUT', f'/v2/images/{image_id}/file', b'data')
        self.assert_status(503, response)
        self.assertEqual('active', self.show(image_id)['status'])
        self.assertEqual(b'data', self.data(image_id))

    def test_a_database_that_is_away_is_503(self) -> None:
        image_id = self.image()

        def away(*_args: Any, **_kwargs: Any) -> None:
            raise errors.DatabaseUnavailable

        self.service.database.read = away  # type: ignore[method-assign]
        self.service.database.write = away  # type: ignore[method-assign]
        for path in ('/v2/images', f'/v2/images/{image_id}'):
            response = self.call('GET', path)
            self.assert_status(503, response)
            self.assertIn('Retry-After', response.headers)
        self.assert_status(503, self.call('POST', '/v2/images', {}))

    def test_a_bug_in_the_registry_is_503_without_detail(self) -> None:
        def broken(*_args: Any, **_kwargs: Any) -> None:
            raise ZeroDivisionError('secret detail')

        self.service.database.read = broken  # type: ignore[method-assign]
        response = self.call('GET', '/v2/images')
        self.assert_status(503, response)
        self.assertNotIn('secret', response.text)
