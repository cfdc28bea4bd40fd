"""Removes rows from the database that were deleted long ago.

A row is purged if it is marked as deleted *and* was deleted before the
cut-off. The time alone is not enough, because a live row can still have the
time of an earlier deletion. What belongs to an image that was deleted before
the cut-off is purged in any case: earlier releases left such rows without a
mark, or with a later time, and then the image could never be purged.

Nothing of an image that is still ``pending_delete`` is purged, because the
scrubber needs its locations, and ``--restore`` all of it.
"""

from collections.abc import Callable
import datetime
import logging
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from glance_registry import lifecycle
from glance_registry.db import clock
from glance_registry.db import engine
from glance_registry.db import maintenance
from glance_registry.db import models

LOG = logging.getLogger(__name__)

#: Max number of rows per transaction.
BATCH = 1000

#: Called with the name of a table and the number of rows just purged.
Watch = Callable[[str, int], None]

_DEPENDENTS = (
    models.image_properties,
    models.image_tags,
    models.image_locations,
    models.image_members,
)

#: The image is deleted, and its data is still to be removed.
_IS_PENDING = sa.and_(
    models.images.c.deleted == sa.true(),
    models.images.c.status == lifecycle.PENDING,
)


class PurgeError(Exception):
    """The purge cannot be done; the message is for the operator."""


def cutoff(age_in_days: int) -> datetime.datetime:
    """Return the cut-off: rows deleted before this time are purged."""
    now = engine.now()
    since_epoch = (now - datetime.datetime(1970, 1, 1)).days
    if age_in_days < 0:
        raise PurgeError('The age cannot be negative.')
    if age_in_days >= since_epoch:
        raise PurgeError('The age reaches back beyond 1970.')
    return now - datetime.timedelta(days=age_in_days)


def check_limit(max_rows: int) -> int:
    """Check the max number of rows to purge per table; -1: no limit."""
    if not -1 <= max_rows < 2**31:
        raise PurgeError('The number of rows is -1 (all), or 0 to 2147483647.')
    return max_rows


def purge(
    engine: sa.Engine,
    age_in_days: int,
    max_rows: int,
    watch: Watch = maintenance.ignore,
) -> int:
    """Purge all tables except images; rows that refer to others go first."""
    before, limit = cutoff(age_in_days), check_limit(max_rows)
    total = _purge_task_info(engine, before, limit, watch)
    keeps = _has_table(engine, models.image_leftovers)
    for table in _DEPENDENTS:
        queries = [_dependents(table, before), _remains(table, before)]
        if keeps and table is models.image_locations:
            is_kept = _is_left_over(table.c.image_id)
            queries = [query.where(~is_kept) for query in queries]
        left = limit
        for query in queries:
            done = _in_batches(engine, [table.c.id], query, left, watch)
            left = left if left < 0 else left - done
            total += done
    tasks = models.tasks
    query = _deleted(tasks, before)
    return total + _in_batches(engine, [tasks.c.id], query, limit, watch)


def purge_images_table(
    engine: sa.Engine,
    age_in_days: int,
    max_rows: int,
    watch: Watch = maintenance.ignore,
) -> int:
    """Purge images; their children must have been purged before."""
    before, limit = cutoff(age_in_days), check_limit(max_rows)
    query = _deleted(models.images, before).where(~_IS_PENDING)
    keys: list[sa.Column[Any]] = [models.images.c.id]
    if _has_table(engine, models.image_transfers):
        query = query.where(~_is_leased())
        keys.insert(0, models.image_transfers.c.image_id)
    if _has_table(engine, models.image_leftovers):
        query = query.where(~_is_left_over(models.images.c.id))
    try:
        return _in_batches(engine, keys, query, limit, watch)
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


def _dependents(table: sa.Table, before: datetime.datetime) -> sa.Select[Any]:
    """Select rows that were deleted before, unless their image is pending."""
    is_needed = sa.exists().where(
        models.images.c.id == table.c.image_id, _IS_PENDING
    )
    return _deleted(table, before).where(~is_needed)


def _remains(table: sa.Table, before: datetime.datetime) -> sa.Select[Any]:
    """Select all rows of images that were deleted before.

    It is a statement of its own, because a condition on both tables would
    make each batch read all rows.
    """
    images = models.images
    return (
        sa.select(table.c.id)
        .join(images, images.c.id == table.c.image_id)
        .where(
            images.c.deleted == sa.true(),
            images.c.deleted_at < before,
            ~_IS_PENDING,
        )
        .order_by(images.c.deleted_at, table.c.id)
    )


def _purge_task_info(
    engine: sa.Engine, before: datetime.datetime, limit: int, watch: Watch
) -> int:
    info = models.task_info.c.task_id
    query = _deleted(models.tasks, before)
    query = query.join(models.task_info, info == models.tasks.c.id)
    return _in_batches(engine, [info], query, limit, watch)


def _has_table(engine: sa.Engine, table: sa.Table) -> bool:
    """Return whether the table exists; an old database may lack it."""
    return sa.inspect(engine).has_table(table.name)


def _is_leased() -> sa.ColumnElement[bool]:
    """Return the condition that the image has a transfer with a lease."""
    leases = models.image_transfers.c
    return sa.exists().where(
        leases.image_id == models.images.c.id,
        leases.expires_at > clock.after(0),
    )


def _is_left_over(image_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Return the condition that data of the image is still to be removed.

    Such images are kept, because their locations are needed to find the data.
    """
    return sa.exists().where(models.image_leftovers.c.image_id == image_id)


def _in_batches(
    engine: sa.Engine,
    keys: list[sa.Column[Any]],
    query: sa.Select[Any],
    limit: int,
    watch: Watch,
) -> int:
    """Delete the rows that have one of the ids found by the query.

    The query returns the oldest rows first. The last key is the primary key
    of the purged table; the keys before it are columns that refer to it.
    """
    total = 0
    table = keys[-1].table
    while limit < 0 or total < limit:
        size = BATCH if limit < 0 else min(BATCH, limit - total)
        with engine.begin() as connection:
            ids = connection.scalars(query.limit(size)).all()
            for key in keys:
                delete = sa.delete(key.table).where(key.in_(ids))
                connection.execute(delete)
        total += len(ids)
        LOG.debug('%s: purged %d rows', table, total)
        watch(table.name, len(ids))
        if len(ids) < size:
            break
    return total
