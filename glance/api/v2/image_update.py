"""PATCH /v2/images/{image_id}."""

import dataclasses
from typing import Any

import webob

from glance import registry_client
from glance.api import policy
from glance.api.v2 import conditions
from glance.api.v2 import location_patch
from glance.api.v2 import patch
from glance.api.v2 import schemas
from glance.api.v2 import views
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance.images import changes
from glance.images import locations
from glance.images import permission
from glance.images import quotas

_LOCATION_RULES = {
    'add': 'set_image_location',
    'replace': 'set_image_location',
    'remove': 'delete_image_location',
}


class ImageUpdate:
    """Changes one image's metadata.

    :param has_locations: whether clients may see and change locations
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        *,
        changing: changes.Changes,
        schema: schemas.ImageSchema,
        limits: quotas.Quotas,
        entities: views.Entities,
        has_locations: bool,
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._changing = changing
        self._schema = schema
        self._quotas = limits
        self._entities = entities
        self._has_locations = has_locations

    def update(self, request: wsgi.Request, image_id: str) -> webob.Response:
        media_type = request.content_type.lower()
        if media_type not in patch.MEDIA_TYPES:
            raise errors.UnsupportedMediaType(
                'The Content-Type of a patch must be one of '
                f'{", ".join(patch.MEDIA_TYPES)}.',
                {'Accept-Patch': ', '.join(patch.MEDIA_TYPES)},
            )
        wanted = request.work(self._parse, media_type, request.document())
        context = request.context
        if not wanted.actions:
            image = self._registry.get_image(context, image_id)
            self._policy.require_image(context, 'get_image', image)
        else:
            change = changes.Change(
                edit=wanted.edit,
                actions=wanted.actions,
                check=lambda image: conditions.expected(request, image),
                on_locations=wanted.on_locations,
            )
            image = self._changing.run(context, image_id, change)
        return self._entities.answer(context, image)

    def _parse(self, media_type: str, document: Any) -> '_Patch':
        """Check the operations without the image; first their number.

        :raises errors.Error: a limit, a constraint or a name is violated
        """
        given: list[locations.Change] = []
        if self._has_locations:
            document, given = location_patch.split(
                media_type, document, self._schema, self._quotas
            )
        operations = patch.parse(media_type, document)
        for operation in operations:
            if operation.name == 'tags' and isinstance(operation.value, list):
                self._quotas.check_tags(len(operation.value))
        operations = patch.checked(operations, self._schema)
        return _Patch(self._schema, operations, given)


@dataclasses.dataclass(frozen=True)
class _Patch:
    """A request to change an image, checked without the image."""

    schema: schemas.ImageSchema
    operations: list[patch.PatchOperation]
    on_locations: list[locations.Change]

    @property
    def actions(self) -> list[str]:
        """The policy rules that the operations need."""
        modify = ['modify_image'] if self.operations else []
        return modify + [
            _LOCATION_RULES[each.op] for each in self.on_locations
        ]

    def edit(
        self, image: contract.Image, allows: permission.Allows | None
    ) -> contract.ImageChanges:
        """See :class:`changes.Change`."""
        changes = patch.changes(self.operations, image, self.schema, allows)
        for tag in set(changes.get('tags', ())).difference(image['tags']):
            schemas.check_path_name(tag, 'tag')
        return changes
