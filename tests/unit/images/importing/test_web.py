"""Downloads from a web server that has every trouble there is."""

import hashlib
import random
import threading
from typing import Any
import unittest
import unittest.mock

from glance.common import errors
from glance.images.importing import digests
from glance.images.importing import sources
from glance.images.importing import web
from tests import troubled
from tests.unit.images.importing import web_cases

MIB = web_cases.MIB
DATA = web_cases.DATA


class TestGoodServers(web_cases.WebTestCase):
    def test_data_and_size(self) -> None:
        opened = self.open()
        self.assertEqual(len(DATA), opened.size_bytes)
        self.assertEqual(DATA, b''.join(bytes(it) for it in opened))
        self.assertEqual([None], self.ranges())

    def test_chunks(self) -> None:
        self.served.is_chunked = True
        opened = self.open()
        self.assertIsNone(opened.size_bytes)
        self.assertEqual(DATA, b''.join(bytes(it) for it in opened))

    def test_no_data(self) -> None:
        self.served.data = b''
        self.assertEqual(b'', self.download())

    def test_a_redirect(self) -> None:
        self.web.redirect('/r', '/a')
        self.url = self.web.url('/r')
        self.assertEqual(DATA, self.download())

    def test_an_expected_hash_is_checked(self) -> None:
        for algo in digests.NAMES:
            value = hashlib.new(algo, DATA).hexdigest()
            good = digests.parse({'algo': algo, 'value': value.upper()})
            opened = sources.web(self.client(), self.url, good, self.limits)
            self.assertEqual(DATA, b''.join(bytes(it) for it in opened))
            bad = digests.parse_property(f'{algo}:{value[:-1]}g'[:-1] + '0')
            if bad == good:
                continue
            opened = sources.web(self.client(), self.url, bad, self.limits)
            with self.assertRaisesRegex(errors.BadRequest, 'was expected'):
                b''.join(bytes(it) for it in opened)


class TestBrokenConnections(web_cases.WebTestCase):
    def test_a_reset_after_each_mebibyte(self) -> None:
        for etag in ('"one"', None):
            with self.subTest(etag):
                self.served = self.web.answers['/a'] = troubled.Served()
                self.served.etag = etag
                self.served.every_time = MIB
                self.served.resets = True
                self.assertEqual(DATA, self.download())

    def test_a_truncated_response_is_continued(self) -> None:
        self.served.stops_after = [MIB, 10, None]
        self.assertEqual(DATA, self.download())
        self.assertEqual([None, f'bytes={MIB}-'], self.ranges()[:2])
        sent = self.web.requests[1][2]
        self.assertEqual('"one"', sent['If-Range'])

    def test_a_date_is_a_validator_too(self) -> None:
        self.served.etag = 'Sat, 28 Nov 2026 07:00:00 GMT'
        self.served.modified = self.served.etag
        served = self.served
        served.stops_after = [MIB]
        with unittest.mock.patch.object(served, 'etag', served.modified):
            self.assertEqual(DATA, self.download())

    def test_a_server_without_ranges(self) -> None:
        for etag in ('"one"', None):
            self.web.requests.clear()
            self.served = self.web.answers['/a'] = troubled.Served()
            self.served.etag = etag
            self.served.knows_ranges = False
            self.served.stops_after = [MIB]
            self.assertEqual(DATA, self.download())
            self.assertEqual(2, len(self.web.requests))

    def test_a_server_without_validators(self) -> None:
        """A bit is read twice: it must be the same."""
        self.served.etag = None
        self.served.stops_after = [MIB]
        self.assertEqual(DATA, self.download())
        self.assertEqual(f'bytes={MIB - 16 * 1024}-', self.ranges()[1])

    def test_chunks_that_break_off(self) -> None:
        self.served.is_chunked = True
        self.served.stops_after = [MIB]
        self.assertEqual(DATA, self.download())

    def test_a_stalling_server_is_left(self) -> None:
        # Long enough for each piece of the second response.
        self.times = self.times._replace(piece_seconds=2.0)
        self.served.stalls = threading.Event()
        self.addCleanup(self.served.stalls.set)
        self.served.stops_after = [MIB]
        self.assertEqual(DATA, self.download())
        self.assertEqual(2, len(self.web.requests))

    def test_a_server_that_always_stalls(self) -> None:
        self.times = self.times._replace(piece_seconds=web_cases.SHORT_SECONDS)
        self.limits = self.limits._replace(tries=2)
        self.served.stalls = threading.Event()
        self.addCleanup(self.served.stalls.set)
        self.served.every_time = 0
        self.fails(f'after 0 of {len(DATA)} bytes; 2 tries')

    def test_a_server_that_announces_too_much(self) -> None:
        self.served.announced = len(DATA) + 5
        self.served.data = DATA
        self.fails('The data at the URL changed')

    def test_a_server_that_always_announces_too_much(self) -> None:
        """It has no more, however often it is asked."""
        self.served.announced = len(DATA) + 5
        self.served.knows_ranges = False
        self.fails(f'after 3[0-9]* of {len(DATA) + 5} bytes; 5 tries')

    def test_memory_does_not_grow(self) -> None:
        """Pieces are read into the buffers of the reader."""
        buffer = memoryview(bytearray(1000))
        opened = self.open()
        found = b''.join(
            bytes(buffer[:got])
            for got in iter(lambda: opened.readinto(buffer), 0)
        )
        self.assertEqual(DATA, found)


