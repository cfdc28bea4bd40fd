"""Convert a JSON-patch body to changes of an image."""

from collections.abc import Callable
import re
from typing import Any, NamedTuple

from glance.api.v2 import schemas
from glance.common import contract
from glance.common import errors
from glance.images import permission
from glance.images import properties

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
#: Maximum number of operations in one request. An image has about 30 members
#: and at most a few hundred properties.
MAX_OPERATIONS = 1000


class PatchOperation(NamedTuple):
    """
    :ivar exact: the name with any blanks around it
    """

    op: str
    name: str
    exact: str
    value: Any
    #: v2.0: ``add`` of a name that exists is a conflict
    strict_add: bool


def parse(media_type: str, document: Any) -> list[PatchOperation]:
    """Read and check all operations, before the image is read.

    :raises errors.BadRequest: an operation is malformed
    :raises errors.Forbidden: clients may not change a member
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


def _operation(item: Any, read: _Read) -> PatchOperation:
    if not isinstance(item, dict):
        raise errors.BadRequest('An operation of a patch must be an object.')
    op, path, strict_add = read(item)
    if op not in OPS:
        raise errors.BadRequest(f'"op" must be one of {", ".join(OPS)}.')
    if op != 'remove' and 'value' not in item:
        raise errors.BadRequest(f'The operation "{op}" needs a "value".')
    exact = _name(path)
    name = exact.strip()
    if name in READ_ONLY or properties.is_reserved(name):
        raise errors.Forbidden(f'{name} is read-only.')
    return PatchOperation(op, name, exact, item.get('value'), strict_add)


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
    """The only segment of a path, decoded; blanks around it are kept."""
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


def checked(
    operations: list[PatchOperation], schema: schemas.ImageSchema
) -> list[PatchOperation]:
    """The operations, with their values in the form that is stored.

    :raises errors.BadRequest: a value violates its constraints
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
    operations: list[PatchOperation],
    image: contract.Image,
    schema: schemas.ImageSchema,
    allows: permission.Allows | None = None,
) -> contract.ImageChanges:
    """Apply the operations in order to a copy; return the changes.

    :param allows: what the caller may do to which custom property; None if
        everything is allowed
    :raises errors.BadRequest: a required property would be missing
    :raises errors.Conflict: a property does not exist, or exists (v2.0)
    :raises errors.Forbidden: removal of a base member, change of fixed
        formats, or of a property that the caller may not change
    """
    draft = properties.Draft(image, allows)
    for operation in operations:
        if operation.exact in draft.properties:
            operation = operation._replace(name=operation.exact)
        if schema.is_base(operation.name):
            _change_base(operation, draft)
        else:
            _change_property(operation, draft)
    if operations:
        schema.require_properties(draft.properties.keys())
    return draft.changes()


def _change_base(operation: PatchOperation, draft: properties.Draft) -> None:
    op, name, _, value, strict_add = operation
    if op == 'remove':
        raise errors.Forbidden(f'{name} cannot be removed.')
    if op == 'add' and strict_add:
        raise errors.Conflict(
            f'{name} exists already; use "replace" to change it.'
        )
    draft.change_base(name, value)


def _change_property(
    operation: PatchOperation, draft: properties.Draft
) -> None:
    op, name, _, value, strict_add = operation
    is_there = draft.has(name)
    if op == 'add' and is_there and strict_add:
        raise errors.Conflict(
            f'{name} exists already; use "replace" to change it.'
        )
    if op != 'add' and not is_there:
        raise errors.Conflict(f'The image has no property {name}.')
    if op == 'remove':
        draft.remove(name)
    else:
        draft.put(name, value, op)
