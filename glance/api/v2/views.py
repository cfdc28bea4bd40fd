"""Registry document -> public JSON."""

from collections.abc import Callable
from typing import Any

import webob

from glance.api.policy import protections
from glance.common import context
from glance.common import contract
from glance.common import wsgi

_BASE = (
    *('name', 'disk_format', 'container_format', 'visibility', 'size'),
    *('virtual_size', 'status', 'checksum', 'protected', 'min_ram'),
    *('min_disk', 'owner', 'os_hidden', 'os_hash_algo', 'os_hash_value'),
    *('id', 'created_at', 'updated_at'),
)


#: Custom properties that the usual schema allows to be null.
_NULLABLE = frozenset(('kernel_id', 'ramdisk_id'))


def image_document(
    image: contract.Image, nullable: frozenset[str] = _NULLABLE
) -> dict[str, Any]:
    """The document of an image, as the API shows it.

    :param nullable: custom properties that the schema allows to be null
    """
    document: dict[str, Any] = {
        name: '' if value is None and name not in nullable else value
        for name, value in image['properties'].items()
    }
    for name in _BASE:
        document[name] = image[name]  # type: ignore[literal-required]
    document['tags'] = image['tags']
    document['self'] = f'/v2/images/{image["id"]}'
    document['file'] = f'/v2/images/{image["id"]}/file'
    document['schema'] = '/v2/schemas/image'
    return document


#: How images are shown in one configuration.
ImageView = Callable[[contract.Image], dict[str, Any]]


def image_view(
    direct_url: bool,
    locations: bool,
    nullable: frozenset[str] = _NULLABLE,
) -> ImageView:
    """The entity, with the places of its data if they are shown.

    :param direct_url: option show_image_direct_url
    :param locations: option show_multiple_locations
    :param nullable: custom properties that the schema allows to be null
    """
    if not direct_url and not locations:
        if nullable == _NULLABLE:
            return image_document
        return lambda image: image_document(image, nullable)

    def with_places(image: contract.Image) -> dict[str, Any]:
        document = image_document(image, nullable)
        places = image['locations']
        if locations:
            document['locations'] = [
                location_document(place) for place in places
            ]
        if direct_url and places:
            document['direct_url'] = places[0]['url']
        return document

    return with_places


class Entities:
    """Images as their readers see them.

    :param view: what the configuration shows of an image
    :param protected: whose business custom properties are; None: everybody's
    """

    def __init__(
        self, view: ImageView, protected: protections.Protections | None
    ) -> None:
        self._view = view
        self._protected = protected

    def allows(
        self, context: context.RequestContext
    ) -> protections.Allows | None:
        """What the caller may do to properties; None: everything."""
        return None if self._protected is None else self._protected.of(context)

    def documents(
        self, context: context.RequestContext, images: list[contract.Image]
    ) -> list[dict[str, Any]]:
        """Without the properties that the caller may not read."""
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
        """One entity with its version."""
        response = wsgi.json_response(self.document(context, image))
        response.etag = str(image['row_version'])
        return response


def location_document(location: contract.Location) -> dict[str, Any]:
    """Without what only the registry knows; with what a patch claimed."""
    document: dict[str, Any] = {
        'url': location['url'],
        'metadata': location['metadata'],
    }
    if 'validation_data' in location:
        document['validation_data'] = location['validation_data']
    return document


def member_document(member: contract.Member) -> dict[str, Any]:
    return {**member, 'schema': '/v2/schemas/member'}
