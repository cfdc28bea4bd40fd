import unittest

from glance.api.v2 import ranges
from glance.common import errors


class TestAskedRange(unittest.TestCase):
    def asked(self, header: str, size: int, name: str = 'Range') -> object:
        return ranges.asked({name: header}, size)

    def check_refused(self, name: str, size: int, *headers: str) -> None:
        for header in headers:
            with (
                self.subTest(f'{name}: {header[:60]} of {size}'),
                self.assertRaises(errors.RangeNotSatisfiable),
            ):
                self.asked(header, size, name)

    def test_nothing_asked(self) -> None:
        self.assertIsNone(ranges.asked({}, 10))

    def test_against_every_slice(self) -> None:
        """A model: the indices of ``range(size)`` that are asked for."""
        for size in range(1, 7):
            whole = list(range(size))
            for first in range(size + 2):
                self.check_slice(f'bytes={first}-', whole, whole[first:])
                for last in range(size + 2):
                    part = whole[first : last + 1]
                    self.check_slice(f'bytes={first}-{last}', whole, part)
            for count in range(size + 3):
                part = whole[-count:] if count < size else whole
                part = part if count else []
                self.check_slice(f'bytes=-{count}', whole, part)

    def check_slice(
        self, header: str, whole: list[int], part: list[int]
    ) -> None:
        with self.subTest(f'{header} of {len(whole)}'):
            if part:
                self.assertEqual(
                    (part[0], len(part)), self.asked(header, len(whole))
                )
            else:
                self.check_refused('Range', len(whole), header)

    def test_malformed(self) -> None:
        self.check_refused(
            'Range',
            10,
            *('', 'bytes', 'bytes=', 'bytes=-', 'bytes=1', 'bytes=a-b'),
            *('bytes=1-2-3', 'bytes= 1-2', 'bytes=1 -2', 'bytes=+1-2'),
            *('bytes=--1', 'bytes=1.0-2', '0-1', 'bytes 0-1', 'bytes=,'),
            *('bytes=0-1;', 'bytes=٠-١', 'bytes=0x0-0x1', ','),
            'bytes=' + '9' * 30 + '-',
            'bytes=0-1\n0',
        )

    def test_other_units_and_several_ranges_mean_the_whole(self) -> None:
        for header in (
            *('items=0-1', 'bytes=0-0,2-3', 'bytes=-1 ,\t-2'),
            *('bytes=0-0,x', 'bytes=20-,30-'),
        ):
            with self.subTest(header):
                self.assertIsNone(self.asked(header, 10))

    def test_one_range_in_a_list_is_one_range(self) -> None:
        for header in ('bytes=0-0,', 'bytes=,,0-0'):
            with self.subTest(header):
                self.assertEqual((0, 1), self.asked(header, 10))

    def test_numbers_of_any_length(self) -> None:
        self.assertEqual((3, 7), self.asked('bytes=3-' + '9' * 5000, 10))
        self.assertEqual((0, 10), self.asked('bytes=-' + '9' * 5000, 10))
        self.assertEqual((3, 1), self.asked(f'bytes={"0" * 5000}3-3', 10))

    def test_refusal_tells_the_size(self) -> None:
        for header in ('bytes=10-', 'bytes=-0', 'bytes=x'):
            with self.assertRaises(errors.RangeNotSatisfiable) as caught:
                self.asked(header, 10)
            self.assertEqual(
                {'Content-Range': 'bytes */10'}, caught.exception.headers
            )

    def test_if_range(self) -> None:
        for value, etag, part in (
            ('"a"', 'a', (1, 1)),
            ('"a"', 'b', None),
            ('"a"', None, None),
            ('W/"a"', 'a', None),
            ('*', 'a', None),
            ('Sat, 28 Nov 2026 03:00:00 GMT', 'a', None),
        ):
            headers = {'Range': 'bytes=1-1', 'If-Range': value}
            with self.subTest(f'{value} {etag}'):
                self.assertEqual(part, ranges.asked(headers, 10, etag))

    def test_of_no_bytes(self) -> None:
        self.check_refused('Range', 0, 'bytes=0-', 'bytes=-0', 'bytes=0-0')
        self.assertIsNone(self.asked('bytes=-1', 0))
        self.check_refused('Content-Range', 0, 'bytes 0-0/*', 'bytes 0-0/0')

    def test_content_range_of_old_clients(self) -> None:
        for header, part in {
            'bytes 0-9/10': (0, 10),
            'bytes 2-4/10': (2, 3),
            'bytes 2-4/*': (2, 3),
            'BYTES 9-9/10': (9, 1),
        }.items():
            self.assertEqual(part, self.asked(header, 10, 'Content-Range'))
        self.check_refused(
            'Content-Range',
            10,
            *('', 'bytes', 'bytes */10', 'bytes=0-1', 'bytes 0-1'),
            *('bytes 4-2/10', 'bytes 0-10/10', 'bytes 0-10/*'),
            *('bytes 10-11/20', 'bytes -5/10', 'bytes 0-/10', 'x 0-1/10'),
        )

    def test_range_wins(self) -> None:
        headers = {'Range': 'bytes=1-1', 'Content-Range': 'bytes 5-6/10'}
        self.assertEqual((1, 1), ranges.asked(headers, 10))
