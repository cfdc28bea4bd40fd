"""The queue in front of the message bus."""

import threading
import time
from typing import Any
import unittest
from unittest import mock

from glance.notifications import outbox

SECONDS = 10


class Bus:
    """A message bus that can stand still."""

    def __init__(self) -> None:
        self.works = threading.Event()
        self.got: list[Any] = []
        self.asked = threading.Event()

    def send(self, event: outbox.Event) -> None:
        self.asked.set()
        if not self.works.wait(SECONDS):
            raise AssertionError('nobody let it work')
        self.got.append(event.payload)


def event(payload: Any) -> outbox.Event:
    return outbox.Event('info', 'image.create', payload)


class TestOutbox(unittest.TestCase):
    def setUp(self) -> None:
        self.bus = Bus()
        self.addCleanup(self.bus.works.set)

    def outbox(self, *bounds: int) -> outbox.Outbox:
        return outbox.Outbox(self.bus.send, *bounds)

    def test_all_arrive_in_order(self) -> None:
        waiting = self.outbox()
        self.bus.works.set()
        for number in range(1000):
            waiting.put(event(number))
        waiting.flush(SECONDS)
        self.assertEqual(list(range(1000)), self.bus.got)

    def test_a_bus_that_stands_still_delays_nobody(self) -> None:
        waiting = self.outbox()
        start = time.monotonic()
        for number in range(1000):
            waiting.put(event(number))
        self.assertLess(time.monotonic() - start, 5)
        self.bus.works.set()
        waiting.flush(SECONDS)
        self.assertEqual(1000, len(self.bus.got))

    def test_trouble_while_the_bus_does_not_take_one(self) -> None:
        waiting = self.outbox()
        waiting.put(event('first'))
        self.assertTrue(self.bus.asked.wait(SECONDS))
        self.assertIsNone(waiting.trouble())
        with mock.patch.object(outbox, 'SLOW_SECONDS', 0.0):
            self.assertIn('0 more wait', waiting.trouble() or '')
            self.bus.works.set()
            waiting.flush(SECONDS)
            self.assertIsNone(waiting.trouble())

    def test_what_is_too_much_is_dropped_and_counted(self) -> None:
        waiting = self.outbox(3)
        waiting.put(event('first'))
        self.bus.asked.wait(SECONDS)
        with self.assertLogs('glance.notifications') as log:
            for number in range(10):
                waiting.put(event(number))
        self.assertEqual(1, len(log.output))  # not one line each
        self.assertEqual(7, waiting.dropped)
        self.bus.works.set()
        waiting.flush(SECONDS)
        self.assertEqual(['first', 0, 1, 2], self.bus.got)
        waiting.put(event('again'))
        waiting.flush(SECONDS)
        self.assertEqual('again', self.bus.got[-1])

    def test_large_events_are_bounded_too(self) -> None:
        waiting = self.outbox(100, 1000)
        with self.assertLogs('glance.notifications'):
            for _ in range(20):
                waiting.put(event('x' * 200))
        self.assertGreaterEqual(waiting.dropped, 15)

    def test_an_event_is_as_it_was_when_it_was_told(self) -> None:
        waiting = self.outbox()
        payload = {'status': 'queued'}
        waiting.put(event(payload))
        payload['status'] = 'active'
        self.bus.works.set()
        waiting.flush(SECONDS)
        self.assertEqual([{'status': 'queued'}], self.bus.got)

    def test_a_failure_is_logged_and_the_next_goes_out(self) -> None:
        got = []

        def send(told: outbox.Event) -> None:
            if told.payload == 'bad':
                raise RuntimeError('no')
            got.append(told.payload)

        waiting = outbox.Outbox(send)
        with self.assertLogs('glance.notifications', 'ERROR'):
            for payload in ('bad', 'good'):
                waiting.put(event(payload))
            waiting.flush(SECONDS)
        self.assertEqual(['good'], got)

    def test_the_end_waits_only_so_long(self) -> None:
        waiting = self.outbox()
        waiting.put(event(1))
        waiting.put(event(2))
        start = time.monotonic()
        with self.assertLogs('glance.notifications') as log:
            waiting.flush(0.2)
        self.assertLess(time.monotonic() - start, SECONDS / 2)
        self.assertIn('2 notifications', log.output[0])

    def test_the_end_of_an_unused_one_is_at_once(self) -> None:
        with self.assertNoLogs('glance.notifications'):
            self.outbox().flush(SECONDS)
