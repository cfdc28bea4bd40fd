"""Namespaces of the catalogue.

A transaction that changes a namespace or its contents locks its row first, so
that its contents cannot change while it is deleted.
"""

from collections.abc import Iterable
import functools
from typing import Any

import orjson
from oslo_db import exception as db_exception
import sqlalchemy as sa

from glance.common import context
from glance.common import errors
from glance.common.contract import metadefs
from glance_registry.db import engine
from glance_registry.db import exact
from glance_registry.db import models
from glance_registry.db import rows
from glance_registry.db.metadefs import definitions
from glance_registry.db.metadefs import kinds
from glance_registry.db.metadefs import objects
from glance_registry.db.metadefs import paging
from glance_registry.db.metadefs import properties
from glance_registry.db.metadefs import resource_types
from glance_registry.db.metadefs import tags

NAMESPACES = models.metadef_namespaces
ASSOCIATIONS = models.metadef_namespace_resource_types
TYPES = models.metadef_resource_types

#: Kinds in the order in which rows are written; the order of deletion is the
#: reverse.
KINDS: dict[str, kinds.Kind] = {
    module.KIND.name: module.KIND
    for module in (resource_types, properties, objects, tags)
}
_ASSOCIATION = resource_types.KIND

#: Condition for visible namespaces, by scope; ``project`` binds ``:caller``.
SEEN: dict[str, sa.ColumnElement[bool]] = {
    'all': sa.true(),
    'unowned': NAMESPACES.c.visibility == 'public',
    'project': sa.or_(
        NAMESPACES.c.owner == sa.bindparam('caller'),
        NAMESPACES.c.visibility == 'public',
    ),
}
_IS_NAMED = NAMESPACES.c.namespace == sa.bindparam('namespace')
#: Fields of a namespace in documents. Namespaces that were loaded from files
#: may have no visibility and protection.
_SHOWN: dict[str, sa.ColumnElement[Any]] = {
    'namespace': NAMESPACES.c.namespace,
    'display_name': NAMESPACES.c.display_name,
    'description': NAMESPACES.c.description,
    'visibility': sa.func.coalesce(NAMESPACES.c.visibility, 'private'),
    'protected': sa.func.coalesce(NAMESPACES.c.protected, sa.false()),
    'owner': NAMESPACES.c.owner,
    'created_at': NAMESPACES.c.created_at,
    'updated_at': sa.func.coalesce(
        NAMESPACES.c.updated_at, NAMESPACES.c.created_at
    ),
}
_SORTED = {
    **_SHOWN,
    'id': NAMESPACES.c.id,
    'display_name': sa.func.coalesce(NAMESPACES.c.display_name, ''),
    'description': sa.func.coalesce(NAMESPACES.c.description, ''),
}
_PACKED = sa.select(
    rows.json_array(
        sa.literal_column("'namespace'"), NAMESPACES.c.id, *_SHOWN.values()
    )
)
_INSERT = NAMESPACES.insert()
_UPDATE = NAMESPACES.update().where(NAMESPACES.c.id == sa.bindparam('row_id'))
_DELETE = NAMESPACES.delete().where(NAMESPACES.c.id == sa.bindparam('row_id'))
_ASSOCIATIONS_OF = _ASSOCIATION.packed().where(
    ASSOCIATIONS.c.namespace_id.in_(sa.bindparam('ids', expanding=True))
)
_LOCK = {
    scope: sa.select(NAMESPACES.c.id, NAMESPACES.c.protected)
    .where(_IS_NAMED, seen)
    .with_for_update()
    for scope, seen in SEEN.items()
}


def get_page(
    connection: sa.Connection,
    context: context.RequestContext,
    query: metadefs.NamespaceQuery,
) -> list[metadefs.Namespace]:
    """Return one page of the namespaces that are visible to the caller.

    This needs at most three statements: for the marker, the page, and its
    associations.

    :raises errors.NotFound: there is no namespace with the marker's name
    """
    if query['limit'] is not None and query['limit'] <= 0:
        return []
    scope = context.row_scope
    order = (query['sort_key'], query['sort_dir'])
    bound: dict[str, Any] = {'caller': context.project_id}
    if query['marker'] is not None:
        bound |= _marker(connection, scope, order, query['marker'], bound)
    if query['visibility'] is not None:
        bound['visibility'] = query['visibility']
    if query['resource_types'] is not None:
        bound['types'] = query['resource_types']
    if query['limit'] is not None:
        bound['size'] = query['limit']
    statement = _page(scope, order, frozenset(bound))
    texts = statement.execute(connection, bound).scalars().all()
    rows = [orjson.loads(text) for text in texts]
    namespaces = _namespaces(rows)
    if namespaces:
        more = connection.execute(_ASSOCIATIONS_OF, {'ids': list(namespaces)})
        _fill(namespaces, map(orjson.loads, more.scalars().all()))
    return list(namespaces.values())


