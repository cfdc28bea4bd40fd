"""Queries on images. Each function is one operation of one transaction.

Statements that do not depend on the request are module constants: building
one costs as much as executing it. The children of all
images of an answer come in one statement.
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
from glance_registry.db import kept
from glance_registry.db import leftovers
from glance_registry.db import models
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
#: What an image has that its creator did not ask for.
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

#: What needs no caller: another right was proved.
SERVICE = context.RequestContext(is_admin=True, overwrite=False)


def packed(kind: str, *columns: Any) -> sa.Select[Any]:
    """Rows as one text each, for :func:`unpacked`.

    PyMySQL looks at every value of every column: 25 images cost it 0.92 ms,
    as texts 0.17, and MariaDB no more. What an answer needs of all tables
    is a single statement then.
    """
    return sa.select(
        engine.json_array(sa.literal_column(f"'{kind}'"), *columns)
    )


def packed_images() -> sa.Select[Any]:
    # Other programs may leave out what has no use for them.
    updated_at = sa.func.coalesce(IMAGES.c.updated_at, IMAGES.c.created_at)
    columns = {name: IMAGES.c[name] for name in _NAMES}
    return packed('image', *{**columns, 'updated_at': updated_at}.values())


def _children(
    of: Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]],
) -> list[sa.Select[Any]]:
    """Live properties, tags, locations and the caller's memberships."""

    def branch(kind: str, table: sa.Table, *names: str) -> sa.Select[Any]:
        columns = [table.c[name] for name in ('image_id', *names)]
        return packed(kind, *columns).where(
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


_MANY = sa.union_all(
    packed_images().where(_is_any(IMAGES.c.id)), *_children(_is_any)
)
_ONE = {
    sight: sa.union_all(
        packed_images().where(_is_one(IMAGES.c.id), _LIVE, seen),
        *_children(_is_one),
    )
    for sight, seen in visibility.BY_ID.items()
}
_LOCK_VISIBLE = {
    sight: sa.select(IMAGES.c.id)
    .where(_is_one(IMAGES.c.id), _LIVE, seen)
    .with_for_update()
    for sight, seen in visibility.BY_ID.items()
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
    """One live image that the caller can see.

    :param lock: nobody else may change it before the transaction's end
    :raises errors.NotFound: not there, deleted, not visible
    """
    sight = visibility.sight(context)
    values = {'image_id': image_id, 'caller': context.project_id}
    found: dict[str, contract.Image] = {}
    # What only comes into sight behind the lock would not be locked.
    if not lock or connection.execute(_LOCK_VISIBLE[sight], values).first():
        rows = connection.execute(_ONE[sight], values).scalars().all()
        found = unpacked(rows)
    if image_id not in found:
        raise errors.NotFound(f'There is no image {image_id}.')
    return found[image_id]


def ping(connection: sa.Connection) -> None:
    """Run a statement that needs nothing but the server."""
    connection.execute(sa.select(1))


def get_page(
    connection: sa.Connection,
    context: context.RequestContext,
    query: contract.ImageQuery,
    dialect: str,
) -> list[contract.Image]:
    """One page of a list: at most five statements.

    The marker's row, at most three for the ids, and one for the rest.

    :raises errors.InvalidMarker: the marker is not visible
    """
    if query['limit'] <= 0:
        return []
    ids = filters.page(connection, context, query, dialect)
    if not ids:
        return []
    values = {'ids': ids, 'caller': context.project_id}
    found = unpacked(connection.execute(_MANY, values).scalars().all())
    return [found[id_] for id_ in ids if id_ in found]


def create(
    connection: sa.Connection, new: contract.NewImage
) -> contract.Image:
    """A new image in status ``queued``.

    :raises errors.Duplicate: the id is taken, be it by a deleted image
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
    """Apply a PATCH to the image as its reader saw it.

    :raises errors.Busy: the image has changed since
    :raises errors.LimitExceeded: the owner has no room for new locations
    """
    now, version = engine.now(), changes['row_version']
    values, before = changes['values'], tuple[str, ...]()
    if 'locations' in changes:
        before, status = lifecycle.SET_LOCATIONS
        values = {**values, 'status': status}
    if not touch(
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
    """Record that the data of removed locations is to be removed."""
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
    """Deactivate or reactivate; twice is as good as once.

    :raises errors.Forbidden: the image is in no status for that
    :raises errors.PreconditionFailed: it is not as expected
    """
    if not touch(
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
    """Append; the order of locations is that of their rows."""
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


def touch(
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

    Also takes the row's lock, so what follows in the transaction is alone.

    :param before: only if its status is one of these; empty: any
    :param row_version: only if it has this version; None: any
    :returns: whether there was such a row
    """
    sight = visibility.sight(context)
    bound: dict[str, Any] = {
        f'new_{name}': value for name, value in values.items()
    }
    bound |= {'row_id': image_id, 'new_updated_at': now or engine.now()}
    if before:
        bound['before'] = before
    if row_version is not None:
        bound['known_version'] = row_version
    if sight == 'project':
        bound['caller'] = context.project_id
    statement = _touching(
        sight, bool(before), row_version is not None, tuple(sorted(values))
    )
    return statement.execute(connection, bound).rowcount == 1


@kept.kept
def _touching(
    sight: str, by_status: bool, by_version: bool, names: tuple[str, ...]
) -> sa.Update:
    """The statement of :func:`touch`, built once for what it changes."""
    statement = IMAGES.update().where(
        IMAGES.c.id == sa.bindparam('row_id'), _LIVE, visibility.BY_ID[sight]
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


def touch_visible(
    connection: sa.Connection, context: context.RequestContext, image_id: str
) -> None:
    """:raises errors.NotFound: not there, deleted, not visible"""
    if not touch(connection, context, image_id, {}):
        raise errors.NotFound(f'There is no image {image_id}.')


def unpacked(texts: Iterable[str]) -> dict[str, contract.Image]:
    """The images of :func:`packed` rows, and what belongs to them, by id."""
    rows = [orjson.loads(text) for text in texts]
    found = {row[1]: _image(row[1:]) for row in rows if row[0] == 'image'}
    for kind, image_id, *values in rows:
        image = found.get(image_id)
        if image is None or kind == 'image':
            continue  # nobody asked for it, or may see it
        if kind == 'property':
            name, value = values
            image['properties'][name] = value
        elif kind == 'tag':
            image['tags'] += values
        elif kind == 'location':
            image['locations'].append(_location(*values))
        elif image['owner'] not in values:
            (image['member'],) = values
    for image in found.values():
        image['locations'].sort(key=lambda location: location['id'])
    return found


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
