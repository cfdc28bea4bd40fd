"""Queries that are common to all kinds of definitions."""

from collections import Counter
from collections.abc import Mapping, Sequence
import datetime
from typing import Any

import orjson
from oslo_db import exception as db_exception
import sqlalchemy as sa

from glance.common import errors
from glance.common.contract import metadefs
from glance_registry.db import engine
from glance_registry.db.metadefs import kinds
from glance_registry.db.metadefs import paging

_NAMESPACE_ID: sa.BindParameter[int] = sa.bindparam('of_namespace')


def get_page(
    connection: sa.Connection,
    kind: kinds.Kind,
    namespace: str,
    namespace_id: int,
    page: metadefs.Page,
) -> list[metadefs.Definition]:
    """Return one page of the definitions of a namespace.

    :raises errors.NotFound: there is no definition with the marker's name
    """
    if page['limit'] is not None and page['limit'] <= 0:
        return []
    columns = kind.table.c
    keys = {
        'name': kind.columns['name'],
        'created_at': columns.created_at,
        'updated_at': kind.updated_at,
        'id': kind.id,
    }
    order = paging.Order(keys, page['sort_key'], page['sort_dir'])
    values: dict[str, Any] = {'of_namespace': namespace_id}
    statement = kind.packed().where(columns.namespace_id == _NAMESPACE_ID)
    if page['marker'] is not None:
        marked = sa.select(*order.columns()).select_from(kind.source)
        marked = marked.where(
            columns.namespace_id == _NAMESPACE_ID, kind.named
        )
        row = connection.execute(
            marked, {**values, 'name': page['marker']}
        ).first()
        if row is None:
            raise no_such(kind, page['marker'], namespace)
        values |= order.bound(row)
        statement = statement.where(order.behind())
    if page['limit'] is not None:
        statement = statement.limit(page['limit'])
    texts = connection.execute(statement.order_by(*order.by()), values)
    rows = [orjson.loads(text) for text in texts.scalars()]
    return [kind.unpacked(row[3:]) for row in rows]


def insert(
    connection: sa.Connection,
    kind: kinds.Kind,
    namespace: str,
    namespace_id: int,
    new: Sequence[Mapping[str, Any]],
    now: datetime.datetime,
) -> list[metadefs.Definition]:
    """Add definitions to a locked namespace; return their documents.

    :raises errors.Duplicate: two definitions have the same name, or one
        already exists
    """
    if not new:
        return []
    counts = Counter(each['name'] for each in new)
    name, count = counts.most_common(1)[0]
    if count > 1:
        raise errors.Duplicate(
            f'The request has {count} times the {kind.noun} {name}.'
        )
    times = {'created_at': now, 'updated_at': now}
    rows = [
        {'namespace_id': namespace_id, **row, **times}
        for row in kind.rows(connection, new, now)
    ]
    try:
        connection.execute(kind.table.insert(), rows)
    except db_exception.DBDuplicateEntry as error:
        raise _taken(kind, list(counts), namespace) from error
    moment = engine.timestamp(now)
    return [
        {**each, 'created_at': moment, 'updated_at': moment} for each in new
    ]


def update(
    connection: sa.Connection,
    kind: kinds.Kind,
    namespace: str,
    namespace_id: int,
    change: metadefs.DefinitionChange,
) -> metadefs.Definition:
    """Replace a definition of a locked namespace.

    :raises errors.NotFound: there is no definition with this name
    :raises errors.Duplicate: another definition has the new name
    """
    now, new = engine.now(), change['definition']
    table = kind.table
    values = {'of_namespace': namespace_id, 'name': change['name']}
    created_at = connection.execute(_created(kind), values).scalar()
    if created_at is None:
        raise no_such(kind, change['name'], namespace)
    (row,) = kind.rows(connection, [new], now)
    statement = table.update().where(
        table.c.namespace_id == _NAMESPACE_ID, kind.named
    )
    bound: Any = {
        column: sa.bindparam(f'new_{column}', value, table.c[column].type)
        for column, value in {**row, 'updated_at': now}.items()
    }
    try:
        connection.execute(statement.values(bound), values)
    except db_exception.DBDuplicateEntry as error:
        raise _taken(kind, [new['name']], namespace) from error
    return {
        **new,
        'created_at': engine.timestamp(created_at),
        'updated_at': engine.timestamp(now),
    }


def delete(
    connection: sa.Connection,
    kind: kinds.Kind,
    namespace: str,
    namespace_id: int,
    name: str | None,
) -> None:
    """Delete one definition of a namespace, or all of a kind.

    :param name: name of the definition; None: delete all of the kind
    :raises errors.NotFound: there is no definition with this name
    """
    count = remove(connection, kind, namespace_id, name)
    if name is not None and not count:
        raise no_such(kind, name, namespace)


def remove(
    connection: sa.Connection,
    kind: kinds.Kind,
    namespace_id: int,
    name: str | None,
) -> int:
    """Delete one definition or all of a kind; return the number deleted.

    :param name: name of the definition; None: delete all of the kind
    """
    values: dict[str, Any] = {'of_namespace': namespace_id}
    if name is not None:
        values['name'] = name
    statement = _deletion(kind, name is not None)
    return connection.execute(statement, values).rowcount


def no_such(kind: kinds.Kind, name: str, namespace: str) -> errors.NotFound:
    return errors.NotFound(
        f'The namespace {namespace} has no {kind.noun} {name}.'
    )


def _taken(
    kind: kinds.Kind, names: Sequence[str], namespace: str
) -> errors.Duplicate:
    if len(names) == 1:
        return errors.Duplicate(
            f'The namespace {namespace} has the {kind.noun} {names[0]} '
            'already.'
        )
    return errors.Duplicate(
        f'The namespace {namespace} has one of these already: {kind.noun} '
        f'{", ".join(names)}.'
    )


def _created(kind: kinds.Kind) -> sa.Select[Any]:
    columns = kind.table.c
    return (
        sa.select(columns.created_at)
        .select_from(kind.source)
        .where(columns.namespace_id == _NAMESPACE_ID, kind.named)
    )


def _deletion(kind: kinds.Kind, by_name: bool) -> sa.Delete:
    statement = kind.table.delete().where(
        kind.table.c.namespace_id == _NAMESPACE_ID
    )
    return statement.where(kind.named) if by_name else statement
