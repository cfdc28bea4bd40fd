"""Queries on running transfers: who may write an image's data, how long.

A transfer is a row with a lease. Its holder renews it; one that is not
renewed any more belonged to a daemon that died, and :func:`sweep` gives its
image back. The transfer's id is the right to finish or to abandon it: the
caller's own rights may have ended while the bytes came.

Whether it is renewed is told by its counter of renewals, which a sweeper
watches by a clock that never jumps; the times in the row are the database's,
and for people.
"""

from collections.abc import Mapping
import datetime
from typing import NamedTuple

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

IMAGES = models.images
LOCATIONS = models.image_locations
TRANSFERS = models.image_transfers

#: Tells the owner why an image is ``queued`` again.
FAILED_REASON = 'os_glance_failed_reason'
#: Of some transfers those whose image is gone.
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
_OUTCOME = frozenset(
    ('size', 'virtual_size', 'checksum', 'os_hash_algo', 'os_hash_value')
)


class Kind(NamedTuple):
    """What a transfer does to its image.

    :ivar broken: what its end means to the owner, before the node's name
    """

    name: str
    claim: lifecycle.Step
    finish: lifecycle.Step
    broken: str


class Mark(NamedTuple):
    """What every renewal changes.

    :ivar expires_at: a registry of the previous release counts no renewals
    """

    renewals: int
    expires_at: datetime.datetime


_MARKS = sa.select(
    TRANSFERS.c.id, TRANSFERS.c.renewals, TRANSFERS.c.expires_at
)
_OF_IDS = sa.select(TRANSFERS).where(
    TRANSFERS.c.id.in_(sa.bindparam('ids', expanding=True))
)
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
_KINDS = {kind.name: kind for kind in (UPLOAD, LOCATION)}
#: Finds out the hashes of an active image; claims nothing of it.
HASH = 'hash'


def claim(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    wanted: contract.Claim,
    kind: Kind,
    lease_seconds: int,
) -> contract.Claimed:
    """Give one caller the right to the image's data.

    :raises errors.Conflict: the image is not ``queued``
    :raises errors.LimitExceeded: its owner has no room for so much
    """
    step = kind.claim
    claimed = images.touch(
        connection,
        context,
        image_id,
        {'status': step.after},
        before=step.before,
    )
    image = images.get(connection, context, image_id)
    if not claimed and not _holds(connection, image_id, wanted['transfer_id']):
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
        _insert(connection, image_id, wanted, kind.name, lease_seconds)
        if image['properties'].pop(FAILED_REASON, None) is not None:
            no_reason = {FAILED_REASON: None}
            children.change_properties(connection, image_id, no_reason)
    return answer


def _insert(
    connection: sa.Connection,
    image_id: str,
    wanted: contract.Claim,
    kind: str,
    lease_seconds: int,
) -> None:
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
        },
    )


