"""Changes of the children of an image, inside a transaction.

A property keeps its row while the image exists, also if it is removed and set
again; tags and locations get a new row each time. Removed rows are marked as
deleted.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
import datetime
import logging
from typing import Any

from oslo_db import exception as db_exception
import sqlalchemy as sa

from glance.common import contract
from glance.common import errors
from glance_registry.db import engine
from glance_registry.db import models

LOG = logging.getLogger(__name__)

LOCATIONS = models.image_locations
MEMBERS = models.image_members
PROPERTIES = models.image_properties
TAGS = models.image_tags

#: Prefix of the names of properties that only the service writes.
OURS = 'os_glance_'
_INSERT_PROPERTY = PROPERTIES.insert()
_INSERT_TAG = TAGS.insert()
_KNOWN = sa.select(PROPERTIES.c.id, PROPERTIES.c.name).where(
    PROPERTIES.c.image_id == sa.bindparam('image_id'),
    PROPERTIES.c.name.in_(sa.bindparam('names', expanding=True)),
)
#: Finds the row whose name is equal by the collation of the column.
_TWIN = sa.select(
    PROPERTIES.c.id, PROPERTIES.c.name, PROPERTIES.c.deleted
).where(
    PROPERTIES.c.image_id == sa.bindparam('image_id'),
    PROPERTIES.c.name.in_(sa.bindparam('names', expanding=True)),
)
_REMOVE = PROPERTIES.delete().where(PROPERTIES.c.id == sa.bindparam('row_id'))
_CHANGE = (
    PROPERTIES.update()
    .where(PROPERTIES.c.id == sa.bindparam('row_id'))
    .values(
        {
            name: sa.bindparam(f'new_{name}', type_=PROPERTIES.c[name].type)
            for name in ('value', 'updated_at', 'deleted', 'deleted_at')
        }
    )
)
_LIVE_TAGS = sa.select(TAGS.c.id, TAGS.c.value).where(
    TAGS.c.image_id == sa.bindparam('image_id'),
    TAGS.c.deleted == sa.false(),
)


def insert_properties(
    connection: sa.Connection,
    image_id: str,
    properties: Iterable[tuple[str, str | None]],
    now: datetime.datetime,
) -> None:
    """Insert properties that the image does not have.

    :raises errors.Conflict: two names of the image's properties are equal by
        the collation of the table
    """
    rows = [
        {
            'image_id': image_id,
            'name': name,
            'value': value,
            'created_at': now,
            'updated_at': now,
        }
        for name, value in properties
    ]
    if not rows:
        return
    try:
        connection.execute(_INSERT_PROPERTY, rows)
    except db_exception.DBDuplicateEntry:
        if connection.dialect.name not in models.MYSQL:
            raise
        # MariaDB undoes only the failed statement. A long list is inserted
        # with several statements, so a part of it may be in the table.
        for row in rows:
            _insert_beside_twins(connection, row)


def _insert_beside_twins(
    connection: sa.Connection, row: Mapping[str, Any]
) -> None:
    name = row['name']
    try:
        connection.execute(_INSERT_PROPERTY, row)
    except db_exception.DBDuplicateEntry:
        same = {'image_id': row['image_id'], 'names': [name]}
        twin = connection.execute(_TWIN, same).one()
        if twin.name == name:
            return  # inserted by an earlier statement of the list
        if twin.deleted:
            connection.execute(_REMOVE, {'row_id': twin.id})
            connection.execute(_INSERT_PROPERTY, row)
        elif name.startswith(OURS):
            LOG.warning(
                'Image %s: the property %s was not stored, because the '
                'collation of image_properties.name takes it for the '
                'property %r',
                row['image_id'],
                name,
                twin.name,
            )
        else:
            raise errors.Conflict(
                f'The image has the property {twin.name!r}; the database '
                f'cannot store the property {name!r} beside it, because the '
                'collation of its table takes both names for the same.'
            ) from None


def change_properties(
    connection: sa.Connection,
    image_id: str,
    changes: Mapping[str, str | None],
    nulls: Collection[str] = (),
) -> None:
    """Set properties, and remove those whose new value is None.

    :param nulls: names in ``changes`` that are set to None, not removed
    """
    if not changes:
        return
    now = engine.now()
    rows = connection.execute(
        _KNOWN, {'image_id': image_id, 'names': list(changes)}
    )
    known = {row.name: row.id for row in rows}
    gone = {
        name
        for name, value in changes.items()
        if value is None and name not in nulls
    }
    updates = [
        {
            'row_id': known[name],
            'new_value': value,
            'new_updated_at': now,
            'new_deleted': name in gone,
            'new_deleted_at': now if name in gone else None,
        }
        for name, value in changes.items()
        if name in known
    ]
    if updates:
        connection.execute(_CHANGE, updates)
    fresh = [
        (name, value)
        for name, value in changes.items()
        if name not in known and name not in gone
    ]
    insert_properties(connection, image_id, fresh, now)


def tags(connection: sa.Connection, image_id: str) -> dict[str, int]:
    """Return the live tags of an image, with the ids of their rows."""
    rows = connection.execute(_LIVE_TAGS, {'image_id': image_id})
    return {row.value: row.id for row in rows}


def change_tags(
    connection: sa.Connection, image_id: str, wanted: Sequence[str]
) -> None:
    present = tags(connection, image_id)
    remove_tags(
        connection,
        [row for tag, row in present.items() if tag not in wanted],
    )
    fresh = [tag for tag in wanted if tag not in present]
    insert_tags(connection, image_id, fresh, engine.now())


def insert_tags(
    connection: sa.Connection,
    image_id: str,
    fresh: Iterable[str],
    now: datetime.datetime,
) -> None:
    rows = [
        {
            'image_id': image_id,
            'value': tag,
            'created_at': now,
            'updated_at': now,
        }
        for tag in dict.fromkeys(fresh)
    ]
    if rows:
        connection.execute(_INSERT_TAG, rows)


def remove_tags(connection: sa.Connection, rows: Sequence[int]) -> None:
    """Mark these rows deleted."""
    if rows:
        connection.execute(
            TAGS.update()
            .where(TAGS.c.id.in_(rows))
            .values(deleted=True, deleted_at=engine.now())
        )


def change_locations(
    connection: sa.Connection,
    image_id: str,
    wanted: Sequence[contract.Location],
    pending: Sequence[int],
) -> Sequence[contract.Location]:
    """Remove the locations that are not wanted, or not in the wanted order.

    The order of locations is the order of their rows. Therefore the wanted
    locations keep their rows only up to the first one that is new or out of
    order; all later ones must be inserted again.

    :param pending: ids of removed rows whose data is not deleted yet
    :returns: the wanted locations that the caller must insert
    """
    kept: list[int] = []
    for location in wanted:
        row = location.get('id')
        if row is None or (kept and row < kept[-1]):
            break
        kept.append(row)
    now = engine.now()
    for status, condition in (
        ('pending_delete', LOCATIONS.c.id.in_(pending)),
        ('deleted', LOCATIONS.c.id.not_in([*kept, *pending])),
    ):
        connection.execute(
            LOCATIONS.update()
            .where(
                LOCATIONS.c.image_id == image_id,
                LOCATIONS.c.deleted == sa.false(),
                condition,
            )
            .values(status=status, deleted=True, deleted_at=now)
        )
    return wanted[len(kept) :]


def end_members(
    connection: sa.Connection, row_ids: Sequence[int], now: datetime.datetime
) -> None:
    """Mark members as deleted, at different times if necessary.

    The unique index of members includes the time of the deletion, and
    compares names by the collation of the column. So two members whose names
    are equal by the collation must not have the same time.
    """
    for row_id in row_ids:
        ended = now
        while not _end_member(connection, row_id, ended):
            ended -= datetime.timedelta(seconds=1)


def _end_member(
    connection: sa.Connection, row_id: int, now: datetime.datetime
) -> bool:
    try:
        connection.execute(
            MEMBERS.update()
            .where(MEMBERS.c.id == row_id)
            .values(deleted=True, deleted_at=now)
        )
    except db_exception.DBDuplicateEntry:
        if connection.dialect.name not in models.MYSQL:
            raise
        return False
    return True


def finish_location_removal(
    connection: sa.Connection,
    image_id: str,
    ids: Sequence[int],
    restore: bool,
) -> None:
    """Restore pending locations, or mark them as deleted for good."""
    values: dict[str, object] = {'status': 'deleted'}
    if restore:
        values = {'status': 'active', 'deleted': False, 'deleted_at': None}
    connection.execute(
        LOCATIONS.update()
        .where(
            LOCATIONS.c.image_id == image_id,
            LOCATIONS.c.id.in_(ids),
            LOCATIONS.c.status == 'pending_delete',
        )
        .values(values)
    )
