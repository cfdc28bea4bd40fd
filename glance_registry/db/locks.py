"""The lock of an image, which every change of several rows takes first."""

import sqlalchemy as sa

from glance_registry.db import models

_IMAGE = (
    sa.select(models.images.c.id)
    .where(models.images.c.id == sa.bindparam('image_id'))
    .with_for_update()
)


def image(connection: sa.Connection, image_id: str) -> None:
    """Be the only one to change the image until the transaction's end.

    Who changes an image and what belongs to it takes the image's lock
    first: two that took them in different orders would wait for each other.
    """
    connection.execute(_IMAGE, {'image_id': image_id})
