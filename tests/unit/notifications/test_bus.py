"""How oslo.messaging is used; tests/live has a real broker."""

from typing import Any
import unittest
from unittest import mock

import oslo_messaging

from glance.notifications import bus


class Transport:
    """One whose broker is away for some tries."""

    def __init__(self, failures: list[Exception]) -> None:
        self._failures = failures
        self.sent: list[Any] = []

    def _send_notification(self, *message: Any) -> None:
        if self._failures:
            raise self._failures.pop(0)
        self.sent.append(message)


class TestPatience(unittest.TestCase):
    def setUp(self) -> None:
        sleep = mock.patch.object(bus.time, 'sleep')
        self.sleep = self.enterContext(sleep)

    def send(self, retry: int | None, *failures: Exception) -> list[Any]:
        transport = bus._patient(Transport(list(failures)))
        transport._send_notification('target', {}, 'text', 2.0, retry)
        sent: list[Any] = transport.sent
        return sent

    def test_without_end(self) -> None:
        for retry in (-1, None):
            sent = self.send(retry, *[ConnectionRefusedError()] * 50)
            self.assertEqual(1, len(sent))
        self.assertLessEqual(
            max(call.args[0] for call in self.sleep.mock_calls),
            bus.MOST_PAUSE_SECONDS,
        )

    def test_so_many_times(self) -> None:
        lost = oslo_messaging.MessageDeliveryFailure
        self.assertEqual(1, len(self.send(2, lost(), lost())))
        with self.assertRaises(lost):
            self.send(1, lost(), lost())
        with self.assertRaises(lost):
            self.send(0, lost())

    def test_what_is_wrong_with_the_message_is_not_repeated(self) -> None:
        with self.assertRaises(TypeError):
            self.send(-1, TypeError())
        self.sleep.assert_not_called()
