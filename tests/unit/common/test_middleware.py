from typing import Any
import unittest

import webob

from glance.api import conf as api_conf
from glance.common import context
from glance.common import errors
from glance.common import middleware
from tests import base

SECRET = 'a secret of both daemons'


def app(environ: dict[str, Any], start_response: Any) -> Any:
    """Answers with what the filters made of the caller."""
    caller = environ.get('glance.context')
    response = webob.Response(
        json={
            'project': caller and caller.project_id,
            'roles': caller and caller.roles,
            'is_admin': caller and caller.is_admin,
            'is_service': caller and caller.is_service,
            'read_only': caller and caller.read_only,
            'headers': sorted(k for k in environ if k.startswith('HTTP_X_')),
        }
    )
    return response(environ, start_response)


def ask(pipeline: Any, **headers: str) -> webob.Response:
    request = webob.Request.blank(
        '/', headers={k.replace('_', '-'): v for k, v in headers.items()}
    )
    return request.get_response(pipeline)


def trusted(secret: str | None = None, **options: Any) -> Any:
    return middleware.TrustedAuth(middleware.Context(app, **options), secret)


class TestIdentity(unittest.TestCase):
    def test_a_confirmed_caller(self) -> None:
        found = ask(
            trusted(),
            X_Identity_Status='Confirmed',
            X_Project_Id='p1',
            X_Roles='Admin, member,,READER ',
        ).json
        self.assertEqual('p1', found['project'])
        self.assertEqual(['admin', 'member', 'reader'], found['roles'])
        self.assertFalse(found['is_admin'])  # that is policy's to say

    def test_the_older_name_of_a_project(self) -> None:
        for headers, project in (
            ({'X_Tenant_Id': 't'}, 't'),
            ({'X_Tenant_Id': 't', 'X_Project_Id': 'p'}, 'p'),
            ({'X_Project_Id': ''}, None),
            ({}, None),
        ):
            found = ask(
                trusted(), X_Identity_Status='Confirmed', **headers
            ).json
            self.assertEqual(project, found['project'])

    def test_nobody_is_401_or_reads_only(self) -> None:
        for headers in (
            {},
            {'X_Identity_Status': 'Invalid', 'X_Roles': 'admin'},
            {'X_Roles': 'admin'},
        ):
            self.assertEqual(401, ask(trusted(), **headers).status_int)
            found = ask(trusted(allow_anonymous=True), **headers).json
            self.assertTrue(found['read_only'])
            self.assertEqual([], found['roles'])
            self.assertIsNone(found['project'])

    def test_headers_that_nothing_vetted_are_401(self) -> None:
        identity = base.identity('admin')
        request = webob.Request.blank('/', headers=identity)
        bare = middleware.Context(app, allow_anonymous=True)
        self.assertEqual(401, request.get_response(bare).status_int)

    def test_a_token_that_authtoken_vetted_counts(self) -> None:
        request = webob.Request.blank(
            '/',
            headers=base.identity('admin'),
            environ={'keystone.token_auth': object()},
        )
        found = request.get_response(middleware.Context(app)).json
        self.assertEqual('p-admin', found['project'])
        self.assertFalse(found['is_service'])

    def test_a_service_is_known_by_its_roles(self) -> None:
        for roles, is_service in (
            ('service', True),
            ('SERVICE,other', True),
            ('admin', False),
            ('', False),
        ):
            request = webob.Request.blank(
                '/',
                headers={**base.identity('bob'), 'X-Service-Roles': roles},
                environ={'keystone.token_auth': object()},
            )
            pipeline = middleware.Context(
                app, service_roles=lambda: ['service']
            )
            found = request.get_response(pipeline).json
            self.assertIs(is_service, found['is_service'])


class TestTrustedAuth(unittest.TestCase):
    def test_the_right_secret(self) -> None:
        found = ask(
            trusted(SECRET),
            X_Identity_Status='Confirmed',
            X_Project_Id='p1',
            X_Glance_Shared_Secret=SECRET,
        ).json
        self.assertEqual('p1', found['project'])
        self.assertTrue(found['is_service'])
        self.assertNotIn('HTTP_X_GLANCE_SHARED_SECRET', found['headers'])

    def test_a_wrong_secret_takes_every_claim_away(self) -> None:
        pipeline = trusted(SECRET, allow_anonymous=True)
        for secret in ('', 'wrong', SECRET + ' x', SECRET.upper(), 'é'):
            found = ask(
                pipeline,
                X_Identity_Status='Confirmed',
                X_User_Id='u',
                X_Project_Id='p1',
                X_Tenant_Id='p1',
                X_Roles='admin',
                X_Service_Roles='service',
                X_Service_Identity_Status='Confirmed',
                X_Glance_Shared_Secret=secret,
            ).json
            with self.subTest(secret):
                self.assertIsNone(found['project'])
                self.assertEqual([], found['headers'])
                self.assertFalse(found['is_service'])


