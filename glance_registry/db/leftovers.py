"""Queries on leftovers: data that is to be removed from a store.

A leftover is recorded before its data is removed, or when nobody can go on
with the upload that may have left data. It stays until a glance-api that has
the store says that nothing of it remains. Whoever works on one takes it for
a time, by the database's clock; afterwards another one may take it.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from glance.common import contract
from glance_registry import lifecycle
from glance_registry.db import clock
from glance_registry.db import locks
from glance_registry.db import models

IMAGES = models.images
LEFTOVERS = models.image_leftovers
LOCATIONS = models.image_locations
TRANSFERS = models.image_transfers

#: Pause after the first failure; each further one doubles it.
FIRST_PAUSE_SECONDS = 15
MAX_PAUSE_SECONDS = 3600
#: Pause while an upload of the same image runs.
IN_USE_PAUSE_SECONDS = 60
#: A clock that was set back makes due times look farther away than any is.
FARTHEST_SECONDS = 2 * MAX_PAUSE_SECONDS
MAX_TAKEN = 100

_IDS: Any = sa.bindparam('ids', expanding=True)
_OF_IDS = sa.select(LEFTOVERS).where(LEFTOVERS.c.id.in_(_IDS))
_INSERT = LEFTOVERS.insert().values(
    tries=0,
    created_at=clock.after(0),
    due_at=clock.after(sa.bindparam('seconds')),
)


def insert(
    connection: sa.Connection,
    image_id: str,
    removal: contract.Removal,
    location_ids: Sequence[int] | None,
    held_seconds: int,
) -> None:
    """Record data that is to be removed.

    :param location_ids: where it is; None: what an upload may have left
    :param held_seconds: how long it is left to who recorded it
    """
    connection.execute(
        _INSERT,
        {
            'id': removal['id'],
            'image_id': image_id,
            'location_ids': location_ids,
            'node': removal['node'],
            'store': removal['store'],
            'holder': removal['id'],
            'seconds': held_seconds,
        },
    )


def insert_missing(
    connection: sa.Connection,
    image_id: str,
    removal: contract.Removal,
    held_seconds: int,
) -> None:
    """The same for what an upload left; twice is as good as once.

    Called behind the image's lock.
    """
    known = {'ids': [removal['id']]}
    if connection.execute(_OF_IDS, known).first() is None:
        insert(connection, image_id, removal, None, held_seconds)


def take(
    connection: sa.Connection, wanted: contract.Taking, held_seconds: int
) -> list[contract.Leftover]:
    """Give leftovers that are due to one glance-api for a time."""
    now = clock.after(0)
    is_due = sa.or_(
        LEFTOVERS.c.due_at <= now,
        LEFTOVERS.c.due_at > clock.after(FARTHEST_SECONDS),
    )
    rows = connection.execute(
        sa.select(LEFTOVERS)
        .where(is_due, _is_reachable(wanted))
        .order_by(LEFTOVERS.c.due_at, LEFTOVERS.c.id)
        .limit(min(wanted['limit'], MAX_TAKEN))
    ).all()
    taken = []
    for row in sorted(rows, key=lambda row: row.id):
        # Conditional: another one may take it at the same time.
        changed = connection.execute(
            LEFTOVERS.update()
            .where(
                LEFTOVERS.c.id == row.id,
                LEFTOVERS.c.holder == row.holder,
                LEFTOVERS.c.due_at == row.due_at,
            )
            .values(holder=wanted['holder'], due_at=clock.after(held_seconds))
        )
        if changed.rowcount:
            taken.append(_leftover(connection, row))
    return taken


def _is_reachable(wanted: contract.Taking) -> sa.ColumnElement[bool]:
    """Whether data is in the store of this glance-api.

    Where a store has no identity, each host is taken to have its own.
    """
    of_node = sa.and_(
        LEFTOVERS.c.store.is_(None), LEFTOVERS.c.node == wanted['node']
    )
    if wanted['store'] is None:
        return of_node
    return sa.or_(LEFTOVERS.c.store == wanted['store'], of_node)


def _leftover(
    connection: sa.Connection, row: sa.Row[Any]
) -> contract.Leftover:
    found: contract.Leftover = {
        'id': row.id,
        'image_id': row.image_id,
        'urls': None,
        'tries': row.tries,
    }
    if row.location_ids is not None:
        found['urls'] = list(
            connection.scalars(
                sa.select(LOCATIONS.c.value).where(
                    LOCATIONS.c.id.in_(row.location_ids),
                    LOCATIONS.c.image_id == row.image_id,
                    LOCATIONS.c.deleted == sa.true(),
                )
            )
        )
    return found


def check(
    connection: sa.Connection, wanted: contract.Checking
) -> contract.Checked:
    """Say who needs the data that uploads of some images may have left."""
    ids = {'ids': wanted['image_ids']}
    answer: contract.Checked = {'in_use': [], 'urls': {}}
    # In this order: an upload that ends in between is found as a location.
    of_image = TRANSFERS.c.image_id.in_(_IDS)
    answer['in_use'] = list(
        connection.scalars(
            sa.select(TRANSFERS.c.image_id).where(of_image), ids
        )
    )
    rows = connection.execute(
        sa.select(LOCATIONS.c.image_id, LOCATIONS.c.value).where(
            LOCATIONS.c.image_id.in_(_IDS),
            # What waits for the scrubber is not left over either.
            sa.or_(
                LOCATIONS.c.deleted == sa.false(),
                LOCATIONS.c.status == lifecycle.PENDING,
            ),
        ),
        ids,
    )
    for image_id, url in rows:
        answer['urls'].setdefault(image_id, []).append(url)
    return answer


def settle(connection: sa.Connection, settled: contract.Removed) -> None:
    """Forget what is removed; let the rest wait for its next try."""
    outcomes = dict.fromkeys(settled['done'], 'done')
    outcomes |= dict.fromkeys(settled.get('failed', ()), 'failed')
    outcomes |= dict.fromkeys(settled.get('in_use', ()), 'in_use')
    rows = connection.execute(_OF_IDS, {'ids': list(outcomes)}).all()
    for row in sorted(rows, key=lambda row: (row.image_id, row.id)):
        outcome = outcomes[row.id]
        if outcome == 'failed':
            _postpone(connection, row)
        elif outcome == 'in_use':
            _wait(connection, row, row.tries, IN_USE_PAUSE_SECONDS)
        else:
            _finish(connection, row)


def _finish(connection: sa.Connection, row: sa.Row[Any]) -> None:
    # What who recorded it removed at once was never shown as pending.
    if row.tries or row.holder != row.id:
        _move(connection, row, lifecycle.PENDING, 'deleted')
    forget(connection, row.id)


def release(connection: sa.Connection, removal_id: str) -> bool:
    """Forget a leftover whose data stays after all.

    :returns: whether it was still held by who recorded it; if not, another
        one may have removed the data
    """
    return forget(connection, removal_id, by=removal_id)


def forget(
    connection: sa.Connection, removal_id: str, by: str | None = None
) -> bool:
    statement = LEFTOVERS.delete().where(LEFTOVERS.c.id == removal_id)
    if by is not None:
        statement = statement.where(LEFTOVERS.c.holder == by)
    return connection.execute(statement).rowcount == 1


def _postpone(connection: sa.Connection, row: sa.Row[Any]) -> None:
    """Show in the tables that the data is still there, and try later."""
    _move(connection, row, 'deleted', lifecycle.PENDING)
    seconds = FIRST_PAUSE_SECONDS * 2 ** min(row.tries, 10)
    _wait(connection, row, row.tries + 1, min(seconds, MAX_PAUSE_SECONDS))


def _wait(
    connection: sa.Connection, row: sa.Row[Any], tries: int, seconds: int
) -> None:
    connection.execute(
        LEFTOVERS.update()
        .where(LEFTOVERS.c.id == row.id)
        .values(tries=tries, due_at=clock.after(seconds))
    )


def _move(
    connection: sa.Connection, row: sa.Row[Any], before: str, after: str
) -> None:
    """Let an image and its locations be pending_delete, or deleted.

    An image that is not deleted keeps its status.
    """
    if row.location_ids is None:
        return
    locks.image(connection, row.image_id)
    connection.execute(
        LOCATIONS.update()
        .where(
            LOCATIONS.c.image_id == row.image_id,
            LOCATIONS.c.id.in_(row.location_ids),
            LOCATIONS.c.deleted == sa.true(),
            LOCATIONS.c.status == before,
        )
        .values(status=after)
    )
    condition = [
        IMAGES.c.id == row.image_id,
        IMAGES.c.deleted == sa.true(),
        IMAGES.c.status == before,
    ]
    if after == 'deleted':
        condition.append(~_has_pending(row.image_id))
    connection.execute(
        IMAGES.update()
        .where(*condition)
        .values(status=after, row_version=IMAGES.c.row_version + 1)
    )


def _has_pending(image_id: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        LOCATIONS.c.image_id == image_id,
        LOCATIONS.c.status == lifecycle.PENDING,
    )
