"""Resource types, and which namespaces define their properties.

A type is created with its first association, and stays when its associations
are deleted.
"""

from collections.abc import Iterable, Mapping, Sequence
import datetime
from typing import Any

from oslo_db import exception as db_exception
import sqlalchemy as sa

from glance.common import errors
from glance.common.contract import metadefs
from glance_registry.db import engine
from glance_registry.db import exact
from glance_registry.db import models
from glance_registry.db.metadefs import kinds

TYPES = models.metadef_resource_types
ASSOCIATIONS = models.metadef_namespace_resource_types

_ALL = sa.select(TYPES).order_by(TYPES.c.name)
_IDS = sa.select(TYPES.c.name, TYPES.c.id).where(
    TYPES.c.name.in_(
        sa.bindparam('names', expanding=True, type_=exact.Compared())
    )
)
_INSERT = TYPES.insert()


def get_all(connection: sa.Connection) -> list[metadefs.ResourceType]:
    return [
        {
            'name': row.name,
            'created_at': engine.timestamp(row.created_at),
            'updated_at': engine.timestamp(row.updated_at or row.created_at),
        }
        for row in connection.execute(_ALL)
    ]


def ensure(
    connection: sa.Connection,
    names: Iterable[str],
    now: datetime.datetime,
    *,
    protected: bool = False,
) -> dict[str, int]:
    """Return the ids of types; create those that do not exist.

    :param protected: create new types as protected
    :raises errors.Conflict: a name is equal to that of another type, by the
        collation of the table
    """
    # Sorted, so that two transactions cannot deadlock on new types.
    names = sorted(set(names))
    ids = _ids(connection, names)
    for name in names:
        if name not in ids:
            _insert(connection, name, now, protected)
    if len(ids) < len(names):
        ids = _ids(connection, names)
    for name in names:
        if name not in ids:
            raise errors.Conflict(
                f'The database takes the resource type {name} for another '
                'one whose name differs only in case or accents.'
            )
    return ids


def _ids(connection: sa.Connection, names: list[str]) -> dict[str, int]:
    if not names:
        return {}
    rows = connection.execute(_IDS, {'names': names})
    return {row.name: row.id for row in rows}


def _insert(
    connection: sa.Connection,
    name: str,
    now: datetime.datetime,
    protected: bool,
) -> None:
    """Create a type, unless another transaction creates it meanwhile."""
    values = {
        'name': name,
        'protected': protected,
        'created_at': now,
        'updated_at': now,
    }
    savepoint = connection.begin_nested()
    try:
        connection.execute(_INSERT, values)
    except db_exception.DBDuplicateEntry:
        savepoint.rollback()
    else:
        savepoint.commit()
    # A deadlock is not handled here, because the transaction starts again:
    # MariaDB has dropped the savepoint, and a rollback to it would fail and
    # hide the deadlock.


def _document(row: kinds.Row) -> metadefs.Definition:
    return dict(row)


def _rows(
    connection: sa.Connection,
    associations: Sequence[Mapping[str, Any]],
    now: datetime.datetime,
) -> list[kinds.Row]:
    ids = ensure(connection, [each['name'] for each in associations], now)
    return [
        {
            'resource_type_id': ids[each['name']],
            'prefix': each['prefix'],
            'properties_target': each['properties_target'],
        }
        for each in associations
    ]


KIND = kinds.Kind(
    'resource_type_associations',
    'association with the resource type',
    ASSOCIATIONS,
    ASSOCIATIONS.join(TYPES, TYPES.c.id == ASSOCIATIONS.c.resource_type_id),
    {
        'name': TYPES.c.name,
        'prefix': ASSOCIATIONS.c.prefix,
        'properties_target': ASSOCIATIONS.c.properties_target,
    },
    ASSOCIATIONS.c.resource_type_id.in_(
        sa.select(TYPES.c.id).where(TYPES.c.name == kinds.NAME)
    ),
    _document,
    _rows,
)
