"""Convert documents of the registry to public JSON."""

from collections.abc import Callable, Sequence
from typing import Any

import webob

from glance.api.policy import protections
from glance.common import context
from glance.common import contract
from glance.common import wsgi
from glance.images import permission
from glance.store import stores

_BASE = (
    *('name', 'disk_format', 'container_format', 'visibility', 'size'),
    *('virtual_size', 'status', 'checksum', 'protected', 'min_ram'),
    *('min_disk', 'owner', 'os_hidden', 'os_hash_algo', 'os_hash_value'),
    *('id', 'created_at', 'updated_at'),
)


#: Properties that only the service may see.
_HIDDEN = frozenset(('os_glance_stage_host',))
#: Custom properties that the usual schema allows to be null.
_NULLABLE = frozenset(('kernel_id', 'ramdisk_id'))


def image_document(
    image: contract.Image, nullable: frozenset[str] = _NULLABLE
) -> dict[str, Any]:
    """The public document of an image.

    :param nullable: custom properties that the schema allows to be null
    """
    document: dict[str, Any] = {
        name: '' if value is None and name not in nullable else value
        for name, value in image['properties'].items()
        if name not in _HIDDEN
    }
    for name in _BASE:
        document[name] = image[name]  # type: ignore[literal-required]
    document['tags'] = image['tags']
    document['self'] = f'/v2/images/{image["id"]}'
    document['file'] = f'/v2/images/{image["id"]}/file'
    document['schema'] = '/v2/schemas/image'
    return document


#: Makes the document of an image in one configuration.
ImageView = Callable[[contract.Image], dict[str, Any]]


def image_view(
    direct_url: bool,
    locations: bool,
    nullable: frozenset[str] = _NULLABLE,
    store: stores.Stores | None = None,
) -> ImageView:
    """Make the view of images, with locations if they are shown.

    :param direct_url: option show_image_direct_url
    :param locations: option show_multiple_locations
    :param nullable: custom properties that the schema allows to be null
    :param store: all stores if clients know them by their ids, else None
    """
    if not direct_url and not locations and store is None:
        if nullable == _NULLABLE:
            return image_document
        return lambda image: image_document(image, nullable)

    def with_places(image: contract.Image) -> dict[str, Any]:
        document = image_document(image, nullable)
        image_locations = image['locations']
        if store is not None and image_locations:
            image_locations = store.ordered(image_locations)
            ids = [store.id_of(location) for location in image_locations]
            if any(ids):
                document['stores'] = ','.join(filter(None, ids))
        if locations:
            document['locations'] = [
                location_document(location) for location in image_locations
            ]
        if direct_url and image_locations:
            document['direct_url'] = stores.shown(image_locations[0]['url'])
        return document

    return with_places


class Entities:
    """Documents of images with only what the caller may read.

    :param view: makes the document of an image in this configuration
    :param allows: returns what a caller may do to custom properties
    :param store_ids: ids of the stores, if clients know them by their ids
    """

    def __init__(
        self,
        view: ImageView,
        allows: permission.AllowsOf,
        store_ids: Sequence[str] = (),
    ) -> None:
        self.store_ids = store_ids
        self._view = view
        self.allows = allows

    def documents(
        self, context: context.RequestContext, images: list[contract.Image]
    ) -> list[dict[str, Any]]:
        """The documents, without properties that the caller may not read."""
        allows = self.allows(context)
        if allows is not None:
            images = [protections.shown(image, allows) for image in images]
        return [self._view(image) for image in images]

    def document(
        self, context: context.RequestContext, image: contract.Image
    ) -> dict[str, Any]:
        return self.documents(context, [image])[0]

    def answer(
        self, context: context.RequestContext, image: contract.Image
    ) -> webob.Response:
        """The response with one image; its ETag is the version."""
        response = wsgi.json_response(self.document(context, image))
        response.etag = str(image['row_version'])
        return response


def location_document(location: contract.Location) -> dict[str, Any]:
    """The public document of a location.

    It has no internal members of the registry; it has ``validation_data``
    if a patch has just set it.
    """
    document: dict[str, Any] = {
        'url': stores.shown(location['url']),
        'metadata': location['metadata'],
    }
    if 'validation_data' in location:
        document['validation_data'] = location['validation_data']
    return document


def member_document(member: contract.Member) -> dict[str, Any]:
    return {**member, 'schema': '/v2/schemas/member'}
