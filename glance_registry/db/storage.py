"""Storage that an owner uses, and checks of quotas and limits.

``user_storage_quota`` counts size times locations of the owner's images, and
the bytes that running uploads announced or transferred. If two uploads begin
at the same time, the second must see the first. Therefore every transaction
that may use more storage first writes the owner's row in ``storage_owners``.
It writes the row instead of only locking it, because a lock in a Galera
cluster is local to its node; the write makes one of two nodes try again.

The order of locks is: the image, the owner, the transfer. A renewal, which
locks several transfers, locks neither images nor owners.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite

from glance.common import contract
from glance.common import errors
from glance_registry.db import models

IMAGES = models.images
LOCATIONS = models.image_locations
OWNERS = models.storage_owners
PROPERTIES = models.image_properties
TRANSFERS = models.image_transfers

#: Statuses of images that no quota or limit counts.
_GONE = ('killed', 'deleted', 'pending_delete')
_STAGING = ('uploading', 'importing')
_UPLOADING = ('saving', *_STAGING)
#: Property that is not empty while an image is copied to further stores.
_IMPORTING = 'os_glance_importing_to_stores'
#: Names of the limits in messages.
LIMITS = {
    'size_bytes': 'image_size_total, in bytes',
    'stage_bytes': 'image_stage_total, in bytes',
    'images': 'image_count_total',
    'uploading': 'image_count_uploading',
}
#: Kinds of transfers that write to a store; staged data counts only when it
#: is imported.
FILLING = ('upload', 'import')


def _of_owner(statement: sa.Select[Any]) -> dict[bool, sa.Select[Any]]:
    """Return two statements: for images with, and without an owner.

    One statement with IS NOT DISTINCT FROM would use no index in PostgreSQL.
    """
    return {
        True: statement.where(IMAGES.c.owner == sa.bindparam('owner')),
        False: statement.where(IMAGES.c.owner.is_(None)),
    }


_COUNTS = (IMAGES.c.deleted == sa.false()) & IMAGES.c.status.not_in(_GONE)
_USED = _of_owner(
    sa.select(sa.func.sum(IMAGES.c.size))
    .select_from(
        IMAGES.join(LOCATIONS, LOCATIONS.c.image_id == IMAGES.c.id),
    )
    .where(_COUNTS, LOCATIONS.c.deleted == sa.false())
)
#: Includes deleted images: their transfers write bytes until they end
#: (OSSA-2015-003).
_RUNNING = _of_owner(
    sa.select(
        TRANSFERS.c.id,
        TRANSFERS.c.bytes_expected,
        TRANSFERS.c.bytes_done,
        TRANSFERS.c.started_at,
    )
    .select_from(
        TRANSFERS.join(IMAGES, IMAGES.c.id == TRANSFERS.c.image_id),
    )
    .where(TRANSFERS.c.kind.in_(FILLING))
)
_COLUMNS = (IMAGES.c.status, sa.func.count(), sa.func.sum(IMAGES.c.size))
_BY_STATUS = _of_owner(
    sa.select(*_COLUMNS).where(_COUNTS).group_by(IMAGES.c.status)
)
_COPIED = _of_owner(
    sa.select(*_COLUMNS)
    .select_from(
        PROPERTIES.join(IMAGES, IMAGES.c.id == PROPERTIES.c.image_id),
    )
    .where(
        _COUNTS,
        IMAGES.c.status.not_in(_STAGING),
        PROPERTIES.c.name == _IMPORTING,
        PROPERTIES.c.value != '',
        PROPERTIES.c.deleted == sa.false(),
    )
    .group_by(IMAGES.c.status)
)
_HELD_BY = sa.select(TRANSFERS.c.id, IMAGES.c.owner).where(
    TRANSFERS.c.image_id == IMAGES.c.id,
    TRANSFERS.c.id.in_(sa.bindparam('ids', expanding=True)),
    TRANSFERS.c.bytes_expected.is_(None),
    TRANSFERS.c.kind.in_(FILLING),
)


def _write_owner() -> Mapping[str, Any]:
    """Return, by dialect, the statement that counts a change of an owner.

    It inserts the owner's row if it does not exist.
    """
    counted = {'changes': OWNERS.c.changes + 1}
    first = {'owner': sa.bindparam('owner'), 'changes': 1}
    on_mysql = (
        mysql.insert(OWNERS).values(first).on_duplicate_key_update(counted)
    )
    made: dict[str, Any] = {'mysql': on_mysql, 'mariadb': on_mysql}
    for name, library in (('postgresql', postgresql), ('sqlite', sqlite)):
        made[name] = (
            library.insert(OWNERS)
            .values(first)
            .on_conflict_do_update(index_elements=['owner'], set_=counted)
        )
    return made


_WRITE_OWNER = _write_owner()


def lock_owner(connection: sa.Connection, owner: str | None) -> None:
    """Lock the owner: no other transaction may reserve storage for it."""
    statement = _WRITE_OWNER[connection.dialect.name]
    connection.execute(statement, {'owner': owner or ''})


def used_bytes(connection: sa.Connection, owner: str | None) -> int:
    """Return the number of bytes of the owner's images in all stores."""
    row = connection.execute(_USED[owner is not None], {'owner': owner})
    return int(row.scalar() or 0)


def reserve(
    connection: sa.Connection,
    owner: str | None,
    quota_bytes: int,
    transfer_id: str,
    wanted_bytes: int | None,
) -> int:
    """Check the quota for a transfer that begins; the owner stays locked.

    :param wanted_bytes: size of the data; None if it is unknown
    :returns: max number of bytes that the transfer may write
    :raises errors.LimitExceeded: the quota is exceeded
    """
    left = _room(connection, owner, quota_bytes, transfer_id)
    if left < (wanted_bytes or 0):
        raise exceeded()
    return left


