"""The lock of an image, which every change of several rows takes first."""

import sqlalchemy as sa

from glance_registry.db import models

_IMAGE = (
    sa.select(models.images.c.id)
    .where(models.images.c.id == sa.bindparam('image_id'))
    .with_for_update()
)


def image(connection: sa.Connection, image_id: str) -> None:
    """Lock an image until the end of the transaction.

    A transaction that changes an image and its children takes this lock
    first. Transactions that take locks in different orders would wait for
    each other.
    """
    connection.execute(_IMAGE, {'image_id': image_id})
