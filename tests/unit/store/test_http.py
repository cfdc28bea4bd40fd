"""The store of web servers: what it promises, and servers that misbehave."""

from collections.abc import Callable
import time
from typing import Any

from glance.common import errors
from glance.store import base as store_base
from glance.store import http
from glance.store import outbound
from tests.unit.store import web


class TestStore(web.HTTPTestCase):
    """What glance/store/base.py promises, as far as reading goes."""

    def test_size(self) -> None:
        self.assertEqual(len(web.DATA), self.store.size(self.url))
        asked = [(it[0], it[2].get('Range')) for it in self.web.requests]
        last = len(web.DATA) - 1
        self.assertEqual(
            [('HEAD', None), ('GET', f'bytes={last}-{last}')], asked
        )

    def test_a_size_without_its_last_byte_is_refused(self) -> None:
        size = len(web.DATA)
        last = f'bytes {size}-{size}'

        def shorter(
            status: int, place: dict[str, str], body: bytes
        ) -> Callable[[Any], None]:
            def answer(handler: Any) -> None:
                if handler.command == 'HEAD':
                    handler.reply(200, b'x' * (size + 1))
                else:
                    handler.reply(status, body, place)

            return answer

        for answer in (
            shorter(416, {'Content-Range': f'bytes */{size}'}, b''),
            shorter(206, {'Content-Range': f'{last}/{size}'}, b'x'),
            shorter(206, {'Content-Range': f'{last}/{size + 1}'}, b''),
        ):
            self.answer(answer)
            with (
                self.assertLogs('glance.store.http', 'INFO') as logged,
                self.assertRaises(errors.StoreUnavailable),
            ):
                self.store.size(self.url)
            self.assertIn(str(size + 1), str(logged.output))

    def test_a_size_that_cannot_be_proved_is_believed(self) -> None:
        size = len(web.DATA)
        for status in (200, 403, 503):
            self.answer(
                lambda handler, status=status: handler.reply(
                    200 if handler.command == 'HEAD' else status, web.DATA
                )
            )
            self.assertEqual(size, self.store.size(self.url))

    def test_size_from_a_server_that_knows_no_head(self) -> None:
        for status in (405, 501, 403, 500):
            self.answer(
                lambda handler, status=status: handler.reply(
                    status if handler.command == 'HEAD' else 200, web.DATA
                )
            )
            self.assertEqual(len(web.DATA), self.store.size(self.url))

    def test_size_that_nobody_tells(self) -> None:
        self.raw(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc')
        with self.assertRaises(errors.StoreUnavailable):
            self.store.size(self.url)

    def test_odd_sizes(self) -> None:
        for text in (b'-1', b'1x', b'', b'1, 2', b'\xb2'):
            self.raw(
                b'HTTP/1.1 200 OK\r\nContent-Length: ' + text + b'\r\n\r\n'
            )
            with self.assertRaises(errors.StoreUnavailable):
                self.store.size(self.url)

    def test_whole_and_parts(self) -> None:
        for knows_ranges in (True, False):
            self.web.knows_ranges = knows_ranges
            for offset, length in (
                (0, None),
                (0, len(web.DATA)),
                (0, 1),
                (0, 0),
                (5, 10),
                (5, None),
                (len(web.DATA) - 1, 1),
                (700_000, 300_000),
            ):
                end = None if length is None else offset + length
                with self.subTest(f'{knows_ranges} {offset} {length}'):
                    self.assertEqual(
                        web.DATA[offset:end], self.read(offset, length)
                    )

    def test_a_part_is_asked_for(self) -> None:
        self.read(5, 10)
        self.assertEqual('bytes=5-14', self.web.requests[-1][2]['Range'])
        self.read(5)
        self.assertEqual('bytes=5-', self.web.requests[-1][2]['Range'])

    def test_more_than_there_is(self) -> None:
        for knows_ranges in (True, False):
            self.web.knows_ranges = knows_ranges
            for offset, length in (
                (0, len(web.DATA) + 1),
                (5, len(web.DATA)),
                (len(web.DATA) + 5, 1),
            ):
                with self.assertRaises(errors.StoreUnavailable):
                    self.read(offset, length)

    def test_another_part_than_asked_for(self) -> None:
        for place in ('bytes 6-14/99', 'bytes 0-9/99', 'x', None):
            headers = {} if place is None else {'Content-Range': place}
            self.answer(
                lambda handler, headers=headers: handler.reply(
                    206, b'x' * 10, headers
                )
            )
            with self.assertRaises(errors.StoreUnavailable):
                self.read(5, 10)

    def test_other_statuses(self) -> None:
        for error, statuses in (
            (errors.NotFound, (404, 410)),
            (
                errors.StoreUnavailable,
                (201, 204, 304, 400, 401, 403, 416, 500, 503),
            ),
        ):
            for status in statuses:
                self.answer(lambda handler, it=status: handler.reply(it, b''))
                for call in (self.read, lambda: self.store.size(self.url)):
                    with self.subTest(str(status)), self.assertRaises(error):
                        call()

    def test_encoded_data(self) -> None:
        self.answer(
            lambda handler: handler.reply(
                200, web.DATA, {'Content-Encoding': 'gzip'}
            )
        )
        with self.assertRaises(errors.StoreUnavailable):
            self.read()
        sent = self.web.requests[-1][2]
        self.assertEqual('identity', sent['Accept-Encoding'])

    def test_chunks(self) -> None:
        self.raw(
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
            b'3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'
        )
        self.assertEqual(b'abcde', self.read(0, 5))
        self.assertEqual(b'de', self.read(3, 2))
        with self.assertRaises(errors.StoreUnavailable):
            self.read()  # nobody knows how much it will be
        with self.assertRaises(errors.StoreUnavailable):
            self.read(0, 6)

    def test_nothing_is_written_or_deleted(self) -> None:
        self.assertTrue(self.store.is_read_only)
        with self.assertRaises(errors.StoreUnavailable):
            self.store.write('id', [], lambda: None)
        self.store.delete(self.url)
        self.store.delete_unregistered('id')
        self.assertEqual(web.DATA, self.read())

    def test_urls_of_others_lead_nowhere(self) -> None:
        """OSSA-2014-041."""
        for url in ('file:///etc/passwd', '/etc/passwd', '', 'rbd://a'):
            for call in (
                lambda url=url: self.store.open(url, 0, None),
                lambda url=url: self.store.size(url),
            ):
                with self.assertRaises(store_base.Elsewhere):
                    call()


class TestTroubles(web.HTTPTestCase):
    """Servers that lie, break off, or take their time."""

    def test_it_ends_too_early(self) -> None:
        head = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n'
        self.fails(head + b'x' * 99)
        self.fails(head)
        chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
        self.raw(chunked + b'64\r\nabc')
        with self.assertRaises(errors.StoreUnavailable):
            self.read(0, 100)

    def test_more_comes_than_announced(self) -> None:
        self.raw(b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef')
        self.assertEqual(b'abc', self.read())

    def test_it_is_no_http(self) -> None:
        for said in (
            b'',
            b'SSH-2.0-OpenSSH_9\r\n',
            b'HTTP/1.1 abc OK\r\n\r\n',
            b'HTTP/1.1 200 OK\r\n' + b'X: y\r\n' * 200 + b'\r\n',
            b'HTTP/1.1 200 OK\r\nX: ' + b'y' * 70_000 + b'\r\n\r\n',
            b'HTTP/1.1 103 Early Hints\r\n\r\n',
            b'\0' * 100,
        ):
            with self.subTest(said[:30]):
                self.fails(said)

    def test_nobody_listens(self) -> None:
        self.url = f'http://127.0.0.1:{self.closed}/a'
        with self.assertRaises(errors.StoreUnavailable):
            self.read()

    def patient_store(self, **seconds: float) -> http.HTTPStore:
        times = outbound.Times(**seconds)
        return self.make_store(web.filter_for(self.web.port), times=times)

    def test_a_slow_head(self) -> None:
        """Drop by drop is slow too."""
        self.store = self.patient_store(head_seconds=0.3)
        started = time.monotonic()
        drops = [b'H', 0.1, b'T', 0.1, b'T', 0.1, b'P', 0.1] * 10
        self.fails(*drops)
        self.assertLess(time.monotonic() - started, 2.0)

    def test_a_slow_body(self) -> None:
        head = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n'
        drops = [b'x', 0.1] * 30
        self.store = self.patient_store(piece_seconds=0.3)
        started = time.monotonic()
        self.fails(head, *drops)
        self.assertLess(time.monotonic() - started, 2.0)

    def test_errors_tell_nothing(self) -> None:
        """Rule 10: a refused port, a refused host, no HTTP: one text."""
        texts = set()
        self.raw(b'SSH-2.0-OpenSSH_9\r\n')
        for url in (
            self.url,
            f'http://127.0.0.1:{self.closed}/a',
            'http://127.0.0.2/',
            'http://127.0.0.1:1/',
        ):
            with self.assertRaises(errors.StoreUnavailable) as caught:
                self.store.open(url, 0, None)
            texts.add(str(caught.exception))
        self.assertEqual(1, len(texts), texts)


class TestProxies(web.HTTPTestCase):
    """http_proxy_information: what goes through a proxy."""

    def options(self, **proxies: str) -> dict[str, Any]:
        return {
            'https_insecure': False,
            'https_ca_certificates_file': None,
            'http_proxy_information': proxies,
            'filtering': {},
        }

    def test_data_comes_through_the_proxy(self) -> None:
        self.web.data['http://10.9.8.7:80/image'] = web.DATA
        store = http.from_options(
            self.options(http=f'127.0.0.1:{self.web.port}')
        )
        body = store.open('http://10.9.8.7/image', 0, None)
        self.assertEqual(web.DATA, b''.join(body))
        body.close()

    def test_what_is_malformed_is_refused(self) -> None:
        for proxies in ({'ftp': '10.0.0.1:1'}, {'http': '10.0.0.1:x'}):
            with self.assertRaisesRegex(
                errors.ConfigurationError, 'http_proxy_information'
            ):
                http.from_options(self.options(**proxies))
