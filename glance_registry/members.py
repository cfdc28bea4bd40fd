"""Operations on the members of an image, as HTTP sees them."""

from typing import cast

import webob

from glance.common import contract
from glance.common import wsgi
from glance_registry import images
from glance_registry.db import engine
from glance_registry.db import members


class Members:
    """/v1/images/{image_id}/members"""

    def __init__(self, database: engine.Database) -> None:
        self._database = database

    def list_members(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        found = self._database.read(
            members.get_all, request.context, images.require_id(image_id)
        )
        return wsgi.json_response(found)

    def create_member(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        new = images.fields(request, 'member', 'quota')
        member = self._database.write(
            members.create,
            request.context,
            images.require_id(image_id),
            cast(contract.NewMember, new),
        )
        return wsgi.json_response(member)

    def update_member(
        self, request: wsgi.Request, image_id: str, member: str
    ) -> webob.Response:
        changed = self._database.write(
            members.update,
            request.context,
            images.require_id(image_id),
            member,
            images.fields(request, 'status')['status'],
        )
        return wsgi.json_response(changed)

    def delete_member(
        self, request: wsgi.Request, image_id: str, member: str
    ) -> webob.Response:
        self._database.write(
            members.delete,
            request.context,
            images.require_id(image_id),
            member,
        )
        return wsgi.empty()
