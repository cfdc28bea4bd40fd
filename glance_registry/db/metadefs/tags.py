"""Tags of a namespace; they have only names."""

from collections.abc import Mapping, Sequence
import datetime
from typing import Any

import sqlalchemy as sa

from glance.common.contract import metadefs
from glance_registry.db import models
from glance_registry.db.metadefs import kinds

TAGS = models.metadef_tags


def _document(row: kinds.Row) -> metadefs.Definition:
    return {'name': row['name']}


def _rows(
    _connection: sa.Connection,
    tags: Sequence[Mapping[str, Any]],
    _now: datetime.datetime,
) -> list[kinds.Row]:
    return [{'name': tag['name']} for tag in tags]


KIND = kinds.Kind(
    'tags',
    'tag',
    TAGS,
    TAGS,
    {'name': TAGS.c.name},
    TAGS.c.name == kinds.NAME,
    _document,
    _rows,
)
