"""PATCH /v2/images/{image_id}."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import webob

from glance import registry_client
from glance.api import policy
from glance.api.v2 import conditions
from glance.api.v2 import images
from glance.api.v2 import location_patch
from glance.api.v2 import patch
from glance.api.v2 import schemas
from glance.api.v2 import views
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance.images import leftovers
from glance.images import locations
from glance.notifications import notifier as notifications
from glance.store import stores

#: Tries of a PATCH whose image was changed between reading and writing.
PATCH_TRIES = 10
_PLACE_RULES = {
    'add': 'set_image_location',
    'replace': 'set_image_location',
    'remove': 'delete_image_location',
}


class ImageUpdate:
    """Changes of one image's metadata.

    :param places: changes locations; None: they are not shown either
    :param left: records data that is to be removed
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        store: stores.Stores,
        schema: schemas.ImageSchema,
        limits: images.Limits,
        entities: views.Entities,
        places: locations.Locations | None,
        left: leftovers.Leftovers,
        notifier: notifications.Notifier,
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._store = store
        self._schema = schema
        self._limits = limits
        self._entities = entities
        self._places = places
        self._left = left
        self._notifier = notifier

    def update(self, request: wsgi.Request, image_id: str) -> webob.Response:
        media_type = request.content_type.lower()
        if media_type not in patch.MEDIA_TYPES:
            raise errors.UnsupportedMediaType(
                'The Content-Type of a patch must be one of '
                f'{", ".join(patch.MEDIA_TYPES)}.',
                {'Accept-Patch': ', '.join(patch.MEDIA_TYPES)},
            )
        asked = request.work(self._parse, media_type, request.document())
        for tries_left in reversed(range(PATCH_TRIES)):
            try:
                image = self._patch(request, image_id, asked)
                break
            except errors.Busy:
                if not tries_left:
                    raise
        changed = asked.operations or asked.places
        if changed:
            self._notifier.updated(image)
        return self._entities.answer(request.context, image)

    def _parse(self, media_type: str, document: Any) -> '_Patch':
        """Check the operations by themselves; counts come first.

        :raises errors.Error: a limit, a constraint or a name forbids it
        """
        asked = _Patch([], [], {})
        if self._places is not None:
            document, asked.places[:] = location_patch.split(
                media_type, document, self._schema, self._limits.locations
            )
        operations = patch.parse(media_type, document)
        for operation in operations:
            if operation.name == 'tags' and isinstance(operation.value, list):
                count = len(operation.value)
                images.check_quota('tags', count, self._limits.tags)
        asked.operations[:] = patch.checked(operations, self._schema)
        return asked

    def _patch(
        self,
        request: wsgi.Request,
        image_id: str,
        asked: '_Patch',
    ) -> contract.Image:
        """Read, change, write if nobody else wrote meanwhile.

        :raises errors.Busy: somebody did
        :raises errors.PreconditionFailed: before that, and the client cares
        """
        context = request.context
        image = self._registry.get_image(context, image_id)
        target = policy.of_image(image)
        if not asked.operations and not asked.places:
            self._policy.require(context, 'get_image', target)
            return image
        if asked.operations:
            self._policy.require(context, 'modify_image', target)
        for place in asked.places:
            self._policy.require(context, _PLACE_RULES[place.op], target)
        conditions.expected(request, image)
        changes = patch.changes(
            asked.operations,
            image,
            self._schema,
            self._entities.allows(context),
        )
        if asked.operations:
            names = {*image['properties'], *changes['properties']}
            self._schema.require_properties(names - _removed(changes))
        self._permit(context, image, changes['values'])
        self._check_quotas(image, changes)
        removed = self._change_places(image, changes, asked)
        updated = self._registry.update_image(context, image_id, changes)
        if removed:
            locations.delete_data(
                context,
                self._registry,
                self._store,
                image_id,
                removed,
                changes['removal']['id'],
            )
        return patch.applied(image, changes, updated)

    def _change_places(
        self,
        image: contract.Image,
        changes: contract.ImageChanges,
        asked: '_Patch',
    ) -> list[contract.Location]:
        """Add to the changes what becomes of the locations.

        :returns: locations whose data has to be deleted
        """
        if self._places is None or not asked.places:
            return []
        merged: Any = image | changes['values']
        outcome = self._places.changed(merged, asked.places, asked.sizes)
        removed = [
            location
            for location in outcome.removed
            if not self._store.is_foreign(location['url'])
        ]
        changes['locations'] = outcome.locations
        if self._limits.storage_bytes:
            changes['quota'] = self._limits.storage_bytes
        changes['pending'] = [location['id'] for location in removed]
        changes['removal'] = self._left.removal()
        changes['values'] |= outcome.values
        return removed

    def _permit(
        self,
        context: context.RequestContext,
        image: contract.Image,
        values: Mapping[str, Any],
    ) -> None:
        """Rules for members that are more than metadata."""
        if values.get('owner', image['owner']) != image['owner'] and (
            not context.is_admin
        ):
            raise errors.Forbidden(
                'Only an admin may change the owner of an image.'
            )
        if values.get('visibility') != image['visibility']:
            for action in policy.visibility_rules(values):
                self._policy.require(context, action, policy.of_image(image))

    def _check_quotas(
        self, image: contract.Image, changes: contract.ImageChanges
    ) -> None:
        if 'tags' in changes:
            images.check_quota('tags', len(changes['tags']), self._limits.tags)
            for tag in set(changes['tags']).difference(image['tags']):
                schemas.check_path_name(tag, 'tag')
        own = {
            name for name in image['properties'] if not patch.is_reserved(name)
        }
        removed = _removed(changes)
        added = changes['properties'].keys() - own - removed
        if added:
            images.check_quota(
                'properties',
                len((own | added) - removed),
                self._limits.properties,
            )


class _Patch(NamedTuple):
    """A request to change an image, checked by itself.

    :ivar places: operations on locations, where they are shown
    :ivar sizes: of the data at URLs, known since the first try
    """

    operations: list[patch.Operation]
    places: list[locations.Operation]
    sizes: dict[str, int]


def _removed(changes: contract.ImageChanges) -> set[str]:
    """Custom properties that go."""
    nulls = changes.get('nulls', ())
    return {
        name
        for name, value in changes['properties'].items()
        if value is None and name not in nulls
    }
