"""/v2/images/{image_id}/actions (section 11)."""

import webob

from glance import registry_client
from glance.api import policy
from glance.api.v2 import conditions
from glance.common import wsgi


class ImageActions:
    """Take an image's data away from users for a while, or back."""

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
    ) -> None:
        self._registry = registry
        self._policy = permission

    def deactivate(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        request.refuse_body()
        image = self._registry.get_image(request.context, image_id)
        self._policy.require(request.context, 'deactivate', image)
        expected = conditions.expected(request, image)
        self._registry.deactivate_image(request.context, image_id, expected)
        return wsgi.empty()

    def reactivate(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        request.refuse_body()
        image = self._registry.get_image(request.context, image_id)
        self._policy.require(request.context, 'reactivate', image)
        expected = conditions.expected(request, image)
        self._registry.reactivate_image(request.context, image_id, expected)
        return wsgi.empty()
