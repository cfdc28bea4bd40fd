"""Marks the children of a deleted image as deleted, with its image's time."""

from collections.abc import Sequence
import datetime

from oslo_db import exception as db_exception
import sqlalchemy as sa

from glance_registry.db import children
from glance_registry.db import models

LOCATIONS = models.image_locations
MEMBERS = models.image_members
CHILDREN = (
    models.image_members,
    models.image_properties,
    models.image_tags,
)

_MEMBERS_OF = sa.select(MEMBERS.c.id).where(
    MEMBERS.c.image_id == sa.bindparam('image_id'),
    MEMBERS.c.deleted == sa.false(),
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
    for table in (*CHILDREN, LOCATIONS)
}


def end(
    connection: sa.Connection,
    image_id: str,
    now: datetime.datetime,
    tables: Sequence[sa.Table],
    status: str,
) -> None:
    """Mark the rows of these tables as deleted.

    :param status: the new status of locations
    """
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
