"""Custom properties in the schema of an image.

An operator's ``schema-image.json`` replaces the usual ones. It maps names to
constraints. Or it contains such a map as ``properties`` and an array
``required`` of names that every image must have.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jsonschema
import orjson

from glance.api.v2.schema import image
from glance.api.v2.schema import keywords
from glance.common import errors

FILE = 'schema-image.json'
MAX_FILE_BYTES = 1 << 20


class Custom(NamedTuple):
    """
    :ivar properties: name -> constraints
    :ivar required: names that an image must have, including base members
    """

    properties: Mapping[str, Mapping[str, Any]]
    required: tuple[str, ...] = ()


_USUAL: dict[str, dict[str, Any]] = {
    'kernel_id': {
        'type': ['null', 'string'],
        'pattern': image.UUID,
        'description': 'Image of the kernel to boot an AMI-style image with.',
    },
    'ramdisk_id': {
        'type': ['null', 'string'],
        'pattern': image.UUID,
        'description': 'Image of the ramdisk to boot it with.',
    },
    'instance_uuid': {
        'type': 'string',
        'description': 'The instance that this image is a snapshot of.',
    },
    'architecture': {
        'type': 'string',
        'description': 'Architecture of the operating system.',
    },
    'os_distro': {
        'type': 'string',
        'description': 'Common name of the operating system distribution.',
    },
    'os_version': {
        'type': 'string',
        'description': 'Version as its distributor names it.',
    },
    'description': {
        'type': 'string',
        'description': 'A text for people.',
    },
    'cinder_encryption_key_id': {
        'type': 'string',
        'description': 'Key in the key manager that the data needs.',
    },
    'cinder_encryption_key_deletion_policy': {
        'type': 'string',
        'enum': ['on_image_deletion', 'do_not_delete'],
        'description': 'Whether that key goes with the image.',
    },
}
USUAL = Custom(_USUAL)


def load(path: str | None) -> Custom:
    """Read an operator's file; without one, the usual properties.

    :raises errors.ConfigurationError: the file cannot be read or is wrong
    """
    if path is None:
        return USUAL
    try:
        with open(path, 'rb') as file:
            raw = file.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise ValueError(f'the file has more than {MAX_FILE_BYTES} bytes')
        return _custom(orjson.loads(raw))
    except (OSError, ValueError) as error:
        raise errors.ConfigurationError(
            f'{FILE}: {path} cannot be used: {error}'
        ) from error


def fault(path: str) -> str | None:
    """What is wrong with an operator's file; None if it is correct."""
    try:
        load(path)
    except errors.ConfigurationError as error:
        return str(error)
    return None


def _custom(document: Any) -> Custom:
    properties, required = document, []
    if _has_required(document):
        properties, required = (
            document['properties'],
            document.get('required', []),
        )
    if not isinstance(properties, dict):
        raise ValueError('the file must contain an object')
    for name, constraints in properties.items():
        _check(name, constraints)
    base = image.properties((), ())
    if both := sorted(set(properties) & set(base)):
        raise ValueError(
            f'{both[0]} is a member of every image, so it cannot be a '
            'custom property'
        )
    if not isinstance(required, list):
        raise ValueError('required must be an array')
    for name in map(str, required):
        known = {**base, **properties}.get(name, {'readOnly': True})
        if known.get('readOnly'):
            raise ValueError(f'required: {name} cannot be set by clients')
    return Custom(properties, tuple(map(str, required)))


def _has_required(document: Any) -> bool:
    """Whether the document has the form with ``required``."""
    if not isinstance(document, dict) or 'properties' not in document:
        return False
    inner = document['properties']
    return (
        set(document) <= {'properties', 'required'}
        and isinstance(inner, dict)
        and all(isinstance(value, dict) for value in inner.values())
    )


def _check(name: str, constraints: Any) -> None:
    if not isinstance(constraints, dict):
        raise ValueError(f'{name}: the constraints must be an object')
    try:
        keywords.Validator.check_schema(constraints)
        validator = keywords.Validator(constraints)
        for probe in ('', None):  # finds bad patterns and references
            list(validator.iter_errors(probe))
    except jsonschema.SchemaError as error:
        raise ValueError(f'{name}: {error.message}') from error
    except Exception as error:
        raise ValueError(f'{name}: {error}') from error
    types = constraints.get('type', 'string')
    types = {types} if isinstance(types, str) else set(types)
    if 'string' not in types or not types <= {'string', 'null'}:
        raise ValueError(
            f'{name}: the type must be "string", or "string" and "null"'
        )
