"""The store of web servers, and the requests it makes, for real."""

from collections.abc import Callable
import threading
import time
from typing import Any
import unittest
from unittest import mock

from glance.common import errors
from glance.store import addresses
from glance.store import http
from glance.store import outbound
from glance.store import readahead
from tests import webserver

DATA = bytes(range(256)) * 4096
#: What takes longer is a hang.
SECONDS = 30.0


def filter_for(
    *ports: int,
    hosts: tuple[str, ...] = ('127.0.0.1',),
    resolver: addresses.Resolver = addresses.resolve,
) -> addresses.Filter:
    allowed = tuple(str(port) for port in ports)
    rules = addresses.Rules(allowed_hosts=hosts, allowed_ports=allowed)
    return addresses.Filter(rules, resolver)


class HTTPTestCase(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.web = webserver.WebServer(self)
        self.web.data['/a'] = DATA
        self.url = self.web.url('/a')
        self.closed = webserver.closed_port()
        self.store = self.make_store(
            filter_for(self.web.port, self.closed, 80)
        )

    def make_store(
        self, rules: addresses.Filter, **options: Any
    ) -> http.HTTPStore:
        return http.HTTPStore(outbound.Client(rules, **options))

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        body = self.store.open(self.url, offset, length)
        data = b''.join(body)
        self.assertEqual(body.length, len(data))
        body.close()
        return data

    def answer(self, act: Callable[[Any], None]) -> None:
        self.web.answers['/a'] = act

    def raw(self, *pieces: bytes | float) -> None:
        """Let the server say these bytes, and wait between them."""

        def say(handler: Any) -> None:
            handler.close_connection = True
            for piece in pieces:
                if isinstance(piece, bytes):
                    handler.wfile.write(piece)
                    handler.wfile.flush()
                else:
                    time.sleep(piece)

        self.answer(say)

    def fails(self, *pieces: bytes | float) -> None:
        self.raw(*pieces)
        with self.assertRaises(errors.StoreUnavailable) as caught:
            self.read()
        self.assertNotIn('127.0.0.1', str(caught.exception))


class TestStore(HTTPTestCase):
    """What glance/store/base.py promises, as far as reading goes."""

    def test_size(self) -> None:
        self.assertEqual(len(DATA), self.store.size(self.url))
        self.assertEqual(['HEAD'], [it[0] for it in self.web.requests])

    def test_size_from_a_server_that_knows_no_head(self) -> None:
        for status in (405, 501, 403, 500):
            self.answer(
                lambda handler, status=status: handler.reply(
                    status if handler.command == 'HEAD' else 200, DATA
                )
            )
            self.assertEqual(len(DATA), self.store.size(self.url))

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
                (0, len(DATA)),
                (0, 1),
                (0, 0),
                (5, 10),
                (5, None),
                (len(DATA) - 1, 1),
                (700_000, 300_000),
            ):
                end = None if length is None else offset + length
                with self.subTest(f'{knows_ranges} {offset} {length}'):
                    self.assertEqual(
                        DATA[offset:end], self.read(offset, length)
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
                (0, len(DATA) + 1),
                (5, len(DATA)),
                (len(DATA) + 5, 1),
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

    def test_missing_data(self) -> None:
        for status in (404, 410):
            self.answer(lambda handler, it=status: handler.reply(it, b''))
            for call in (
                lambda: self.read(),
                lambda: self.store.size(self.url),
            ):
                with self.assertRaises(errors.NotFound):
                    call()

    def test_other_statuses(self) -> None:
        for status in (201, 204, 304, 400, 401, 403, 416, 500, 503):
            self.answer(lambda handler, it=status: handler.reply(it, b''))
            for call in (
                lambda: self.read(),
                lambda: self.store.size(self.url),
            ):
                with (
                    self.subTest(str(status)),
                    self.assertRaises(errors.StoreUnavailable),
                ):
                    call()

    def test_encoded_data(self) -> None:
        self.answer(
            lambda handler: handler.reply(
                200, DATA, {'Content-Encoding': 'gzip'}
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
        self.assertEqual(DATA, self.read())

    def test_urls_of_others_lead_nowhere(self) -> None:
        """OSSA-2014-041."""
        for url in ('file:///etc/passwd', '/etc/passwd', '', 'rbd://a'):
            for call in (
                lambda url=url: self.store.open(url, 0, None),
                lambda url=url: self.store.size(url),
            ):
                with self.assertRaises(errors.NotFound):
                    call()


class TestTroubles(HTTPTestCase):
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

    def test_a_slow_head(self) -> None:
        """Drop by drop is slow too."""
        with mock.patch.object(outbound, 'HEAD_SECONDS', 0.3):
            started = time.monotonic()
            drops = [b'H', 0.1, b'T', 0.1, b'T', 0.1, b'P', 0.1] * 10
            self.fails(*drops)
            self.assertLess(time.monotonic() - started, 2.0)

    def test_a_slow_body(self) -> None:
        head = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n'
        drops = [b'x', 0.1] * 30
        with mock.patch.object(outbound, 'PIECE_SECONDS', 0.3):
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


class TestRedirects(HTTPTestCase):
    """Rule 8: by hand, judged, bounded (OSSA-2026-004)."""

    def test_followed(self) -> None:
        for status in (301, 302, 303, 307, 308):
            for place in (
                self.url,
                '/a',
                'a',
                f'//127.0.0.1:{self.web.port}/a',
            ):
                self.web.redirect('/r', place, status)
                self.assertEqual(
                    len(DATA), self.store.size(self.web.url('/r'))
                )

    def test_ranges_go_along(self) -> None:
        self.web.redirect('/r', '/a')
        self.url = self.web.url('/r')
        self.assertEqual(DATA[5:15], self.read(5, 10))

    def test_a_circle(self) -> None:
        self.web.redirect('/r', '/r')
        with self.assertRaises(errors.StoreUnavailable):
            self.store.size(self.web.url('/r'))
        self.assertEqual(outbound.MAX_REDIRECTS + 1, len(self.web.requests))

    def test_ossa_2026_004_refused_targets(self) -> None:
        other = webserver.WebServer(self)
        other.data['/a'] = b'secret'
        for place in (
            other.url('/a'),  # a port that is not allowed
            self.web.url('/a', 'localhost'),
            'http://[::1]/',
            'http://169.254.169.254/latest/meta-data/',
            'http://2130706433/',
            'file:///etc/passwd',
            'ftp://127.0.0.1/',
            'gopher://127.0.0.1:80/',
            'javascript:1',
            'http://user@127.0.0.1/',
            'http://[',
            'http://a\tb/',
            '',
        ):
            self.web.redirect('/r', place)
            with (
                self.subTest(place),
                self.assertRaises(errors.StoreUnavailable),
            ):
                self.store.open(self.web.url('/r'), 0, None)
        self.assertEqual([], other.requests)


class TestPinning(HTTPTestCase):
    """Rule 7: the connection goes where the judged address was."""

    def test_cve_2026_71198_dns_rebinding(self) -> None:
        answers = iter([['93.184.216.34'], ['127.0.0.1']])
        asked: list[str] = []

        def rebinding(name: str, _port: int) -> list[str]:
            asked.append(name)
            return next(answers)

        tried: list[Any] = []

        def no_network(_sock: Any, address: Any) -> None:
            tried.append(address)
            raise OSError('no network in tests')

        client = outbound.Client(
            addresses.Filter(
                addresses.Rules(allowed_ports=(str(self.web.port),)),
                rebinding,
            )
        )
        with (
            mock.patch.object(outbound.socket.socket, 'connect', no_network),
            self.assertRaises(outbound.Unreachable),
        ):
            client.request('GET', self.web.url('/a', 'evil.example'))
        self.assertEqual(['evil.example'], asked)
        self.assertEqual([('93.184.216.34', self.web.port)], tried)
        # The second look-up would lead here; it is judged like the first.
        with self.assertRaises(addresses.Refused):
            client.request('GET', self.web.url('/a', 'evil.example'))
        self.assertEqual([], self.web.requests)

    def test_the_name_is_in_host(self) -> None:
        self.store = self.make_store(
            filter_for(
                self.web.port,
                hosts=('a.example',),
                resolver=lambda *_: ['127.0.0.1'],
            )
        )
        self.url = self.web.url('/a', 'A.Example')
        self.assertEqual(DATA, self.read())
        sent = self.web.requests[-1][2]
        self.assertEqual(f'a.example:{self.web.port}', sent['Host'])
        self.assertNotIn('X-Auth-Token', sent)

    def test_the_next_address_is_tried(self) -> None:
        self.store = self.make_store(
            filter_for(
                self.web.port,
                hosts=('a.example',),
                resolver=lambda *_: ['127.0.0.9', '127.0.0.1'],
            )
        )
        self.url = self.web.url('/a', 'a.example')
        self.assertEqual(DATA, self.read())


class TestTLS(unittest.TestCase):
    """https is verified, unless the operator says otherwise."""

    def setUp(self) -> None:
        super().setUp()
        self.tls = webserver.Certificate(self, 'web.example')
        self.web = webserver.WebServer(self, self.tls.context)
        self.web.data['/a'] = b'over TLS'

    def read(self, host: str, **options: Any) -> bytes:
        rules = filter_for(
            self.web.port,
            hosts=('web.example', 'other.example'),
            resolver=lambda *_: ['127.0.0.1'],
        )
        store = http.HTTPStore(outbound.Client(rules, **options))
        url = f'https://{host}:{self.web.port}/a'
        body = store.open(url, 0, None)
        try:
            return b''.join(body)
        finally:
            body.close()

    def test_verified_by_name(self) -> None:
        for insecure in (True, False):
            options = {'ca_file': self.tls.cert, 'insecure': insecure}
            data = self.read('web.example', **options)
            self.assertEqual(b'over TLS', data)
            with self.assertRaises(errors.StoreUnavailable):
                self.read('other.example', **options)

    def test_unknown_authority(self) -> None:
        with self.assertRaises(errors.StoreUnavailable):
            self.read('web.example')

    def test_insecure(self) -> None:
        self.assertEqual(
            b'over TLS', self.read('other.example', insecure=True)
        )

    def test_a_file_that_is_none(self) -> None:
        for path in ('/none', self.tls.key):
            with self.assertRaises(errors.ConfigurationError) as caught:
                outbound.tls_context(path, False)
            self.assertIn('https_ca_certificates_file', str(caught.exception))


class Pieces:
    """A source of bytes that notes what is done with it."""

    def __init__(self, total: int) -> None:
        self.left = total
        self.read_bytes = 0
        self.closed = threading.Event()
        #: Waits for its end before it reads more than this.
        self.stops_at = total
        self.ended = threading.Event()

    def readinto(self, view: memoryview) -> int:
        if self.read_bytes >= self.stops_at:
            self.ended.wait(SECONDS)
        got = min(len(view), self.left)
        view[:got] = b'x' * got
        self.left -= got
        self.read_bytes += got
        return got

    def abort(self) -> None:
        self.ended.set()

    def close(self) -> None:
        self.closed.set()


class TestReadAhead(unittest.TestCase):
    def body(self, source: Pieces, length: int) -> readahead.ReadAhead:
        return readahead.ReadAhead(source, length, outbound.Unreachable)

    def test_all_of_it_once(self) -> None:
        length = 3 * readahead.PIECE_BYTES + 5
        source = Pieces(length + 100)
        body = self.body(source, length)
        self.assertEqual(length, sum(map(len, body)))
        self.assertTrue(source.closed.wait(SECONDS))
        self.assertEqual(length, source.read_bytes)
        with self.assertRaises(ValueError):
            next(iter(body))
        body.close()

    def test_memory_is_bounded(self) -> None:
        """One piece is waiting and one is read, however much there is."""
        source = Pieces(1 << 40)
        body = self.body(source, 1 << 40)
        pieces = iter(body)
        for _ in range(5):
            next(pieces)
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            self.assertLessEqual(source.read_bytes, 7 * readahead.PIECE_BYTES)
        body.close()
        self.assertTrue(source.closed.wait(SECONDS))

    def test_closing_wakes_the_reader(self) -> None:
        source = Pieces(3 * readahead.PIECE_BYTES)
        source.stops_at = readahead.PIECE_BYTES
        body = self.body(source, source.left)
        next(iter(body))
        self.assertFalse(source.closed.is_set())
        body.close()
        self.assertTrue(source.closed.wait(SECONDS))

    def test_closing_what_was_never_read(self) -> None:
        source = Pieces(100)
        body = self.body(source, 100)
        body.close()
        body.close()
        self.assertTrue(source.closed.is_set())
        with self.assertRaises(ValueError):
            next(iter(body))

    def test_too_little(self) -> None:
        source = Pieces(99)
        with self.assertRaises(errors.StoreUnavailable):
            list(self.body(source, 100))
        self.assertTrue(source.closed.wait(SECONDS))
