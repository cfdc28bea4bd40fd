"""The end of an image's record, and of its way back.

Everything that belongs to a deleted image is marked deleted with it, at the
same moment. While its data is still to be deleted the image is
``pending_delete``: to everybody it is gone, but its record can come back.
"""

from collections.abc import Sequence
import datetime
from typing import Any

from oslo_db import exception as db_exception
import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry import lifecycle
from glance_registry.db import children
from glance_registry.db import engine
from glance_registry.db import images
from glance_registry.db import leftovers
from glance_registry.db import locks
from glance_registry.db import models

IMAGES = models.images
LOCATIONS = models.image_locations
MEMBERS = models.image_members
_MEMBERS_OF = sa.select(MEMBERS.c.id).where(
    MEMBERS.c.image_id == sa.bindparam('image_id'),
    MEMBERS.c.deleted == sa.false(),
)
_CHILDREN = (
    models.image_members,
    models.image_properties,
    models.image_tags,
)

_DELETE_OF = {
    table.name: table.update()
    .where(
        table.c.image_id == sa.bindparam('row_image_id'),
        table.c.deleted == sa.false(),
    )
    .values(
        {
            name: sa.bindparam(f'new_{name}', type_=table.c[name].type)
            for name in ('deleted', 'deleted_at')
            + (('status',) if table is LOCATIONS else ())
        }
    )
    for table in (*_CHILDREN, LOCATIONS)
}


def delete(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    wanted: contract.Deletion,
    lease_seconds: int,
) -> contract.Image:
    """Mark the image and all that belongs to it deleted.

    Data that is to be removed now is recorded as left over until it is. A
    transfer that runs stays until its holder gives it back, which the
    next renewal makes him do: its bytes count so long (OSSA-2015-003).

    :returns: the image as it was, so that its bytes can be found
    :raises errors.Forbidden: it is protected
    :raises errors.PreconditionFailed: it is not as expected
    """
    try:
        # Locked: an upload that ends right now would add a location.
        image = images.get(connection, context, image_id, lock=True)
    except errors.NotFound:
        seen = wanted.get('repeats')
        if seen is None:
            raise
        return _get_deleted(connection, image_id, seen)
    images.require_expected(image, wanted)
    if image['protected']:
        raise errors.Forbidden('The image is protected from deletion.')
    data = wanted.get('data', 'deleted') if image['locations'] else 'deleted'
    status = 'deleted' if data == 'deleted' else lifecycle.PENDING
    now = engine.now()
    # One that is held may come back, and then nothing has happened to it.
    touched = engine.moment(image['updated_at']) if data == 'held' else now
    gone = {'status': status, 'deleted': True, 'deleted_at': now}
    images.touch(connection, context, image_id, gone, now=touched)
    if data == 'held':
        _end(connection, image_id, now, [LOCATIONS], status)
    else:
        _end(connection, image_id, now, _present(image), status)
    if image['locations'] and data != 'kept' and 'removal' in wanted:
        ids = [location['id'] for location in image['locations']]
        removal = wanted['removal']
        leftovers.insert(connection, image_id, removal, ids, lease_seconds)
    return image


def _get_deleted(
    connection: sa.Connection, image_id: str, seen: int
) -> contract.Image:
    """An image that was deleted since, with the locations it had then.

    :param seen: the version that somebody saw alive, which is the right to
        ask
    :raises errors.NotFound: it was gone before that, or never there
    """
    row = connection.execute(
        images.packed_images()
        .add_columns(IMAGES.c.deleted_at)
        .where(
            IMAGES.c.id == image_id,
            IMAGES.c.deleted == sa.true(),
            IMAGES.c.row_version > seen,
        )
    ).first()
    image = images.unpacked(row[:1]).get(image_id) if row else None
    if row is None or image is None:
        raise errors.NotFound(f'There is no image {image_id}.')
    rows = connection.execute(
        sa.select(LOCATIONS)
        .where(
            LOCATIONS.c.image_id == image_id,
            LOCATIONS.c.deleted_at == row.deleted_at,
        )
        .order_by(LOCATIONS.c.id)
    )
    image['locations'] = [
        {
            'id': found.id,
            'url': found.value,
            'metadata': found.meta_data or {},
            'status': found.status,
        }
        for found in rows
    ]
    return image


