"""The statements that find the ids of a page, one per shape of query.

The images that are visible to the caller are the union of a few branches.
Each branch is read in order from one index, only as many rows as the page
needs, and selects only columns of that index. The outer SELECT merges the
branches. For MariaDB and MySQL the index is forced, because their planners
prefer to merge indexes and sort. PostgreSQL and SQLite choose it themselves.
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from glance_registry.db import engine
from glance_registry.db import models
from glance_registry.db import visibility
from glance_registry.db.filters import conditions
from glance_registry.db.filters import order
from glance_registry.db.filters import shape

IMAGES = models.images
PROPERTIES = models.image_properties
TAGS = models.image_tags

#: Sort keys that have an index for each kind of branch.
_INDEXED = frozenset(('created_at', 'name', 'size'))
#: Columns whose values each belong to few images, and their indexes.
_POINTERS = {
    'id': 'PRIMARY',
    'checksum': 'checksum_image_idx',
    'os_hash_value': 'os_hash_value_image_idx',
}

Statement = sa.Select[Any]


def pointer(asked: shape.Shape) -> str | None:
    """Return the index of a condition that few images match, or None."""
    for each in asked.fields:
        if each.name in _POINTERS and each.op in ('eq', 'in'):
            return _POINTERS[each.name]
    return None


def residual(asked: shape.Shape) -> tuple[shape.Field, ...]:
    """Return the conditions that the indexes of the branches do not cover."""
    inner = _inner(asked)
    return tuple(each for each in asked.fields if each not in inner)


def needs_edge(asked: shape.Shape) -> bool:
    """Return whether the last key of the page should be found first.

    Keys with different directions must be sorted. PostgreSQL and SQLite sort
    only rows with equal first keys. MariaDB would sort all visible images.
    """
    keys = _keys(asked)
    return (
        asked.dialect in shape.MYSQL
        and order.mixed(keys)
        and keys[0][0] in _INDEXED
    )


@engine.kept
def plain(asked: shape.Shape, edge: bool = False) -> Statement:
    """Select the page if indexes cover all conditions."""
    return _merged(asked, 'limit', edge)


@engine.kept
def full(asked: shape.Shape) -> Statement:
    """Select the page; this may read all visible images."""
    return _merged(asked, 'limit', False, _others(asked, IMAGES.c.id))


@engine.kept
def window(asked: shape.Shape, edge: bool = False) -> Statement:
    """Select the page from the first ``:window`` visible images."""
    seen = _merged(asked, 'window', edge).subquery()
    columns = [seen.c[each.name] for each in order.columns(asked.keys)]
    statement = sa.select(*columns).where(*_others(asked, seen.c.id))
    if residual(asked):
        statement = _first(statement, asked.dialect)
        statement = statement.join_from(seen, IMAGES, IMAGES.c.id == seen.c.id)
    return _cut(statement, asked, seen.c)


@engine.kept
def pointed(asked: shape.Shape, index: str) -> Statement:
    """Select the page from the few images found by the index of a column."""
    children = conditions.children(asked, IMAGES.c.id)
    statement = sa.select(*order.columns(asked.keys))
    statement = statement.where(*_every(asked), *children)
    statement = conditions.hinted(statement, IMAGES, index, asked.dialect)
    return _cut(statement, asked, IMAGES.c)


@engine.kept
def from_child(asked: shape.Shape, number: int) -> Statement:
    """Select the page from all images with one of the tags or properties."""
    table, having = _having(asked, number)
    others = conditions.children(asked, table.c.image_id, number)
    statement = _joined(having.where(*others), asked).where(*_every(asked))
    return _cut(statement, asked, IMAGES.c)


@engine.kept
def probe(asked: shape.Shape) -> Statement:
    """Select one row that helps to choose the next statement.

    Its columns are: the number of images with each tag and property, up to
    ``:few``; the id of a visible image if there are too many for
    :func:`full`, else null; the edge. The edge is null if none is needed.
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
    """Return the id of image number ``:window`` of a branch, or null."""
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
    """Return the first sort key of the last image of a page or window."""
    if not needs_edge(asked):
        return sa.null()
    keys = _keys(asked)[:1]
    # A bound of some branches is valid for all of them. Memberships are left
    # out: they have no index by key, and would be read twice.
    part = [each for each in asked.branches if each.by != 'member']
    asked = asked._replace(branches=tuple(part) or asked.branches)
    whole = bool(residual(asked) or asked.tags or asked.properties)
    parts = _branches(asked, 'window' if whole else 'limit', keys=keys)
    merged = _union(parts).subquery()
    statement = sa.select(merged.c[keys[0][0]])
    statement = statement.order_by(*order.by(keys, merged.c, asked.dialect))
    return statement.offset(_bound('before_edge')).limit(1).scalar_subquery()


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
    # Each part is a subquery, because SQLite allows no ORDER BY in a UNION.
    return sa.union_all(*(sa.select(part.subquery()) for part in parts))


