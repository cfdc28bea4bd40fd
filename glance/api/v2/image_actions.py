"""/v2/images/{image_id}/actions."""

from collections.abc import Callable

import webob

from glance import registry_client
from glance.api import policy
from glance.api.v2 import conditions
from glance.common import context
from glance.common import contract
from glance.common import wsgi
from glance.images import access
from glance.notifications import notifier as notifications


class ImageActions:
    """Deactivate an image, so that users cannot get its data; reactivate."""

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        notifier: notifications.Notifier,
        access: access.Access,
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._notifier = notifier
        self._access = access

    def deactivate(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        move = self._registry.deactivate_image
        return self._move(request, image_id, 'deactivate', move)

    def reactivate(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        move = self._registry.reactivate_image
        return self._move(request, image_id, 'reactivate', move)

    def _move(
        self,
        request: wsgi.Request,
        image_id: str,
        action: str,
        move: Callable[[context.RequestContext, str, contract.Expected], None],
    ) -> webob.Response:
        request.refuse_body()
        context = request.context
        image = self._registry.get_image(context, image_id)
        self._policy.require(context, action, policy.of_image(image))
        expected = conditions.expected(request, image)
        move(context, image_id, expected)
        status = 'active' if action == 'reactivate' else 'deactivated'
        self._notifier.updated(image, status=status)
        self._access.refresh(image_id)
        return wsgi.empty()
