"""When the sweeper starts, and which transfers it takes for dead."""

from concurrent import futures
import datetime
from typing import Any
import unittest
from unittest import mock

from glance_registry import sweeper
from glance_registry.db import sweeping

LEASE_SECONDS = 15.0
BEAT_SECONDS = 5
MOMENT = datetime.datetime(2000, 1, 1)


def mark(renewals: int, moment: datetime.datetime = MOMENT) -> sweeping.Mark:
    return sweeping.Mark(renewals, moment)


class ObservedTest(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.observed = sweeper.Observed(LEASE_SECONDS)
        self.now = 1000.0

    def look(
        self, after_seconds: float, **present: sweeping.Mark
    ) -> list[str]:
        self.now += after_seconds
        return list(self.observed.note(present, self.now))

    def test_one_that_is_never_renewed_lapses_after_a_lease(self) -> None:
        self.assertEqual([], self.look(0, t=mark(0)))
        self.assertEqual([], self.look(BEAT_SECONDS, t=mark(0)))
        self.assertEqual([], self.look(BEAT_SECONDS, t=mark(0)))
        self.assertEqual(['t'], self.look(BEAT_SECONDS, t=mark(0)))

    def test_one_that_is_renewed_never_lapses(self) -> None:
        for beat in range(100):
            self.assertEqual([], self.look(BEAT_SECONDS, t=mark(beat)))

    def test_a_renewal_begins_the_lease_anew(self) -> None:
        for renewals in (0, 0, 0, 1, 1, 1):
            self.assertEqual([], self.look(BEAT_SECONDS, t=mark(renewals)))
        self.assertEqual(['t'], self.look(BEAT_SECONDS, t=mark(1)))

    def test_a_renewal_by_an_older_registry_counts_too(self) -> None:
        for beat in range(100):
            later = MOMENT + datetime.timedelta(seconds=beat)
            self.assertEqual([], self.look(BEAT_SECONDS, t=mark(0, later)))

    def test_a_standstill_ends_nothing(self) -> None:
        """Of this process, or of the database that it asks."""
        for seconds in (20, 10_000):
            self.look(BEAT_SECONDS, t=mark(0))
            self.look(BEAT_SECONDS, t=mark(0))
            self.assertEqual([], self.look(seconds, t=mark(0)))
            # The holder's renewal waited for the end of the standstill.
            self.assertEqual([], self.look(BEAT_SECONDS, t=mark(1)))

    def test_a_dead_one_lapses_also_after_standstills(self) -> None:
        found = [self.look(1000, t=mark(0)) for _ in range(4)]
        self.assertEqual([[], [], [], ['t']], found)

    def test_first_look_after_a_start_ends_nothing(self) -> None:
        old = mark(7, MOMENT - datetime.timedelta(days=1))
        self.assertEqual([], self.look(10_000, t=old))

    def test_each_transfer_has_its_own_time(self) -> None:
        self.look(BEAT_SECONDS, a=mark(0))
        self.look(BEAT_SECONDS, a=mark(0), b=mark(0))
        self.look(BEAT_SECONDS, a=mark(0), b=mark(0))
        last = self.look(BEAT_SECONDS, a=mark(0), b=mark(0))
        self.assertEqual(['a'], last)

    def test_what_is_gone_is_forgotten(self) -> None:
        for _ in range(3):
            self.look(BEAT_SECONDS, t=mark(0))
        self.look(BEAT_SECONDS)
        self.assertEqual([], self.look(BEAT_SECONDS, t=mark(0)))


class TestStart(unittest.TestCase):
    def test_first_requests_start_one_sweeper(self) -> None:
        app: Any = sweeper.Sweeping(mock.Mock(), mock.Mock(), 60)
        with mock.patch.object(sweeper, 'threading') as threads:
            with futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda _: app({}, None), range(8)))
            start = threads.Thread.return_value.start
        self.assertEqual(1, start.call_count)
