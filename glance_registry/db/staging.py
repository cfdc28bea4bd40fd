"""Queries on staged data: data that was received and waits for its import."""

from collections.abc import Iterable

import sqlalchemy as sa

from glance.common import contract
from glance_registry import lifecycle
from glance_registry.db import children
from glance_registry.db import images
from glance_registry.db import import_properties
from glance_registry.db import models
from glance_registry.db import storage
from glance_registry.db import transfers

IMAGES = models.images
TRANSFERS = models.image_transfers


def needed(connection: sa.Connection, image_ids: Iterable[str]) -> list[str]:
    """Return those of the images that have staged data or a transfer."""
    ids = list(image_ids)
    staged = sa.select(IMAGES.c.id).where(
        IMAGES.c.id.in_(ids),
        IMAGES.c.deleted == sa.false(),
        IMAGES.c.status.in_(('uploading', 'importing')),
    )
    running = sa.select(TRANSFERS.c.image_id).where(
        TRANSFERS.c.image_id.in_(ids)
    )
    needed_ids = {
        *connection.scalars(staged).all(),
        *connection.scalars(running).all(),
    }
    return sorted(needed_ids)


def finish(
    connection: sa.Connection, image_id: str, staged: contract.Staged
) -> contract.Image:
    """Record that the data of the image is staged.

    :raises errors.NotFound: the image was deleted meanwhile
    :raises errors.Conflict: the transfer no longer holds the claim
    :raises errors.LimitExceeded: the owner's limit is exceeded
    """
    step = lifecycle.FINISH_STAGE
    if not images.change_row(
        connection,
        images.SERVICE,
        image_id,
        {'status': step.after, 'size': staged['size']},
        before=step.before,
    ):
        images.get(connection, images.SERVICE, image_id)
        raise transfers.lost()
    if not transfers.remove(connection, staged['transfer_id'], image_id):
        image = images.get(connection, images.SERVICE, image_id)
        if (
            image['properties'].get(import_properties.STAGE_HOST)
            != staged['host']
        ):
            raise transfers.lost()
        return image
    children.change_properties(
        connection, image_id, {import_properties.STAGE_HOST: staged['host']}
    )
    image = images.get(connection, images.SERVICE, image_id)
    if limits := staged.get('limits'):
        storage.require_limits(connection, image['owner'], limits)
    return image
