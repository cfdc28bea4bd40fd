"""Readers of one image are woken together."""

import threading
import unittest
from unittest import mock

from glance.cache import waiting
from glance.common import threads

SECONDS = 30


class TestBeat(unittest.TestCase):
    def test_strike_wakes_all(self) -> None:
        beat = waiting.Beat()
        events = [beat.next() for _ in range(3)]
        beat.strike()
        self.assertTrue(all(event.is_set() for event in events))
        self.assertFalse(beat.next().is_set())

    def test_only_one_looks_for_other_processes(self) -> None:
        beat = waiting.Beat()
        looks = threading.Event()
        goes_on = threading.Event()
        self.addCleanup(goes_on.set)

        def pause(_seconds: float) -> None:
            looks.set()
            goes_on.wait(SECONDS)

        found: list[bool] = []
        first = threading.Thread(
            target=lambda: found.append(beat.wait(beat.next(), False))
        )
        with mock.patch.object(threads, 'pause', pause):
            first.start()
            self.assertTrue(looks.wait(SECONDS))
            event = beat.next()
            event.set()
            self.assertFalse(beat.wait(event, False))
            goes_on.set()
            first.join(SECONDS)
            self.assertEqual([True], found)
            # It has ended, so another one looks now.
            self.assertTrue(beat.wait(beat.next(), False))

    def test_pauses_grow_until_something_comes(self) -> None:
        beat = waiting.Beat()
        pauses: list[float] = []
        with mock.patch.object(threads, 'pause', pauses.append):
            for _ in range(20):
                beat.wait(beat.next(), False)
            beat.strike()
            beat.wait(beat.next(), False)
        self.assertEqual(sorted(pauses[:-1]), pauses[:-1])
        self.assertEqual(waiting._LONGEST_PAUSE_SECONDS, pauses[-2])
        self.assertEqual(pauses[0], pauses[-1])

    def test_rest_is_as_long_as_there_are_readers(self) -> None:
        beat = waiting.Beat()
        pauses: list[float] = []
        with mock.patch.object(threads, 'pause', pauses.append):
            for _ in range(500):
                beat.join()
                beat.rest()
            for _ in range(500):
                beat.leave()
            beat.rest()
        self.assertLess(pauses[0], pauses[1])
        self.assertEqual(waiting._LONGEST_REST_SECONDS, max(pauses))
        self.assertEqual(0, pauses[-1])

    def test_one_beat_for_an_image_as_long_as_it_is_used(self) -> None:
        beats = waiting.Beats()
        first = beats.of('a')
        self.assertIs(first, beats.of('a'))
        self.assertIsNot(first, beats.of('b'))
        self.assertEqual(['a'], list(beats._by_id))
