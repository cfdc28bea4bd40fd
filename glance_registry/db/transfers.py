"""Queries on running transfers: who may write an image's data, and how long.

A transfer is a row with a lease, which its holder renews. If it is no longer
renewed, its holder is considered dead, and :mod:`sweeping` ends the transfer.
Knowing the transfer's id is the permission to finish or abandon it, because
the caller's own permissions may end while the bytes are transferred.

A sweeper detects a renewal by the counter of renewals, and measures time with
a monotonic clock. The times in the row come from the database's clock and are
only information for operators.
"""

from typing import Any, NamedTuple

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry import lifecycle
from glance_registry.db import children
from glance_registry.db import clock
from glance_registry.db import images
from glance_registry.db import leftovers
from glance_registry.db import locks
from glance_registry.db import models
from glance_registry.db import storage
from glance_registry.db import tasks

IMAGES = models.images
LOCATIONS = models.image_locations
TRANSFERS = models.image_transfers

#: Property that tells the owner why an image is ``queued`` again.
FAILED_REASON = 'os_glance_failed_reason'
#: Selects, from given transfers, those whose image is deleted.
_OF_DELETED = sa.select(TRANSFERS.c.id).where(
    TRANSFERS.c.image_id == IMAGES.c.id,
    TRANSFERS.c.id.in_(sa.bindparam('ids', expanding=True)),
    IMAGES.c.deleted == sa.true(),
)
_INSERT = TRANSFERS.insert().values(
    bytes_done=0,
    renewals=0,
    started_at=clock.after(0),
    beat_at=clock.after(0),
    expires_at=clock.after(sa.bindparam('lease_seconds')),
)
_RENEW = (
    TRANSFERS.update()
    .where(TRANSFERS.c.id == sa.bindparam('transfer_id'))
    .values(
        bytes_done=sa.bindparam('new_bytes_done'),
        renewals=TRANSFERS.c.renewals + 1,
        beat_at=clock.after(0),
        expires_at=clock.after(sa.bindparam('lease_seconds')),
    )
)
_OF_IMAGE = sa.select(TRANSFERS.c.id).where(
    TRANSFERS.c.image_id == sa.bindparam('of_image')
)
_IS_THIS = sa.and_(
    TRANSFERS.c.id == sa.bindparam('transfer_id'),
    TRANSFERS.c.image_id == sa.bindparam('of_image'),
)
_THIS = sa.select(TRANSFERS.c.id).where(_IS_THIS)
_REMOVE = TRANSFERS.delete().where(_IS_THIS)
_WORK = sa.select(TRANSFERS.c.work).where(
    TRANSFERS.c.id == sa.bindparam('transfer_id')
)
OUTCOME = frozenset(
    ('size', 'virtual_size', 'checksum', 'os_hash_algo', 'os_hash_value')
)
#: Attributes that plug-ins may change in addition to the outcome.
_FORMATS = ('disk_format', 'container_format')


class Kind(NamedTuple):
    """A kind of transfer, and the status changes it makes.

    :ivar broken: start of the message that tells the owner that a transfer
        was interrupted; the name of the node follows
    """

    name: str
    claim: lifecycle.Step
    finish: lifecycle.Step
    broken: str


UPLOAD = Kind(
    'upload',
    lifecycle.CLAIM_UPLOAD,
    lifecycle.FINISH_UPLOAD,
    'The upload through',
)
LOCATION = Kind(
    'location',
    lifecycle.CLAIM_LOCATION,
    lifecycle.FINISH_LOCATION,
    'The location given to',
)
STAGE = Kind(
    'stage',
    lifecycle.CLAIM_STAGE,
    lifecycle.FINISH_STAGE,
    'The staging of data through',
)
KINDS = {kind.name: kind for kind in (UPLOAD, LOCATION, STAGE)}
#: Property with the id of the task that is writing the image's data.
IMPORT_TASK = 'os_glance_import_task'