def _branches(
    asked: shape.Shape,
    limit: str | None,
    edge: bool = False,
    extra: tuple[conditions.Condition, ...] = (),
    keys: shape.Keys | None = None,
) -> list[Statement]:
    """Return a statement for each branch and range, with order and limit.

    :param limit: name of the bound limit; None: no limit
    :param keys: sort keys; None: the keys of the list
    """
    keys = _keys(asked) if keys is None else keys
    apart = bool(keys) and keys[0][0] in _INDEXED
    wanted = [*conditions.listed(asked), *extra]
    for each in _inner(asked):
        wanted.append(conditions.field(each))
    behind = _ranges(asked, edge)
    branches = []
    for branch in asked.branches:
        parts, split = behind, apart
        if branch.by == 'member' and len(behind) > 1:
            # Memberships have no index by key, so all ranges are read with
            # one statement.
            parts, split = (
                [[sa.or_(*(sa.and_(*each) for each in behind))]],
                False,
            )
        by = order.by(keys, IMAGES.c, asked.dialect, split)
        images = _branch(asked, branch).where(*wanted).order_by(*by)
        branches += [images.where(*part) for part in parts]
    if limit is None:
        return branches
    return [part.limit(_bound(limit)) for part in branches]


def _branch(asked: shape.Shape, branch: visibility.Branch) -> Statement:
    if branch.by == 'member':
        # Read memberships first, because most images of a large cloud are
        # shared images of other projects.
        few = visibility.shared_with_caller(branch.any_status)
        statement = _joined(few, asked)
        return statement.where(
            IMAGES.c.visibility == branch.visibility, visibility.FOREIGN
        )
    statement = sa.select(*order.columns(asked.keys))
    index = f'split_images_{branch.by}_{_walked(asked)}'
    statement = conditions.hinted(statement, IMAGES, index, asked.dialect)
    return statement.where(visibility.condition(branch))


def _joined(few: Statement, asked: shape.Shape) -> Statement:
    """Select the images whose ids ``few`` finds, and read ``few`` first."""
    statement = sa.select(*order.columns(asked.keys))
    if asked.dialect == 'postgresql':
        # With a join, PostgreSQL would read all images.
        array = sa.func.array(few.scalar_subquery())
        return statement.where(IMAGES.c.id == sa.any_(array))
    ids = few.distinct().subquery()
    statement = statement.join_from(ids, IMAGES, IMAGES.c.id == ids.c.image_id)
    return _first(statement, asked.dialect)


def _first(statement: Statement, dialect: str) -> Statement:
    """Fix the order of the join, and read images by their primary key."""
    if dialect in shape.MYSQL:
        statement = statement.prefix_with('STRAIGHT_JOIN')
    return conditions.hinted(statement, IMAGES, 'PRIMARY', dialect)


def _having(asked: shape.Shape, number: int) -> tuple[sa.Table, Statement]:
    """Select the ids of images that have a tag or property.

    :param number: number of the tag; properties are numbered after the tags
    """
    if number < asked.tags:
        index, table = 'split_image_tags_value', TAGS
        same = conditions.tag_is(number)
    else:
        index, table = 'split_image_properties_value', PROPERTIES
        same = conditions.property_is(number - asked.tags, asked.dialect)
    statement = sa.select(table.c.image_id).where(same)
    return table, conditions.hinted(statement, table, index, asked.dialect)


def _every(asked: shape.Shape) -> list[conditions.Condition]:
    """Return all conditions on an image except tags and properties."""
    all_conditions = [*conditions.listed(asked), conditions.visible(asked)]
    all_conditions += [conditions.field(each) for each in asked.fields]
    if asked.nulls is not None:
        all_conditions.append(order.behind(asked.keys, asked.nulls))
    return all_conditions


def _others(asked: shape.Shape, image_id: Any) -> list[conditions.Condition]:
    return [
        *(conditions.field(each) for each in residual(asked)),
        *conditions.children(asked, image_id),
    ]


def _inner(asked: shape.Shape) -> tuple[shape.Field, ...]:
    """Return the conditions that the indexes of the branches cover."""
    inner = (_walked(asked), 'status')
    return tuple(
        each
        for each in asked.fields
        if each.name in inner or each[:2] == ('owner', 'eq')
    )


def _walked(asked: shape.Shape) -> str:
    """Return the sort key whose indexes are read."""
    if _is_named(asked):
        return 'name'
    key = asked.keys[0][0]
    return key if key in _INDEXED else 'created_at'


def _is_named(asked: shape.Shape) -> bool:
    return any(each[:2] == ('name', 'eq') for each in asked.fields)


def _keys(asked: shape.Shape) -> shape.Keys:
    """Return the sort keys that can differ between images of a page."""
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
    statement: Statement, asked: shape.Shape, source: Any, limit: str = 'limit'
) -> Statement:
    by = order.by(_keys(asked), source, asked.dialect)
    return statement.order_by(*by).limit(_bound(limit))


def _bound(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.Integer)
