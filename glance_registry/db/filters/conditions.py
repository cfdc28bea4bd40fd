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


def listed() -> list[Condition]:
    """What every list asks."""
    return [
        IMAGES.c.deleted == sa.false(),
        IMAGES.c.os_hidden == sa.bindparam('hidden'),
        IMAGES.c.status != lifecycle.NEVER_LISTED,
    ]


def visible(asked: shape.Shape) -> Condition:
    """Any of the branches."""
    return sa.or_(*(visibility.condition(each) for each in asked.branches))


def field(asked: shape.Field) -> Condition:
    """The condition on one column of an image."""
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
    """A live property of that name has that value, by its index."""
    same = _property_is(number, PROPERTIES)
    if dialect == 'postgresql':
        # Its index holds only the start of each value.
        value = sa.bindparam(f'value_{number}', type_=sa.Text)
        start = models.value_prefix(PROPERTIES.c.value)
        return sa.and_(start == models.value_prefix(value), same)
    return same


def tag_is(number: int, table: sa.FromClause = TAGS) -> Condition:
    """A live tag is this one."""
    return sa.and_(
        table.c.value == sa.bindparam(f'tag_{number}'),
        table.c.deleted == sa.false(),
    )


def children(
    asked: shape.Shape, image_id: Any, without: int | None = None
) -> list[Condition]:
    """All wanted tags and properties are there, looked up by image.

    :param without: the number of one that is known to be there
    """
    found: list[Condition] = []
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
        found.append(sa.exists(rows.correlate_except(table)))
    return found


def _property_is(number: int, table: sa.FromClause) -> Condition:
    return sa.and_(
        table.c.name == sa.bindparam(f'property_{number}'),
        table.c.value == sa.bindparam(f'value_{number}'),
        table.c.deleted == sa.false(),
    )


def hinted(
    statement: sa.Select[Any], table: sa.FromClause, index: str, dialect: str
) -> sa.Select[Any]:
    """Read a table by one index where the planner would not by itself."""
    if dialect in shape.MYSQL:
        return statement.with_hint(table, f'FORCE INDEX ({index})')
    return statement
