"""A JSON-patch body -> changes of an image."""

from collections.abc import Callable
import re
from typing import Any, NamedTuple

from glance.api.policy import protections
from glance.api.v2 import schemas
from glance.common import contract
from glance.common import errors

V21 = 'application/openstack-images-v2.1-json-patch'
V20 = 'application/openstack-images-v2.0-json-patch'
MEDIA_TYPES = (V20, V21)

OPS = ('add', 'replace', 'remove')
#: Base members that no client may change.
READ_ONLY = frozenset(
    ('created_at', 'updated_at', 'status', 'checksum', 'size')
    + ('virtual_size', 'direct_url', 'self', 'file', 'schema', 'id')
    + ('os_hash_algo', 'os_hash_value', 'stores')
)
#: Names that are nobody's: heritage of API v1.
RESERVED = frozenset(('location', 'deleted', 'deleted_at'))
FORMATS = ('disk_format', 'container_format')
FORMATS_OPEN = ('queued', 'importing')
#: Operations in one request; a whole image has some 30 members and at most
#: a few hundred properties.
MAX_OPERATIONS = 1000


class Operation(NamedTuple):
    """
    :ivar exact: the name with the blanks that may stand around it
    """

    op: str
    name: str
    exact: str
    value: Any
    #: v2.0: ``add`` of a name that exists is a conflict
    strict_add: bool


def parse(media_type: str, document: Any) -> list[Operation]:
    """Read and check all operations, before the image is looked at.

    :raises errors.BadRequest: malformed
    :raises errors.Forbidden: a member that clients may not touch
    """
    if not isinstance(document, list):
        raise errors.BadRequest('A patch must be an array of operations.')
    check_count(document)
    read = READERS[media_type]
    return [_operation(item, read) for item in document]


def check_count(document: list[Any]) -> None:
    """:raises errors.LimitExceeded: too many operations"""
    if len(document) > MAX_OPERATIONS:
        raise errors.LimitExceeded(
            f'A patch may have at most {MAX_OPERATIONS} operations.'
        )


_Read = Callable[[dict[str, Any]], tuple[str, Any, bool]]


def _operation(item: Any, read: _Read) -> Operation:
    if not isinstance(item, dict):
        raise errors.BadRequest('An operation of a patch must be an object.')
    op, path, strict_add = read(item)
    if op not in OPS:
        raise errors.BadRequest(f'"op" must be one of {", ".join(OPS)}.')
    if op != 'remove' and 'value' not in item:
        raise errors.BadRequest(f'The operation "{op}" needs a "value".')
    exact = _name(path)
    name = exact.strip()
    if name in READ_ONLY or is_reserved(name):
        raise errors.Forbidden(f'{name} is read-only.')
    return Operation(op, name, exact, item.get('value'), strict_add)


def _read_v21(item: dict[str, Any]) -> tuple[str, Any, bool]:
    if 'op' not in item or 'path' not in item:
        raise errors.BadRequest(
            'An operation of a patch must have "op" and "path".'
        )
    return item['op'], item['path'], False


def _read_v20(item: dict[str, Any]) -> tuple[str, Any, bool]:
    ops = [op for op in OPS if op in item]
    if len(ops) != 1:
        raise errors.BadRequest(
            'An operation of a patch must have exactly one of "add", '
            '"replace" and "remove".'
        )
    return ops[0], item[ops[0]], True


READERS: dict[str, _Read] = {V21: _read_v21, V20: _read_v20}


def _name(path: Any) -> str:
    """The one segment of a path, decoded, with blanks around."""
    if not isinstance(path, str) or not path.startswith('/'):
        raise errors.BadRequest('"path" must be a string that begins with /.')
    segments = path.lstrip('/').split('/') if path != '/' else ['']
    if segments[0].strip() == 'locations':
        raise errors.Forbidden(
            'Clients of this service cannot see or change locations.'
        )
    if len(segments) > 1 or path.endswith('//'):
        raise errors.BadRequest(f'{path}: the path must have one segment.')
    segment = segments[0]
    if re.search('~(?![01])', segment):
        raise errors.BadRequest(
            f'{path}: the character ~ must be followed by 0 or 1.'
        )
    return segment.replace('~1', '/').replace('~0', '~')


