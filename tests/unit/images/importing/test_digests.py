"""The digests that clients expect of imported data."""

import unittest
import unittest.mock

from glance.common import errors
from glance.images.importing import digests


class TestDigests(unittest.TestCase):
    def test_what_clients_may_say(self) -> None:
        good = digests.Expected('md5', 'ab' * 16)
        self.assertEqual(
            good, digests.parse({'algo': 'MD5', 'value': 'AB' * 16})
        )
        self.assertEqual(good, digests.parse_property('md5:' + 'ab' * 16))

    def test_what_is_refused(self) -> None:
        for document in (
            None,
            [],
            {},
            {'algo': 'md5'},
            {'algo': 'crc', 'value': '0'},
            {'algo': 5, 'value': 'ab' * 16},
            {'algo': 'md5', 'value': 'ab' * 15},
            {'algo': 'md5', 'value': 'xy' * 16},
            {'algo': 'md5', 'value': 5},
            {'algo': 'md5', 'value': 'ab' * 16, 'more': 1},
        ):
            with self.subTest(document), self.assertRaises(errors.BadRequest):
                digests.parse(document)
        for text in ('', 'md5', 'md5:', 'ab' * 16, 'sha3_256:' + 'ab' * 32):
            with self.subTest(text), self.assertRaises(errors.BadRequest):
                digests.parse_property(text)
