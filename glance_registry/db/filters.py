"""A typed list query -> the ids of one page, in one statement.

Paging is by keyset on the sort keys, never by OFFSET. Each branch of the
caller's visibility is ordered and cut by itself, so that each can walk an
index; the outer SELECT merges them (speed-lab section 5).
"""

from collections.abc import Callable, Sequence
import datetime
from typing import Any

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry import lifecycle
from glance_registry.db import models
from glance_registry.db import visibility

IMAGES = models.images
PROPERTIES = models.image_properties
TAGS = models.image_tags

#: What a list may be sorted by.
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
#: Engines whose usual collations do not mind letter case.
_IGNORING_CASE = ('mysql', 'mariadb')
#: Largest value of a bigint; beyond it nothing can match.
_MOST = 2**63 - 1

_OPERATORS: dict[str, Callable[[Any, Any], sa.ColumnElement[bool]]] = {
    'eq': lambda column, value: column == value,
    'neq': lambda column, value: column != value,
    'lt': lambda column, value: column < value,
    'lte': lambda column, value: column <= value,
    'gt': lambda column, value: column > value,
    'gte': lambda column, value: column >= value,
}


def page(
    asking: context.RequestContext,
    query: contract.ImageQuery,
    marker: sa.Row[Any] | None,
    dialect: str,
) -> sa.Select[Any] | None:
    """The statement for the ids of a page, in order.

    :param marker: the row of the marker, see :func:`marker_columns`
    :returns: None where nothing can match
    :raises errors.BadRequest: a field or value that no client library sends
    """
    keys = _sort_keys(query['sort'])
    wanted = _conditions(query, dialect)
    if marker is not None:
        wanted.append(_after(keys, marker))
    columns = _distinct_columns(keys)
    order = [_ordered(IMAGES.c[key], way, dialect) for key, way in keys]
    parts = [
        sa.select(*columns)
        .where(seen, *wanted)
        .order_by(*order)
        .limit(query['limit'])
        for seen in visibility.branches(
            asking, query['visibility'], query['member_status']
        )
    ]
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    return _merged(parts, keys, query['limit'], dialect)


def marker_columns(sort: Sequence[tuple[str, str]]) -> list[sa.Column[Any]]:
    """What must be known of the marker's row to continue behind it."""
    return _distinct_columns(_sort_keys(sort))


def exact(
    column: sa.ColumnElement[str], value: Any, dialect: str
) -> sa.ColumnElement[bool]:
    """Equality that minds letter case on every engine.

    MariaDB's usual collations do not; the first comparison there serves
    the index, the second is the truth.
    """
    if dialect in _IGNORING_CASE and _is_wide(value):
        return sa.false()
    same: sa.ColumnElement[bool] = column == value
    if dialect in _IGNORING_CASE:
        return sa.and_(same, sa.collate(column, 'utf8mb3_bin') == value)
    return same


def _is_wide(text: str) -> bool:
    """Whether it has characters that utf8mb3 columns cannot even compare."""
    return max(text, default='') > '\uffff'


def _merged(
    parts: Sequence[sa.Select[Any]],
    keys: Sequence[tuple[str, str]],
    limit: int,
    dialect: str,
) -> sa.Select[Any]:
    # Each part is wrapped: SQLite takes no ORDER BY inside a UNION.
    wrapped = [sa.select(part.subquery()) for part in parts]
    merged = sa.union_all(*wrapped).subquery()
    order = [
        _ordered(merged.c[key], way, dialect, IMAGES.c[key].nullable)
        for key, way in keys
    ]
    return sa.select(merged).distinct().order_by(*order).limit(limit)


