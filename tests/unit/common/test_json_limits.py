"""JSON bodies: bytes, then the number of values, then the content."""

import io
import json
from typing import Any
import unittest

import webob

from glance.common import errors
from glance.common import threads
from glance.common import wsgi


class JsonLimitsTestCase(unittest.TestCase):
    limits = wsgi.JsonLimits(1000, 10)

    def request(self, body: bytes, **environ: Any) -> wsgi.Request:
        request = wsgi.Request.blank('/', method='POST')
        request.environ['wsgi.input'] = io.BytesIO(body)
        request.environ['CONTENT_LENGTH'] = str(len(body))
        request.environ['glance.json_limits'] = self.limits
        request.environ.update(environ)
        return request

    def refused(self, body: bytes, **environ: Any) -> str:
        with self.assertRaises(errors.LimitExceeded) as caught:
            self.request(body, **environ).document()
        return str(caught.exception)

    def test_exactly_the_bytes(self) -> None:
        text = 'x' * 998
        found = self.request(f'"{text}"'.encode()).document()
        self.assertEqual(text, found)

    def test_more_bytes_are_refused_unread(self) -> None:
        body = io.BytesIO(b'"' + b'x' * 999 + b'"')
        said = self.refused(
            b'', **{'wsgi.input': body, 'CONTENT_LENGTH': 1001}
        )
        self.assertIn('1000 bytes (max_json_body_size)', said)
        self.assertEqual(0, body.tell())

    def test_more_bytes_in_chunks_are_refused(self) -> None:
        said = self.refused(
            b'"' + b'x' * 999 + b'"', HTTP_TRANSFER_ENCODING='chunked'
        )
        self.assertIn('1000 bytes', said)

    def test_values_are_counted_before_they_are_parsed(self) -> None:
        for body in (
            b'[' + b'1,' * 20,  # no JSON at all
            b'[' * 11,
            b'{"a":' * 11,
            b'["a","b","c","d","e","f","g","h","i","j","k","l"]',
            rb'["\"",1,2,3,4,5,6,7,8,9,10]',
            rb'["\\",1,2,3,4,5,6,7,8,9,10]',
            b'"' * 41 + b',' * 11,
        ):
            with self.subTest(body[:40]):
                self.assertIn('10 values', self.refused(body))

    def test_separators_in_texts_do_not_count(self) -> None:
        for value in (
            ['a,' * 100, '[' * 50, '{' * 50],
            [',\\"' * 50, ',\\\\'],
            {'a,"b': ',' * 20},
        ):
            found = self.request(json.dumps(value).encode()).document()
            self.assertEqual(value, found)

    def test_any_number_between_the_daemons(self) -> None:
        body = b'[' + b'1,' * 100_000 + b'1]'
        request = self.request(body)
        request.environ['glance.json_limits'] = wsgi.WIRE_LIMITS
        self.assertEqual(100_001, len(request.document()))


class WorkTestCase(unittest.TestCase):
    def setUp(self) -> None:
        self.ran: list[str] = []
        saved = (
            threads.call,
            threads.run,
            threads.run_behind,
            threads.start,
            threads.pause,
        )
        self.addCleanup(threads.install, *saved)

        def run(check: Any, *args: Any) -> Any:
            self.ran.append('thread')
            return check(*args)

        threads.install(saved[0], run, *saved[2:])

    def work(self, body: bytes) -> int:
        found: list[int] = []

        def count(request: wsgi.Request) -> webob.Response:
            found.append(request.work(len, request.document()))
            return wsgi.empty()

        router = wsgi.Router(
            [wsgi.Route('POST', '/', count)],
            wsgi.public_error,
            lambda _request: None,
        )
        request = wsgi.Request.blank('/', method='POST', body=body)
        self.assertEqual(204, request.get_response(router).status_int)
        return found[0]

    def test_large_documents_are_checked_in_a_thread(self) -> None:
        self.assertEqual(10, self.work(b'"' + b'x' * 10 + b'"'))
        self.assertEqual([], self.ran)
        size = wsgi.INLINE_BYTES
        self.assertEqual(size, self.work(b'"' + b'x' * size + b'"'))
        self.assertEqual(['thread'], self.ran)
