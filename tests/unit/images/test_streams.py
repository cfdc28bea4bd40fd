"""Counting, capping and hashing: with and without helpers."""

from collections.abc import Callable
import hashlib
import os
import random
import threading
from typing import Any
import unittest
from unittest import mock

from glance.common import errors
from glance.common import threads
from glance.images import streams


class Bytes:
    """A source that gives what it has, some at a time."""

    def __init__(self, data: bytes, native: bool) -> None:
        self._left = memoryview(data)
        self._native = native

    def go_native(self) -> bool:
        return self._native

    def readinto(self, view: memoryview) -> int:
        amount = min(len(view), len(self._left))
        view[:amount] = self._left[:amount]
        self._left = self._left[amount:]
        return amount


class Broken(Bytes):
    def readinto(self, view: memoryview) -> int:
        if not self._left:
            raise errors.BadRequest('the client is gone')
        return super().readinto(view)


class Looking:
    """An inspection that has seen enough after some pieces."""

    def __init__(self, enough: int, verdict: Any = 42) -> None:
        self._enough = enough
        self._verdict = verdict
        self.pieces: list[bytes] = []
        self.size_bytes: int | None = None

    @property
    def wants_more(self) -> bool:
        return len(self.pieces) < self._enough

    def feed(self, piece: memoryview) -> None:
        self.pieces.append(bytes(piece))

    def conclude(self, size_bytes: int) -> int | None:
        self.size_bytes = size_bytes
        if isinstance(self._verdict, Exception):
            raise self._verdict
        verdict: int | None = self._verdict
        return verdict


