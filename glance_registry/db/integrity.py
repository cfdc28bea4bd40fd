"""Queries on the verification of images' data.

A verification is a transfer of its own kind. So one program at a time verifies
an image, and another one may do it if that program dies. The result is the
property ``os_glance_integrity`` of the image; the time of its row is the time
of the verification, by the database's clock.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from glance.common import contract
from glance.common import errors
from glance.common.contract import integrity
from glance_registry import lifecycle
from glance_registry.db import children
from glance_registry.db import clock
from glance_registry.db import engine
from glance_registry.db import images
from glance_registry.db import leftovers
from glance_registry.db import locks
from glance_registry.db import models
from glance_registry.db import transfers

IMAGES = models.images
LOCATIONS = models.image_locations
PROPERTIES = models.image_properties
TRANSFERS = models.image_transfers

#: The kind of the transfer.
KIND = 'verify'
STATE = 'os_glance_integrity'
#: An image whose stores did not respond is verified again after this time.
RETRY_SECONDS = 3600
#: Max number of candidates that one statement reads.
_CANDIDATES = 20
#: Statuses of images whose data is complete.
_WHOLE = ('active', 'deactivated')
_ACTIVE = _WHOLE[0]

_OF_STATE = sa.and_(
    PROPERTIES.c.image_id == IMAGES.c.id,
    PROPERTIES.c.name == STATE,
    PROPERTIES.c.deleted == sa.false(),
)
_IS_TAKEN = sa.exists().where(
    TRANSFERS.c.image_id == IMAGES.c.id, TRANSFERS.c.kind == KIND
)
_HAS_DATA = sa.exists().where(
    LOCATIONS.c.image_id == IMAGES.c.id, LOCATIONS.c.deleted == sa.false()
)
_IS_OPEN = sa.and_(
    IMAGES.c.deleted == sa.false(),
    IMAGES.c.status.in_(_WHOLE),
    _HAS_DATA,
    ~_IS_TAKEN,
)


def take(
    connection: sa.Connection,
    wanted: integrity.CheckTaking,
    lease_seconds: int,
) -> integrity.CheckTaken:
    """Assign the next image whose verification is due to one program."""
    after = wanted['after']
    while image_ids := _due(connection, after, wanted['older_seconds']):
        for image_id in image_ids:
            locks.image(connection, image_id)
            if not _is_open(connection, image_id):
                continue
            claim: contract.Claim = {
                'transfer_id': wanted['transfer_id'],
                'node': wanted['node'],
                'size': None,
            }
            transfers.insert(connection, image_id, claim, KIND, lease_seconds)
            image = images.get(connection, images.SERVICE, image_id)
            return {'image': image, 'lease_seconds': lease_seconds}
        after = image_ids[-1]
    return {'image': None, 'lease_seconds': lease_seconds}


def _due(
    connection: sa.Connection, after: str, older_seconds: int
) -> Sequence[str]:
    """Return ids of images that were not verified, or not recently."""
    retry_seconds = min(older_seconds, RETRY_SECONDS)
    is_due = sa.or_(
        PROPERTIES.c.id.is_(None),
        PROPERTIES.c.updated_at <= clock.after(-older_seconds),
        sa.and_(
            PROPERTIES.c.value.like('unknown %'),
            PROPERTIES.c.updated_at <= clock.after(-retry_seconds),
        ),
    )
    statement = (
        sa.select(IMAGES.c.id)
        .select_from(IMAGES.outerjoin(PROPERTIES, _OF_STATE))
        .where(IMAGES.c.id > after, _IS_OPEN, is_due)
        .order_by(IMAGES.c.id)
        .limit(_CANDIDATES)
    )
    return connection.scalars(statement).all()


def _is_open(connection: sa.Connection, image_id: str) -> bool:
    statement = sa.select(IMAGES.c.id).where(IMAGES.c.id == image_id, _IS_OPEN)
    return connection.scalar(statement) is not None


def finish(
    connection: sa.Connection, image_id: str, check: integrity.Check
) -> integrity.Checked:
    """Record the result of a verification.

    :raises errors.Conflict: the verification was assigned to another program
    """
    locks.image(connection, image_id)
    if not transfers.remove(connection, check['transfer_id'], image_id):
        raise transfers.lost()
    try:
        image = images.get(connection, images.SERVICE, image_id)
    except errors.NotFound:
        _leave(connection, image_id, check)
        return {'status': None}
    here = {location['id'] for location in image['locations']}
    moved = check.get('moved', [])
    if any(each['id'] not in here for each in moved):
        _leave(connection, image_id, check)
    for each in moved:
        if each['id'] in here:
            _move(connection, each)
    removed = here.intersection(check.get('removed', ()))
    if removed != here:
        _remove(connection, removed)
    return {'status': _note(connection, image, check)}


def _leave(
    connection: sa.Connection, image_id: str, check: integrity.Check
) -> None:
    """Record that new data of removed locations is to be removed."""
    for removal in check.get('leftovers', ()):
        leftovers.insert_missing(connection, image_id, removal, 0)


def _move(connection: sa.Connection, moved: integrity.Moved) -> None:
    connection.execute(
        LOCATIONS.update()
        .where(LOCATIONS.c.id == moved['id'])
        .values(
            value=moved['location']['url'],
            meta_data=moved['location']['metadata'],
            updated_at=engine.now(),
        )
    )


def _remove(connection: sa.Connection, ids: set[int]) -> None:
    if ids:
        connection.execute(
            LOCATIONS.update()
            .where(LOCATIONS.c.id.in_(ids))
            .values(deleted=True, deleted_at=engine.now(), status='deleted')
        )


def _note(
    connection: sa.Connection, image: contract.Image, check: integrity.Check
) -> str:
    """Write the state, the hashes and the status; return the status."""
    image_id, now = image['id'], engine.now()
    known: Any = image
    values = {
        name: value
        for name, value in check.get('hashes', {}).items()
        if known[name] is None
    }
    if 'os_hash_value' not in values:
        values.pop('os_hash_algo', None)
    status = image['status']
    # updated_at stays, because this is not a change by the owner.
    changed_at = engine.moment(image['updated_at'])
    if check.get('is_lost') and status == _ACTIVE:
        status, changed_at = lifecycle.DEACTIVATE.after, now
        values['status'] = status
    images.change_row(
        connection, images.SERVICE, image_id, values, now=changed_at
    )
    text = f'{check["state"]} {engine.timestamp(now)}'
    if check['detail']:
        text = f'{text}: {check["detail"]}'
    children.change_properties(connection, image_id, {STATE: text})
    connection.execute(
        PROPERTIES.update()
        .where(PROPERTIES.c.image_id == image_id, PROPERTIES.c.name == STATE)
        .values(updated_at=clock.after(0))
    )
    return status
