"""Deletion of an image's record, and how the deletion is undone or completed.

All children of a deleted image are marked as deleted with it, at the same
time. While its data still exists, the image is ``pending_delete``: it is not
visible to clients, but its record can be restored.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry import lifecycle
from glance_registry.db import children
from glance_registry.db import endings
from glance_registry.db import engine
from glance_registry.db import images
from glance_registry.db import leftovers
from glance_registry.db import locks
from glance_registry.db import models
from glance_registry.db import pending

IMAGES = models.images
LOCATIONS = models.image_locations


def delete(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    wanted: contract.Deletion,
    lease_seconds: int,
) -> contract.Image:
    """Mark the image and all its children as deleted.

    Data that is to be removed now is recorded as left over until it is
    removed. A running transfer stays until its holder gives it back, which
    the response to the next renewal tells it to do. Its bytes count in the
    quota until then (OSSA-2015-003).

    :returns: the image before the deletion, with the locations of its data
    :raises errors.Forbidden: the image is protected
    :raises errors.PreconditionFailed: the image does not have the expected
        version
    """
    try:
        # Locked, because an upload that ends now would add a location.
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
    # A held image may be restored, and must then have its old updated_at.
    changed_at = engine.moment(image['updated_at']) if data == 'held' else now
    gone = {'status': status, 'deleted': True, 'deleted_at': now}
    if data == 'kept' and image['status'] == lifecycle.DEACTIVATE.after:
        # pending.restore reads this property; the deletion below marks it
        # as deleted with the other properties.
        kept = {pending.STATUS: image['status']}
        children.change_properties(connection, image_id, kept)
        image['properties'].update(kept)
    images.change_row(connection, context, image_id, gone, now=changed_at)
    if data == 'held':
        endings.end(connection, image_id, now, [LOCATIONS], status)
    else:
        endings.end(connection, image_id, now, _present(image), status)
        image['properties'].pop(pending.STATUS, None)
    if image['locations'] and data != 'kept' and 'removal' in wanted:
        ids = [location['id'] for location in image['locations']]
        removal = wanted['removal']
        leftovers.insert(connection, image_id, removal, ids, lease_seconds)
    return image


def _get_deleted(
    connection: sa.Connection, image_id: str, seen: int
) -> contract.Image:
    """Return an image that was deleted since, with its last locations.

    :param seen: version of the live image that the client saw; knowing it is
        the permission to read the deleted image
    :raises errors.NotFound: the image was not deleted after that version, or
        never existed
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
            'id': location.id,
            'url': location.value,
            'metadata': location.meta_data or {},
            'status': location.status,
        }
        for location in rows
    ]
    return image


def finish(
    connection: sa.Connection, image_id: str, end: contract.DeletionEnd
) -> None:
    """Complete the deletion of a pending image, or restore the image.

    The operation is idempotent. The image is not restored if another
    glance-api has taken over the deletion, because that one may have removed
    the data.
    """
    locks.image(connection, image_id)
    status = end['status']
    if not _may_finish(
        connection, end, restore=status in lifecycle.RESTORABLE
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
        _bring_back(connection, image_id, end['ids'])
    else:
        endings.end(connection, image_id, now, endings.CHILDREN, status)
    connection.execute(
        LOCATIONS.update()
        .where(
            LOCATIONS.c.image_id == image_id,
            LOCATIONS.c.status == lifecycle.PENDING,
        )
        .values(status='deleted')
    )


def finish_location_removal(
    connection: sa.Connection, image_id: str, end: contract.LocationRemovalEnd
) -> None:
    """Complete the removal of locations, or restore them.

    Locations are not restored if the image was deleted meanwhile; then they
    stay pending, and their data stays left over. They are not restored
    either if another glance-api has taken over the deletion.
    """
    locks.image(connection, image_id)
    if end['restore'] and not images.change_row(
        connection,
        images.SERVICE,
        image_id,
        {},
    ):
        return
    if not _may_finish(connection, end, restore=end['restore']):
        return
    children.finish_location_removal(
        connection, image_id, end['ids'], end['restore']
    )


def _may_finish(
    connection: sa.Connection,
    end: contract.DeletionEnd | contract.LocationRemovalEnd,
    restore: bool,
) -> bool:
    removal_id = end.get('removal_id')
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
    """Return the tables with rows of the image.

    Members are always included, because the image does not list them.
    """
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