class TestRequestIds(unittest.TestCase):
    def answered(self, pipeline: Any, **headers: str) -> webob.Response:
        return ask(pipeline, X_Identity_Status='Confirmed', **headers)

    def test_one_is_made(self) -> None:
        first = self.answered(trusted()).headers['x-openstack-request-id']
        second = self.answered(trusted()).headers['x-openstack-request-id']
        self.assertRegex(first, '^req-[0-9a-f-]{36}$')
        self.assertNotEqual(first, second)

    def test_the_given_one_is_kept_with_its_prefix(self) -> None:
        for given, kept in (
            ('req-x', 'req-x'),
            ('x', 'req-x'),
            ('REQ-x', 'req-REQ-x'),
        ):
            response = self.answered(trusted(), X_OpenStack_Request_ID=given)
            self.assertEqual(kept, response.headers['x-openstack-request-id'])

    def test_the_length_is_bounded(self) -> None:
        for longest, length, status in (
            (64, 64, 200),
            (64, 65, 431),
            (5, 6, 431),
            (0, 5000, 200),
        ):
            response = self.answered(
                trusted(max_request_id_length=longest),
                X_OpenStack_Request_ID='x' * length,
            )
            self.assertEqual(status, response.status_int)

    def test_only_plain_text(self) -> None:
        for odd in ('a\tb', 'a\x7f', 'é'):
            response = self.answered(trusted(), X_OpenStack_Request_ID=odd)
            with self.subTest(repr(odd)):
                self.assertEqual(400, response.status_int)


class TestUnauthenticated(unittest.TestCase):
    def test_everybody_is_the_admin(self) -> None:
        pipeline = middleware.UnauthenticatedContext(app)
        found = ask(pipeline, X_Project_Id='p9', X_Roles='nothing').json
        self.assertIsNone(found['project'])
        self.assertTrue(found['is_service'])
        self.assertIn('admin', found['roles'])


class TestToHeaders(unittest.TestCase):
    """What a caller is to the registry comes out as it went in."""

    def test_round_trip(self) -> None:
        caller = context.RequestContext(
            user_id='u',
            project_id='p',
            roles=['member', 'reader'],
            request_id='req-1',
            overwrite=False,
        )
        headers = context.to_headers(caller, send_identity_headers=True)
        environ = {
            'HTTP_' + name.upper().replace('-', '_'): value
            for name, value in headers.items()
        }
        again = context.from_environ(environ, headers[context.REQUEST_ID])
        for name in ('user_id', 'project_id', 'roles', 'request_id'):
            self.assertEqual(getattr(caller, name), getattr(again, name))
        self.assertNotIn(context.IS_ADMIN, headers)

    def test_an_admin_is_told_apart(self) -> None:
        caller = context.RequestContext(is_admin=True, overwrite=False)
        for send in (True, False):
            headers = context.to_headers(caller, send)
            self.assertEqual('true', headers[context.IS_ADMIN])


class TestFactories(unittest.TestCase):
    """Pipelines that would let everybody in do not start."""

    def options(self, **values: Any) -> dict[str, Any]:
        conf = base.configuration(api_conf, '', default=values)
        return {'oslo_config_config': conf}

    def check(self, factory: Any, good: Any, bad: Any) -> None:
        for values in good:
            with self.subTest(f'{factory.__name__} {values}'):
                factory(self.options(**values))
        for values in bad:
            with (
                self.subTest(f'{factory.__name__} {values}'),
                self.assertRaises(errors.ConfigurationError) as caught,
            ):
                factory(self.options(**values))
            self.assertIn('bind_', str(caught.exception))

    def test_without_authentication_only_locally(self) -> None:
        self.check(
            middleware.unauthenticated_context_factory,
            [
                {'bind_host': '127.0.0.1'},
                {'bind_host': '::1'},
                {'bind_host': 'localhost'},
                {'bind_host': '0.0.0.0', 'bind_socket': '/run/glance'},
            ],
            [
                {'bind_host': '0.0.0.0'},
                {'bind_host': '::'},
                {'bind_host': '192.0.2.1'},
                {'bind_host': 'glance.example.org'},
                {
                    'bind_host': '0.0.0.0',
                    'trusted_auth_secret': 'long enough to be one',
                },
            ],
        )

    def test_without_authentication_one_warning_says_so(self) -> None:
        options = self.options(bind_host='127.0.0.1', bind_port=4711)
        with self.assertLogs(middleware.LOG, 'WARNING') as logs:
            for _ in range(3):
                middleware.unauthenticated_context_factory(options)
        (line,) = logs.output
        self.assertIn(
            'everybody who can connect to 127.0.0.1:4711 is an admin', line
        )
        self.assertIn('flavor = keystone', line)

    def test_trusted_headers_only_locally_or_with_a_secret(self) -> None:
        self.check(
            middleware.trusted_auth_factory,
            [
                {'bind_host': '127.0.0.1'},
                {
                    'bind_host': '0.0.0.0',
                    'trusted_auth_secret': 'long enough to be one',
                },
            ],
            [{'bind_host': '0.0.0.0'}],
        )

    def test_a_short_secret_is_refused(self) -> None:
        for secret in ('', 'x' * 15):
            with self.assertRaises(errors.ConfigurationError) as caught:
                middleware.trusted_auth_factory(
                    self.options(trusted_auth_secret=secret)
                )
            self.assertIn('trusted_auth_secret', str(caught.exception))
