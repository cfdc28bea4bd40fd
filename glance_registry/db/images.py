"""Queries on images. Each function is one operation in one transaction.

Statements that do not depend on the request are module constants, because
building a statement costs as much as executing it. The children of all
images of a response are read with one statement.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
import datetime
import json
from typing import Any

import orjson
import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry import lifecycle
from glance_registry.db import children
from glance_registry.db import engine
from glance_registry.db import filters
from glance_registry.db import leftovers
from glance_registry.db import models
from glance_registry.db import rows
from glance_registry.db import storage
from glance_registry.db import visibility

IMAGES = models.images
LOCATIONS = models.image_locations
MEMBERS = models.image_members
PROPERTIES = models.image_properties
TAGS = models.image_tags

_LIVE = IMAGES.c.deleted == sa.false()
_NAMES = [name for name in contract.Image.__annotations__ if name in IMAGES.c]
_TIMES = ('created_at', 'updated_at')
_FLAGS = ('protected', 'os_hidden')
#: Values of a new image that its creator did not set.
_DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(_NAMES),
    'visibility': 'shared',
    'min_disk': 0,
    'min_ram': 0,
    'protected': False,
    'os_hidden': False,
    'row_version': 1,
    'deleted': False,
}

#: Context of operations whose permission does not depend on the caller.
SERVICE = context.of_service()


def packed_images() -> sa.Select[Any]:
    # Other programs may leave updated_at empty.
    updated_at = sa.func.coalesce(IMAGES.c.updated_at, IMAGES.c.created_at)
    columns = {name: IMAGES.c[name] for name in _NAMES}
    return rows.packed(
        'image', *{**columns, 'updated_at': updated_at}.values()
    )


def _children(
    of: Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]],
) -> list[sa.Select[Any]]:
    """Select live properties, tags, locations and the caller's membership."""

    def branch(kind: str, table: sa.Table, *names: str) -> sa.Select[Any]:
        columns = [table.c[name] for name in ('image_id', *names)]
        return rows.packed(kind, *columns).where(
            of(table.c.image_id), table.c.deleted == sa.false()
        )

    return [
        branch('property', PROPERTIES, 'name', 'value'),
        branch('tag', TAGS, 'value'),
        branch('location', LOCATIONS, 'id', 'value', 'meta_data').where(
            LOCATIONS.c.status == 'active'
        ),
        branch('member', MEMBERS, 'member').where(
            MEMBERS.c.member == sa.bindparam('caller')
        ),
    ]


