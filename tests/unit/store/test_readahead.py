"""Pieces that are read before they are asked for."""

import threading
import time
import unittest

from glance.common import errors
from glance.store import outbound
from glance.store import readahead

#: What takes longer is a hang.
SECONDS = 30.0


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
