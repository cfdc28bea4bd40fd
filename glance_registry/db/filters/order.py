"""The order of a list, and the start of a page in it.

Null sorts as the smallest value of a key on every engine.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from glance_registry.db import models
from glance_registry.db.filters import shape

IMAGES = models.images

Condition = sa.ColumnElement[bool]


def columns(keys: shape.Keys) -> list[sa.Column[Any]]:
    """Return the id and the sort keys, which our indexes include."""
    names = dict.fromkeys(['id', *(key for key, _ in keys)])
    return [IMAGES.c[name] for name in names]


def by(
    keys: shape.Keys, source: Any, dialect: str, apart: bool = False
) -> list[sa.ColumnElement[Any]]:
    """Return the ORDER BY expressions for the columns of ``source``.

    :param apart: null and other values of the first key are in separate
        ranges, see :func:`ranges`. PostgreSQL's indexes sort null as the
        largest value, so they have the right order only within a range.
    """
    expressions = []
    for number, (key, way) in enumerate(keys):
        column = source[key]
        each = column.asc() if way == 'asc' else column.desc()
        nulls_matter = IMAGES.c[key].nullable and not (apart and number == 0)
        if nulls_matter and dialect == 'postgresql':
            each = each.nulls_first() if way == 'asc' else each.nulls_last()
        expressions.append(each)
    return expressions


def mixed(keys: shape.Keys) -> bool:
    """Return whether the keys have both directions, as no index has."""
    return len({way for _, way in keys}) > 1


def ranges(
    keys: shape.Keys, nulls: Sequence[str] | None, dialect: str, edge: bool
) -> list[list[Condition]]:
    """Return the rows after the marker, as ranges of the first key's index.

    :param nulls: the keys in which the marker is null; None: no marker
    :param edge: exclude rows whose first key sorts after ``:edge``
    """
    key, way = keys[0]
    column = IMAGES.c[key]
    present: list[Condition]
    absent: list[Condition]
    if nulls is None:
        if not edge and not (column.nullable and dialect == 'postgresql'):
            return [[]]
        present = []
        absent = [column.is_(None)]
        if column.nullable and not edge:
            present = [column.is_not(None)]
    elif key in nulls:
        absent = [column.is_(None), behind(keys[1:], nulls)]
        present = [column.is_not(None)] if way == 'asc' else [sa.false()]
    else:
        present = [behind(keys, nulls, False)]
        absent = [column.is_(None) if way == 'desc' else sa.false()]
    if edge:
        bound = sa.bindparam('edge', type_=column.type)
        present.append(column <= bound if way == 'asc' else column >= bound)
        if way == 'desc':
            absent = [sa.false()]
    if not column.nullable:
        return [present]
    return [each for each in (present, absent) if not _is_false(each[0])]


def behind(
    keys: shape.Keys, nulls: Sequence[str], null_too: bool = True
) -> Condition:
    """Return the condition ``k <= x AND (k < x OR rest)``: after the marker.

    Only in this form do MariaDB, PostgreSQL and SQLite all use a range of
    the index on the first key.

    :param null_too: include null in a descending first key
    """
    rest: Condition = sa.false()
    for number, (key, way) in reversed(list(enumerate(keys))):
        wide = null_too or number > 0
        rest = _key_behind(IMAGES.c[key], way, key in nulls, wide, rest)
    return rest


def _key_behind(
    column: sa.Column[Any], way: str, null: bool, null_too: bool, rest: Any
) -> Condition:
    if null:
        if way == 'asc':
            return sa.or_(column.is_not(None), rest)
        return sa.and_(column.is_(None), rest)
    value = sa.bindparam(f'marker_{column.name}', type_=column.type)
    if way == 'asc':
        return sa.and_(column >= value, sa.or_(column > value, rest))
    condition = sa.and_(column <= value, sa.or_(column < value, rest))
    if column.nullable and null_too:
        return sa.or_(column.is_(None), condition)
    return condition


def _is_false(condition: Condition) -> bool:
    return isinstance(condition, sa.False_)
