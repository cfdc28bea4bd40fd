"""/v2/images: list, show, create, update, delete."""

from collections.abc import Mapping
import logging
from typing import Any, NamedTuple
import urllib.parse
import uuid

import webob

from glance import registry_client
from glance.api import policy
from glance.api.v2 import conditions
from glance.api.v2 import location_patch
from glance.api.v2 import patch
from glance.api.v2 import protections
from glance.api.v2 import query
from glance.api.v2 import schemas
from glance.api.v2 import views
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance.images import deletion
from glance.images import limits as unified_limits
from glance.images import locations
from glance.notifications import notifier as notifications
from glance.store import stores

LOG = logging.getLogger(__name__)

#: Tries of a PATCH whose image was changed between reading and writing.
PATCH_TRIES = 10
#: Names that are refused on create before anything else is looked at.
_LINKS = ('direct_url', 'self', 'file', 'schema', 'stores')
#: Base members that only the service sets.
_READ_ONLY = (
    *('status', 'checksum', 'size', 'virtual_size', 'created_at'),
    *('updated_at', 'os_hash_algo', 'os_hash_value', 'locations'),
)


class Limits(NamedTuple):
    """Of pages and of what one image may carry; negative is unlimited.

    :ivar storage_bytes: of one owner's images; 0 is unlimited
    """

    page_default: int
    page_max: int
    properties: int
    tags: int
    members: int
    storage_bytes: int = 0


