"""Who waits longest is next."""

import contextlib
import threading
from unittest import TestCase

from glance.common import errors
from glance_registry.db import engine
from tests.live import processes

PATIENCE_SECONDS = 60
#: For those that wait in vain.
SHORT_SECONDS = 0.05


class Visitor:
    """Goes through a gate in a thread of its own, and stays inside."""

    def __init__(
        self, through: engine.Slots, order: list[int], number: int
    ) -> None:
        self._through = through
        self._order = order
        self._leave = threading.Event()
        self._thread = threading.Thread(
            target=self._visit, args=(through, order, number)
        )
        inside, waiting = len(order), len(through._waiting)
        self._thread.start()
        processes.wait_until(
            lambda: len(order) > inside or len(through._waiting) > waiting,
            PATIENCE_SECONDS,
            'the visitor is inside or waits',
        )

    def _visit(
        self, through: engine.Slots, order: list[int], number: int
    ) -> None:
        with through:
            order.append(number)
            self._leave.wait(PATIENCE_SECONDS)

    def leave(self) -> None:
        entered = len(self._order) + bool(self._through._waiting)
        self._leave.set()
        self._thread.join(PATIENCE_SECONDS)
        processes.wait_until(
            lambda: len(self._order) >= entered,
            PATIENCE_SECONDS,
            'the next one is inside',
        )


class TestGate(TestCase):
    def setUp(self) -> None:
        self.order: list[int] = []

    def visitors(self, through: engine.Slots, count: int) -> list[Visitor]:
        visitors = [Visitor(through, self.order, i) for i in range(count)]
        for visitor in visitors:
            self.addCleanup(visitor.leave)
        return visitors

    def test_so_many_at_a_time(self) -> None:
        through = engine.Slots('read', 2, PATIENCE_SECONDS)
        visitors = self.visitors(through, 3)
        self.assertEqual([0, 1], self.order)
        visitors[1].leave()
        self.assertEqual([0, 1, 2], self.order)

    def test_a_newcomer_passes_nobody(self) -> None:
        through = engine.Slots('read', 1, PATIENCE_SECONDS)
        first, second = self.visitors(through, 2)
        first.leave()
        last = Visitor(through, self.order, 9)
        self.addCleanup(last.leave)
        self.assertEqual([0, 1], self.order)
        second.leave()
        self.assertEqual([0, 1, 9], self.order)

    def test_in_the_order_of_coming(self) -> None:
        through = engine.Slots('read', 1, PATIENCE_SECONDS)
        for visitor in self.visitors(through, 5):
            visitor.leave()
        self.assertEqual([0, 1, 2, 3, 4], self.order)

    def test_impatience_is_an_error_and_takes_no_place(self) -> None:
        through = engine.Slots('read', 1, SHORT_SECONDS)
        (inside,) = self.visitors(through, 1)
        with self.assertRaises(errors.DatabaseUnavailable), through:
            self.fail('there was no room')
        inside.leave()
        with through:
            self.order.append(1)
        self.assertEqual([0, 1], self.order)

    def test_a_turn_that_comes_too_late_goes_on(self) -> None:
        """It was given while the one who waited gave up."""
        through = engine.Slots('read', 1, PATIENCE_SECONDS)
        through._inside = 1
        through._give_up(threading.Lock())  # no longer in the queue
        self.assertEqual(0, through._inside)

    def test_no_limit(self) -> None:
        through = engine.Slots('read', None, PATIENCE_SECONDS)
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(through)

    def test_a_failure_inside_leaves(self) -> None:
        through = engine.Slots('read', 1, SHORT_SECONDS)
        for _ in range(2):
            with self.assertRaises(KeyError), through:
                raise KeyError
