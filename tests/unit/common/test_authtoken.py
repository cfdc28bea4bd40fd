"""Tokens that Keystone does not check are nobody's fault but ours."""

from typing import Any
import unittest
from unittest import mock

from keystoneauth1 import exceptions as keystone_exceptions
from keystonemiddleware.auth_token import _exceptions as token_exceptions
from oslo_config import cfg
import webob

from glance.common import authtoken
from glance.common import errors


def app(environ: dict[str, Any], start_response: Any) -> Any:
    status = environ.get('HTTP_X_IDENTITY_STATUS', 'none')
    return webob.Response(text=status)(environ, start_response)


class TestAuthProtocol(unittest.TestCase):
    def setUp(self) -> None:
        conf = cfg.ConfigOpts()
        conf([], project='glance', default_config_files=[])
        options = {'oslo_config_config': conf}
        self.filter = authtoken.filter_factory(
            options,
            delay_auth_decision='true',
            www_authenticate_uri='http://keystone.invalid',
        )(app)

    def ask(self, trouble: Exception, header: str) -> webob.Response:
        request = webob.Request.blank('/', headers={header: 'a-token'})
        with mock.patch.multiple(
            self.filter._identity_server,
            verify_token=mock.Mock(side_effect=trouble),
            invalidate=mock.Mock(),
        ):
            return request.get_response(self.filter)

    def test_trouble_of_ours_with_keystone_is_503(self) -> None:
        for trouble in (
            keystone_exceptions.ConnectFailure('no route'),
            keystone_exceptions.DiscoveryFailure('no versions'),
            keystone_exceptions.RequestTimeout(),
            keystone_exceptions.EndpointNotFound('none'),
            token_exceptions.ServiceError('our password is wrong'),
        ):
            for header in ('X-Auth-Token', 'X-Service-Token'):
                with self.subTest(header, trouble=trouble):
                    response = self.ask(trouble, header)
                    self.assertEqual(503, response.status_int)
                    self.assertEqual('5', response.headers['Retry-After'])
                    text = errors.KeystoneUnavailable.text
                    self.assertIn(text, response.text)

    def test_an_invalid_token_is_marked(self) -> None:
        trouble = token_exceptions.InvalidToken('expired')
        response = self.ask(trouble, 'X-Auth-Token')
        self.assertEqual(
            (200, 'Invalid'), (response.status_int, response.text)
        )