class Signature:
    """Of some data."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._seen = b''

    def update(self, piece: memoryview) -> None:
        self._seen += bytes(piece)

    def verify(self) -> None:
        if self._seen != self._data:
            raise errors.BadRequest('other data')


class LengthTestCase(unittest.TestCase):
    def test_what_comes_as_announced(self) -> None:
        for expected in (None, 5, 0):
            length = streams.Length(5, expected)
            for _ in range(expected or 0):
                length.add(1)
            length.end()
            self.assertEqual(expected or 0, length.size_bytes)

    def test_more_than_may_come_is_refused_before_it_comes(self) -> None:
        with self.assertRaisesRegex(errors.LimitExceeded, '5 bytes'):
            streams.Length(5, 6)

    def test_more_than_may_come_is_refused_when_it_comes(self) -> None:
        length = streams.Length(5, None)
        length.add(5)
        with self.assertRaisesRegex(errors.LimitExceeded, '5 bytes'):
            length.add(1)

    def test_more_than_was_announced_is_refused_when_it_comes(self) -> None:
        length = streams.Length(5, 3)
        with self.assertRaisesRegex(errors.BadRequest, '3 bytes.*more'):
            length.add(4)

    def test_less_than_was_announced_is_refused_at_the_end(self) -> None:
        length = streams.Length(5, 3)
        length.add(2)
        with self.assertRaisesRegex(errors.BadRequest, '3 bytes.* has 2'):
            length.end()

    def test_a_lower_cap_says_why(self) -> None:
        length = streams.Length(5, None)
        length.narrow(2, 'no room')
        length.narrow(3, 'a higher one changes nothing')
        length.add(2)
        with self.assertRaisesRegex(errors.LimitExceeded, 'no room'):
            length.add(1)


class MeasuredTestCase(unittest.TestCase):
    native = False

    def measured(self, source: Any, **kwargs: Any) -> streams.Measured:
        wanted = {
            'cap_bytes': 1 << 40,
            'expected_bytes': None,
            'hash_name': 'sha512',
        }
        measured = streams.Measured(source, **{**wanted, **kwargs})
        self.assertEqual(self.native, measured.go_native())
        return measured

    def passed(self, measured: streams.Measured) -> bytes:
        return b''.join(bytes(piece) for piece in measured)

    def sizes(self) -> list[int]:
        chunk = streams.CHUNK_BYTES
        return [0, 1, chunk - 1, chunk, chunk + 1, 6 * chunk + 17]

    def test_all_bytes_pass_and_are_hashed(self) -> None:
        for size in self.sizes():
            data = random.Random(size).randbytes(size)
            measured = self.measured(Bytes(data, self.native))
            self.assertEqual(data, self.passed(measured))
            self.assertEqual(size, measured.size_bytes)
            self.assertEqual(hashlib.md5(data).hexdigest(), measured.checksum)
            self.assertEqual(
                hashlib.sha512(data).hexdigest(), measured.hash_value
            )

    def test_cap_ends_it(self) -> None:
        measured = self.measured(Bytes(b'12345', self.native), cap_bytes=4)
        with self.assertRaises(errors.LimitExceeded):
            self.passed(measured)

    def test_announced_size_above_the_cap_is_refused_at_once(self) -> None:
        with self.assertRaises(errors.LimitExceeded):
            self.measured(
                Bytes(b'', self.native), cap_bytes=4, expected_bytes=5
            )

    def test_another_number_than_announced_is_refused(self) -> None:
        for expected in (4, 6):
            measured = self.measured(
                Bytes(b'12345', self.native), expected_bytes=expected
            )
            with self.assertRaises(errors.BadRequest):
                self.passed(measured)

    def test_broken_source_goes_through(self) -> None:
        data = os.urandom(3 * streams.CHUNK_BYTES)
        measured = self.measured(Broken(data, self.native))
        with self.assertRaises(errors.BadRequest):
            self.passed(measured)

    def test_left_in_the_middle(self) -> None:
        data = os.urandom(3 * streams.CHUNK_BYTES)
        pieces = iter(self.measured(Bytes(data, self.native)))
        self.assertEqual(data[: len(first := next(pieces))], bytes(first))
        pieces.close()  # type: ignore[attr-defined]

    def test_inspection_sees_what_it_wants_to_see(self) -> None:
        data = random.Random(3).randbytes(5 * streams.CHUNK_BYTES + 3)
        measured = self.measured(Bytes(data, self.native))
        looking = Looking(2)
        measured.expect({}, looking, None)
        self.assertEqual(data, self.passed(measured))
        self.assertEqual(2, len(looking.pieces))
        self.assertTrue(data.startswith(b''.join(looking.pieces)))
        self.assertEqual(len(data), looking.size_bytes)
        self.assertEqual(42, measured.virtual_size)

    def test_nobody_looks_on_the_event_loop(self) -> None:
        measured = self.measured(Bytes(b'12345', self.native))
        looking = Looking(9)
        measured.expect({}, looking, Signature(b'12345'))
        with mock.patch.object(threads, 'call') as call:
            self.passed(measured)
        self.assertEqual(([], None), (looking.pieces, looking.size_bytes))
        called = [each.args[0] for each in call.call_args_list]
        self.assertIn(looking.feed, called)

    def test_verdict_ends_the_data(self) -> None:
        measured = self.measured(Bytes(b'12345', self.native))
        measured.expect({}, Looking(9, errors.UnsupportedMediaType()), None)
        with self.assertRaises(errors.UnsupportedMediaType):
            self.passed(measured)

    def test_no_verdict_on_half_of_the_data(self) -> None:
        looking = Looking(9)
        measured = self.measured(Broken(b'12345', self.native))
        measured.expect({}, looking, None)
        with self.assertRaises(errors.BadRequest):
            self.passed(measured)
        self.assertIsNone(looking.size_bytes)

    def test_signature_is_of_all_the_data(self) -> None:
        data = random.Random(4).randbytes(6 * streams.CHUNK_BYTES + 5)
        measured = self.measured(Bytes(data, self.native))
        measured.expect({}, None, Signature(data))
        self.assertEqual(data, self.passed(measured))
        measured = self.measured(Bytes(data[:-1], self.native))
        measured.expect({}, None, Signature(data))
        with self.assertRaises(errors.BadRequest):
            self.passed(measured)

    def test_known_size_and_hashes(self) -> None:
        md5 = hashlib.md5(b'12345', usedforsecurity=False).hexdigest()
        sha512 = hashlib.sha512(b'12345').hexdigest()
        good = {'size': 5, 'checksum': md5, 'os_hash_value': sha512}
        for known in (good, dict.fromkeys(good), {}):
            measured = self.measured(Bytes(b'12345', self.native))
            measured.expect(known, None, None)
            self.assertEqual(b'12345', self.passed(measured))
        for name in good:
            measured = self.measured(Bytes(b'54321x', self.native))
            measured.expect({name: good[name]}, None, None)
            with self.assertRaisesRegex(errors.BadRequest, name):
                self.passed(measured)

    def test_algorithm_without_a_hex_digest(self) -> None:
        for name in ('sha9000', 'shake_128'):
            with self.assertRaises(errors.Conflict):
                self.measured(Bytes(b'', self.native), hash_name=name)


class NativeTestCase(MeasuredTestCase):
    native = True

    def test_helpers_are_given_back(self) -> None:
        cores = os.cpu_count() or 1
        for _ in range(3 * cores):
            self.passed(self.measured(Bytes(b'x', True)))
            with self.assertRaises(errors.BadRequest):
                self.passed(self.measured(Broken(b'x', True)))
        taken = 0
        while streams._helped.acquire(blocking=False):
            taken += 1
        for _ in range(taken):
            streams._helped.release()
        self.assertEqual(cores, taken)

    def test_helper_that_cannot_be_started_ends_the_others(self) -> None:
        begun, ended = threading.Event(), threading.Event()
        start = threads.start

        def start_one(work: Callable[[], None]) -> None:
            if begun.is_set():
                raise RuntimeError("can't start new thread")
            begun.set()

            def noted() -> None:
                work()
                ended.set()

            start(noted)

        free = mock.patch.object(
            streams, '_helped', threading.BoundedSemaphore(1)
        )
        with free, mock.patch.object(threads, 'start', start_one):
            with self.assertRaises(RuntimeError):
                self.passed(self.measured(Bytes(b'x', True)))
            self.assertTrue(streams._helped.acquire(blocking=False))
        self.assertTrue(ended.wait(30))


class ManyNativeTestCase(MeasuredTestCase):
    """More uploads than cores: small buffers, no helpers."""

    native = True

    def setUp(self) -> None:
        none = mock.patch.object(streams, '_helped')
        none.start().acquire.return_value = False
        self.addCleanup(none.stop)