def settle(
    connection: sa.Connection, image_id: str, settled: contract.DeletionEnd
) -> None:
    """The data of a pending image is gone, or the image is back.

    Twice is as good as once. It does not come back if another glance-api
    has taken the deletion over, which may have removed the data.
    """
    locks.image(connection, image_id)
    status = settled['status']
    if not _may_settle(
        connection, settled, restore=status in lifecycle.RESTORABLE
    ):
        return
    now = engine.now()
    values: dict[str, Any] = {'status': 'deleted', 'deleted_at': now}
    if status in lifecycle.RESTORABLE:
        values = {'status': status, 'deleted': False, 'deleted_at': None}
    changed = connection.execute(
        IMAGES.update()
        .where(
            IMAGES.c.id == image_id,
            IMAGES.c.status == lifecycle.PENDING,
            IMAGES.c.deleted == sa.true(),
        )
        .values(row_version=IMAGES.c.row_version + 1, **values)
    )
    if not changed.rowcount:
        return
    if status in lifecycle.RESTORABLE:
        _bring_back(connection, image_id, settled['ids'])
    else:
        _end(connection, image_id, now, _CHILDREN, status)
    connection.execute(
        LOCATIONS.update()
        .where(
            LOCATIONS.c.image_id == image_id,
            LOCATIONS.c.status == lifecycle.PENDING,
        )
        .values(status='deleted')
    )


def settle_locations(
    connection: sa.Connection, image_id: str, settled: contract.Settled
) -> None:
    """The data of removed locations is gone; or they are back.

    Of an image that was deleted meanwhile they stay pending, and left over.
    They do not come back either if another glance-api has taken the
    deletion over.
    """
    locks.image(connection, image_id)
    if settled['restore'] and not images.touch(
        connection,
        images.SERVICE,
        image_id,
        {},
    ):
        return
    if not _may_settle(connection, settled, restore=settled['restore']):
        return
    children.settle_locations(
        connection, image_id, settled['ids'], settled['restore']
    )


def _may_settle(
    connection: sa.Connection,
    settled: contract.DeletionEnd | contract.Settled,
    restore: bool,
) -> bool:
    removal_id = settled.get('removal_id')
    if removal_id is None:
        return True  # a glance-api of the previous release
    if restore:
        return leftovers.release(connection, removal_id)
    leftovers.forget(connection, removal_id)
    return True


def _bring_back(
    connection: sa.Connection, image_id: str, ids: Sequence[int]
) -> None:
    connection.execute(
        LOCATIONS.update()
        .where(
            LOCATIONS.c.image_id == image_id,
            LOCATIONS.c.id.in_(ids),
            LOCATIONS.c.status == lifecycle.PENDING,
        )
        .values(status='active', deleted=False, deleted_at=None)
    )


def _present(image: contract.Image) -> list[sa.Table]:
    """Where rows of the image are; only members are not known from it."""
    return [
        table
        for table, present in (
            (models.image_members, True),
            (models.image_properties, image['properties']),
            (models.image_tags, image['tags']),
            (LOCATIONS, image['locations']),
        )
        if present
    ]


def _end(
    connection: sa.Connection,
    image_id: str,
    now: datetime.datetime,
    tables: Sequence[sa.Table],
    status: str,
) -> None:
    values = {
        'row_image_id': image_id,
        'new_deleted': True,
        'new_deleted_at': now,
    }
    for table in tables:
        extra = {'new_status': status} if table is LOCATIONS else {}
        try:
            connection.execute(_DELETE_OF[table.name], {**values, **extra})
        except db_exception.DBDuplicateEntry:
            if table is not MEMBERS:
                raise
            live = connection.scalars(_MEMBERS_OF, {'image_id': image_id})
            children.end_members(connection, live.all(), now)