def get(
    connection: sa.Connection,
    context: context.RequestContext,
    wanted: metadefs.Reading,
) -> metadefs.Namespace:
    """Return a namespace that is visible to the caller.

    Its document includes the definitions of the wanted kinds. This needs one
    statement, and two more for a page of definitions.

    :raises errors.NotFound: there is no such namespace or definition
    """
    namespace, name = wanted['namespace'], wanted.get('name')
    page = wanted.get('page')
    asked = () if page else tuple(wanted['kinds'])
    values = {'namespace': namespace, 'caller': context.project_id}
    if name is not None:
        values['name'] = name
    statement = _one(context.row_scope, asked, name is not None)
    texts = connection.execute(statement, values).scalars().all()
    rows = [orjson.loads(text) for text in texts]
    namespaces = _namespaces(rows)
    if not namespaces:
        raise errors.NotFound(f'There is no namespace {namespace}.')
    ((namespace_id, document),) = namespaces.items()
    filled: Any = document
    for kind in wanted['kinds']:
        filled[kind] = []
    _fill(namespaces, rows)
    if name is not None:
        for kind in wanted['kinds']:
            if not filled[kind]:
                raise definitions.no_such(KINDS[kind], name, namespace)
    if page:
        for kind in wanted['kinds']:
            filled[kind] = definitions.get_page(
                connection, KINDS[kind], namespace, namespace_id, page
            )
    return document


def create(
    connection: sa.Connection,
    new: metadefs.NewNamespace,
    *,
    protected_types: bool = False,
) -> metadefs.Namespace:
    """Create a namespace with its contents; return its document.

    :param protected_types: create new resource types as protected
    :raises errors.Duplicate: another namespace has this name, or two of its
        definitions have the same name
    """
    now, values = engine.now(), new['values']
    row = {**values, 'created_at': now, 'updated_at': now}
    contents: Any = new
    try:
        result = connection.execute(_INSERT, row)
    except db_exception.DBDuplicateEntry as error:
        raise _taken(values['namespace']) from error
    (namespace_id,) = result.inserted_primary_key or (0,)
    names = [each['name'] for each in new['resource_type_associations']]
    resource_types.ensure(connection, names, now, protected=protected_types)
    for kind in KINDS.values():
        definitions.insert(
            connection,
            kind,
            values['namespace'],
            namespace_id,
            contents[kind.name],
            now,
        )
    return _as_service(connection, values['namespace'], list(KINDS))


def update(
    connection: sa.Connection,
    context: context.RequestContext,
    namespace: str,
    values: metadefs.NamespaceValues,
) -> metadefs.Namespace:
    """Replace the fields of a namespace that a client can set.

    :raises errors.NotFound: no such namespace is visible to the caller
    :raises errors.Duplicate: another namespace has the new name
    """
    row = lock(connection, context, namespace)
    changed = {**values, 'updated_at': engine.now()}
    try:
        connection.execute(_UPDATE.values(changed), {'row_id': row.id})
    except db_exception.DBDuplicateEntry as error:
        raise _taken(values['namespace']) from error
    return _as_service(connection, values['namespace'], [])


def delete(
    connection: sa.Connection, context: context.RequestContext, namespace: str
) -> None:
    """Delete a namespace with its contents.

    :raises errors.NotFound: no such namespace is visible to the caller
    :raises errors.Forbidden: the namespace is protected
    """
    row = lock(connection, context, namespace, to_delete=True)
    remove(connection, row.id)


def remove(connection: sa.Connection, namespace_id: int) -> None:
    """Delete a namespace with its contents, even if it is protected."""
    for kind in reversed(KINDS.values()):
        definitions.remove(connection, kind, namespace_id, None)
    connection.execute(_DELETE, {'row_id': namespace_id})


def lock(
    connection: sa.Connection,
    context: context.RequestContext,
    namespace: str,
    *,
    to_delete: bool = False,
) -> Any:
    """Lock the row of a namespace, and return it.

    :param to_delete: the caller deletes the namespace or a part of it
    :raises errors.NotFound: no such namespace is visible to the caller
    :raises errors.Forbidden: ``to_delete``, and the namespace is protected
    """
    values = {'namespace': namespace, 'caller': context.project_id}
    statement = _LOCK[context.row_scope]
    row: Any = connection.execute(statement, values).first()
    if row is None:
        raise errors.NotFound(f'There is no namespace {namespace}.')
    if to_delete and row.protected:
        raise errors.Forbidden(
            f'The namespace {namespace} is protected: nothing of it can be '
            'deleted. Set "protected" to false first.'
        )
    return row


