"""Which of several registries is asked."""

import time
from typing import Any
import unittest
from unittest import mock

from glance import registry_client
from glance.common import errors


class _Fake:
    """A transport that does what a test says."""

    def __init__(self) -> None:
        self.outcome: Any = registry_client.Answer(200, b'{}')
        self.requests = 0

    def send(self, *_request: Any) -> registry_client.Answer:
        self.requests += 1
        if isinstance(self.outcome, Exception):
            raise self.outcome
        answer: registry_client.Answer = self.outcome
        return answer


WITHOUT_DATABASE = registry_client.Answer(
    503, b'{"error": {"code": "database_unavailable", "message": "m"}}'
)
REFUSED = registry_client.transport.Unreached()
LOST = errors.RegistryUnavailable()


class TestFailover(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.one, self.two = _Fake(), _Fake()
        self.failover = registry_client.Failover(
            {'one': self.one, 'two': self.two}
        )

    def send(self, repeatable: bool = True) -> int:
        answer = self.failover.send('GET', '/', {}, None, repeatable)
        return answer.status

    def assert_requests(self, one: int, two: int) -> None:
        self.assertEqual((one, two), (self.one.requests, self.two.requests))
        self.one.requests = self.two.requests = 0

    def later(self) -> Any:
        later = time.monotonic() + registry_client.failover.ASIDE_SECONDS
        return mock.patch.object(time, 'monotonic', return_value=later + 0.1)

    def test_the_first_is_preferred(self) -> None:
        self.send()
        self.send()
        self.assert_requests(2, 0)

    def test_who_refuses_is_put_aside_for_a_while(self) -> None:
        for repeatable in (True, False):
            self.one.outcome = REFUSED
            self.assertEqual(200, self.send(repeatable))
            self.assert_requests(1, 1)
            self.send(repeatable)
            self.assert_requests(0, 1)
            self.one.outcome = registry_client.Answer(200, b'')
            with self.later():
                self.send(repeatable)
                self.send(repeatable)
            self.assert_requests(2, 0)

    def test_one_request_tries_it_again(self) -> None:
        self.one.outcome = REFUSED
        self.send()
        self.assert_requests(1, 1)
        with self.later():
            self.send()
            self.assert_requests(1, 1)
            self.send()
            self.assert_requests(0, 1)

    def test_what_may_be_done_is_not_done_elsewhere(self) -> None:
        self.one.outcome = LOST
        with self.assertRaises(errors.RegistryUnavailable):
            self.send(repeatable=False)
        self.assert_requests(1, 0)
        self.assertEqual(200, self.send(repeatable=False))
        self.assert_requests(0, 1)

    def test_what_can_be_repeated_is_asked_elsewhere(self) -> None:
        self.one.outcome = LOST
        self.assertEqual(200, self.send())
        self.assert_requests(1, 1)

    def test_a_registry_without_its_database(self) -> None:
        self.one.outcome = WITHOUT_DATABASE
        self.assertEqual(503, self.send(repeatable=False))
        self.assert_requests(1, 0)
        self.assertEqual(200, self.send(repeatable=False))
        self.assert_requests(0, 1)
        with self.later():
            self.assertEqual(200, self.send())
            self.assert_requests(1, 1)

    def test_other_failures_are_answers(self) -> None:
        for body in (b'', b'[]', b'{"error": {"code": "unavailable"}}'):
            self.one.outcome = registry_client.Answer(503, body)
            self.assertEqual(503, self.send())
        self.assert_requests(3, 0)

    def test_when_all_fail_all_are_asked(self) -> None:
        self.one.outcome = self.two.outcome = REFUSED
        for _ in range(2):
            with self.assertRaises(errors.RegistryUnavailable):
                self.send()
            self.assert_requests(1, 1)
        self.one.outcome = WITHOUT_DATABASE
        self.assertEqual(503, self.send())
