"""Queries on leftovers: data that is to be removed from a store.

A leftover is recorded before its data is removed, or when an upload that may
have left data cannot continue. It stays until a glance-api that has the store
reports that all of its data is removed. A glance-api takes a leftover for a
limited time, by the database's clock; afterwards another one may take it.
"""

from collections.abc import Collection, Sequence
import re
from typing import Any

import sqlalchemy as sa

from glance.common import contract
from glance_registry import lifecycle
from glance_registry.db import clock
from glance_registry.db import endings
from glance_registry.db import locks
from glance_registry.db import models

IMAGES = models.images
LEFTOVERS = models.image_leftovers
LOCATIONS = models.image_locations
TRANSFERS = models.image_transfers

#: Pause after the first failure; each further failure doubles it.
FIRST_PAUSE_SECONDS = 15
MAX_PAUSE_SECONDS = 3600
#: Pause while an upload of the same image runs.
IN_USE_PAUSE_SECONDS = 60
#: A leftover with a due time farther in the future than this counts as due,
#: because then the database's clock was set back.
FARTHEST_SECONDS = 2 * MAX_PAUSE_SECONDS
MAX_TAKEN = 100
#: In place of the identity of a store: any client may have the store.
ANY_STORE = ''

#: Characters with a special meaning in a LIKE pattern.
_ESCAPED = re.compile('[!%_]')
#: Data that waits for the scrubber is not left over either.
_IS_NEEDED = sa.or_(
    LOCATIONS.c.deleted == sa.false(),
    LOCATIONS.c.status == lifecycle.PENDING,
)
_IDS: Any = sa.bindparam('ids', expanding=True)
_OF_IDS = sa.select(LEFTOVERS).where(LEFTOVERS.c.id.in_(_IDS))
_PLACES: sa.Select[Any] = sa.select(
    LOCATIONS.c.id, LOCATIONS.c.value, LOCATIONS.c.meta_data
).order_by(LOCATIONS.c.id)
#: A running import may write data at the URL of a removed location.
_IS_RECEIVING = sa.and_(
    LEFTOVERS.c.location_ids.is_not(None),
    sa.exists().where(TRANSFERS.c.image_id == LEFTOVERS.c.image_id),
)
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
    holder: str | None = None,
) -> None:
    """Record data that is to be removed.

    :param location_ids: ids of the locations of the data; None: any data
        that an upload may have left
    :param held_seconds: time during which only the holder may remove it
    :param holder: id of the holder; None: the component that recorded it
    """
    connection.execute(
        _INSERT,
        {
            'id': removal['id'],
            'image_id': image_id,
            'location_ids': location_ids,
            'node': removal['node'],
            'store': removal['store'],
            'holder': holder or removal['id'],
            'seconds': held_seconds,
        },
    )


def insert_missing(
    connection: sa.Connection,
    image_id: str,
    removal: contract.Removal,
    held_seconds: int,
) -> None:
    """Record data that an upload may have left, unless it is recorded.

    The caller must hold the lock of the image.
    """
    known = {'ids': [removal['id']]}
    if connection.execute(_OF_IDS, known).first() is None:
        insert(connection, image_id, removal, None, held_seconds)


def take(
    connection: sa.Connection, wanted: contract.Taking, held_seconds: int
) -> list[contract.Leftover]:
    """Assign due leftovers to one glance-api for a limited time."""
    now = clock.after(0)
    is_due = sa.or_(
        LEFTOVERS.c.due_at <= now,
        LEFTOVERS.c.due_at > clock.after(FARTHEST_SECONDS),
    )
    rows = connection.execute(
        sa.select(LEFTOVERS)
        .where(is_due, _is_reachable(wanted), ~_IS_RECEIVING)
        .order_by(LEFTOVERS.c.due_at, LEFTOVERS.c.id)
        .limit(min(wanted['limit'], MAX_TAKEN))
    ).all()
    taken = []
    for row in sorted(rows, key=lambda row: row.id):
        # Conditional, because another glance-api may take it meanwhile.
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
    """Return the condition that the data is in this glance-api's store.

    A store without an identity is assumed to be local to its host. Of data in
    a store that the last taker did not have, nobody knows where it is. A
    client of an older release would count it as removed.
    """
    of_node = sa.and_(
        LEFTOVERS.c.store.is_(None), LEFTOVERS.c.node == wanted['node']
    )
    conditions = [of_node]
    if wanted['store'] is not None:
        conditions.append(LEFTOVERS.c.store == wanted['store'])
    if wanted.get('elsewhere'):
        conditions.append(LEFTOVERS.c.store == ANY_STORE)
    return sa.or_(*conditions)


