"""/v2/images/{image_id}/members: sharing an image."""

import webob

from glance import registry_client
from glance.api import policy
from glance.api.v2 import schemas
from glance.api.v2 import views
from glance.api.v2.schema import member as member_schema
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance.images import access
from glance.notifications import notifier as notifications

MAX_MEMBER_LENGTH = 255


def check_member(member: str) -> None:
    """:raises errors.BadRequest: it cannot be the id of a project"""
    # With a slash it could not be one part of a URL's path.
    if not 0 < len(member) <= MAX_MEMBER_LENGTH or '/' in member:
        raise errors.BadRequest('"member" must be the id of a project.')
    schemas.check_text(member, 'member')
    schemas.check_path_name(member, 'member')


class ImageMembers:
    """Members of one shared image."""

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        quota: int,
        notifier: notifications.Notifier,
        access: access.Access,
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._quota = quota
        self._notifier = notifier
        self._access = access

    def index(self, request: wsgi.Request, image_id: str) -> webob.Response:
        request.refuse_body()
        context = request.context
        members = self._registry.list_members(context, image_id)
        image = members['image']
        self._require_shared(context, image)
        self._policy.require(context, 'get_members', policy.of_image(image))
        return wsgi.json_response(
            {
                'members': [
                    views.member_document(member)
                    for member in members['members']
                    if self._sees(context, image, member)
                ],
                'schema': '/v2/schemas/members',
            }
        )

    def show(
        self, request: wsgi.Request, image_id: str, member: str
    ) -> webob.Response:
        request.refuse_body()
        document = self._find(request.context, image_id, member)
        return wsgi.json_response(views.member_document(document))

    def create(self, request: wsgi.Request, image_id: str) -> webob.Response:
        member = _text_of(request, 'member')
        check_member(member)
        context = request.context
        image = self._registry.get_image(context, image_id)
        self._require_shared(context, image)
        self._policy.require(context, 'add_member', policy.of_image(image))
        created = self._registry.create_member(
            context,
            image_id,
            {'member': member, 'quota': self._quota},
        )
        self._notifier.member_created(created)
        self._access.refresh(image_id)
        return wsgi.json_response(views.member_document(created))

    def update(
        self, request: wsgi.Request, image_id: str, member: str
    ) -> webob.Response:
        status = _text_of(request, 'status')
        if status not in member_schema.STATUSES:
            raise errors.BadRequest(
                f'"status" must be one of {", ".join(member_schema.STATUSES)}.'
            )
        self._permit(request.context, 'modify_member', image_id, member)
        changed = self._registry.update_member(
            request.context, image_id, member, status
        )
        self._notifier.member_updated(changed)
        self._access.refresh(image_id)
        return wsgi.json_response(views.member_document(changed))

    def delete(
        self, request: wsgi.Request, image_id: str, member: str
    ) -> webob.Response:
        request.refuse_body()
        gone = self._permit(request.context, 'delete_member', image_id, member)
        self._registry.delete_member(request.context, image_id, member)
        self._notifier.member_deleted(gone)
        self._access.refresh(image_id)
        return wsgi.empty()

    def _find(
        self, context: context.RequestContext, image_id: str, member: str
    ) -> contract.Member:
        """Find a member.

        :raises errors.NotFound: in every case in which it cannot be shown
        """
        members = self._registry.list_members(context, image_id)
        image = members['image']
        self._policy.require(context, 'get_image', policy.of_image(image))
        if image['visibility'] == 'shared':
            for document in members['members']:
                if document['member_id'] == member and self._sees(
                    context, image, document
                ):
                    return document
        raise errors.NotFound(f'{member} is not a member of the image.')

    def _sees(
        self,
        context: context.RequestContext,
        image: contract.Image,
        member: contract.Member,
    ) -> bool:
        target = policy.of_member(image, member)
        return self._policy.allows(context, 'get_member', target)

    def _permit(
        self,
        context: context.RequestContext,
        action: str,
        image_id: str,
        member: str,
    ) -> contract.Member:
        members = self._registry.list_members(context, image_id)
        image = members['image']
        self._require_shared(context, image)
        known = {
            document['member_id']: document for document in members['members']
        }
        if member not in known:
            raise errors.NotFound(f'{member} is not a member of the image.')
        target = policy.of_member(image, known[member])
        self._policy.require(context, 'get_member', target)
        self._policy.require(context, action, policy.of_image(image))
        return known[member]

    def _require_shared(
        self, context: context.RequestContext, image: contract.Image
    ) -> None:
        self._policy.require(context, 'get_image', policy.of_image(image))
        if image['visibility'] != 'shared':
            raise errors.Forbidden(
                'The image has no members, because its visibility is not '
                '"shared".'
            )


def _text_of(request: wsgi.Request, name: str) -> str:
    document = request.document()
    value = document.get(name) if isinstance(document, dict) else None
    if not isinstance(value, str):
        raise errors.BadRequest(
            f'The body must be an object with the member "{name}".'
        )
    schemas.check_text(value, name)
    return value
