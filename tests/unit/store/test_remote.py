"""Data read ahead from a server: order, errors, resumption, closing."""

import itertools
import threading
import unittest
from unittest import mock

from glance.common import errors
from glance.common import threads
from glance.store import remote
from glance.store import servers

SECONDS = 30
PIECE = remote.PIECE_BYTES


class Source:
    """Gives the bytes of a text from an offset, until it breaks."""

    def __init__(self, data: bytes, breaks_at: int | None = None) -> None:
        self._data = memoryview(data)
        self._breaks_at = breaks_at
        self.is_closed = threading.Event()
        self.was_aborted = threading.Event()
        self.read_bytes = 0

    def readinto(self, view: memoryview) -> int:
        if self._breaks_at is not None and self.read_bytes >= self._breaks_at:
            raise servers.Unreachable('broken')
        taken = self._data[: len(view)]
        view[: len(taken)] = taken
        self._data = self._data[len(taken) :]
        self.read_bytes += len(taken)
        return len(taken)

    def abort(self) -> None:
        self.was_aborted.set()

    def close(self) -> None:
        self.is_closed.set()


def data_of(pieces: int) -> bytes:
    return b''.join(bytes([number]) * PIECE for number in range(pieces))


class TestBody(unittest.TestCase):
    def test_everything_comes_in_order(self) -> None:
        data = data_of(30) + b'end'
        source = Source(data)
        body = remote.Body(self.fail, source, len(data))
        self.assertEqual(data, b''.join(body))
        self.assertTrue(source.is_closed.wait(SECONDS))
        with self.assertRaises(ValueError):
            next(iter(body))

    def test_a_broken_reading_is_taken_up_again(self) -> None:
        data = data_of(10)
        opened = []

        def open_at(done: int) -> Source:
            opened.append(done)
            return Source(data[done:], 3 * PIECE)

        with mock.patch.object(threads, 'pause'):
            body = remote.Body(open_at, Source(data, PIECE), len(data), 5)
            self.assertEqual(data, b''.join(body))
        self.assertEqual([PIECE, 4 * PIECE, 7 * PIECE], opened)

    def test_reading_into_a_buffer(self) -> None:
        data = data_of(5)

        def open_at(done: int) -> Source:
            return Source(data[done:], 2 * PIECE)

        with mock.patch.object(threads, 'pause'):
            body = remote.Body(open_at, Source(data, PIECE), len(data), 3)
            got = memoryview(bytearray(len(data)))
            for start in range(0, len(data), 2 * PIECE):
                body.read_into(got[start : start + 2 * PIECE])
        self.assertEqual(data, bytes(got))
        with self.assertRaises(errors.StoreUnavailable):
            body.read_into(memoryview(bytearray(1)))

    def test_reading_into_a_buffer_takes_steps(self) -> None:
        """A source may have a time limit for each call."""
        data = data_of(4) + b'end'
        source = Source(data)
        asked: list[int] = []
        readinto = source.readinto

        def note(view: memoryview) -> int:
            asked.append(len(view))
            return readinto(view)

        with mock.patch.object(source, 'readinto', note):
            body = remote.Body(self.fail, source, len(data))
            got = memoryview(bytearray(len(data)))
            body.read_into(got)
        self.assertEqual(data, bytes(got))
        self.assertEqual([*[PIECE] * 4, 3], asked)

    def test_body_whose_thread_cannot_be_started_is_closed(self) -> None:
        source = Source(b'12')
        body = remote.Body(self.fail, source, 2)
        trouble = RuntimeError("can't start new thread")
        with (
            mock.patch.object(threads, 'start', side_effect=trouble),
            self.assertRaises(RuntimeError),
        ):
            next(iter(body))
        body.close()
        self.assertTrue(source.is_closed.is_set())

    def test_what_breaks_too_often_is_an_error(self) -> None:
        data = data_of(4)
        with mock.patch.object(threads, 'pause'):
            body = remote.Body(
                lambda done: Source(data[done:], 0),
                Source(data, PIECE),
                len(data),
                2,
            )
            with self.assertRaises(errors.StoreUnavailable):
                list(body)

    def test_too_little_data_is_an_error(self) -> None:
        body = remote.Body(self.fail, Source(b'123'), 4)
        with self.assertRaises(errors.StoreUnavailable):
            list(body)

    def test_a_slow_client_bounds_what_is_read(self) -> None:
        data = data_of(remote.DEPTH * 3)
        source = Source(data)
        body = remote.Body(self.fail, source, len(data))
        pieces = iter(body)
        list(itertools.islice(pieces, 2))
        body.close()
        self.assertTrue(source.is_closed.wait(SECONDS))
        self.assertTrue(source.was_aborted.is_set())
        self.assertLessEqual(source.read_bytes, (remote.DEPTH + 3) * PIECE)

    def test_a_body_that_nobody_reads_is_closed(self) -> None:
        source = Source(b'12')
        body = remote.Body(self.fail, source, 2)
        body.close()
        body.close()
        self.assertTrue(source.is_closed.is_set())
        with self.assertRaises(ValueError):
            next(iter(body))
