"""At what rate and in which part of the day work goes on."""

import datetime
import threading
import time
import unittest

from glance.common import pacing


class TestWindow(unittest.TestCase):
    def test_times_of_the_day(self) -> None:
        for text, closed, opened in (
            ('01:00-05:00', ('00:59', '05:00'), ('01:00', '04:59')),
            ('22:30-04:00', ('22:29', '12:00'), ('22:30', '00:00', '03:59')),
        ):
            window = pacing.window(text)
            for each in closed:
                now = datetime.time.fromisoformat(each)
                self.assertFalse(window.is_open(now), (text, each))
            for each in opened:
                now = datetime.time.fromisoformat(each)
                self.assertTrue(window.is_open(now), (text, each))

    def test_other_texts_are_refused(self) -> None:
        for text in ('', '1:00-2:00', '01:00', '24:00-01:00', '01:00-01:00'):
            with self.assertRaisesRegex(ValueError, 'times of the day|diff'):
                pacing.window(text)


class Waits(threading.Event):
    """Notes for how long it was waited for, and lets no time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        return self.is_set()


class TestPace(unittest.TestCase):
    def test_rate(self) -> None:
        waits = Waits()
        pace = pacing.Pace(1_000_000, stopped=waits)
        began = time.monotonic()
        for _ in range(10):
            pace.take(500_000)
        passed = time.monotonic() - began
        # No time has passed, so the debt grows with each piece.
        self.assertGreater(waits.seconds[-1], 5 - passed - 0.01)
        self.assertLessEqual(waits.seconds[-1], 5)

    def test_waits_until_the_window_opens(self) -> None:
        waits, hours = Waits(), iter((3, 4, 5, 6))
        pace = pacing.Pace(
            None,
            pacing.window('05:00-06:00'),
            waits,
            lambda: datetime.datetime(2036, 1, 1, next(hours)),
        )
        pace.take(1)
        self.assertEqual(2, len(waits.seconds))

    def test_stop_ends_the_work(self) -> None:
        stopped = threading.Event()
        for pace in (
            pacing.Pace(stopped=stopped),
            pacing.Pace(1, stopped=stopped),
        ):
            stopped.set()
            with self.assertRaises(pacing.Stopped):
                pace.take(100)
