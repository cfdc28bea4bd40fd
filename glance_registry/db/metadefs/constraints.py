"""Queries on the property definitions for one resource type."""

from typing import Any

import orjson
import sqlalchemy as sa

from glance.common.contract import metadefs
from glance_registry.db import models
from glance_registry.db import rows
from glance_registry.db.metadefs import kinds

NAMESPACES = models.metadef_namespaces
TYPES = models.metadef_resource_types
ASSOCIATIONS = models.metadef_namespace_resource_types
PROPERTIES = models.metadef_properties
OBJECTS = models.metadef_objects


def _of(kind: str, table: sa.Table, name: Any) -> sa.Select[Any]:
    return (
        sa.select(
            rows.json_array(
                sa.literal_column(f"'{kind}'"),
                NAMESPACES.c.namespace,
                NAMESPACES.c.owner,
                sa.func.coalesce(NAMESPACES.c.visibility, 'private'),
                ASSOCIATIONS.c.prefix,
                name,
                table.c.json_schema,
            )
        )
        .select_from(
            TYPES.join(ASSOCIATIONS)
            .join(NAMESPACES)
            .join(table, table.c.namespace_id == NAMESPACES.c.id)
        )
        .where(TYPES.c.name == sa.bindparam('resource_type'))
    )


_ALL = sa.union_all(
    _of('property', PROPERTIES, PROPERTIES.c.name),
    _of('object', OBJECTS, sa.null()),
)


def get_all(
    connection: sa.Connection, resource_type: str
) -> list[metadefs.Constraint]:
    """Return the properties for a resource type, from all namespaces.

    These are plain properties and the properties of objects. Their names have
    the prefix that the namespace sets for the type.
    """
    values = {'resource_type': resource_type}
    constraints: list[metadefs.Constraint] = []
    for text in connection.execute(_ALL, values).scalars():
        kind, namespace, owner, visibility, prefix, name, stored = (
            orjson.loads(text)
        )
        schema = kinds.schema(stored)
        each = {name: schema} if kind == 'property' else schema
        constraints += [
            {
                'namespace': namespace,
                'owner': owner,
                'visibility': visibility,
                'name': f'{prefix or ""}{one}',
                'definition': definition,
            }
            for one, definition in each.items()
        ]
    return constraints
