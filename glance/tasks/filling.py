"""Data for a queued image: from the request body, or from a URL.

If this fails, the status of the image becomes killed: clients that create an
image and its data in one request, as in API v1, wait for that status.
"""

import dataclasses
import logging
from typing import Any, Literal

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.images import changes
from glance.images import locations
from glance.images import streams
from glance.images import upload
from glance.store import named
from glance.tasks import imports

LOG = logging.getLogger(__name__)

COPY_FROM = 'copy-from'
#: Policy rules that each kind of source needs.
_ACTIONS = {
    'body': ('upload_image',),
    'copy': ('upload_image', 'copy_from'),
    'location': ('set_image_location',),
}


@dataclasses.dataclass(frozen=True)
class Source:
    """The source of the data.

    :ivar kind: None if there is no data, and the image stays queued
    :ivar target: the store for the data
    :ivar url: of a copy or a location
    :ivar size: of the data in bytes, as the client states it
    :ivar length: of the body in bytes; None if unknown
    :ivar sizes: sizes by URL, as their servers report them
    """

    kind: Literal['body', 'copy', 'location', None]
    target: named.Named
    url: str
    size: int | None
    body: streams.Chunks
    length: int | None
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def actions(self) -> tuple[str, ...]:
        return _ACTIONS.get(self.kind or '', ())

    @property
    def is_empty(self) -> bool:
        """Whether the image becomes active without any data."""
        return self.kind is None and self.size == 0

    @property
    def on_locations(self) -> tuple[locations.Change, ...]:
        if self.kind != 'location':
            return ()
        given: Any = [{'url': self.url, 'metadata': {}}]
        return (locations.Change('replace', None, given),)


class Filling:
    """Makes images active.

    :param location_rules: checks locations
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        *,
        uploads: upload.Uploads,
        changing: changes.Changes,
        starts: imports.Imports,
        location_rules: locations.LocationRules,
    ) -> None:
        self._registry = registry
        self._uploads = uploads
        self._changing = changing
        self._starts = starts
        self._location_rules = location_rules

    def check_url(self, url: str) -> None:
        """:raises errors.BadRequest: data cannot be copied from this URL"""
        self._starts.check_url(url)

    def probe(self, source: Source) -> dict[str, Any]:
        """Ask the server for the size of the data; the request is permitted.

        :returns: the size as an image member; empty if it is unknown
        :raises errors.NotFound: the server has no such data
        :raises errors.BadRequest: the server cannot be asked
        :raises errors.Conflict: the data does not have the stated size
        """
        url, size = source.url, source.size
        if source.kind == 'location' and url not in source.sizes:
            source.sizes[url] = self._location_rules.size(url)
        elif source.kind == 'copy' and size is None and not source.sizes:
            remote_size = self._starts.size_of(url)
            source.sizes.update(
                {} if remote_size is None else {url: remote_size}
            )
        asked = source.sizes.get(url)
        if size and asked is not None and size != asked:
            raise errors.Conflict(
                f'The data has {asked} bytes; the request says {size}.'
            )
        return {} if asked is None else {'size': asked}

    def run(
        self,
        context: context.RequestContext,
        image: contract.Image,
        source: Source,
    ) -> contract.Image:
        """Make the image active, if there is a source.

        :raises errors.PreconditionFailed: the image was deleted meanwhile
        """
        if source.kind in ('body', 'location'):
            _require_formats(image)
        try:
            return self._filled(context, image, source)
        except errors.Gone as error:
            raise errors.PreconditionFailed(str(error)) from error
        except errors.Conflict:  # another request is changing the image
            raise
        except BaseException:  # also a killed greenthread
            self._kill(context, image['id'])
            raise

    def _filled(
        self,
        context: context.RequestContext,
        image: contract.Image,
        source: Source,
    ) -> contract.Image:
        if source.kind == 'body':
            return self._uploads.run(
                context, image, source.body, source.length, source.target
            )
        if source.kind == 'copy':
            self._copy(context, image, source)
        elif source.kind == 'location' or (
            source.is_empty and image['status'] == 'queued'
        ):
            change = changes.Change(
                edit=_without_data if source.is_empty else _nothing_else,
                actions=('modify_image',),
                check=_require_queued,
                on_locations=source.on_locations,
                sizes=source.sizes,
            )
            return self._changing.run(context, image['id'], change)
        return image

    def _copy(
        self,
        context: context.RequestContext,
        image: contract.Image,
        source: Source,
    ) -> None:
        """Queue the copying; the request does not wait for it."""
        self._starts.run(
            context,
            image,
            imports.Wanted(
                method=COPY_FROM,
                given={'uri': source.url},
                stores=[source.target.id],
                must_all_succeed=True,
                body={'method': {'name': COPY_FROM, 'uri': source.url}},
            ),
        )

    def _kill(self, context: context.RequestContext, image_id: str) -> None:
        try:
            self._registry.kill_image(context, image_id)
            LOG.warning(
                'Image %s is killed now if it was still queued: its request '
                'brought no data',
                image_id,
            )
        except errors.Error as error:
            LOG.error(
                'Image %s stays queued, because its status could not be '
                'changed to killed: %s',
                image_id,
                error,
            )


def _without_data(image: contract.Image, _: object) -> contract.ImageChanges:
    return {
        'row_version': image['row_version'],
        'values': {'size': 0, 'status': 'active'},
        'properties': {},
        'locations': [],
    }


def _nothing_else(image: contract.Image, _: object) -> contract.ImageChanges:
    return {
        'row_version': image['row_version'],
        'values': {},
        'properties': {},
    }


def _require_formats(image: contract.Image) -> None:
    if not (image['disk_format'] and image['container_format']):
        raise errors.BadRequest(
            'Set disk_format and container_format before giving data.'
        )


def _require_queued(image: contract.Image) -> None:
    if image['status'] != 'queued':
        raise errors.Conflict(
            f'The image is {image["status"]}; it can become active only '
            'while it is queued.'
        )
