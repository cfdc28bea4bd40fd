"""The registry accepts requests only from glance-api."""

import webob

from glance.common import context
from glance.common import middleware
from tests import base
from tests.functional.permissions import callers


class TestRegistryAccess(callers.PermissionTestCase):
    def to_registry(self, **headers: str) -> webob.Response:
        sent = {**base.identity('admin'), **headers}
        request = webob.Request.blank('/v1/query/images', headers=sent)
        request.method = 'POST'
        request.json = {'limit': 1, 'sort': [['id', 'asc']]}
        return request.get_response(self.service.registry_app)

    def test_a_caller_who_comes_directly_is_401(self) -> None:
        self.assert_status(401, self.to_registry())

    def test_a_wrong_secret_is_401(self) -> None:
        for secret in ('wrong', '', base.SECRET[:-1], base.SECRET + 'x', 'é'):
            with self.subTest(secret):
                response = self.to_registry(**{context.SHARED_SECRET: secret})
                self.assert_status(401, response)

    def test_a_user_who_is_no_service_is_403(self) -> None:
        """As with flavor keystone: the token is valid, but a user's."""
        app = base.registry_app.registry(self.service.database, 60)
        pipeline = middleware.Context(app, service_roles=lambda: ['service'])
        for roles, status in (('', 403), ('member', 403), ('Service', 400)):
            request = webob.Request.blank(
                '/v1/query/images',
                method='POST',
                headers={
                    **base.identity('admin'),
                    'X-Service-Roles': roles,
                    context.IS_ADMIN: 'true',
                },
                environ={'keystone.token_auth': object()},
            )
            with self.subTest(roles):
                # 400: the request is allowed, but has no body
                self.assert_status(status, request.get_response(pipeline))

    def test_a_pipeline_that_vets_nothing_is_401(self) -> None:
        app = base.registry_app.registry(self.service.database, 60)
        request = webob.Request.blank(
            '/v1/images/x', headers=base.identity('admin')
        )
        response = request.get_response(middleware.Context(app))
        self.assert_status(401, response)

    def test_admin_rights_come_from_the_api_alone(self) -> None:
        """OSSN-0060: roles in the request headers make no caller an admin."""
        image_id = self.image(visibility='private')
        headers = {**base.identity('bob'), 'X-Roles': 'admin,member,reader'}
        headers[context.SHARED_SECRET] = base.SECRET
        request = webob.Request.blank(
            f'/v1/images/{image_id}', headers=headers
        )
        response = request.get_response(self.service.registry_app)
        self.assert_status(404, response)
