import unittest

from glance.api.v2 import image_data
from glance.common import errors


class TestAskedRange(unittest.TestCase):
    def asked(self, header: str, size: int, name: str = 'Range') -> object:
        return image_data.asked_range({name: header}, size)

    def check_refused(self, name: str, size: int, *headers: str) -> None:
        for header in headers:
            with (
                self.subTest(f'{name}: {header[:60]} of {size}'),
                self.assertRaises(errors.RangeNotSatisfiable),
            ):
                self.asked(header, size, name)

    def test_nothing_asked(self) -> None:
        self.assertIsNone(image_data.asked_range({}, 10))

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
                part = whole[-count:] if 0 < count < size else whole
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
            *('bytes=--1', 'bytes=1.0-2', 'items=0-1', '0-1', 'bytes 0-1'),
            *('bytes=0-1;', 'bytes=٠-١', 'bytes=0x0-0x1'),
            'bytes=' + '9' * 30 + '-',
            'bytes=0-' + '9' * 30,
            'bytes=0-1\n0',
        )

    def test_several_are_a_bad_request(self) -> None:
        for header in ('bytes=0-0,2-3', 'bytes=0-0,', ',', 'bytes=-1,-2'):
            with self.subTest(header), self.assertRaises(errors.BadRequest):
                self.asked(header, 10)

    def test_of_no_bytes(self) -> None:
        self.check_refused('Range', 0, 'bytes=0-', 'bytes=-1', 'bytes=0-0')
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
        self.assertEqual((1, 1), image_data.asked_range(headers, 10))
