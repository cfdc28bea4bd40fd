"""Data on its way to a server: order, bounds, errors from either side."""

from collections.abc import Callable, Iterator
import threading
import unittest
from unittest import mock

from glance.common import errors
from glance.common import threads
from glance.store import feeding
from glance.store import servers

SECONDS = 30


class TestStream(unittest.TestCase):
    def test_pieces_are_sent_in_order(self) -> None:
        stream = feeding.Stream(b''.join)
        for piece in (b'a', b'', b'bc'):
            stream.push(piece)
        stream.end()
        self.assertEqual(b'abc', stream.result())

    def test_a_sender_that_fails_ends_the_pushing(self) -> None:
        def fail(pieces: Iterator[bytes]) -> None:
            next(pieces)
            raise servers.Unreachable('refused')

        stream = feeding.Stream(fail)
        with self.assertRaises(servers.Unreachable):
            for _ in range(1000):
                stream.push(bytes(feeding.STREAM_BYTES // 4))
        stream.give_up()

    def test_what_is_given_up_ends_the_sender(self) -> None:
        seen = []

        def send(pieces: Iterator[bytes]) -> None:
            try:
                seen.extend(pieces)
            except BaseException as error:
                seen.append(type(error))
                raise

        stream = feeding.Stream(send)
        stream.push(b'a')
        stream.give_up()
        self.assertEqual([b'a', feeding.GivenUp], seen)

    def test_a_slow_sender_bounds_what_waits(self) -> None:
        go = threading.Event()

        def send(pieces: Iterator[bytes]) -> int:
            go.wait(SECONDS)
            return sum(map(len, pieces))

        stream = feeding.Stream(send)
        pushed = []

        def push() -> None:
            for _ in range(20):
                stream.push(bytes(feeding.STREAM_BYTES // 4))
                pushed.append(1)

        pushing = threading.Thread(target=push)
        pushing.start()
        pushing.join(0.05)
        self.assertLessEqual(len(pushed), 4)
        go.set()
        pushing.join(SECONDS)
        stream.end()
        self.assertEqual(5 * feeding.STREAM_BYTES, stream.result())


class TestParts(unittest.TestCase):
    def send(
        self, data: list[bytes], part_bytes: int, at_once: int = 3
    ) -> list[tuple[int, bytes]]:
        parts: feeding.Parts[tuple[int, bytes]] = feeding.Parts(
            lambda number, part, _: (number, bytes(part)),
            lambda _: part_bytes,
            at_once,
        )
        for number, part in enumerate(parts.fill(data), start=1):
            parts.give(number, part)
        return parts.result()

    def test_parts_have_their_size_whatever_the_chunks(self) -> None:
        text = bytes(range(100))
        for size in (1, 7, 50, 99, 100, 101):
            for step in (1, 3, 50, 100):
                chunks = [text[i : i + step] for i in range(0, 100, step)]
                found = self.send(chunks, size)
                self.assertEqual(text, b''.join(part for _, part in found))
                self.assertEqual(-(-100 // size), len(found), f'{size} {step}')

    def test_no_data_is_one_empty_part(self) -> None:
        self.assertEqual([(1, b'')], self.send([], 5))
        self.assertEqual([(1, b'')], self.send([b''], 5))

    def test_no_more_are_sent_at_once(self) -> None:
        lock, now, most = threading.Lock(), [0], [0]
        buffers = set()

        def send(number: int, part: memoryview, _: Callable[[], None]) -> int:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
                buffers.add(id(part.obj))
            threading.Event().wait(0.001)
            with lock:
                now[0] -= 1
            return number

        parts: feeding.Parts[int] = feeding.Parts(send, lambda _: 10, 3)
        for number, part in enumerate(parts.fill([bytes(10)] * 40), start=1):
            parts.give(number, part)
        self.assertEqual(list(range(1, 41)), parts.result())
        self.assertLessEqual(most[0], 3)
        self.assertLessEqual(len(buffers), 4)

    def test_a_part_that_fails_ends_the_others(self) -> None:
        def send(number: int, _: memoryview, watch: Callable[[], None]) -> int:
            if number == 2:
                raise servers.Unreachable('part 2')
            watch()
            return number

        parts: feeding.Parts[int] = feeding.Parts(send, lambda _: 10, 2)
        with self.assertRaisesRegex(servers.Unreachable, ''):
            for number, part in enumerate(
                parts.fill([bytes(10)] * 100), start=1
            ):
                parts.give(number, part)
            parts.result()
        parts.give_up()

    def test_what_is_given_up_is_not_sent_on(self) -> None:
        started, ended = threading.Event(), []

        def send(number: int, _: memoryview, watch: Callable[[], None]) -> int:
            started.set()
            try:
                while True:
                    watch()
                    threading.Event().wait(0.001)
            finally:
                ended.append(number)

        parts: feeding.Parts[int] = feeding.Parts(send, lambda _: 10, 2)
        filled = parts.fill([bytes(30)])
        parts.give(1, next(filled))
        self.assertTrue(started.wait(SECONDS))
        parts.give_up()
        self.assertEqual([1], ended)

    def test_thread_that_cannot_be_started_is_not_waited_for(self) -> None:
        parts: feeding.Parts[int] = feeding.Parts(
            lambda number, _part, _watch: number, lambda _: 10, 2
        )
        filled = parts.fill([bytes(30)])
        parts.give(1, next(filled))
        trouble = RuntimeError("can't start new thread")
        with (
            mock.patch.object(threads, 'start', side_effect=trouble),
            self.assertRaises(RuntimeError),
        ):
            parts.give(2, next(filled))
        ending = threading.Thread(target=parts.give_up, daemon=True)
        ending.start()
        ending.join(SECONDS)
        self.assertFalse(ending.is_alive())


class TestHeldBack(unittest.TestCase):
    def test_the_last_piece_is_known(self) -> None:
        for given, found in (
            ([], [(b'', True)]),
            ([b''], [(b'', True)]),
            ([b'a'], [(b'a', True)]),
            ([b'a', b'', b'b', b''], [(b'a', False), (b'b', True)]),
        ):
            self.assertEqual(found, list(feeding.held_back(given)))

    def test_another_size_than_announced_is_refused(self) -> None:
        feeding.require_size(5, 5)
        with self.assertRaises(errors.StoreUnavailable):
            feeding.require_size(4, 5)
