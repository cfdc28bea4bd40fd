"""Which of several registries is asked."""

from typing import Any
import unittest

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
WITHOUT_KEYSTONE = registry_client.Answer(
    503, errors.KeystoneUnavailable.text.encode()
)
NOT_A_SERVICE = registry_client.Answer(
    403, b'{"error": {"code": "not_a_service", "message": "m"}}'
)
WELL = registry_client.Answer(204, b'')
UNREACHED = registry_client.transport.Unreached()
LOST = errors.RegistryUnavailable()


class TestFailover(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.one, self.two = _Fake(), _Fake()
        self.peers = [
            registry_client.Peer('one', self.one),
            registry_client.Peer('two', self.two),
        ]
        self.failover = registry_client.Failover(self.peers)

    def send(self, repeatable: bool = True) -> int:
        answer = self.failover.send('GET', '/', {}, None, repeatable)
        return answer.status

    def assert_requests(self, one: int, two: int) -> None:
        self.assertEqual((one, two), (self.one.requests, self.two.requests))
        self.one.requests = self.two.requests = 0

    def check(self) -> None:
        """What the first one's peer does in the background."""
        client = registry_client.RegistryClient(self.peers[0])
        self.peers[0].check(client.check_registry)

    def test_the_first_is_preferred(self) -> None:
        self.send()
        self.send()
        self.assert_requests(2, 0)

    def test_no_request_of_a_user_tries_one_in_trouble(self) -> None:
        for outcome in (UNREACHED, WITHOUT_KEYSTONE, NOT_A_SERVICE):
            self.one.outcome = outcome
            with self.subTest(outcome):
                self.assertEqual(200, self.send())
                self.assert_requests(1, 1)
                for _ in range(100):
                    self.send(repeatable=False)
                self.assert_requests(0, 100)
                self.check()
                self.send()
                self.assert_requests(1, 1)
                self.one.outcome = WELL
                self.check()
                self.send()
                self.assert_requests(2, 0)

    def test_what_may_be_done_is_not_done_elsewhere(self) -> None:
        self.one.outcome = LOST
        with self.assertRaises(errors.RegistryUnavailable):
            self.send(repeatable=False)
        self.assert_requests(1, 0)
        self.assertEqual(200, self.send(repeatable=False))
        self.assert_requests(0, 1)

    def test_what_was_not_done_is_done_elsewhere(self) -> None:
        for outcome in (UNREACHED, NOT_A_SERVICE):
            self.one.outcome = WELL
            self.check()
            self.one.outcome = outcome
            self.one.requests = 0
            self.assertEqual(200, self.send(repeatable=False))
            self.assert_requests(1, 1)

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

    def test_other_failures_are_answers(self) -> None:
        body = b'{"error": {"code": "unavailable", "message": "m"}}'
        self.one.outcome = registry_client.Answer(503, body)
        for _ in range(3):
            self.assertEqual(503, self.send())
        self.assert_requests(3, 0)

    def test_the_page_of_a_proxy_is_the_last_answer(self) -> None:
        """Nobody knows whether it was done; later ones go elsewhere."""
        for body in (b'', b'[]', b'<html>'):
            self.one.outcome = registry_client.Answer(503, body)
            with self.subTest(body):
                self.assertEqual(503, self.send())
                self.assertEqual(200, self.send())
                self.assert_requests(1, 1)
                self.one.outcome = WELL
                self.check()
                self.one.requests = 0

    def test_when_all_fail_all_are_asked(self) -> None:
        self.one.outcome = self.two.outcome = UNREACHED
        for _ in range(2):
            with self.assertRaises(errors.RegistryUnavailable):
                self.send()
            self.assert_requests(1, 1)
        self.one.outcome = WITHOUT_DATABASE
        self.assertEqual(503, self.send())

    def test_no_descriptor_of_ours_is_no_fault_of_a_registry(self) -> None:
        self.one.outcome = errors.OutOfDescriptors()
        with self.assertRaises(errors.OutOfDescriptors):
            self.send()
        self.assertIsNone(self.peers[0].reason)