def claim(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    wanted: contract.Claim,
    kind: Kind,
    lease_seconds: int,
) -> contract.Claimed:
    """Give one caller the exclusive right to write the image's data.

    :raises errors.Conflict: the image is not ``queued``
    :raises errors.LimitExceeded: the data exceeds the owner's quota
    """
    step = kind.claim
    claimed = images.change_row(
        connection,
        context,
        image_id,
        {'status': step.after},
        before=step.before,
    )
    image = images.get(connection, context, image_id)
    if not claimed and not holds(connection, image_id, wanted['transfer_id']):
        raise errors.Conflict(
            f'The image is {image["status"]}; data can be uploaded only '
            'while it is queued.'
        )
    answer: contract.Claimed = {
        'image': image,
        'lease_seconds': lease_seconds,
    }
    if quota := wanted.get('quota'):
        answer['room'] = storage.reserve(
            connection,
            image['owner'],
            quota,
            wanted['transfer_id'],
            wanted['size'],
        )
    if claimed:
        work = _record(connection, image_id, wanted)
        insert(
            connection, image_id, wanted, kind.name, lease_seconds, work=work
        )
        if image['properties'].pop(FAILED_REASON, None) is not None:
            no_reason = {FAILED_REASON: None}
            children.change_properties(connection, image_id, no_reason)
        if limits := wanted.get('limits'):
            storage.require_limits(connection, image['owner'], limits)
    return answer


def _record(
    connection: sa.Connection, image_id: str, wanted: contract.Claim
) -> dict[str, Any] | None:
    """Create the record of the task, if the claim belongs to a task."""
    if 'task' not in wanted:
        return None
    task = wanted['task']
    tasks.create(connection, task, image_id, tasks.PROCESSING)
    running: dict[str, str | None] = {IMPORT_TASK: task['id']}
    children.change_properties(connection, image_id, running)
    return {'keep_hours': task['keep_hours']}


def end_task(
    connection: sa.Connection,
    transfer_id: str,
    work: dict[str, Any] | None,
    failure: str | None,
    image_id: str,
) -> None:
    """End the task of a transfer.

    :param work: ``work`` of the transfer; None if it has no task
    :param failure: reason of the failure; None if it succeeded
    """
    if work is None:
        return
    children.change_properties(connection, image_id, {IMPORT_TASK: None})
    result = {'image_id': image_id} if failure is None else None
    tasks.end(
        connection,
        transfer_id,
        work['keep_hours'],
        failure=failure,
        result=result,
    )


def work_of(
    connection: sa.Connection, transfer_id: str
) -> dict[str, Any] | None:
    row: dict[str, Any] | None = connection.execute(
        _WORK, {'transfer_id': transfer_id}
    ).scalar()
    return row


def insert(
    connection: sa.Connection,
    image_id: str,
    wanted: contract.Claim,
    kind: str,
    lease_seconds: int,
    **more: Any,
) -> None:
    """Insert the row of a transfer, with a new lease.

    :param wanted: claim of the transfer
    :param kind: name of its kind
    :param more: values of further columns
    """
    connection.execute(
        _INSERT,
        {
            'id': wanted['transfer_id'],
            'image_id': image_id,
            'kind': kind,
            'node': wanted['node'],
            'store': wanted.get('store'),
            'bytes_expected': wanted['size'],
            'lease_seconds': lease_seconds,
            'work': None,
            'holder': None,
            **more,
        },
    )


def renew(
    connection: sa.Connection,
    renewal: contract.Renewal,
    lease_seconds: int,
) -> contract.Renewed:
    """Renew the leases of transfers that still exist.

    The transfer of a deleted image stays until its holder gives it back,
    because its bytes use storage until then.
    """
    lost = []
    for transfer_id, bytes_done in sorted(renewal['transfers'].items()):
        renewed = connection.execute(
            _RENEW,
            {
                'transfer_id': transfer_id,
                'new_bytes_done': bytes_done,
                'lease_seconds': lease_seconds,
            },
        )
        if not renewed.rowcount:
            lost.append(transfer_id)
    held = renewal['transfers'].keys() - lost
    deleted = connection.scalars(_OF_DELETED, {'ids': list(held)}).all()
    answer: contract.Renewed = {'lost': lost, 'deleted': list(deleted)}
    if quota := renewal.get('quota'):
        answer['over_quota'] = storage.without_room(connection, held, quota)
    return answer