def _leftover(
    connection: sa.Connection, row: sa.Row[Any]
) -> contract.Leftover:
    leftover: contract.Leftover = {
        'id': row.id,
        'image_id': row.image_id,
        'urls': None,
        'tries': row.tries,
    }
    if row.location_ids is not None:
        of_image = LOCATIONS.c.image_id == row.image_id
        present = connection.execute(
            _PLACES.where(of_image, LOCATIONS.c.deleted == sa.false())
        ).all()
        removed = connection.execute(
            _PLACES.where(
                of_image,
                LOCATIONS.c.deleted == sa.true(),
                LOCATIONS.c.id.in_(row.location_ids),
            )
        ).all()
        gone = [each for each in removed if not _is_back(each, present)]
        leftover['urls'] = [each.value for each in gone]
        leftover['stores'] = [store_id(each.meta_data) for each in gone]
        leftover['locations'] = [each.id for each in gone]
    return leftover


def _is_back(removed: sa.Row[Any], present: Sequence[sa.Row[Any]]) -> bool:
    """Whether the image has a location of the same data again.

    It was added after the removal of the other one has failed.
    """
    scheme = removed.value.partition(':')[0].lower()
    ours = store_id(removed.meta_data)
    for each in present:
        if each.value != removed.value:
            continue
        theirs = store_id(each.meta_data)
        differs = None not in (ours, theirs) and ours != theirs
        if scheme not in contract.RELATIVE_SCHEMES or not differs:
            return True
    return False


def store_id(metadata: Any) -> str | None:
    """The id of the store in the metadata of a location; None if absent."""
    fields = metadata if isinstance(metadata, dict) else {}
    # Before release 19 the id was written under the name "backend".
    name = fields.get('store') or fields.get('backend')
    return name if isinstance(name, str) else None


def count_failed(connection: sa.Connection) -> int:
    """Count the images with data whose removal has failed at least once."""
    images = sa.func.count(sa.distinct(LEFTOVERS.c.image_id))
    statement = sa.select(images).where(LEFTOVERS.c.tries > 0)
    return connection.scalar(statement) or 0


def check(
    connection: sa.Connection, wanted: contract.Checking
) -> contract.Checked:
    """Return which data of some images is in use, by uploads or locations."""
    ids = {'ids': wanted['image_ids']}
    answer: contract.Checked = {'in_use': [], 'urls': {}}
    # Transfers before locations: an upload that ends between the two
    # statements is then found as a location.
    of_image = TRANSFERS.c.image_id.in_(_IDS)
    answer['in_use'] = list(
        connection.scalars(
            sa.select(TRANSFERS.c.image_id).where(of_image), ids
        )
    )
    rows = connection.execute(
        sa.select(LOCATIONS.c.image_id, LOCATIONS.c.value).where(
            LOCATIONS.c.image_id.in_(_IDS), _IS_NEEDED
        ),
        ids,
    )
    for image_id, url in rows:
        answer['urls'].setdefault(image_id, []).append(url)
    if names := wanted.get('names', ()):
        answer['named'] = _named(connection, names[:MAX_TAKEN])
    return answer


def _named(connection: sa.Connection, names: Sequence[str]) -> list[str]:
    """Return the locations whose path contains one of these names."""
    has_name = [
        LOCATIONS.c.value.like(f'%/{pattern}{rest}', escape='!')
        for name in names
        for pattern in [_ESCAPED.sub(r'!\g<0>', name)]
        for rest in ('', '/%')
    ]
    statement = sa.select(LOCATIONS.c.value).where(
        _IS_NEEDED, sa.or_(*has_name)
    )
    return list(connection.scalars(statement))


