"""The source of the data in a v1 request."""

from typing import Any

from glance.api import parts as shared
from glance.api.v1 import headers
from glance.api.v2 import image_data
from glance.common import errors
from glance.common import wsgi
from glance.store import named
from glance.store import stores
from glance.tasks import filling


def of(
    request: wsgi.Request,
    given: headers.Given,
    parts: shared.Parts,
    size_cap_bytes: int,
) -> filling.Source:
    """The source, checked as far as possible without doing any work.

    :raises errors.BadRequest: there are several, or it cannot be used
    """
    kinds = {
        'body': request.has_body,
        'copy': given.copy_from is not None,
        'location': given.location is not None,
    }
    kind: Any = next((name for name, it in kinds.items() if it), None)
    if sum(kinds.values()) > 1:
        raise errors.BadRequest(
            'Give only one of data, x-image-meta-location and '
            'x-glance-api-copy-from.'
        )
    size = given.fields.get('size')
    length = request.known_length if kind == 'body' else size
    if (length or size or 0) > size_cap_bytes:
        raise errors.BadRequest(
            f'An image may have {size_cap_bytes} bytes (image_size_cap).'
        )
    if kind == 'body' and request.content_type.lower() != image_data.OCTETS:
        raise errors.BadRequest(
            f'The Content-Type of image data must be {image_data.OCTETS}.'
        )
    if kind == 'location':
        parts.store.check(given.location or '')
    if kind is not None:
        parts.unified.require_size(request.context, length)
    return filling.Source(
        kind=kind,
        target=_target(parts.store, given.store),
        url=given.copy_from or given.location or '',
        size=size,
        body=request.source(),
        length=length,
    )


def _target(store: stores.Stores, name: str | None) -> named.Named:
    """:raises errors.BadRequest: no store has this id or scheme"""
    try:
        return store.default if name is None else store.writable(name)
    except stores.UnknownStore as error:
        raise errors.BadRequest(
            'x-image-meta-store does not name a store of this service.'
        ) from error
