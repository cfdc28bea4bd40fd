"""Queries on deleted images whose data is kept (``delayed_delete``).

Their data is recorded as left over (:mod:`glance_registry.db.leftovers`) when
a scrubber takes it; from then on the image cannot be restored.
"""

import datetime
from typing import Any
import uuid

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry import lifecycle
from glance_registry.db import engine
from glance_registry.db import images
from glance_registry.db import leftovers
from glance_registry.db import locks
from glance_registry.db import models

IMAGES = models.images
LEFTOVERS = models.image_leftovers
LOCATIONS = models.image_locations
_CHILDREN = (
    models.image_members,
    models.image_properties,
    models.image_tags,
)

#: Property with the status before the deletion, if that was not active.
STATUS = 'os_glance_status_before_deletion'
#: A leftover with locations exists: the removal of the data has begun.
_HAS_LEFTOVER = sa.exists().where(
    LEFTOVERS.c.image_id == IMAGES.c.id,
    LEFTOVERS.c.location_ids.is_not(None),
)
_IS_PENDING = sa.and_(
    IMAGES.c.deleted == sa.true(),
    IMAGES.c.status == lifecycle.PENDING,
)


def take(
    connection: sa.Connection,
    wanted: contract.PendingTaking,
    held_seconds: int,
) -> list[contract.Leftover]:
    """Assign the data of images to one scrubber for a limited time.

    Afterwards any program that removes leftovers may continue.
    """
    before = engine.now() - datetime.timedelta(seconds=wanted['older_seconds'])
    image_ids = connection.scalars(
        sa.select(IMAGES.c.id)
        .where(_IS_PENDING, IMAGES.c.deleted_at <= before, ~_HAS_LEFTOVER)
        .order_by(IMAGES.c.deleted_at, IMAGES.c.id)
        .limit(min(wanted['limit'], leftovers.MAX_TAKEN))
    )
    # Sorted, so that two scrubbers lock in the same order.
    taken = [
        _take(connection, image_id, wanted, held_seconds)
        for image_id in sorted(image_ids)
    ]
    return [leftover for leftover in taken if leftover is not None]


def _take(
    connection: sa.Connection,
    image_id: str,
    wanted: contract.PendingTaking,
    held_seconds: int,
) -> contract.Leftover | None:
    """Record the data of an image as left over.

    :returns: None if another scrubber has recorded it
    """
    locks.image(connection, image_id)
    if not _is_unchanged(connection, image_id):
        return None
    rows = connection.execute(
        sa.select(LOCATIONS.c.id, LOCATIONS.c.value, LOCATIONS.c.meta_data)
        .where(
            LOCATIONS.c.image_id == image_id,
            LOCATIONS.c.deleted == sa.true(),
            LOCATIONS.c.status == lifecycle.PENDING,
        )
        .order_by(LOCATIONS.c.id)
    ).all()
    removal_id = str(uuid.uuid4())
    leftovers.insert(
        connection,
        image_id,
        {'id': removal_id, 'node': wanted['node'], 'store': wanted['store']},
        [row.id for row in rows],
        held_seconds,
        holder=wanted['holder'],
    )
    return {
        'id': removal_id,
        'image_id': image_id,
        'urls': [row.value for row in rows],
        'stores': [leftovers.store_id(row.meta_data) for row in rows],
        'locations': [row.id for row in rows],
        'tries': 0,
    }


def _is_unchanged(connection: sa.Connection, image_id: str) -> bool:
    statement = sa.select(IMAGES.c.id).where(
        IMAGES.c.id == image_id, _IS_PENDING, ~_HAS_LEFTOVER
    )
    return connection.scalar(statement) is not None


def restore(
    connection: sa.Connection, context: context.RequestContext, image_id: str
) -> contract.Image:
    """Restore an image with all children that were deleted with it.

    :raises errors.NotFound: there is no image with this id
    :raises errors.Conflict: the image is not ``pending_delete``, or the
        removal of its data has begun
    """
    locks.image(connection, image_id)
    row = connection.execute(
        sa.select(
            IMAGES.c.deleted, IMAGES.c.status, IMAGES.c.deleted_at
        ).where(IMAGES.c.id == image_id)
    ).first()
    if row is None:
        raise errors.NotFound(f'There is no image {image_id}.')
    if not row.deleted or row.status != lifecycle.PENDING:
        raise errors.Conflict(
            f'Image {image_id} has the status {row.status}; only an image '
            'with the status pending_delete can be restored.'
        )
    if not _is_unchanged(connection, image_id):
        raise errors.Conflict(
            f'The data of image {image_id} is being removed already; the '
            'image cannot be restored.'
        )
    _bring_back(connection, image_id, row.deleted_at)
    return images.get(connection, context, image_id)


def _end_status(
    connection: sa.Connection, image_id: str, deleted_at: datetime.datetime
) -> str | None:
    """Return the status before the deletion, and remove its property."""
    is_it = sa.and_(
        models.image_properties.c.image_id == image_id,
        models.image_properties.c.name == STATUS,
    )
    status: str | None = connection.scalar(
        sa.select(models.image_properties.c.value).where(
            is_it, models.image_properties.c.deleted_at == deleted_at
        )
    )
    connection.execute(models.image_properties.delete().where(is_it))
    return status


def _bring_back(
    connection: sa.Connection, image_id: str, deleted_at: datetime.datetime
) -> None:
    alive: dict[str, Any] = {'deleted': False, 'deleted_at': None}
    status = _end_status(connection, image_id, deleted_at) or 'active'
    for table in _CHILDREN:
        connection.execute(
            table.update()
            .where(
                table.c.image_id == image_id,
                table.c.deleted == sa.true(),
                table.c.deleted_at == deleted_at,
            )
            .values(**alive)
        )
    connection.execute(
        LOCATIONS.update()
        .where(
            LOCATIONS.c.image_id == image_id,
            LOCATIONS.c.deleted == sa.true(),
            LOCATIONS.c.status == lifecycle.PENDING,
        )
        .values(status='active', **alive)
    )
    connection.execute(
        IMAGES.update()
        .where(IMAGES.c.id == image_id)
        .values(
            status=status,
            row_version=IMAGES.c.row_version + 1,
            updated_at=engine.now(),
            **alive,
        )
    )