class TestStatuses(web_cases.WebTestCase):
    def test_500_twice_and_then_the_data(self) -> None:
        self.served.first_statuses = [500, 503]
        self.assertEqual(DATA, self.download())
        self.assertEqual([1.0, 2.0], self.pauses)

    def test_500_for_ever(self) -> None:
        self.served.first_statuses = [500] * 10
        self.fails('responded with the status 500')
        self.assertEqual([1.0, 2.0, 4.0, 8.0], self.pauses)
        self.assertEqual(self.limits.tries, len(self.web.requests))

    def test_404_is_final(self) -> None:
        self.served.first_statuses = [404]
        self.fails('responded with the status 404', errors.NotFound)
        self.assertEqual([], self.pauses)

    def test_retry_after_is_obeyed_within_reason(self) -> None:
        for text, seconds in (('7', 7.0), ('86400', 120.0), ('soon', 1.0)):
            self.pauses.clear()
            self.served.first_statuses = [503]
            self.served.retry_after = text
            self.download()
            self.assertEqual([seconds], self.pauses)

    def test_a_pause_may_end_the_download(self) -> None:
        def refuse(_seconds: float) -> None:
            raise errors.Gone('the image was deleted')

        self.served.first_statuses = [500]
        with self.assertRaises(errors.Gone):
            web.Download(self.client(), self.url, self.limits, pause=refuse)


class TestOtherData(web_cases.WebTestCase):
    """Data that changes between two tries is never mixed."""

    def change(self, etag: str | None, size: int = len(DATA)) -> None:
        def change() -> None:
            self.served.etag = etag
            self.served.data = random.Random(8).randbytes(size)

        self.served.stops_after = [MIB]
        self.served.after_one = change

    def test_another_etag(self) -> None:
        self.change('"two"')
        self.fails('changed while')

    def test_another_size(self) -> None:
        self.change('"one"', 2 * MIB)
        self.fails('changed while')

    def test_a_size_below_what_came(self) -> None:
        self.served.etag = None
        self.change(None, 10)
        self.fails('changed while|another range')

    def test_other_bytes_without_a_validator(self) -> None:
        for knows_ranges in (True, False):
            # A handler of the last round may still use the last one.
            self.served = self.web.answers['/a'] = troubled.Served()
            self.served.etag = None
            self.served.knows_ranges = knows_ranges
            self.change(None)
            self.fails('changed while')

    def test_another_range_than_requested(self) -> None:
        def lie(handler: Any) -> None:
            if 'Range' in handler.headers:
                place = {'Content-Range': f'bytes 0-{len(DATA)}/{len(DATA)}'}
                handler.reply(206, DATA, place)
            else:
                self.served(handler)

        self.served.stops_after = [MIB]
        self.web.answers['/a'] = lie
        self.fails('another range')


class TestLimits(web_cases.WebTestCase):
    def test_an_announced_size_beyond_the_cap(self) -> None:
        self.limits = web.Limits(cap_bytes=MIB)
        self.fails(f'more than {MIB} bytes', errors.LimitExceeded)

    def test_chunks_beyond_the_cap(self) -> None:
        self.served.is_chunked = True
        self.limits = web.Limits(cap_bytes=MIB, cap_reason='no room is left')
        self.fails('no room is left', errors.LimitExceeded)

    def test_a_server_that_is_too_slow(self) -> None:
        ticks = iter(range(0, 100_000, 100))
        self.limits = web.Limits(
            cap_bytes=10 * MIB, least_bytes_per_second=MIB
        )
        with self.assertRaisesRegex(errors.BadRequest, 'is too slow'):
            self.download(clock=lambda: float(next(ticks)))