def is_reserved(name: str) -> bool:
    """Whether only the service may write the name."""
    return name in RESERVED or name.startswith(protections.RESERVED_PREFIX)


def checked(
    operations: list[Operation], schema: schemas.ImageSchema
) -> list[Operation]:
    """The operations with their values as they are kept.

    :raises errors.BadRequest: a value breaks its constraints
    """
    return [
        operation
        if operation.op == 'remove'
        else operation._replace(
            value=schema.check_one(operation.name, operation.value)
        )
        for operation in operations
    ]


def changes(
    operations: list[Operation],
    image: contract.Image,
    schema: schemas.ImageSchema,
    allows: protections.Allows | None = None,
) -> contract.ImageChanges:
    """Apply the operations in order to a copy; what came of it.

    :param allows: what the caller may do to which custom property; a
        property that it may not read is not there for it
    :raises errors.Conflict: a property that is not there, or is (v2.0)
    :raises errors.Forbidden: removal of a base member, frozen formats, a
        property that the caller may not touch
    """
    values: dict[str, Any] = {}
    properties = dict(image['properties'])
    for operation in operations:
        if operation.exact in properties:
            operation = operation._replace(name=operation.exact)
        if schema.is_base(operation.name):
            _change_base(operation, image, values)
        else:
            _change_property(operation, properties, allows or _everything)
    result: contract.ImageChanges = {
        'row_version': image['row_version'],
        'values': values,
        'properties': _difference(image['properties'], properties),
    }
    nulls = [
        name
        for name, value in result['properties'].items()
        if value is None and name in properties
    ]
    if nulls:
        result['nulls'] = nulls
    if 'tags' in values:
        result['tags'] = sorted(set(values.pop('tags')))
    return result


def applied(
    image: contract.Image,
    changed: contract.ImageChanges,
    updated: contract.Updated,
) -> contract.Image:
    """The image as the registry has it now: nobody else changed it."""
    properties = image['properties'] | changed['properties']
    document: Any = {
        **image,
        **changed['values'],
        **updated,
        'properties': {
            name: value
            for name, value in properties.items()
            if name not in changed['properties']
            or value is not None
            or name in changed.get('nulls', ())
        },
        'tags': changed.get('tags', image['tags']),
        'locations': changed.get('locations', image['locations']),
    }
    result: contract.Image = document
    return result


def _change_base(
    operation: Operation, image: contract.Image, values: dict[str, Any]
) -> None:
    op, name, _, value, strict_add = operation
    if op == 'remove':
        raise errors.Forbidden(f'{name} cannot be removed.')
    if op == 'add' and strict_add:
        raise errors.Conflict(
            f'{name} exists already; use "replace" to change it.'
        )
    if name in FORMATS and image['status'] not in FORMATS_OPEN:
        raise errors.Forbidden(
            f'{name} cannot be changed once the image has data.'
        )
    values[name] = value


def _change_property(
    operation: Operation,
    properties: dict[str, str | None],
    allows: protections.Allows,
) -> None:
    op, name, _, value, strict_add = operation
    is_there = name in properties and allows('read', name)
    if op == 'add' and is_there and strict_add:
        raise errors.Conflict(
            f'{name} exists already; use "replace" to change it.'
        )
    if op != 'add' and not is_there:
        raise errors.Conflict(f'The image has no property {name}.')
    action = 'delete' if op == 'remove' else 'update'
    if not allows(action if is_there else 'create', name):
        raise errors.Forbidden(
            f'You are not permitted to {op} the property {name}.'
        )
    if op == 'remove':
        del properties[name]
    else:
        properties[name] = value


def _everything(_action: str, _name: str) -> bool:
    return True


def _difference(
    before: dict[str, str | None], after: dict[str, str | None]
) -> dict[str, str | None]:
    changed = {
        name: value
        for name, value in after.items()
        if name not in before or before[name] != value
    }
    return changed | {name: None for name in before if name not in after}