def renew(
    connection: sa.Connection,
    renewal: contract.Renewal,
    lease_seconds: int,
) -> contract.Renewed:
    """Prolong the leases of transfers that are still held.

    One whose image was deleted stays until its holder gives it back: its
    bytes are there so long.
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
    connection: sa.Connection, image_id: str, stored: contract.Stored
) -> contract.Image:
    """Make the image ``active`` with the data of its claim.

    :raises errors.NotFound: the image was deleted meanwhile
    :raises errors.Conflict: the claim was given to somebody else
    :raises errors.LimitExceeded: the owner's quota has no room for it
    """
    return _finish(connection, image_id, stored, UPLOAD)


def finish_location(
    connection: sa.Connection,
    image_id: str,
    registered: contract.Registered,
    lease_seconds: int,
) -> contract.Image:
    """Make the image ``active`` with data that was there; see ``finish``."""
    image = _finish(connection, image_id, registered, LOCATION)
    then_hash = registered['then_hash']
    if then_hash is not None and not _holds(
        connection, image_id, then_hash['transfer_id']
    ):
        _insert(connection, image_id, then_hash, HASH, lease_seconds)
    return image


def finish_hash(
    connection: sa.Connection, image_id: str, hashed: contract.Hashed
) -> None:
    """Tell the hashes of an image that has none.

    :raises errors.NotFound: the image was deleted meanwhile
    :raises errors.Conflict: the claim lapsed
    """
    outcome = {key: value for key, value in hashed.items() if key in _OUTCOME}
    if not images.touch(connection, _ADMIN, image_id, outcome):
        raise errors.NotFound(f'There is no image {image_id}.')
    if not _remove(connection, hashed['transfer_id'], _of(image_id)):
        raise _lost()


def _finish(
    connection: sa.Connection,
    image_id: str,
    stored: contract.Stored | contract.Registered,
    kind: Kind,
) -> contract.Image:
    step = kind.finish
    outcome = {key: value for key, value in stored.items() if key in _OUTCOME}
    if not images.touch(
        connection,
        _ADMIN,
        image_id,
        {'status': step.after, **outcome},
        before=step.before,
    ):
        image = images.get(connection, _ADMIN, image_id)
        if not _is_outcome(image, stored):
            raise _lost()
        return image
    transfer_id = stored['transfer_id']
    if quota := stored.get('quota'):
        size = stored['size']
        storage.confirm(connection, image_id, quota, transfer_id, size)
    # Asked for behind the lock: in the condition of the UPDATE PostgreSQL
    # would look for it as of before the wait.
    if not _remove(connection, transfer_id, _of(image_id)):
        raise _lost()
    images.insert_locations(connection, image_id, [stored['location']])
    return images.get(connection, _ADMIN, image_id)


def abandon(
    connection: sa.Connection,
    image_id: str,
    abandoned: contract.Abandoned,
    lease_seconds: int,
) -> contract.Unclaimed:
    """Give a claim back. The image is ``queued`` again, if it is there.

    Data that may have been stored is recorded as left over; whether it is
    in use is asked when it is removed. The bytes are in use if the upload
    was finished after all (the response may have been lost), and perhaps if
    another one runs: a store may have given its bytes the same place.
    """
    locks.image(connection, image_id)
    if 'leftover' in abandoned:
        leftovers.insert_missing(
            connection, image_id, abandoned['leftover'], lease_seconds
        )
    if _remove(connection, abandoned['transfer_id'], _of(image_id)):
        if _give_back(connection, image_id) and 'reason' in abandoned:
            reason = {FAILED_REASON: abandoned['reason']}
            children.change_properties(connection, image_id, reason)
        return {'data_is_unused': True}
    used = _has_data(connection, image_id) or _is_claimed(connection, image_id)
    return {'data_is_unused': not used}


def observe(connection: sa.Connection) -> dict[str, Mark]:
    """The transfers that there are, each with what a renewal changes."""
    rows = connection.execute(_MARKS).all()
    return {row.id: Mark(row.renewals, row.expires_at) for row in rows}


def sweep(connection: sa.Connection, lapsed: Mapping[str, Mark]) -> list[str]:
    """Give back the images of transfers that nobody renews.

    What such a transfer may have stored is recorded as left over.

    :param lapsed: transfers as they were when they were last looked at; one
        that was renewed since then goes on
    :returns: the ids of these images
    """
    rows = connection.execute(_OF_IDS, {'ids': list(lapsed)}).all()
    swept = []
    for row in sorted(rows, key=lambda row: row.image_id):
        locks.image(connection, row.image_id)
        # Conditional: it may be renewed, or another worker sweeps too.
        if not _remove(connection, row.id, _is_as(lapsed[row.id])):
            continue
        if row.kind in storage.FILLING:
            left: contract.Removal = {
                'id': row.id,
                'node': row.node,
                'store': row.store,
            }
            leftovers.insert_missing(connection, row.image_id, left, 0)
        if _give_back(connection, row.image_id):
            kind = _KINDS.get(row.kind, UPLOAD)
            reason = f'{kind.broken} {row.node} broke off.'
            children.change_properties(
                connection, row.image_id, {FAILED_REASON: reason}
            )
            swept.append(row.image_id)
    return swept


def _is_as(mark: Mark) -> sa.ColumnElement[bool]:
    return sa.and_(
        TRANSFERS.c.renewals == mark.renewals,
        TRANSFERS.c.expires_at == mark.expires_at,
    )


#: Finishing and giving back need no caller: the transfer's id is the right.
_ADMIN = images.SERVICE


def _give_back(connection: sa.Connection, image_id: str) -> bool:
    step = lifecycle.ABANDON
    return images.touch(
        connection,
        _ADMIN,
        image_id,
        {'status': step.after, 'size': None, 'virtual_size': None},
        before=step.before,
    )


def _lost() -> errors.Conflict:
    return errors.Conflict(
        'The upload was given up, because it took too long without a sign '
        'of life or the image was changed; start it again.'
    )


def _of(image_id: str) -> sa.ColumnElement[bool]:
    return TRANSFERS.c.image_id == image_id


def _remove(
    connection: sa.Connection,
    transfer_id: str,
    condition: sa.ColumnElement[bool],
) -> bool:
    """End a transfer; behind the image's lock, like every change."""
    statement = TRANSFERS.delete().where(
        TRANSFERS.c.id == transfer_id, condition
    )
    return connection.execute(statement).rowcount == 1


def _holds(connection: sa.Connection, image_id: str, transfer_id: str) -> bool:
    row = connection.execute(
        sa.select(TRANSFERS.c.id).where(
            TRANSFERS.c.id == transfer_id, _of(image_id)
        )
    ).first()
    return row is not None


def _is_claimed(connection: sa.Connection, image_id: str) -> bool:
    row = connection.execute(
        sa.select(TRANSFERS.c.id).where(_of(image_id))
    ).first()
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
    """Whether this very upload was finished before (a lost answer)."""
    urls = {location['url'] for location in image['locations']}
    return (
        image['status'] == 'active'
        and image['os_hash_value'] == stored['os_hash_value']
        and stored['location']['url'] in urls
    )
