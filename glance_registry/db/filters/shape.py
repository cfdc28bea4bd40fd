"""The shape of a list query: the query without its values.

Queries of the same shape differ only in bound values. So a statement is built
once for all of them, because building one costs as much as executing it.
"""

from collections.abc import Sequence
import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry.db import models
from glance_registry.db import visibility

IMAGES = models.images
MYSQL = models.MYSQL

#: Keys by which a list can be sorted.
SORT_KEYS = frozenset(
    ('name', 'status', 'container_format', 'disk_format', 'size')
    + ('id', 'created_at', 'updated_at')
)
_TEXTS = frozenset(
    ('id', 'name', 'status', 'container_format', 'disk_format', 'owner')
    + ('checksum', 'os_hash_algo', 'os_hash_value')
)
_NUMBERS = frozenset(('size', 'virtual_size', 'min_disk', 'min_ram'))
_TIMES = frozenset(('created_at', 'updated_at'))
_FLAGS = frozenset(('protected',))
_COMPARISONS = frozenset(('eq', 'neq', 'lt', 'lte', 'gt', 'gte'))
#: Largest value of a bigint; no row has a larger one.
_MOST = 2**63 - 1

Keys = tuple[tuple[str, str], ...]
Values = dict[str, Any]


class Field(NamedTuple):
    """A condition on a column; its value is bound as ``:bind``."""

    name: str
    op: str
    bind: str


class Shape(NamedTuple):
    """A query without its values.

    :ivar nulls: the sort keys in which the marker is null; None: no marker
    :ivar is_changed: list the images that were changed after
        ``:changed_since``, including deleted ones
    """

    dialect: str
    branches: tuple[visibility.Branch, ...]
    keys: Keys
    nulls: tuple[str, ...] | None
    fields: tuple[Field, ...]
    properties: int
    tags: int
    is_changed: bool = False


def parse(
    context: context.RequestContext,
    query: contract.ImageQuery,
    marker: sa.Row[Any] | None,
    dialect: str,
) -> tuple[Shape, Values]:
    """Split a query into its shape and the values to bind.

    :raises errors.BadRequest: a field or value that no client library sends
    """
    fields, values = _fields(query['filters'])
    owner = _owner(query['filters'])
    values |= {
        'caller': context.project_id,
        'owner': context.project_id if owner is None else owner,
        'member_status': query['member_status'],
        'hidden': bool(query['os_hidden']),
        'limit': query['limit'],
    }
    for number, (name, value) in enumerate(query['properties']):
        values |= {f'property_{number}': name, f'value_{number}': value}
    for number, tag in enumerate(query['tags']):
        values[f'tag_{number}'] = tag
    keys = sort_keys(query['sort'])
    nulls = None
    if marker is not None:
        row = marker._mapping
        nulls = tuple(key for key, _ in keys if row[key] is None)
        values |= {f'marker_{key}': row[key] for key, _ in keys}
    branches = visibility.branches(
        context, query['visibility'], query['member_status'], owner
    )
    if any(value == [] for value in values.values()):
        branches = ()  # no value matches an empty list
    is_changed = 'changed_since' in query
    if is_changed:
        values['changed_since'] = _time(query['changed_since'])
    counts = len(query['properties']), len(query['tags']), is_changed
    return Shape(dialect, branches, keys, nulls, fields, *counts), values


def sort_keys(sort: Sequence[Sequence[str]]) -> Keys:
    """Check the sort keys.

    :raises errors.BadRequest: a list cannot be sorted by these keys
    """
    keys = tuple((key, way) for key, way in sort)
    for key, way in keys:
        if key not in SORT_KEYS or way not in ('asc', 'desc'):
            raise errors.BadRequest(f'Images cannot be sorted by {key} {way}.')
    if 'id' not in dict(keys):
        raise errors.BadRequest('The sort keys must end with id.')
    return keys


def _owner(filters: Sequence[contract.Filter]) -> str | None:
    """Return the project to which a list is restricted; None if to none."""
    for asked in filters:
        if (asked['field'], asked['op']) == ('owner', 'eq'):
            owner: str = asked['value']
            return owner
    return None


def _fields(
    filters: Sequence[contract.Filter],
) -> tuple[tuple[Field, ...], Values]:
    fields, values = [], {}
    for number, asked in enumerate(filters):
        field = Field(asked['field'], asked['op'], f'filter_{number}')
        fields.append(field)
        values[field.bind] = _value(field, asked['value'])
    return tuple(fields), values


def _value(field: Field, value: Any) -> Any:
    name, op, _ = field
    if name in _TEXTS:
        texts = value if op == 'in' else [value]
        if op in ('eq', 'in') and all(isinstance(text, str) for text in texts):
            return value
    elif op in _COMPARISONS:
        if name in _TIMES:
            return _time(value)
        if name in _NUMBERS and isinstance(value, int):
            return max(min(value, _MOST), -_MOST)
        if name in _FLAGS and isinstance(value, bool):
            return value
    raise errors.BadRequest(f'Images cannot be filtered by {name} with {op}.')


def _time(value: Any) -> datetime.datetime:
    try:
        return datetime.datetime.strptime(value, '%Y-%m-%dT%H:%M:%SZ')
    except (TypeError, ValueError) as error:
        raise errors.BadRequest(
            f'{value!r} is not a time in ISO 8601.'
        ) from error
