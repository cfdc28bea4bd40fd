"""What requests and responses carry in addition to documents."""

from typing import Any

from glance import registry_client
from glance.common import context
from glance.common import errors
from tests import base
from tests.contract.registry import callers


class TestWire(callers.RegistryTestCase):
    def test_every_error_of_the_family_comes_back_as_itself(self) -> None:
        for code, error in errors.BY_CODE.items():
            answer = registry_client.Answer(
                error.status,
                b'{"error": {"code": "%s", "message": "m"}}' % code.encode(),
            )
            wire: Any = _Fixed(answer)
            if error.status == 401:
                wire.only_below = '/v1/images/'
            client = registry_client.RegistryClient(wire)
            with self.subTest(code):
                expected = error
                if error.status == 401:
                    expected = errors.Unauthorized
                elif code == 'not_a_service' or (
                    error.status == 500 and code != 'database_fault'
                ):
                    expected = errors.RegistryUnavailable
                elif code == 'method_not_allowed':
                    expected = errors.RegistryOutdated
                self.expect(expected, client.get_image, callers.ALICE, 'x')

    def test_the_request_id_crosses(self) -> None:
        wire = _Fixed(registry_client.Answer(204, b''))
        client = registry_client.RegistryClient(wire)
        caller = callers.caller('p1', request_id='req-abc')
        client.delete_tag(caller, 'x', 'y')
        self.assertEqual('req-abc', wire.headers[context.REQUEST_ID])

    def test_a_token_crosses_or_the_identity_does(self) -> None:
        caller = callers.caller('p1', auth_token='t0', user_id='u1')
        for send_identity, present, absent in (
            (True, 'X-Project-Id', 'X-Auth-Token'),
            (False, 'X-Auth-Token', 'X-Project-Id'),
        ):
            wire = _Fixed(registry_client.Answer(204, b''))
            client = registry_client.RegistryClient(
                wire, send_identity_headers=send_identity, secret=base.SECRET
            )
            client.delete_tag(caller, 'x', 'y')
            self.assertIn(present, wire.headers)
            self.assertNotIn(absent, wire.headers)

    def test_a_refused_service_token_is_renewed_once(self) -> None:
        refusal = errors.NotAService()
        body = f'{{"error": {{"code": "{refusal.code}", "message": "m"}}}}'
        wire = _Fixed(registry_client.Answer(403, body.encode()))
        renewals = []

        def token(renew: bool) -> str:
            renewals.append(renew)
            return 'token'

        client = registry_client.RegistryClient(
            registry_client.Peer('http://r', wire), service_token=token
        )
        with (
            self.assertLogs('glance.registry_client.peers') as logged,
            self.assertRaises(errors.RegistryUnavailable),
        ):
            client.get_image(callers.ALICE, 'x')
        self.assertIn('http://r', logged.output[0])
        self.assertEqual([False, True], renewals)
        self.assertEqual('token', wire.headers['X-Service-Token'])

    def test_names_are_one_segment_of_the_path(self) -> None:
        wire = _Fixed(registry_client.Answer(204, b''))
        client = registry_client.RegistryClient(wire)
        client.delete_tag(callers.ALICE, '../x', 'a/b?c#d%')
        self.assertEqual('/v1/images/..%2Fx/tags/a%2Fb%3Fc%23d%25', wire.path)


class _Fixed:
    """A transport with a fixed response, which records the request."""

    def __init__(self, answer: registry_client.Answer) -> None:
        self._answer = answer
        self.headers: dict[str, str] = {}
        self.path = ''
        self.only_below = '/'

    def send(
        self, _method: str, path: str, headers: dict[str, str], *_rest: Any
    ) -> registry_client.Answer:
        self.path, self.headers = path, headers
        if not path.startswith(self.only_below):
            return registry_client.Answer(204, b'')
        return self._answer
