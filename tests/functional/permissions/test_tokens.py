"""Callers without a token, or with a token that is not sufficient."""

import json

from glance.common import context
from tests.functional.permissions import callers


class TestOtherTokens(callers.PermissionTestCase):
    def test_no_token_is_401(self) -> None:
        # covers 2.1-2
        image_id = self.make('public')
        for call in callers.CALLS:
            with self.subTest(f'{call.method} {call.rest}'):
                response = self.perform(None, call, image_id)
                self.assert_status(401, response)
        for path in ('/v2/images', '/v2/schemas/image', '/v2/nothing'):
            self.assert_status(401, self.ask(None, 'GET', path))

    def test_an_unconfirmed_identity_is_401(self) -> None:
        # covers 2.1-2
        for status in ('Invalid', 'confirmed', ''):
            with self.subTest(status):
                response = self.ask(
                    'admin',
                    'GET',
                    '/v2/images',
                    **{'X-Identity-Status': status},
                )
                self.assert_status(401, response)

    def test_a_token_of_another_scope_is_refused(self) -> None:
        """All rules have the scope type project."""
        # covers 2.2-6..7
        image_id = self.make('public')
        for scope in (
            {'OpenStack-System-Scope': 'all'},
            {'X-Domain-Id': 'd1'},
        ):
            with self.subTest(str(scope)):
                headers = {**scope, 'X-Project-Id': ''}
                listed = self.ask('owner', 'GET', '/v2/images', **headers)
                self.assert_status(403, listed)
                shown = self.ask(
                    'owner', 'GET', f'/v2/images/{image_id}', **headers
                )
                self.assert_status(404, shown)
                created = self.ask(
                    'owner', 'POST', '/v2/images', b'{}', **headers
                )
                self.assert_status(403, created)
                schema = self.ask(
                    'owner', 'GET', '/v2/schemas/image', **headers
                )
                self.assert_status(200, schema)

    def test_nobody_claims_to_be_an_admin_by_header(self) -> None:
        image_id = self.make('private')
        for headers in (
            {context.IS_ADMIN: 'true'},
            {'X-Is-Admin-Project': 'true'},
            {'X-Service-Roles': 'admin,service'},
            {'X-Role': 'admin'},
        ):
            with self.subTest(str(headers)):
                response = self.ask(
                    'other', 'GET', f'/v2/images/{image_id}', **headers
                )
                self.assert_status(404, response)

    def test_roles_are_not_expanded(self) -> None:
        # covers 25-50
        image_id = self.make('public')
        roles = {'X-Roles': 'member'}
        listed = self.ask('owner', 'GET', '/v2/images', **roles)
        self.assert_status(403, listed)
        shown = self.ask('owner', 'GET', f'/v2/images/{image_id}', **roles)
        self.assert_status(404, shown)


class TestAnonymous(callers.PermissionTestCase):
    api_options = {'allow_anonymous_access': True}

    def test_an_anonymous_caller_needs_roles_like_anybody(self) -> None:
        # covers 2.2-2, 8.1-3
        image_id = self.make('public')
        for call in callers.CALLS:
            status = 403 if call.needs == 'change' else 404
            with self.subTest(f'{call.method} {call.rest}'):
                response = self.perform(None, call, image_id)
                self.assert_status(status, response)
        self.assert_status(403, self.ask(None, 'GET', '/v2/images'))
        self.assert_status(403, self.ask(None, 'POST', '/v2/images', b'{}'))


class TestAnonymousReads(callers.PermissionTestCase):
    """Rules that allow anonymous reads do not allow other calls."""

    api_options = {'allow_anonymous_access': True}
    rules = dict.fromkeys(
        ('get_image', 'get_images', 'download_image', 'modify_image')
        + ('add_image', 'delete_image', 'add_member', 'upload_image'),
        '',
    )
    files_beside = {'policy.json': json.dumps(rules)}

    def test_an_anonymous_caller_reads_and_never_changes(self) -> None:
        # covers 2.2-2..3
        image_id = self.make('public')
        path = f'/v2/images/{image_id}'
        self.assert_status(200, self.ask(None, 'GET', '/v2/images'))
        self.assert_status(200, self.ask(None, 'GET', path))
        self.assert_status(200, self.ask(None, 'GET', f'{path}/file'))
        self.assert_status(403, self.ask(None, 'DELETE', path))
        self.assert_status(403, self.ask(None, 'POST', '/v2/images', b'{}'))
        self.assert_status(403, self.ask(None, 'PUT', f'{path}/tags/y'))
        private = self.make('private')
        hidden = self.ask(None, 'GET', f'/v2/images/{private}')
        self.assert_status(404, hidden)
