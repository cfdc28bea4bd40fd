"""Objects of a namespace: groups of properties."""

from collections.abc import Mapping, Sequence
import datetime
from typing import Any

import sqlalchemy as sa

from glance.common.contract import metadefs
from glance_registry.db import models
from glance_registry.db.metadefs import kinds

OBJECTS = models.metadef_objects


def _document(row: kinds.Row) -> metadefs.Definition:
    required = row['required']
    return {
        'name': row['name'],
        'description': row['description'],
        'required': required.split(',') if required else [],
        'properties': kinds.schema(row['json_schema']),
    }


def _rows(
    _connection: sa.Connection,
    objects: Sequence[Mapping[str, Any]],
    _now: datetime.datetime,
) -> list[kinds.Row]:
    return [
        {
            'name': each['name'],
            'description': each['description'],
            # Names have no commas, because glance-api refuses them.
            'required': ','.join(each['required']) or None,
            'json_schema': each['properties'],
        }
        for each in objects
    ]


KIND = kinds.Kind(
    'objects',
    'object',
    OBJECTS,
    OBJECTS,
    {
        name: OBJECTS.c[name]
        for name in ('name', 'description', 'required', 'json_schema')
    },
    OBJECTS.c.name == kinds.NAME,
    _document,
    _rows,
)