def room(
    connection: sa.Connection,
    owner: str | None,
    quota_bytes: int,
    transfer_id: str,
) -> int:
    """Return the max number of bytes that a transfer may write.

    The owner stays locked.
    """
    return max(0, _room(connection, owner, quota_bytes, transfer_id))


def require_limits(
    connection: sa.Connection, owner: str | None, limits: Mapping[str, int]
) -> None:
    """Check the owner's limits after this transaction's changes; lock it.

    Bytes that running transfers announced count as used.

    :param limits: limits by the names of contract.Usage
    :raises errors.LimitExceeded: a limit is exceeded
    """
    lock_owner(connection, owner)
    usage: dict[str, Any] = {**get_usage(connection, owner)}
    if 'size_bytes' in limits:
        usage['size_bytes'] += sum(
            row.bytes_expected or 0 for row in _running(connection, owner)
        )
    for name, limit in limits.items():
        if usage[name] > limit:
            raise errors.LimitExceeded(
                f'The project would use {usage[name]} of {LIMITS[name]}; the '
                f'limit is {limit}.'
            )


def require_fits(
    connection: sa.Connection, image_id: str, quota_bytes: int
) -> None:
    """Check the quota after this transaction added locations to an image.

    :raises errors.LimitExceeded: the owner's quota is exceeded
    """
    owner = _owner_of(connection, image_id)
    if _room(connection, owner, quota_bytes, None) < 0:
        raise exceeded()


def _room(
    connection: sa.Connection,
    owner: str | None,
    quota_bytes: int,
    transfer_id: str | None,
) -> int:
    """Return the bytes that are neither used nor reserved for others.

    The result is negative if the quota is exceeded.
    """
    lock_owner(connection, owner)
    others: int = sum(
        max(row.bytes_expected or 0, row.bytes_done)
        for row in _running(connection, owner)
        if row.id != transfer_id
    )
    return quota_bytes - used_bytes(connection, owner) - others


def _owner_of(connection: sa.Connection, image_id: str) -> str | None:
    owner: str | None = connection.execute(
        sa.select(IMAGES.c.owner).where(IMAGES.c.id == image_id)
    ).scalar_one()
    return owner


def confirm(
    connection: sa.Connection,
    image_id: str,
    quota_bytes: int,
    transfer_id: str,
    size_bytes: int,
) -> None:
    """Check the quota for a transfer that ends; the owner stays locked.

    :raises errors.LimitExceeded: the quota is exceeded
    """
    owner = _owner_of(connection, image_id)
    lock_owner(connection, owner)
    running = _running(connection, owner)
    taken = used_bytes(connection, owner) + _before(running, transfer_id)
    if taken + size_bytes > quota_bytes:
        raise exceeded()


def without_room(
    connection: sa.Connection, transfer_ids: Iterable[str], quota_bytes: int
) -> list[str]:
    """Return the transfers of unknown size that exceed the owner's quota.

    This needs no lock, because the quota is checked again at the end of
    each transfer.
    """
    ids = {'ids': list(transfer_ids)}
    over = []
    by_owner: dict[str | None, list[str]] = {}
    for transfer_id, owner in connection.execute(_HELD_BY, ids).all():
        by_owner.setdefault(owner, []).append(transfer_id)
    for owner, mine in by_owner.items():
        running = _running(connection, owner)
        moved = {row.id: row.bytes_done for row in running}
        used = used_bytes(connection, owner)
        over += [
            each
            for each in mine
            if each in moved
            and used + _before(running, each) + moved[each] > quota_bytes
        ]
    return over


def exceeded() -> errors.LimitExceeded:
    return errors.LimitExceeded(
        'The project of the image has no storage left '
        '(user_storage_quota); delete images first.'
    )


def get_usage(connection: sa.Connection, owner: str | None) -> contract.Usage:
    """Return what unified limits count, with three indexed statements."""
    known, bound = owner is not None, {'owner': owner}
    by_status = connection.execute(_BY_STATUS[known], bound).all()
    copied = connection.execute(_COPIED[known], bound).all()
    staged = [row for row in by_status if row[0] in _STAGING]
    uploading = [row for row in by_status if row[0] in _UPLOADING]
    uploading += [row for row in copied if row[0] not in _UPLOADING]
    return {
        'size_bytes': used_bytes(connection, owner),
        'stage_bytes': sum(int(row[2] or 0) for row in [*staged, *copied]),
        'images': sum(row[1] for row in by_status),
        'uploading': sum(row[1] for row in uploading),
    }


def _running(
    connection: sa.Connection, owner: str | None
) -> list[sa.Row[Any]]:
    statement = _RUNNING[owner is not None]
    return list(connection.execute(statement, {'owner': owner}).all())


def _before(running: Iterable[sa.Row[Any]], transfer_id: str) -> int:
    """Return the bytes of transfers that have priority over a running one.

    Transfers that announced their size have priority, because they reserved
    storage when they began. Among the others the older one has priority, so
    that of two transfers that together exceed the quota, one continues.
    """
    rows = {row.id: row for row in running}
    own = rows.pop(transfer_id, None)
    taken = 0
    for row in rows.values():
        if row.bytes_expected is not None:
            taken += max(row.bytes_expected, row.bytes_done)
        elif own is not None and _is_older(row, own):
            taken += row.bytes_done
    return taken


def _is_older(row: sa.Row[Any], own: sa.Row[Any]) -> bool:
    older = (row.started_at, row.id) < (own.started_at, own.id)
    return own.bytes_expected is None and older
