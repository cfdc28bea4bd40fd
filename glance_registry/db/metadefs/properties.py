"""Properties of a namespace, each with the JSON Schema of its values."""

from collections.abc import Mapping, Sequence
import datetime
from typing import Any

import sqlalchemy as sa

from glance.common.contract import metadefs
from glance_registry.db import models
from glance_registry.db.metadefs import kinds

PROPERTIES = models.metadef_properties


def _document(row: kinds.Row) -> metadefs.Definition:
    return {
        'name': row['name'],
        'definition': kinds.schema(row['json_schema']),
    }


def _rows(
    _connection: sa.Connection,
    properties: Sequence[Mapping[str, Any]],
    _now: datetime.datetime,
) -> list[kinds.Row]:
    return [
        {'name': each['name'], 'json_schema': each['definition']}
        for each in properties
    ]


KIND = kinds.Kind(
    'properties',
    'property',
    PROPERTIES,
    PROPERTIES,
    {'name': PROPERTIES.c.name, 'json_schema': PROPERTIES.c.json_schema},
    PROPERTIES.c.name == kinds.NAME,
    _document,
    _rows,
)
