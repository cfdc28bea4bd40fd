"""/v2/images/{image_id}/tags/{tag}."""

import webob

from glance import registry_client
from glance.api import policy
from glance.api.v2 import schemas
from glance.common import errors
from glance.common import wsgi
from glance.notifications import notifier as notifications


class ImageTags:
    """Single tags of one image."""

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        quota: int,
        notifier: notifications.Notifier,
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._quota = quota
        self._notifier = notifier

    def update(
        self, request: wsgi.Request, image_id: str, tag: str
    ) -> webob.Response:
        request.refuse_body()
        if len(tag) > schemas.MAX_NAME_LENGTH:
            raise errors.BadRequest(
                f'A tag may have at most {schemas.MAX_NAME_LENGTH} characters.'
            )
        schemas.check_text(tag, 'tag')
        schemas.check_path_name(tag, 'tag')
        context = request.context
        image = self._registry.get_image(context, image_id)
        self._policy.require(context, 'modify_image', policy.of_image(image))
        self._registry.add_tag(context, image_id, tag, self._quota)
        tags = [*(name for name in image['tags'] if name != tag), tag]
        self._notifier.updated(image, tags=tags)
        return wsgi.empty()

    def delete(
        self, request: wsgi.Request, image_id: str, tag: str
    ) -> webob.Response:
        request.refuse_body()
        schemas.check_text(tag, 'tag')
        context = request.context
        image = self._registry.get_image(context, image_id)
        self._policy.require(context, 'modify_image', policy.of_image(image))
        self._registry.delete_tag(context, image_id, tag)
        tags = [name for name in image['tags'] if name != tag]
        self._notifier.updated(image, tags=tags)
        return wsgi.empty()