def _sort_keys(sort: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    keys = [(key, way) for key, way in sort]
    for key, way in keys:
        if key not in SORT_KEYS or way not in ('asc', 'desc'):
            raise errors.BadRequest(f'Cannot sort by {key} {way}.')
    if 'id' not in dict(keys):
        raise errors.BadRequest('The sort keys must end with id.')
    return keys


def _distinct_columns(
    keys: Sequence[tuple[str, str]],
) -> list[sa.Column[Any]]:
    names = dict.fromkeys(['id', *(key for key, _ in keys)])
    return [IMAGES.c[name] for name in names]


def _ordered(
    column: sa.ColumnElement[Any],
    way: str,
    dialect: str,
    nullable: bool | None = None,
) -> sa.ColumnElement[Any]:
    """ORDER BY one key; null is the smallest value on every engine."""
    if nullable is None:
        nullable = bool(getattr(column, 'nullable', False))
    ordered = column.asc() if way == 'asc' else column.desc()
    if nullable and dialect == 'postgresql':
        if way == 'asc':
            return ordered.nulls_first()
        return ordered.nulls_last()
    return ordered


def _after(
    keys: Sequence[tuple[str, str]], marker: sa.Row[Any]
) -> sa.ColumnElement[bool]:
    """Behind the marker, as ``k <= x AND (k < x OR rest)``.

    The only form that MariaDB, PostgreSQL and SQLite all turn into a range
    of the index on the first key (speed-lab section 5, rule 2).
    """
    rest: sa.ColumnElement[bool] = sa.false()
    for key, way in reversed(keys):
        column, value = IMAGES.c[key], marker._mapping[key]
        rest = _key_after(column, value, way, rest)
    return rest


def _key_after(
    column: sa.Column[Any], value: Any, way: str, rest: Any
) -> sa.ColumnElement[bool]:
    if way == 'asc':
        if value is None:
            return sa.or_(column.is_not(None), rest)
        return sa.and_(column >= value, sa.or_(column > value, rest))
    if value is None:
        return sa.and_(column.is_(None), rest)
    if not column.nullable:
        return sa.and_(column <= value, sa.or_(column < value, rest))
    return sa.or_(
        column.is_(None),
        sa.and_(column <= value, sa.or_(column < value, rest)),
    )


def _conditions(
    query: contract.ImageQuery, dialect: str
) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [
        IMAGES.c.deleted == sa.false(),
        IMAGES.c.os_hidden
        == (sa.true() if query['os_hidden'] else sa.false()),
        IMAGES.c.status != lifecycle.NEVER_LISTED,
    ]
    found += [_condition(asked, dialect) for asked in query['filters']]
    found += [
        sa.exists().where(
            PROPERTIES.c.image_id == IMAGES.c.id,
            exact(PROPERTIES.c.name, name, dialect),
            _same_value(value, dialect),
            PROPERTIES.c.deleted == sa.false(),
        )
        for name, value in query['properties']
    ]
    found += [
        sa.exists().where(
            TAGS.c.image_id == IMAGES.c.id,
            exact(TAGS.c.value, tag, dialect),
            TAGS.c.deleted == sa.false(),
        )
        for tag in query['tags']
    ]
    return found


def _same_value(value: str, dialect: str) -> sa.ColumnElement[bool]:
    same = exact(PROPERTIES.c.value, value, dialect)
    if dialect == 'postgresql':
        # Its index holds only the start of each value.
        start = models.value_prefix(PROPERTIES.c.value)
        return sa.and_(start == models.value_prefix(sa.literal(value)), same)
    return same


def _condition(asked: contract.Filter, dialect: str) -> sa.ColumnElement[bool]:
    field, op, value = asked['field'], asked['op'], asked['value']
    if field in _TEXTS:
        return _text_condition(field, op, value, dialect)
    if op in _OPERATORS:
        compare = _OPERATORS[op]
        column = IMAGES.c.get(field)
        if field in _TIMES:
            return compare(column, _time(value))
        if field in _NUMBERS and isinstance(value, int):
            return compare(column, max(min(value, _MOST), -_MOST))
        if field in _FLAGS and isinstance(value, bool):
            return compare(column, sa.true() if value else sa.false())
    raise errors.BadRequest(f'Cannot filter {field} by {op}.')


def _text_condition(
    field: str, op: str, value: Any, dialect: str
) -> sa.ColumnElement[bool]:
    values = value if op == 'in' else [value]
    if op not in ('eq', 'in') or not all(
        isinstance(item, str) for item in values
    ):
        raise errors.BadRequest(f'Cannot filter {field} by {op}.')
    return _among(IMAGES.c[field], values, dialect)


def _among(
    column: sa.Column[str], values: Sequence[str], dialect: str
) -> sa.ColumnElement[bool]:
    # Not a chain of OR: SQLite refuses expressions deeper than 1000.
    if len(values) == 1:
        return exact(column, values[0], dialect)
    if dialect in _IGNORING_CASE:
        values = [value for value in values if not _is_wide(value)]
    same: sa.ColumnElement[bool] = column.in_(values)
    if dialect in _IGNORING_CASE:
        binary = sa.collate(column, 'utf8mb3_bin')
        return sa.and_(same, binary.in_(values))
    return same


def _time(value: Any) -> datetime.datetime:
    try:
        return datetime.datetime.strptime(value, '%Y-%m-%dT%H:%M:%SZ')
    except (TypeError, ValueError) as error:
        raise errors.BadRequest(f'{value!r} is not a time.') from error
