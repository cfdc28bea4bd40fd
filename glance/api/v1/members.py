"""/v1/images/{image_id}/members and /v1/shared-images."""

from typing import Any

import webob

from glance.api import parts as shared
from glance.api.v2 import image_members
from glance.common import errors
from glance.common import wsgi
from glance.common.contract import sharing
from glance.images import permission


class Members:
    """The projects that an image is shared with; some may share it further."""

    def __init__(self, parts: shared.Parts) -> None:
        self._registry = parts.registry
        self._policy = parts.policy
        self._quota = parts.quotas.members
        self._access = parts.access

    def index(self, request: wsgi.Request, image_id: str) -> webob.Response:
        context = request.context
        image_sharing = self._registry.get_sharing(context, image_id)
        image = image_sharing['image']
        self._policy.require_image(context, 'get_image', image)
        if permission.is_party(context, image):
            self._policy.require_image(context, 'get_members', image)
        return wsgi.json_response({'members': image_sharing['members']})

    def shared(self, request: wsgi.Request, member: str) -> webob.Response:
        request.refuse_body()
        images = self._registry.list_shared_images(request.context, member)
        return wsgi.json_response({'shared_images': images})

    def replace(self, request: wsgi.Request, image_id: str) -> webob.Response:
        """PUT: replace all members."""
        document = request.document()
        if not isinstance(document, dict):
            raise errors.BadRequest('The body must be an object.')
        given = document.get('memberships', [document])
        if not isinstance(given, list):
            raise errors.BadRequest('"memberships" must be an array.')
        self._change(request, image_id, [*map(_membership, given)], True)
        return wsgi.empty()

    def update(
        self, request: wsgi.Request, image_id: str, member: str
    ) -> webob.Response:
        """PUT: add or change one member."""
        image_members.check_member(member)
        given: Any = request.document() if request.has_body else {}
        inner = given.get('member', {}) if isinstance(given, dict) else None
        if not isinstance(inner, dict):
            raise errors.BadRequest(
                'The body must be an object with the member "member".'
            )
        given = _membership({**inner, 'member_id': member})
        self._change(request, image_id, [given], False)
        return wsgi.empty()

    def delete(
        self, request: wsgi.Request, image_id: str, member: str
    ) -> webob.Response:
        self._permit(request, image_id, 'delete_member')
        self._registry.end_sharing(request.context, image_id, member)
        self._access.refresh(image_id)
        return wsgi.empty()

    def _change(
        self, request: wsgi.Request, image_id: str, members: Any, replace: bool
    ) -> None:
        self._permit(request, image_id, 'add_member')
        self._registry.change_sharing(
            *(request.context, image_id),
            {'members': members, 'replace': replace, 'quota': self._quota},
        )
        self._access.refresh(image_id)

    def _permit(
        self, request: wsgi.Request, image_id: str, action: str
    ) -> None:
        """Check the policy; the registry also checks who may share.

        :raises errors.Unauthorized: the caller has no project
        :raises errors.NotFound: the caller is neither owner nor member
        """
        context = request.context
        image = self._registry.get_image(context, image_id)
        self._policy.require_image(context, 'get_image', image)
        if not permission.is_party(context, image):
            if context.read_only:
                self._policy.require_image(context, action, image)
            elif not context.project_id:
                raise errors.Unauthorized('The token is not of a project.')
            raise errors.NotFound(f'There is no image {image_id} to share.')
        if image['member'] is not None and not context.is_admin:
            action = 'modify_member'  # members have a rule of their own
        self._policy.require_image(context, action, image)


def _membership(given: Any) -> sharing.NewSharer:
    """:raises errors.BadRequest: it does not name a project"""
    member = given.get('member_id') if isinstance(given, dict) else None
    if not isinstance(member, str):
        raise errors.BadRequest('"member_id" must be the id of a project.')
    image_members.check_member(member)
    sharer: sharing.NewSharer = {'member_id': member}
    if given.get('can_share') is not None:
        sharer['can_share'] = bool(given['can_share'])
    return sharer
