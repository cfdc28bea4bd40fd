"""What is told of a registry, and how often."""

import errno
import json
import time
from typing import Any
import unittest
from unittest import mock

from glance import registry_client
from glance.common import context
from glance.common import errors
from glance.common import repeated
from glance.common import startup
from glance.registry_client import peers
from glance.registry_client import transport

ANSWER = registry_client.Answer(204, b'')


class TestTelling(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.enterContext(
            mock.patch.object(time, 'monotonic', lambda: self.now)
        )
        self.outcome: Any = ANSWER
        self.peer = registry_client.Peer('http://r:1', self)
        self.client = registry_client.RegistryClient(self.peer)

    def send(self, *_request: Any) -> registry_client.Answer:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        answer: registry_client.Answer = self.outcome
        return answer

    def ask(self, times: int) -> None:
        for _ in range(times):
            try:
                self.client.delete_tag(context.RequestContext(), 'a', 'b')
            except errors.Unavailable:
                continue

    def logged(self, level: str = 'ERROR') -> Any:
        return self.assertLogs(peers.LOG, level)

    def test_once_a_minute_and_not_per_request(self) -> None:
        self.outcome = transport.Unreached()
        self.outcome.__cause__ = ConnectionRefusedError(111, 'refused')
        with self.logged() as logged:
            self.ask(100)
        (line,) = logged.output
        self.assertIn('http://r:1 does not serve glance-api', line)
        self.assertIn('refused', line)
        self.now += repeated.PAUSE_SECONDS
        with self.logged() as logged:
            self.ask(1)
        self.assertIn('(99 more since the last such line)', logged.output[0])

    def test_flapping_is_told_once_a_minute_too(self) -> None:
        with self.logged('INFO') as logged:
            for _ in range(100):
                self.outcome = transport.Unreached()
                self.ask(1)
                self.outcome = ANSWER
                self.ask(1)
        self.assertEqual(2, len(logged.output))
        self.assertIn('serves glance-api again', logged.output[1])

    def test_why(self) -> None:
        unserved = '{"error": {"code": "%s", "message": "m"}}'
        for status, body, reason in (
            (503, errors.KeystoneUnavailable.text, 'tokens at Keystone'),
            (503, unserved % 'database_unavailable', 'its database'),
            (502, '<html>Bad Gateway</html>', 'in its place answers 502'),
            (503, '', 'in its place answers 503'),
            (403, unserved % 'not_a_service', 'refuses glance-api itself'),
        ):
            self.outcome = registry_client.Answer(status, body.encode())
            self.ask(1)
            self.assertIn(reason, str(self.peer))
            self.outcome = ANSWER
            self.ask(1)
            self.assertRegex(
                str(self.peer), '^registry http://r:1: works, since 20.*Z$'
            )

    def test_refusing_us_is_told_apart_from_refusing_a_user(self) -> None:
        self.outcome = registry_client.Answer(401, b'')
        self.peer.send('GET', '/v1/images/x', {}, None, True)
        self.assertIsNone(self.peer.reason)
        self.peer.check(self.client.check_registry)
        self.assertIn('(HTTP 401)', str(self.peer))

    def test_a_registry_of_an_older_version_works(self) -> None:
        # What its router says of a path that is not in its table.
        error = {'code': 'not_found', 'message': errors.NotFound.text}
        body = json.dumps({'error': error}).encode()
        self.outcome = registry_client.Answer(404, body)
        self.peer.check(self.client.check_registry)
        self.assertIsNone(self.peer.reason)

    def test_it_is_asked_in_the_background_until_it_is_back(self) -> None:
        """And no more once another application took over (a reload)."""
        reasons: list[str | None] = []

        def sleep(seconds: float) -> None:
            self.assertEqual(peers.CHECK_SECONDS, seconds)
            reasons.append(self.peer.reason)
            if len(reasons) == 2:
                self.outcome = ANSWER
            if len(reasons) == 5:
                startup.forget()

        asked = mock.Mock(side_effect=self.client.check_registry)
        self.outcome = transport.Unreached('away')
        with mock.patch.object(time, 'sleep', sleep), self.logged():
            self.peer._watch(asked)
        self.assertEqual(['away', 'away', None, None, None], reasons)
        self.assertEqual(3, asked.call_count)

    def test_no_token_of_our_own(self) -> None:
        def token(_renew: bool) -> str:
            raise errors.RegistryUnavailable('no token')

        client = registry_client.RegistryClient(self.peer, service_token=token)
        self.peer.check(client.check_registry)
        self.assertIn('no token', str(self.peer))

    def test_out_of_descriptors(self) -> None:
        endpoint = mock.Mock(host='r')
        endpoint.open.side_effect = OSError(errno.EMFILE, 'Too many')
        wire = registry_client.HTTPTransport(endpoint, 1, 5.0)
        peer = registry_client.Peer('r', wire)
        with self.assertRaises(errors.OutOfDescriptors):
            peer.send('GET', '/', {}, None, True)
        self.assertIsNone(peer.reason)
