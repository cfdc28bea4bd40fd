"""Queries that end the transfers of data that a location names.

Such data is not uploaded: the image becomes ``active`` with the location, and
its hashes may be computed afterwards.
"""

import sqlalchemy as sa

from glance.common import contract
from glance.common import errors
from glance_registry.db import images
from glance_registry.db import transfers

#: Kind that computes the hashes of an active image, without claiming it.
HASH = 'hash'


def finish(
    connection: sa.Connection,
    image_id: str,
    registered: contract.Registered,
    lease_seconds: int,
) -> contract.Image:
    """Make the image ``active`` with existing data.

    :raises errors.NotFound: the image was deleted meanwhile
    :raises errors.Conflict: the transfer no longer holds the claim
    :raises errors.LimitExceeded: the data exceeds the owner's quota
    """
    transfer_id = registered['transfer_id']
    work = transfers.work_of(connection, transfer_id)
    image = transfers.finish(
        connection, image_id, registered, transfers.LOCATION
    )
    transfers.end_task(connection, transfer_id, work, None, image_id)
    image['properties'].pop(transfers.IMPORT_TASK, None)
    then_hash = registered['then_hash']
    if then_hash is not None and not transfers.holds(
        connection, image_id, then_hash['transfer_id']
    ):
        transfers.insert(connection, image_id, then_hash, HASH, lease_seconds)
    return image


def finish_hash(
    connection: sa.Connection, image_id: str, hashed: contract.Hashed
) -> None:
    """Set the hashes of an image that has none.

    :raises errors.NotFound: the image was deleted meanwhile
    :raises errors.Conflict: the lease of the transfer has expired
    """
    outcome = {
        key: value for key, value in hashed.items() if key in transfers.OUTCOME
    }
    if not images.change_row(connection, images.SERVICE, image_id, outcome):
        raise errors.NotFound(f'There is no image {image_id}.')
    if not transfers.remove(connection, hashed['transfer_id'], image_id):
        raise transfers.lost()