def finish(
    connection: sa.Connection,
    image_id: str,
    stored: contract.Stored | contract.Registered,
    kind: Kind = UPLOAD,
) -> contract.Image:
    """Make the image ``active`` with the data of its claim.

    :raises errors.NotFound: the image was deleted meanwhile
    :raises errors.Conflict: the transfer no longer holds the claim
    :raises errors.LimitExceeded: the data exceeds the owner's quota
    """
    step = kind.finish
    outcome = {key: value for key, value in stored.items() if key in OUTCOME}
    changed: Any = stored.get('formats', {})
    outcome |= {key: changed[key] for key in _FORMATS if key in changed}
    if not images.change_row(
        connection,
        images.SERVICE,
        image_id,
        {'status': step.after, **outcome},
        before=step.before,
    ):
        image = images.get(connection, images.SERVICE, image_id)
        if not _is_outcome(image, stored):
            raise lost()
        return image
    transfer_id = stored['transfer_id']
    if quota := stored.get('quota'):
        size = stored['size']
        storage.confirm(connection, image_id, quota, transfer_id, size)
    # A separate statement after the lock: as a condition of the UPDATE,
    # PostgreSQL would check the transfer as it was before the lock wait.
    if not remove(connection, transfer_id, image_id):
        raise lost()
    properties: Any = stored.get('properties')
    if properties:
        children.change_properties(connection, image_id, properties)
    further: Any = stored.get('further_locations', ())
    images.insert_locations(
        connection, image_id, [stored['location'], *further]
    )
    return images.get(connection, images.SERVICE, image_id)


def abandon(
    connection: sa.Connection,
    image_id: str,
    abandoned: contract.Abandoned,
    lease_seconds: int,
) -> contract.Unclaimed:
    """Give a claim back. An image that still exists is ``queued`` again.

    Data that may have been stored is recorded as left over; a check before
    its removal finds out whether it is in use. It is in use if the upload
    was finished after all (the response may have been lost), and perhaps if
    another upload runs, because the store may use the same location for it.
    """
    locks.image(connection, image_id)
    if 'leftover' in abandoned:
        leftovers.insert_missing(
            connection, image_id, abandoned['leftover'], lease_seconds
        )
    transfer_id = abandoned['transfer_id']
    work = work_of(connection, transfer_id)
    if remove(connection, transfer_id, image_id):
        text = abandoned.get('reason', '')
        if give_back(connection, image_id) and text:
            reason = {FAILED_REASON: text}
            children.change_properties(connection, image_id, reason)
        end_task(connection, transfer_id, work, text, image_id)
        unused = True
    else:
        unused = not _has_data(connection, image_id)
        unused = unused and not _is_claimed(connection, image_id)
    status = images.statuses(connection, [image_id]).get(image_id)
    return {'data_is_unused': unused, 'status': status}


def give_back(
    connection: sa.Connection,
    image_id: str,
    step: lifecycle.Step = lifecycle.ABANDON,
) -> bool:
    return images.change_row(
        connection,
        images.SERVICE,
        image_id,
        {'status': step.after, 'size': None, 'virtual_size': None},
        before=step.before,
    )


def lost() -> errors.Conflict:
    return errors.Conflict(
        'The upload was cancelled, because its lease expired or the image '
        'was changed; start it again.'
    )


def remove(connection: sa.Connection, transfer_id: str, image_id: str) -> bool:
    """Delete the row of a transfer.

    Like for every change, the caller must hold the lock of the image.

    :returns: True if the row existed
    """
    values = {'transfer_id': transfer_id, 'of_image': image_id}
    return connection.execute(_REMOVE, values).rowcount == 1


def holds(connection: sa.Connection, image_id: str, transfer_id: str) -> bool:
    """Return whether the image has this transfer."""
    values = {'transfer_id': transfer_id, 'of_image': image_id}
    return connection.execute(_THIS, values).first() is not None


def _is_claimed(connection: sa.Connection, image_id: str) -> bool:
    row = connection.execute(_OF_IMAGE, {'of_image': image_id}).first()
    return row is not None


def _has_data(connection: sa.Connection, image_id: str) -> bool:
    row = connection.execute(
        sa.select(LOCATIONS.c.id).where(
            LOCATIONS.c.image_id == image_id,
            LOCATIONS.c.deleted == sa.false(),
        )
    ).first()
    return row is not None


def _is_outcome(
    image: contract.Image, stored: contract.Stored | contract.Registered
) -> bool:
    """Return whether this upload is already finished.

    Then its client repeats the request after a lost response.
    """
    urls = {location['url'] for location in image['locations']}
    return (
        image['status'] == 'active'
        and image['os_hash_value'] == stored['os_hash_value']
        and stored['location']['url'] in urls
    )