def _is_one(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return column == sa.bindparam('image_id')


def _is_any(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return column.in_(sa.bindparam('ids', expanding=True))


MANY = sa.union_all(
    packed_images().where(_is_any(IMAGES.c.id)), *_children(_is_any)
)
_ONE = {
    scope: sa.union_all(
        packed_images().where(_is_one(IMAGES.c.id), _LIVE, seen),
        *_children(_is_one),
    )
    for scope, seen in visibility.BY_ID.items()
}
_LOCK_VISIBLE = {
    scope: sa.select(IMAGES.c.id)
    .where(_is_one(IMAGES.c.id), _LIVE, seen)
    .with_for_update()
    for scope, seen in visibility.BY_ID.items()
}
_INSERT = IMAGES.insert()
_INSERT_LOCATION = LOCATIONS.insert()


def get(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    *,
    lock: bool = False,
) -> contract.Image:
    """Return a live image that is visible to the caller.

    :param lock: lock the image until the end of the transaction
    :raises errors.NotFound: the image does not exist, is deleted, or is not
        visible to the caller
    """
    scope = context.row_scope
    values = {'image_id': image_id, 'caller': context.project_id}
    images: dict[str, contract.Image] = {}
    # Stop if the lock found no row: an image that becomes visible only now
    # would be read without a lock.
    if not lock or connection.execute(_LOCK_VISIBLE[scope], values).first():
        images = unpacked(connection.scalars(_ONE[scope], values).all())
    if image_id not in images:
        raise errors.NotFound(f'There is no image {image_id}.')
    return images[image_id]


def ping(connection: sa.Connection) -> None:
    """Run a statement that uses no table."""
    connection.execute(sa.select(1))


def get_page(
    connection: sa.Connection,
    context: context.RequestContext,
    query: contract.ImageQuery,
    dialect: str,
) -> list[contract.Image]:
    """Return one page of a list, with at most five statements.

    One reads the marker, at most three read the ids, and one reads the rest.

    :raises errors.InvalidMarker: the marker is not visible to the caller
    """
    if query['limit'] <= 0:
        return []
    ids = filters.page(connection, context, query, dialect)
    if not ids:
        return []
    values = {'ids': ids, 'caller': context.project_id}
    images = unpacked(connection.execute(MANY, values).scalars().all())
    return [images[id_] for id_ in ids if id_ in images]


def create(
    connection: sa.Connection, new: contract.NewImage
) -> contract.Image:
    """Create an image in status ``queued``.

    :raises errors.Duplicate: the id is already used, perhaps by a deleted
        image
    """
    image_id, now = new['id'], engine.now()
    values = {
        **_DEFAULTS,
        **new['values'],
        'id': image_id,
        'status': 'queued',
        'created_at': now,
        'updated_at': now,
    }
    connection.execute(_INSERT, values)
    children.insert_properties(
        connection, image_id, new['properties'].items(), now
    )
    children.insert_tags(connection, image_id, new['tags'], now)
    image: Any = {name: values[name] for name in _NAMES}
    image |= dict.fromkeys(_TIMES, engine.timestamp(now))
    image |= {'locations': [], 'member': None}
    image['properties'] = dict(new['properties'])
    image['tags'] = list(dict.fromkeys(new['tags']))
    created: contract.Image = image
    return created


def update(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    changes: contract.ImageChanges,
    lease_seconds: int,
) -> contract.Updated:
    """Apply a PATCH if the image still has the version that was read.

    :raises errors.Busy: the image has changed since it was read
    :raises errors.LimitExceeded: the new locations exceed the owner's quota
    """
    now, version = engine.now(), changes['row_version']
    values, before = changes['values'], tuple[str, ...]()
    if 'locations' in changes:
        before, status = lifecycle.SET_LOCATIONS
        if changes.get('keeps_status'):
            before = lifecycle.COPIED
        else:
            values = {**values, 'status': status}
    if not change_row(
        connection,
        context,
        image_id,
        values,
        before=before,
        row_version=version,
        now=now,
    ):
        get(connection, context, image_id)
        raise errors.Busy
    children.change_properties(
        connection, image_id, changes['properties'], changes.get('nulls', ())
    )
    if 'tags' in changes:
        children.change_tags(connection, image_id, changes['tags'])
    if 'locations' in changes:
        fresh = children.change_locations(
            connection,
            image_id,
            changes['locations'],
            changes.get('pending', ()),
        )
        insert_locations(connection, image_id, fresh)
        if fresh and (quota := changes.get('quota')):
            storage.require_fits(connection, image_id, quota)
        _record_removal(connection, image_id, changes, lease_seconds)
    return {'row_version': version + 1, 'updated_at': engine.timestamp(now)}


def _record_removal(
    connection: sa.Connection,
    image_id: str,
    changes: contract.ImageChanges,
    lease_seconds: int,
) -> None:
    """Record the data of removed locations, so that it is removed too."""
    pending = changes.get('pending')
    if pending and 'removal' in changes:
        removal = changes['removal']
        leftovers.insert(connection, image_id, removal, pending, lease_seconds)


def move(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    step: lifecycle.Step,
    expected: contract.Expected,
) -> None:
    """Deactivate or reactivate an image. The operation is idempotent.

    :raises errors.Forbidden: the status of the image does not allow it
    :raises errors.PreconditionFailed: the image does not have the expected
        version
    """
    if not change_row(
        connection,
        context,
        image_id,
        {'status': step.after},
        before=step.before,
        row_version=expected['row_version'],
    ):
        image = get(connection, context, image_id)
        require_expected(image, expected)
        raise errors.Forbidden(
            f'The image is {image["status"]}; it cannot become {step.after}.'
        )


def require_expected(
    image: contract.Image, expected: contract.Expected
) -> None:
    if expected['row_version'] not in (None, image['row_version']):
        raise errors.PreconditionFailed


def insert_locations(
    connection: sa.Connection,
    image_id: str,
    fresh: Iterable[contract.Location],
) -> None:
    """Append locations. Their order is the order of their rows."""
    now = engine.now()
    rows = [
        {
            'image_id': image_id,
            'value': location['url'],
            'meta_data': location['metadata'],
            'status': 'active',
            'created_at': now,
            'updated_at': now,
        }
        for location in fresh
    ]
    if rows:
        connection.execute(_INSERT_LOCATION, rows)


def change_row(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    values: Mapping[str, Any],
    *,
    before: Sequence[str] = (),
    row_version: int | None = None,
    now: datetime.datetime | None = None,
) -> bool:
    """Change the row of a visible live image.

    The statement also locks the row until the end of the transaction.

    :param before: statuses that the image may have; empty: any status
    :param row_version: version that the image must have; None: any version
    :returns: True if a row was changed
    """
    scope = context.row_scope
    bound: dict[str, Any] = {
        f'new_{name}': value for name, value in values.items()
    }
    bound |= {'row_id': image_id, 'new_updated_at': now or engine.now()}
    if before:
        bound['before'] = before
    if row_version is not None:
        bound['known_version'] = row_version
    if scope == 'project':
        bound['caller'] = context.project_id
    statement = _row_change(
        scope, bool(before), row_version is not None, tuple(sorted(values))
    )
    return statement.execute(connection, bound).rowcount == 1


@engine.kept
def _row_change(
    scope: str, by_status: bool, by_version: bool, names: tuple[str, ...]
) -> sa.Update:
    """Build the statement of :func:`change_row`, each variant once."""
    statement = IMAGES.update().where(
        IMAGES.c.id == sa.bindparam('row_id'), _LIVE, visibility.BY_ID[scope]
    )
    if by_status:
        before: Any = sa.bindparam('before', expanding=True)
        statement = statement.where(IMAGES.c.status.in_(before))
    if by_version:
        known: Any = sa.bindparam('known_version')
        statement = statement.where(IMAGES.c.row_version == known)
    return statement.values(
        {
            'row_version': IMAGES.c.row_version + 1,
            **{
                name: sa.bindparam(f'new_{name}', type_=IMAGES.c[name].type)
                for name in ('updated_at', *names)
            },
        }
    )


def change_visible_row(
    connection: sa.Connection, context: context.RequestContext, image_id: str
) -> None:
    """Change and lock the row of a visible live image.

    :raises errors.NotFound: the image does not exist, is deleted, or is not
        visible to the caller
    """
    if not change_row(connection, context, image_id, {}):
        raise errors.NotFound(f'There is no image {image_id}.')


def statuses(
    connection: sa.Connection, image_ids: Iterable[str]
) -> dict[str, str]:
    """Return the statuses of those of the images that are not deleted."""
    rows = connection.execute(
        sa.select(IMAGES.c.id, IMAGES.c.status).where(
            _LIVE, IMAGES.c.id.in_(list(image_ids))
        )
    )
    return {row.id: row.status for row in rows}


def unpacked(texts: Iterable[str]) -> dict[str, contract.Image]:
    """Return the images of :func:`packed` rows, with their children, by id."""
    rows = [orjson.loads(text) for text in texts]
    images = {row[1]: _image(row[1:]) for row in rows if row[0] == 'image'}
    for kind, image_id, *values in rows:
        image = images.get(image_id)
        if image is None or kind == 'image':
            continue  # the image is not visible, or was not requested
        if kind == 'property':
            name, value = values
            image['properties'][name] = value
        elif kind == 'tag':
            image['tags'] += values
        elif kind == 'location':
            image['locations'].append(_location(*values))
        elif image['owner'] not in values:
            (image['member'],) = values
    for image in images.values():
        image['locations'].sort(key=lambda location: location['id'])
    return images


def _image(values: Sequence[Any]) -> Any:
    image: Any = dict(zip(_NAMES, values, strict=True))
    for name in _TIMES:
        moment = image[name]
        image[name] = f'{moment[:10]}T{moment[11:19]}Z'
    for name in _FLAGS:
        image[name] = bool(image[name])
    image |= {'properties': {}, 'tags': [], 'locations': [], 'member': None}
    return image


def _location(
    row_id: int, url: str, metadata: str | None
) -> contract.Location:
    return {
        'id': row_id,
        'url': url,
        'metadata': json.loads(metadata) if metadata else {},
        'status': 'active',
    }
