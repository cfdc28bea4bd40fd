"""Ends transfers whose leases have expired, and gives their images back.

A sweeper detects a renewal by the counter of renewals, and measures time with
a monotonic clock.
"""

from collections.abc import Mapping
import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from glance.common import contract
from glance_registry.db import children
from glance_registry.db import images
from glance_registry.db import imports
from glance_registry.db import leftovers
from glance_registry.db import locks
from glance_registry.db import models
from glance_registry.db import storage
from glance_registry.db import transfers

TRANSFERS = models.image_transfers


class Mark(NamedTuple):
    """The values that every renewal changes.

    :ivar expires_at: needed because a registry of the previous release does
        not count renewals
    """

    renewals: int
    expires_at: datetime.datetime


_MARKS = sa.select(
    TRANSFERS.c.id, TRANSFERS.c.renewals, TRANSFERS.c.expires_at
)
_OF_IDS = sa.select(TRANSFERS).where(
    TRANSFERS.c.id.in_(sa.bindparam('ids', expanding=True))
)


def observe(connection: sa.Connection) -> dict[str, Mark]:
    """Return all transfers: their ids, with the values a renewal changes."""
    rows = connection.execute(_MARKS).all()
    return {row.id: Mark(row.renewals, row.expires_at) for row in rows}


def sweep(
    connection: sa.Connection, lapsed: Mapping[str, Mark]
) -> dict[str, str]:
    """End transfers whose leases expired, and give their images back.

    Data that such a transfer may have stored is recorded as left over.

    :param lapsed: transfers as they were last observed; a transfer that was
        renewed since then continues
    :returns: the ids of the images that were given back, with their status
    """
    rows = connection.execute(_OF_IDS, {'ids': list(lapsed)}).all()
    swept = []
    for row in sorted(rows, key=lambda row: row.image_id):
        locks.image(connection, row.image_id)
        if row.kind == imports.KIND:
            if _is_still(connection, row, lapsed[row.id]) and imports.lapsed(
                connection, row
            ):
                swept.append(row.image_id)
            continue
        # Conditional, because the transfer may be renewed meanwhile, or
        # ended by the sweeper of another worker.
        if not _remove_unrenewed(connection, row.id, lapsed[row.id]):
            continue
        if row.kind in storage.FILLING:
            left: contract.Removal = {
                'id': row.id,
                'node': row.node,
                'store': row.store,
            }
            leftovers.insert_missing(connection, row.image_id, left, 0)
        kind = transfers.KINDS.get(row.kind, transfers.UPLOAD)
        reason = f'{kind.broken} {row.node} broke off.'
        transfers.end_task(connection, row.id, row.work, reason, row.image_id)
        if transfers.give_back(connection, row.image_id):
            children.change_properties(
                connection, row.image_id, {transfers.FAILED_REASON: reason}
            )
            swept.append(row.image_id)
    return images.statuses(connection, swept)


def _is_still(connection: sa.Connection, row: sa.Row[Any], mark: Mark) -> bool:
    """Return whether a transfer is still as observed, and lock its row."""
    match = connection.execute(
        sa.select(TRANSFERS.c.id)
        .where(TRANSFERS.c.id == row.id, _is_as(mark))
        .with_for_update()
    ).first()
    return match is not None


def _remove_unrenewed(
    connection: sa.Connection, transfer_id: str, mark: Mark
) -> bool:
    """Delete the row of a transfer if it is still as observed."""
    removed = connection.execute(
        TRANSFERS.delete().where(TRANSFERS.c.id == transfer_id, _is_as(mark))
    )
    return removed.rowcount == 1


def _is_as(mark: Mark) -> sa.ColumnElement[bool]:
    return sa.and_(
        TRANSFERS.c.renewals == mark.renewals,
        TRANSFERS.c.expires_at == mark.expires_at,
    )
