"""The hash that is made behind the filler."""

import hashlib
import os
import tempfile
import unittest
from unittest import mock

from glance.cache import hashing
from glance.common import threads

DATA = os.urandom(3 * hashing._READ_BYTES + 7)


class TestDigest(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.enterContext(tempfile.TemporaryFile())
        self.file.write(DATA)
        self.file.flush()

    def digest(self, value: str | None = None) -> hashing.Digest:
        value = value or hashlib.sha256(DATA).hexdigest()
        expected = hashing.Expected('sha256', value, None)
        digest = hashing.Digest(expected, self.file.fileno())
        self.addCleanup(digest.stop)
        return digest

    def test_data_that_was_reached_and_the_rest(self) -> None:
        for ends in ((), (10,), (5, 2 * hashing._READ_BYTES), (len(DATA),)):
            with self.subTest(ends=ends):
                digest = self.digest()
                for end in ends:
                    digest.reached(end)
                self.assertTrue(digest.is_right(len(DATA)))

    def test_wrong_data(self) -> None:
        digest = self.digest('0' * 64)
        digest.reached(len(DATA))
        self.assertFalse(digest.is_right(len(DATA)))

    def test_file_that_is_too_short(self) -> None:
        self.assertFalse(self.digest().is_right(len(DATA) + 1))

    def test_stopped_before_the_end(self) -> None:
        digest = self.digest()
        digest.reached(10)
        for _ in range(2):
            digest.stop()
        self.assertTrue(digest.is_right(len(DATA)))

    def test_thread_that_cannot_be_started(self) -> None:
        digest = self.digest()
        trouble = RuntimeError("can't start new thread")
        with (
            mock.patch.object(threads, 'start', side_effect=trouble),
            self.assertRaises(RuntimeError),
        ):
            digest.reached(10)
        self.assertFalse(digest._is_running)  # or stop() would never end
        self.assertTrue(digest.is_right(len(DATA)))

    def test_file_that_cannot_be_read_fails_at_the_end(self) -> None:
        digest = self.digest()
        digest._fd = -1
        digest.reached(10)
        with self.assertRaises(OSError):
            digest.is_right(len(DATA))

    def test_no_hash_is_known(self) -> None:
        nothing = hashing.Expected('', '', None)
        digest = hashing.Digest(nothing, -1)
        digest.reached(10)
        digest.stop()
        self.assertTrue(digest.is_right(10))