class Images:
    """The collection, and one image's metadata."""

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        store: stores.Stores,
        deletions: deletion.Deletions,
        schema: schemas.ImageSchema,
        limits: Limits,
        view: views.ImageView = views.image_document,
        places: locations.Locations | None = None,
        unified: unified_limits.UnifiedLimits | None = None,
        notifier: notifications.Notifier | None = None,
        protected: protections.Protections | None = None,
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._store = store
        self._deletions = deletions
        self._schema = schema
        self._limits = limits
        self._view = view
        self._places = places
        self._unified = unified
        self._notifier = notifier
        self._protected = protected

    def index(self, request: wsgi.Request) -> webob.Response:
        pairs = _pairs(request)
        asked = query.parse(
            pairs, self._limits.page_default, self._limits.page_max
        )
        self._policy.require_list(request.context)
        allows = self._allows(request.context)
        images: list[contract.Image] = []
        if allows is None or all(
            allows('read', name) for name, _value in asked['properties']
        ):  # else nothing matches: not by what the caller may not know
            images = self._registry.list_images(request.context, asked)
        document = {
            'images': [
                self._view(protections.shown(image, allows))
                for image in images
                if self._shows(request.context, image)
            ],
            'first': _link(pairs),
            'schema': '/v2/schemas/images',
        }
        if images and len(images) == asked['limit']:
            document['next'] = _link(pairs, images[-1]['id'])
        return wsgi.json_response(document)

    def show(self, request: wsgi.Request, image_id: str) -> webob.Response:
        request.refuse_body()
        image = self._registry.get_image(request.context, image_id)
        self._policy.require(request.context, 'get_image', image)
        request.range = None  # WebOb would cut the document
        return self._answer(request, image)

    def create(self, request: wsgi.Request) -> webob.Response:
        new = self._new_image(request)
        image = self._registry.create_image(request.context, new)
        if self._notifier is not None:
            self._notifier.created(image)
        return wsgi.json_response(
            self._view(
                protections.shown(image, self._allows(request.context))
            ),
            201,
            {'Location': f'/v2/images/{image["id"]}'},
        )

    def update(self, request: wsgi.Request, image_id: str) -> webob.Response:
        media_type = request.content_type
        if media_type not in patch.MEDIA_TYPES:
            raise errors.UnsupportedMediaType(
                f'A patch is one of {", ".join(patch.MEDIA_TYPES)}.',
                {'Accept-Patch': ', '.join(patch.MEDIA_TYPES)},
            )
        document = request.document()
        asked = _Patch([], [], {})
        if self._places is not None:
            document, asked.places[:] = location_patch.split(
                media_type, document, self._schema
            )
        asked.operations[:] = patch.parse(media_type, document)
        patch.check_values(asked.operations, self._schema)
        for tries_left in reversed(range(PATCH_TRIES)):
            try:
                image = self._patch(request, image_id, asked)
                break
            except errors.Busy:
                if not tries_left:
                    raise
        changed = asked.operations or asked.places
        if changed and self._notifier is not None:
            self._notifier.updated(image)
        return self._answer(request, image)

    def delete(self, request: wsgi.Request, image_id: str) -> webob.Response:
        request.refuse_body()
        image = self._registry.get_image(request.context, image_id)
        self._policy.require(request.context, 'delete_image', image)
        expected = conditions.expected(request, image)
        image = self._deletions.run(request.context, image, expected)
        if self._notifier is not None:
            self._notifier.deleted(image)
        return wsgi.empty()

    def _allows(self, asking: context.RequestContext) -> patch.Allows | None:
        """What the caller may do to properties; None: everything."""
        return None if self._protected is None else self._protected.of(asking)

    def _answer(
        self, request: wsgi.Request, image: contract.Image
    ) -> webob.Response:
        """The entity with its version; 304 if the client knows it."""
        allows = self._allows(request.context)
        response = wsgi.json_response(
            self._view(protections.shown(image, allows))
        )
        response.etag = str(image['row_version'])
        response.conditional_response = True
        return response

    def _shows(
        self, asking: context.RequestContext, image: contract.Image
    ) -> bool:
        target = policy.target_of(image)
        return self._policy.allows(asking, 'get_image', target)

    def _new_image(self, request: wsgi.Request) -> contract.NewImage:
        """Check a create request in the contract's order (section 7.1)."""
        document = request.document()
        if not isinstance(document, dict):
            raise errors.BadRequest('An image is an object.')
        _refuse(document, _LINKS)
        self._schema.check(document)
        for name in document:
            if patch.is_reserved(name):
                raise errors.Forbidden(f'{name} is reserved.')
        values, properties = self._split(document)
        values.setdefault('owner', request.context.project_id)
        values.setdefault('visibility', 'shared')
        self._policy.require_new(
            request.context, {**properties, **values, 'tags': []}
        )
        if self._unified is not None:
            self._unified.require_image(request.context)
        protections.require_create(properties, self._allows(request.context))
        tags = values.pop('tags', [])
        self._check_quota('tags', len(tags), self._limits.tags)
        _refuse(document, _READ_ONLY)
        self._check_quota(
            'properties', len(properties), self._limits.properties
        )
        image_id = values.pop('id', None) or str(uuid.uuid4())
        return {
            'id': image_id,
            'values': values,
            'properties': properties,
            'tags': tags,
        }

    def _split(
        self, document: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Base members, and custom properties."""
        values: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        for name, value in document.items():
            home = values if self._schema.is_base(name) else properties
            home[name] = value
        return values, properties

    def _check_quota(self, what: str, count: int, quota: int) -> None:
        if 0 <= quota < count:
            raise errors.LimitExceeded(f'An image may have {quota} {what}.')

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
        asking = request.context
        image = self._registry.get_image(asking, image_id)
        if not asked.operations and not asked.places:
            self._policy.require(asking, 'get_image', image)
            return image
        if asked.operations:
            self._policy.require(asking, 'modify_image', image)
        for place in asked.places:
            self._policy.require(asking, _PLACE_RULES[place.op], image)
        conditions.expected(request, image)
        changes = patch.changes(
            asked.operations, image, self._schema, self._allows(asking)
        )
        if asked.operations:
            names = {*image['properties'], *changes['properties']}
            self._schema.require_properties(names - _removed(changes))
        self._permit(asking, image, changes['values'])
        self._check_quotas(image, changes)
        removed = self._change_places(image, changes, asked)
        updated = self._registry.update_image(asking, image_id, changes)
        if removed:
            locations.delete_data(
                asking, self._registry, self._store, image_id, removed
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
        changes['values'] |= outcome.values
        return removed

    def _permit(
        self,
        asking: context.RequestContext,
        image: contract.Image,
        values: Mapping[str, Any],
    ) -> None:
        """Rules for members that are more than metadata."""
        if values.get('owner', image['owner']) != image['owner'] and (
            not asking.is_admin
        ):
            raise errors.Forbidden('Only an admin may give an image away.')
        if values.get('visibility') != image['visibility']:
            for action in policy.visibility_rules(values):
                self._policy.require(asking, action, image)

    def _check_quotas(
        self, image: contract.Image, changes: contract.ImageChanges
    ) -> None:
        if 'tags' in changes:
            self._check_quota('tags', len(changes['tags']), self._limits.tags)
        own = {
            name for name in image['properties'] if not patch.is_reserved(name)
        }
        removed = _removed(changes)
        added = changes['properties'].keys() - own - removed
        if added:
            self._check_quota(
                'properties',
                len((own | added) - removed),
                self._limits.properties,
            )


def _removed(changes: contract.ImageChanges) -> set[str]:
    """Custom properties that go."""
    nulls = changes.get('nulls', ())
    return {
        name
        for name, value in changes['properties'].items()
        if value is None and name not in nulls
    }


class _Patch(NamedTuple):
    """A request to change an image, checked by itself.

    :ivar places: operations on locations, where they are shown
    :ivar sizes: of the data at URLs, known since the first try
    """

    operations: list[patch.Operation]
    places: list[locations.Operation]
    sizes: dict[str, int]


_PLACE_RULES = {
    'add': 'set_image_location',
    'replace': 'set_image_location',
    'remove': 'delete_image_location',
}


def _refuse(document: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if name in document:
            raise errors.Forbidden(f'{name} is read-only.')


def _pairs(request: wsgi.Request) -> query.Pairs:
    try:
        return list(request.GET.items())
    except UnicodeDecodeError as error:
        raise errors.BadRequest('The query is not UTF-8.') from error


def _link(pairs: query.Pairs, marker: str | None = None) -> str:
    """A page's address: every parameter as it came, but for the marker."""
    kept = [(name, value) for name, value in pairs if name != 'marker']
    if marker is not None:
        kept.append(('marker', marker))
    text = urllib.parse.urlencode(kept)
    return f'/v2/images?{text}' if text else '/v2/images'
