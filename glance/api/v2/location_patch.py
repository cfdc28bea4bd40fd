"""Location operations of a JSON patch."""

import re
from typing import Any

import orjson

from glance.api.v2 import patch
from glance.api.v2 import schemas
from glance.common import contract
from glance.common import errors
from glance.images import locations

#: Bytes that metadata of one location may have as JSON, and its nesting.
MAX_METADATA_BYTES = 16 * 1024
MAX_METADATA_DEPTH = 16


def split(
    media_type: str,
    document: Any,
    schema: schemas.ImageSchema,
    quota: int = -1,
) -> tuple[Any, list[locations.Operation]]:
    """The operations on locations, and the document without them.

    What is no operation at all stays, for :func:`patch.parse` to refuse.

    :param quota: most locations of an image; negative for any number
    :raises errors.LimitExceeded: more locations in one operation
    :raises errors.BadRequest: a place or a value is malformed
    :raises errors.Forbidden: an image would have no location
    """
    if not isinstance(document, list):
        return document, []
    patch.check_count(document)
    rest, found = [], []
    for item in document:
        segments = _segments(item, media_type)
        if segments is None or segments[0].strip() != 'locations':
            rest.append(item)
        else:
            found.append(_operation(item, segments, media_type, schema, quota))
    return rest, found


def _segments(item: Any, media_type: str) -> list[str] | None:
    """The path's segments; None if there is no path to speak of."""
    if not isinstance(item, dict):
        return None
    try:
        _, path, _ = patch.READERS[media_type](item)
    except errors.BadRequest:
        return None
    if not isinstance(path, str) or not path.startswith('/'):
        return None
    return path.lstrip('/').split('/')


def _operation(
    item: dict[str, Any],
    segments: list[str],
    media_type: str,
    schema: schemas.ImageSchema,
    quota: int,
) -> locations.Operation:
    op, _, _ = patch.READERS[media_type](item)
    if op not in patch.OPS:
        raise errors.BadRequest(f'"op" must be one of {", ".join(patch.OPS)}.')
    if len(segments) != (1 if op == 'replace' else 2):
        raise errors.BadRequest(
            'The path must be /locations to replace locations, and '
            '/locations/POSITION to add or remove one.'
        )
    if op == 'remove':
        return locations.Operation(op, _position(segments[1]), [])
    if 'value' not in item:
        raise errors.BadRequest(f'The operation "{op}" needs a "value".')
    value = item['value']
    if op == 'replace':
        if isinstance(value, list) and 0 <= quota < len(value):
            raise errors.LimitExceeded(
                f'The image would have {len(value)} locations; the limit is '
                f'{quota} (image_location_quota).'
            )
        if value == []:
            raise errors.Forbidden(
                'The locations of an image cannot be replaced by an empty '
                'list.'
            )
        return locations.Operation(op, None, _checked(value, schema))
    return locations.Operation(
        op, _position(segments[1]), _checked([value], schema)
    )


def _position(segment: str) -> int | None:
    """None is the end."""
    text = segment.strip()
    if text == '-':
        return None
    if not re.fullmatch('[0-9]{1,9}', text, re.ASCII):
        raise errors.BadRequest(
            'The position of a location must be a number, or - for the end.'
        )
    return int(text)


def _checked(
    value: Any, schema: schemas.ImageSchema
) -> list[contract.Location]:
    schema.check_one('locations', value)
    return [location(item) for item in value]


def location(item: dict[str, Any]) -> contract.Location:
    """One location as the client gave it, without members of no meaning.

    :raises errors.BadRequest: it is too large for any database
    """
    schemas.check_text(item['url'], 'url')
    metadata = item['metadata']
    if _is_deeper(metadata, MAX_METADATA_DEPTH) or (
        len(orjson.dumps(metadata)) > MAX_METADATA_BYTES
    ):
        raise errors.BadRequest(
            f'metadata may have at most {MAX_METADATA_BYTES} bytes and '
            f'{MAX_METADATA_DEPTH} levels.'
        )
    found: contract.Location = {'url': item['url'], 'metadata': metadata}
    if 'validation_data' in item:
        found['validation_data'] = item['validation_data']
    return found


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    if not levels:
        return True
    inner = value.values() if isinstance(value, dict) else value
    return any(_is_deeper(each, levels - 1) for each in inner)