def finish(connection: sa.Connection, removed: contract.Removed) -> None:
    """Delete leftovers whose data is removed; postpone the others."""
    outcomes = dict.fromkeys(removed['done'], 'done')
    outcomes |= dict.fromkeys(removed.get('failed', ()), 'failed')
    outcomes |= dict.fromkeys(removed.get('elsewhere', ()), 'elsewhere')
    outcomes |= dict.fromkeys(removed.get('in_use', ()), 'in_use')
    parts = removed.get('removed', {})
    rows = connection.execute(_OF_IDS, {'ids': list(outcomes)}).all()
    for row in sorted(rows, key=lambda row: (row.image_id, row.id)):
        outcome = outcomes[row.id]
        if outcome != 'done' and (gone := parts.get(row.id)):
            row = _without(connection, row, gone)
        if not row.location_ids and row.location_ids is not None:
            outcome = 'done'
        if outcome == 'failed':
            _postpone(connection, row)
        elif outcome == 'elsewhere':
            _postpone(connection, row)
            _open_to_all(connection, row)
        elif outcome == 'in_use':
            _wait(connection, row, row.tries, IN_USE_PAUSE_SECONDS)
        else:
            _finish(connection, row)


def _without(
    connection: sa.Connection, row: sa.Row[Any], gone: Collection[int]
) -> sa.Row[Any]:
    """Return the leftover without locations whose data is removed.

    So clients that have different stores can remove it together.
    """
    if row.location_ids is None:
        return row
    locks.image(connection, row.image_id)
    connection.execute(
        LOCATIONS.update()
        .where(
            LOCATIONS.c.image_id == row.image_id,
            LOCATIONS.c.id.in_(set(gone) & set(row.location_ids)),
            LOCATIONS.c.deleted == sa.true(),
            LOCATIONS.c.status == lifecycle.PENDING,
        )
        .values(status='deleted')
    )
    connection.execute(
        LEFTOVERS.update()
        .where(LEFTOVERS.c.id == row.id)
        .values(
            location_ids=[
                each for each in row.location_ids if each not in gone
            ]
        )
    )
    return connection.execute(_OF_IDS, {'ids': [row.id]}).one()


def _finish(connection: sa.Connection, row: sa.Row[Any]) -> None:
    # If the component that recorded it removes it at once, it was never
    # pending_delete.
    if row.tries or row.holder != row.id:
        _move(connection, row, lifecycle.PENDING, 'deleted')
    forget(connection, row.id)


def release(connection: sa.Connection, removal_id: str) -> bool:
    """Delete a leftover whose data must stay after all.

    :returns: True if the component that recorded it still held it; if False,
        another one may have removed the data
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
    """Mark the data as pending_delete in the tables, and try again later."""
    _move(connection, row, 'deleted', lifecycle.PENDING)
    seconds = FIRST_PAUSE_SECONDS * 2 ** min(row.tries, 10)
    _wait(connection, row, row.tries + 1, min(seconds, MAX_PAUSE_SECONDS))


def _open_to_all(connection: sa.Connection, row: sa.Row[Any]) -> None:
    connection.execute(
        LEFTOVERS.update()
        .where(LEFTOVERS.c.id == row.id, LEFTOVERS.c.location_ids.is_not(None))
        .values(store=ANY_STORE)
    )


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
    """Change the status of locations, and of their image if it is deleted.

    The status changes between ``pending_delete`` and ``deleted``.
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
    changed = connection.execute(
        IMAGES.update()
        .where(*condition)
        .values(status=after, row_version=IMAGES.c.row_version + 1)
    )
    if changed.rowcount and after == 'deleted':
        _end_children(connection, row.image_id)


def _end_children(connection: sa.Connection, image_id: str) -> None:
    """Mark the children of a deleted image as deleted with it.

    They are not yet if the image could still be restored when it was deleted.
    """
    deleted_at = connection.scalar(
        sa.select(IMAGES.c.deleted_at).where(IMAGES.c.id == image_id)
    )
    if deleted_at is not None:
        endings.end(
            connection, image_id, deleted_at, endings.CHILDREN, 'deleted'
        )


def _has_pending(image_id: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        LOCATIONS.c.image_id == image_id,
        LOCATIONS.c.status == lifecycle.PENDING,
    )
