"""Location operations of a JSON patch."""

import re
from typing import Any

import orjson

from glance.api.v2 import patch
from glance.api.v2 import schemas
from glance.common import contract
from glance.common import errors
from glance.images import locations
from glance.images import quotas

#: Limits of the metadata of one location: bytes as JSON, and its nesting.
MAX_METADATA_BYTES = 16 * 1024
MAX_METADATA_DEPTH = 16


def split(
    media_type: str,
    document: Any,
    schema: schemas.ImageSchema,
    limits: quotas.Quotas,
) -> tuple[Any, list[locations.Change]]:
    """Split a patch.

    Malformed operations stay in the document, and :func:`patch.parse` refuses
    them.

    :returns: the document without operations on locations, and these
        operations
    :raises errors.LimitExceeded: one operation has too many locations
    :raises errors.BadRequest: a position or a value is malformed
    :raises errors.Forbidden: the image would have no location
    """
    if not isinstance(document, list):
        return document, []
    patch.check_count(document)
    rest, of_locations = [], []
    for item in document:
        segments = _segments(item, media_type)
        if segments is None or segments[0].strip() != 'locations':
            rest.append(item)
        else:
            of_locations.append(
                _operation(item, segments, media_type, schema, limits)
            )
    return rest, of_locations


def _segments(item: Any, media_type: str) -> list[str] | None:
    """The path's segments; None if there is no valid path."""
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
    limits: quotas.Quotas,
) -> locations.Change:
    op, _, _ = patch.READERS[media_type](item)
    if op not in patch.OPS:
        raise errors.BadRequest(f'"op" must be one of {", ".join(patch.OPS)}.')
    if len(segments) != (1 if op == 'replace' else 2):
        raise errors.BadRequest(
            'The path must be /locations to replace locations, and '
            '/locations/POSITION to add or remove one.'
        )
    if op == 'remove':
        return locations.Change(op, _position(segments[1]), [])
    if 'value' not in item:
        raise errors.BadRequest(f'The operation "{op}" needs a "value".')
    value = item['value']
    if op == 'replace':
        if isinstance(value, list):
            limits.check_locations(len(value))
        if value == []:
            raise errors.Forbidden(
                'The locations of an image cannot be replaced by an empty '
                'list.'
            )
        return locations.Change(op, None, _checked(value, schema))
    return locations.Change(
        op, _position(segments[1]), _checked([value], schema)
    )


def _position(segment: str) -> int | None:
    """The position as a number; None for the end."""
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
    """One location of a request, without unknown members.

    :raises errors.BadRequest: a value is too large for the databases
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
    location: contract.Location = {'url': item['url'], 'metadata': metadata}
    if 'validation_data' in item:
        location['validation_data'] = item['validation_data']
    return location


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    if not levels:
        return True
    inner = value.values() if isinstance(value, dict) else value
    return any(_is_deeper(each, levels - 1) for each in inner)
