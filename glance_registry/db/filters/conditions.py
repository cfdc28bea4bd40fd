"""Conditions of a list, with their values bound by name."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from glance_registry import lifecycle
from glance_registry.db import exact
from glance_registry.db import models
from glance_registry.db import visibility
from glance_registry.db.filters import shape

IMAGES = models.images
PROPERTIES = models.image_properties
TAGS = models.image_tags

Condition = sa.ColumnElement[bool]

_COMPARE: dict[str, Callable[[Any, Any], Condition]] = {
    'neq': lambda column, value: column != value,
    'lt': lambda column, value: column < value,
    'lte': lambda column, value: column <= value,
    'gt': lambda column, value: column > value,
    'gte': lambda column, value: column >= value,
}


def listed(asked: shape.Shape) -> list[Condition]:
    """Return the conditions of every list."""
    if asked.is_changed:
        since = sa.bindparam('changed_since', type_=IMAGES.c.updated_at.type)
        return [
            IMAGES.c.updated_at > since,
            IMAGES.c.os_hidden == sa.bindparam('hidden'),
        ]
    return [
        IMAGES.c.deleted == sa.false(),
        IMAGES.c.os_hidden == sa.bindparam('hidden'),
        IMAGES.c.status != lifecycle.NEVER_LISTED,
    ]


def visible(asked: shape.Shape) -> Condition:
    """Return the condition that an image is in one of the branches."""
    return sa.or_(*(visibility.condition(each) for each in asked.branches))


def field(asked: shape.Field) -> Condition:
    """Return the condition on one column of an image."""
    column = IMAGES.c[asked.name]
    if asked.op == 'in':
        texts = sa.bindparam(
            asked.bind, type_=exact.Compared(), expanding=True
        )
        return column.in_(texts)
    if asked.op == 'eq':
        return column == sa.bindparam(asked.bind)
    value = sa.bindparam(asked.bind, type_=column.type)
    return _COMPARE[asked.op](column, value)


def property_is(number: int, dialect: str) -> Condition:
    """Return the condition for a property, so that its index is used."""
    same = _property_is(number, PROPERTIES)
    if dialect == 'postgresql':
        # The index has only the prefix of each value.
        value = sa.bindparam(f'value_{number}', type_=sa.Text)
        start = models.value_prefix(PROPERTIES.c.value)
        return sa.and_(start == models.value_prefix(value), same)
    return same


def tag_is(number: int, table: sa.FromClause = TAGS) -> Condition:
    """Return the condition for a live tag."""
    return sa.and_(
        table.c.value == sa.bindparam(f'tag_{number}'),
        table.c.deleted == sa.false(),
    )


def children(
    asked: shape.Shape, image_id: Any, without: int | None = None
) -> list[Condition]:
    """Return conditions that an image has all wanted tags and properties.

    :param without: number of a tag or property that needs no condition
    """
    conditions: list[Condition] = []
    for number in range(asked.tags + asked.properties):
        if number == without:
            continue
        if number < asked.tags:
            table, index = TAGS.alias(), 'ix_image_tags_image_id_tag_value'
            same = tag_is(number, table)
        else:
            table = PROPERTIES.alias()
            index = 'ix_image_properties_image_id_name'
            same = _property_is(number - asked.tags, table)
        rows: sa.Select[Any] = sa.select(sa.literal_column('1'))
        rows = rows.select_from(table).where(table.c.image_id == image_id)
        rows = hinted(rows.where(same), table, index, asked.dialect)
        conditions.append(sa.exists(rows.correlate_except(table)))
    return conditions


def _property_is(number: int, table: sa.FromClause) -> Condition:
    return sa.and_(
        table.c.name == sa.bindparam(f'property_{number}'),
        table.c.value == sa.bindparam(f'value_{number}'),
        table.c.deleted == sa.false(),
    )


def hinted(
    statement: sa.Select[Any], table: sa.FromClause, index: str, dialect: str
) -> sa.Select[Any]:
    """Force an index on MySQL and MariaDB, whose planners may ignore it."""
    if dialect in shape.MYSQL:
        return statement.with_hint(table, f'FORCE INDEX ({index})')
    return statement
