"""The statements that find the ids of a page, one per shape of query.

What the caller sees is the union of a few branches. Each is read in order
from one index, only as far as the page reaches, and selects nothing but
what that index holds; the outer SELECT merges them. MariaDB and MySQL are
told which index, since their planners prefer to merge indexes and sort.
PostgreSQL and SQLite choose it themselves.
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from glance_registry.db import kept
from glance_registry.db import models
from glance_registry.db import visibility
from glance_registry.db.filters import conditions
from glance_registry.db.filters import order
from glance_registry.db.filters import shape

IMAGES = models.images
PROPERTIES = models.image_properties
TAGS = models.image_tags

#: Sort keys with indexes of their own, one per kind of branch.
_INDEXED = frozenset(('created_at', 'name', 'size'))
#: Columns that point at few images.
_POINTERS = {
    'id': 'PRIMARY',
    'checksum': 'checksum_image_idx',
    'os_hash_value': 'os_hash_value_image_idx',
}

Statement = sa.Select[Any]


def pointer(asked: shape.Shape) -> str | None:
    """The index of a condition that few images fulfil, if there is one."""
    for each in asked.fields:
        if each.name in _POINTERS and each.op in ('eq', 'in'):
            return _POINTERS[each.name]
    return None


def residual(asked: shape.Shape) -> tuple[shape.Field, ...]:
    """Conditions that the indexes of the branches do not answer."""
    inner = _inner(asked)
    return tuple(each for each in asked.fields if each not in inner)


def needs_edge(asked: shape.Shape) -> bool:
    """Whether a page must know its last key before it can be cheap.

    Keys in different directions are sorted. PostgreSQL and SQLite sort only
    within equal first keys, MariaDB all that is visible.
    """
    keys = _keys(asked)
    return (
        asked.dialect in shape.MYSQL
        and order.mixed(keys)
        and keys[0][0] in _INDEXED
    )


@kept.kept
def plain(asked: shape.Shape, edge: bool = False) -> Statement:
    """The page, where indexes answer all conditions."""
    return _merged(asked, 'limit', edge)


@kept.kept
def full(asked: shape.Shape) -> Statement:
    """The page by reading all that is visible, if need be."""
    return _merged(asked, 'limit', False, _others(asked, IMAGES.c.id))


@kept.kept
def window(asked: shape.Shape, edge: bool = False) -> Statement:
    """The page, if the first ``:window`` visible images hold one."""
    seen = _merged(asked, 'window', edge).subquery()
    columns = [seen.c[each.name] for each in order.columns(asked.keys)]
    found = sa.select(*columns).where(*_others(asked, seen.c.id))
    if residual(asked):
        found = _first(found, asked.dialect)
        found = found.join_from(seen, IMAGES, IMAGES.c.id == seen.c.id)
    return _cut(found, asked, seen.c)


@kept.kept
def pointed(asked: shape.Shape, index: str) -> Statement:
    """The page from the few images that a column points at."""
    children = conditions.children(asked, IMAGES.c.id)
    found = sa.select(*order.columns(asked.keys))
    found = found.where(*_every(asked), *children)
    found = conditions.hinted(found, IMAGES, index, asked.dialect)
    return _cut(found, asked, IMAGES.c)


@kept.kept
def from_child(asked: shape.Shape, number: int) -> Statement:
    """The page from all images that have one of the tags or properties."""
    table, having = _having(asked, number)
    others = conditions.children(asked, table.c.image_id, number)
    found = _joined(having.where(*others), asked).where(*_every(asked))
    return _cut(found, asked, IMAGES.c)


@kept.kept
def probe(asked: shape.Shape) -> Statement:
    """What helps to choose: one row.

    How many images have each tag and property, up to ``:few``; the id of a
    visible image, if there are more than :func:`full` should read; the edge.
    """
    counts: list[Any] = []
    if asked.tags or asked.properties:
        for number in range(asked.tags + asked.properties):
            rows = _having(asked, number)[1].limit(_bound('few')).subquery()
            count = sa.select(sa.func.count()).select_from(rows)
            counts.append(count.scalar_subquery())
        counts.append(_many(asked))
    return sa.select(*counts, _edge(asked))


def _many(asked: shape.Shape) -> Any:
    """The id of image number ``:window`` of a branch that has so many."""
    parts = _branches(asked, None, keys=())
    ids = [
        part.with_only_columns(IMAGES.c.id)
        .offset(_bound('before_window'))
        .limit(1)
        .scalar_subquery()
        for part in parts
    ]
    return sa.func.coalesce(*ids) if len(ids) > 1 else ids[0]


def _edge(asked: shape.Shape) -> Any:
    """The first key of the last image of a page or window."""
    if not needs_edge(asked):
        return sa.null()
    keys = _keys(asked)[:1]
    # A bound that holds for a part holds for all. Memberships have no index
    # by key, and would be read twice.
    part = [each for each in asked.branches if each.by != 'member']
    asked = asked._replace(branches=tuple(part) or asked.branches)
    whole = bool(residual(asked) or asked.tags or asked.properties)
    parts = _branches(asked, 'window' if whole else 'limit', keys=keys)
    merged = _union(parts).subquery()
    found = sa.select(merged.c[keys[0][0]])
    found = found.order_by(*order.by(keys, merged.c, asked.dialect))
    return found.offset(_bound('before_edge')).limit(1).scalar_subquery()


def _merged(
    asked: shape.Shape,
    limit: str,
    edge: bool,
    extra: Iterable[conditions.Condition] = (),
) -> Statement:
    parts = _branches(asked, limit, edge, tuple(extra))
    if len(parts) == 1:
        return parts[0]
    merged = _union(parts).subquery()
    return _cut(sa.select(merged), asked, merged.c, limit)


def _union(parts: list[Statement]) -> Any:
    # Each part is wrapped: SQLite takes no ORDER BY inside a UNION.
    return sa.union_all(*(sa.select(part.subquery()) for part in parts))


def _branches(
    asked: shape.Shape,
    limit: str | None,
    edge: bool = False,
    extra: tuple[conditions.Condition, ...] = (),
    keys: shape.Keys | None = None,
) -> list[Statement]:
    """Every branch and range, each ordered and cut by itself.

    :param keys: another order than that of the list
    """
    keys = _keys(asked) if keys is None else keys
    apart = bool(keys) and keys[0][0] in _INDEXED
    wanted = [*conditions.listed(), *extra]
    for each in _inner(asked):
        wanted.append(conditions.field(each))
    behind = _ranges(asked, edge)
    found = []
    for branch in asked.branches:
        parts, split = behind, apart
        if branch.by == 'member' and len(behind) > 1:
            # No index by key here, and memberships are read only once.
            parts, split = (
                [[sa.or_(*(sa.and_(*each) for each in behind))]],
                False,
            )
        by = order.by(keys, IMAGES.c, asked.dialect, split)
        images = _branch(asked, branch).where(*wanted).order_by(*by)
        found += [images.where(*part) for part in parts]
    if limit is None:
        return found
    return [part.limit(_bound(limit)) for part in found]


def _branch(asked: shape.Shape, branch: visibility.Branch) -> Statement:
    if branch.by == 'member':
        # Memberships first: what others share is most of a large cloud.
        few = visibility.shared_with_caller(branch.any_status)
        found = _joined(few, asked)
        return found.where(
            IMAGES.c.visibility == branch.visibility, visibility.FOREIGN
        )
    found = sa.select(*order.columns(asked.keys))
    index = f'split_images_{branch.by}_{_walked(asked)}'
    found = conditions.hinted(found, IMAGES, index, asked.dialect)
    return found.where(visibility.condition(branch))


def _joined(few: Statement, asked: shape.Shape) -> Statement:
    """The images whose ids ``few`` finds, each once; it is read first."""
    found = sa.select(*order.columns(asked.keys))
    if asked.dialect == 'postgresql':
        # Of a join it would rather read all images.
        array = sa.func.array(few.scalar_subquery())
        return found.where(IMAGES.c.id == sa.any_(array))
    ids = few.distinct().subquery()
    found = found.join_from(ids, IMAGES, IMAGES.c.id == ids.c.image_id)
    return _first(found, asked.dialect)


def _first(statement: Statement, dialect: str) -> Statement:
    """Keep the order of the join, and reach images by their id."""
    if dialect in shape.MYSQL:
        statement = statement.prefix_with('STRAIGHT_JOIN')
    return conditions.hinted(statement, IMAGES, 'PRIMARY', dialect)


def _having(asked: shape.Shape, number: int) -> tuple[sa.Table, Statement]:
    """The ids of images with a tag or, after those, a property."""
    if number < asked.tags:
        index, table = 'split_image_tags_value', TAGS
        same = conditions.tag_is(number)
    else:
        index, table = 'split_image_properties_value', PROPERTIES
        same = conditions.property_is(number - asked.tags, asked.dialect)
    found = sa.select(table.c.image_id).where(same)
    return table, conditions.hinted(found, table, index, asked.dialect)


def _every(asked: shape.Shape) -> list[conditions.Condition]:
    """Conditions on an image, for plans that start elsewhere."""
    found = [*conditions.listed(), conditions.visible(asked)]
    found += [conditions.field(each) for each in asked.fields]
    if asked.nulls is not None:
        found.append(order.behind(asked.keys, asked.nulls))
    return found


def _others(asked: shape.Shape, image_id: Any) -> list[conditions.Condition]:
    return [
        *(conditions.field(each) for each in residual(asked)),
        *conditions.children(asked, image_id),
    ]


def _inner(asked: shape.Shape) -> tuple[shape.Field, ...]:
    """Conditions that the indexes of the branches answer."""
    inner = (_walked(asked), 'status')
    return tuple(
        each
        for each in asked.fields
        if each.name in inner or each[:2] == ('owner', 'eq')
    )


def _walked(asked: shape.Shape) -> str:
    """The key whose indexes are read."""
    if _is_named(asked):
        return 'name'
    key = asked.keys[0][0]
    return key if key in _INDEXED else 'created_at'


def _is_named(asked: shape.Shape) -> bool:
    return any(each[:2] == ('name', 'eq') for each in asked.fields)


def _keys(asked: shape.Shape) -> shape.Keys:
    """The sort keys that differ between the images of a page."""
    if _is_named(asked):
        return tuple(each for each in asked.keys if each[0] != 'name')
    return asked.keys


def _ranges(asked: shape.Shape, edge: bool) -> list[Any]:
    keys = _keys(asked)
    if keys[0][0] in _INDEXED:
        return order.ranges(keys, asked.nulls, asked.dialect, edge)
    if asked.nulls is None:
        return [[]]
    return [[order.behind(keys, asked.nulls)]]


def _cut(
    found: Statement, asked: shape.Shape, source: Any, limit: str = 'limit'
) -> Statement:
    by = order.by(_keys(asked), source, asked.dialect)
    return found.order_by(*by).limit(_bound(limit))


def _bound(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.Integer)
