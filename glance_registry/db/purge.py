"""Rows that were deleted long ago leave the database.

A row goes when it is marked as deleted *and* was deleted before the cut-off.
The time alone says nothing: an image given back from ``pending_delete``, or
a property set anew, keeps the time at which it was deleted once.
"""

import datetime
import logging
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from glance_registry.db import clock
from glance_registry.db import engine
from glance_registry.db import models

LOG = logging.getLogger(__name__)

#: rows per transaction
BATCH = 1000

_DEPENDENTS = (
    models.image_properties,
    models.image_tags,
    models.image_locations,
    models.image_members,
)


class PurgeError(Exception):
    """It cannot be done; the message is for the operator."""


def cutoff(age_in_days: int) -> datetime.datetime:
    """The moment before which a deletion was long ago."""
    now = engine.now()
    since_epoch = (now - datetime.datetime(1970, 1, 1)).days
    if age_in_days < 0:
        raise PurgeError('The age cannot be negative.')
    if age_in_days >= since_epoch:
        raise PurgeError('The age reaches back beyond 1970.')
    return now - datetime.timedelta(days=age_in_days)


def check_limit(max_rows: int) -> int:
    """How many rows of each table may go; -1 is all of them."""
    if not -1 <= max_rows < 2**31:
        raise PurgeError('The number of rows is -1 (all), or 0 to 2147483647.')
    return max_rows


def purge(engine: sa.Engine, age_in_days: int, max_rows: int) -> int:
    """Purge all tables but images, what points to others first."""
    before, limit = cutoff(age_in_days), check_limit(max_rows)
    total = _purge_task_info(engine, before, limit)
    keeps = _has_table(engine, models.image_leftovers)
    for table in (*_DEPENDENTS, models.tasks):
        query = _deleted(table, before)
        if keeps and table is models.image_locations:
            query = query.where(~_is_left_over(table.c.image_id))
        total += _in_batches(engine, [table.c.id], query, limit)
    return total


def purge_images_table(
    engine: sa.Engine, age_in_days: int, max_rows: int
) -> int:
    """Purge images; what belonged to them must be gone already."""
    before, limit = cutoff(age_in_days), check_limit(max_rows)
    query = _deleted(models.images, before)
    keys: list[sa.Column[Any]] = [models.images.c.id]
    if _has_table(engine, models.image_transfers):
        query = query.where(~_is_leased())
        keys.insert(0, models.image_transfers.c.image_id)
    if _has_table(engine, models.image_leftovers):
        query = query.where(~_is_left_over(models.images.c.id))
    try:
        return _in_batches(engine, keys, query, limit)
    except exc.IntegrityError as error:
        raise PurgeError(
            'Some of the images still have properties, tags, locations or '
            'members; run "db purge" first, with the same age and enough '
            'rows.'
        ) from error


def _deleted(table: sa.Table, before: datetime.datetime) -> sa.Select[Any]:
    return (
        sa.select(table.c.id)
        .where(table.c.deleted == sa.true(), table.c.deleted_at < before)
        .order_by(table.c.deleted_at, table.c.id)
    )


def _purge_task_info(
    engine: sa.Engine, before: datetime.datetime, limit: int
) -> int:
    info = models.task_info.c.task_id
    query = _deleted(models.tasks, before)
    query = query.join(models.task_info, info == models.tasks.c.id)
    return _in_batches(engine, [info], query, limit)


def _has_table(engine: sa.Engine, table: sa.Table) -> bool:
    """Whether the database has it yet: purging needs no upgrade."""
    return sa.inspect(engine).has_table(table.name)


def _is_leased() -> sa.ColumnElement[bool]:
    """Somebody works on the image, be it to undo an upload."""
    leases = models.image_transfers.c
    return sa.exists().where(
        leases.image_id == models.images.c.id,
        leases.expires_at > clock.after(0),
    )


def _is_left_over(image_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Its data is still to be removed, and its locations say where it is."""
    return sa.exists().where(models.image_leftovers.c.image_id == image_id)


def _in_batches(
    engine: sa.Engine,
    keys: list[sa.Column[Any]],
    query: sa.Select[Any],
    limit: int,
) -> int:
    """Delete the rows that have what the query finds in one of the keys.

    The query tells the oldest first. The last key is the one that counts;
    those before it point to it.
    """
    total = 0
    table = keys[-1].table
    while limit < 0 or total < limit:
        size = BATCH if limit < 0 else min(BATCH, limit - total)
        with engine.begin() as connection:
            found = connection.scalars(query.limit(size)).all()
            for key in keys:
                delete = sa.delete(key.table).where(key.in_(found))
                connection.execute(delete)
        total += len(found)
        LOG.info('%s: purged %d rows', table, total)
        if len(found) < size:
            break
    return total