def _as_service(
    connection: sa.Connection, namespace: str, asked: list[Any]
) -> metadefs.Namespace:
    service = context.of_service()
    wanted: metadefs.Reading = {'namespace': namespace, 'kinds': asked}
    return get(connection, service, wanted)


def _taken(namespace: str) -> errors.Duplicate:
    return errors.Duplicate(f'A namespace {namespace} exists already.')


@functools.cache
def _one(
    scope: str, kinds: tuple[metadefs.Kind, ...], by_name: bool
) -> sa.CompoundSelect[Any]:
    """Select a namespace, its associations, and definitions of some kinds."""
    parts = [_PACKED.where(_IS_NAMED, SEEN[scope])]
    for name in dict.fromkeys((_ASSOCIATION.name, *kinds)):
        kind = KINDS[name]
        ids = sa.select(NAMESPACES.c.id).where(_IS_NAMED).scalar_subquery()
        part = kind.packed().where(kind.table.c.namespace_id == ids)
        if by_name and name in kinds:
            part = part.where(kind.named)
        parts.append(part)
    return sa.union_all(*parts)


@engine.kept
def _page(
    scope: str, order: tuple[str, str], bound: frozenset[str]
) -> sa.Select[Any]:
    """Return the statement of a page.

    It sorts only ids, because a sort of whole rows would first convert each
    row to text.

    :param bound: names of the values that are bound
    """
    ordered = paging.Order(_SORTED, *order)
    statement = sa.select(NAMESPACES.c.id).where(SEEN[scope])
    if 'marker_0' in bound:
        statement = statement.where(ordered.behind())
    if 'visibility' in bound:
        visibility: Any = sa.bindparam('visibility', type_=exact.Compared())
        statement = statement.where(_SHOWN['visibility'] == visibility)
    if 'types' in bound:
        types: Any = sa.bindparam(
            'types', expanding=True, type_=exact.Compared()
        )
        statement = statement.where(
            sa.exists()
            .where(
                ASSOCIATIONS.c.namespace_id == NAMESPACES.c.id,
                ASSOCIATIONS.c.resource_type_id == TYPES.c.id,
                TYPES.c.name.in_(types),
            )
            .correlate(NAMESPACES)
        )
    if 'size' in bound:
        size: Any = sa.bindparam('size', type_=sa.Integer())
        statement = statement.limit(size)
    page = statement.order_by(*ordered.by()).subquery('page')
    joined = _PACKED.join(page, page.c.id == NAMESPACES.c.id)
    return joined.order_by(*ordered.by())


@engine.kept
def _marked(scope: str, order: tuple[str, str]) -> sa.Select[Any]:
    columns = paging.Order(_SORTED, *order).columns()
    return sa.select(*columns).where(_IS_NAMED, SEEN[scope])


def _marker(
    connection: sa.Connection,
    scope: str,
    order: tuple[str, str],
    marker: str,
    bound: dict[str, Any],
) -> dict[str, Any]:
    values = {**bound, 'namespace': marker}
    row = _marked(scope, order).execute(connection, values).first()
    if row is None:
        raise errors.NotFound(f'The marker {marker} is not a namespace.')
    return paging.Order(_SORTED, *order).bound(row)


def _namespaces(
    rows: Iterable[list[Any]],
) -> dict[int, metadefs.Namespace]:
    """Return the namespaces of packed rows, in order, without contents."""
    namespaces = {}
    for kind, namespace_id, *values in rows:
        if kind == 'namespace':
            document: Any = dict(zip(_SHOWN, values, strict=True))
            document['protected'] = bool(document['protected'])
            for name in ('created_at', 'updated_at'):
                document[name] = kinds.moment(document[name])
            document[_ASSOCIATION.name] = []
            namespaces[namespace_id] = document
    return namespaces


def _fill(
    namespaces: dict[int, metadefs.Namespace], rows: Iterable[list[Any]]
) -> None:
    """Put definitions of packed rows into their namespaces.

    Definitions are sorted by age. Associations are sorted by name, because
    the id of a type, which may be older than the namespace, does not show
    the age of the association.
    """
    contents = [row for row in rows if row[0] != 'namespace']
    for name, namespace_id, _id, *values in sorted(
        contents, key=lambda row: row[2]
    ):
        document: Any = namespaces.get(namespace_id)
        if document is not None:
            document[name].append(KINDS[name].unpacked(values))
    for document in namespaces.values():
        document[_ASSOCIATION.name].sort(key=lambda each: each['name'])
