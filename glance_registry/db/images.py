"""Queries on images. Each function is one operation of one transaction.

Statements that do not depend on the request are module constants: building
one costs as much as executing it (speed-lab section 3). The children of all
images of an answer come in one statement.
"""

from collections.abc import Iterable, Mapping, Sequence
import datetime
import functools
import json
from typing import Any

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry import lifecycle
from glance_registry.db import children
from glance_registry.db import engine
from glance_registry.db import filters
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
SHOWN = [IMAGES.c[name] for name in _NAMES]
_TIMES = ('created_at', 'updated_at')
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


def _children(ids: sa.ColumnElement[Any]) -> sa.CompoundSelect[Any]:
    """Live properties, tags, locations and the caller's memberships."""

    def branch(
        kind: str,
        table: sa.Table,
        *columns: sa.ColumnElement[Any],
    ) -> sa.Select[Any]:
        text = [sa.cast(column, sa.Text) for column in columns]
        nothing = [sa.cast(sa.null(), sa.Text)] * (2 - len(text))
        return sa.select(
            sa.literal_column(f"'{kind}'").label('kind'),
            table.c.image_id,
            *(
                column.label(name)
                for name, column in zip(
                    ('first', 'second'), [*text, *nothing], strict=True
                )
            ),
            table.c.id,
        ).where(table.c.image_id.in_(ids), table.c.deleted == sa.false())

    plain_metadata = sa.type_coerce(LOCATIONS.c.meta_data, sa.Text)
    return sa.union_all(
        branch('property', PROPERTIES, PROPERTIES.c.name, PROPERTIES.c.value),
        branch('tag', TAGS, TAGS.c.value),
        branch('location', LOCATIONS, LOCATIONS.c.value, plain_metadata).where(
            LOCATIONS.c.status == 'active'
        ),
        branch('member', MEMBERS, MEMBERS.c.member).where(
            MEMBERS.c.member == sa.bindparam('caller')
        ),
    )


_CHILDREN = _children(sa.bindparam('ids', expanding=True))
_BY_IDS = sa.select(*SHOWN).where(
    IMAGES.c.id.in_(sa.bindparam('ids', expanding=True))
)
_ONE = {
    sight: sa.select(*SHOWN).where(
        IMAGES.c.id == sa.bindparam('image_id'), _LIVE, seen
    )
    for sight, seen in visibility.BY_ID.items()
}
_LOCKED = {sight: one.with_for_update() for sight, one in _ONE.items()}
_INSERT = IMAGES.insert()
_INSERT_LOCATION = LOCATIONS.insert()
_LOCK = (
    sa.select(IMAGES.c.id)
    .where(IMAGES.c.id == sa.bindparam('image_id'))
    .with_for_update()
)


@functools.lru_cache(100)
def _marked(sight: str, keys: filters.shape.Keys) -> sa.Select[Any]:
    """The marker's row, for a sort by these keys."""
    return sa.select(*filters.marker_columns(keys)).where(
        IMAGES.c.id == sa.bindparam('image_id'),
        _LIVE,
        visibility.BY_ID[sight],
    )


def get(
    connection: sa.Connection,
    asking: context.RequestContext,
    image_id: str,
    *,
    lock: bool = False,
) -> contract.Image:
    """One live image that the caller can see. Two statements.

    :param lock: nobody else may change it before the transaction's end
    :raises errors.NotFound: not there, deleted, not visible
    """
    rows = connection.execute(
        (_LOCKED if lock else _ONE)[visibility.sight(asking)],
        {'image_id': image_id, 'caller': asking.project_id},
    ).all()
    # MariaDB compares ids without minding letter case; ids are exact.
    rows = [row for row in rows if row.id == image_id]
    if not rows:
        raise errors.NotFound(f'There is no image {image_id}.')
    return _documents(connection, asking, rows)[0]


def get_page(
    connection: sa.Connection,
    asking: context.RequestContext,
    query: contract.ImageQuery,
    dialect: str,
) -> list[contract.Image]:
    """One page of a list: at most six statements.

    The marker's row, at most three for the ids, the images, their children.

    :raises errors.InvalidMarker: the marker is not visible
    """
    if query['limit'] <= 0:
        return []
    marker = _marker(connection, asking, query)
    ids = filters.page(connection, asking, query, marker, dialect)
    if not ids:
        return []
    rows = connection.execute(_BY_IDS, {'ids': ids}).all()
    found = {row.id: row for row in rows}
    return _documents(
        connection, asking, [found[id_] for id_ in ids if id_ in found]
    )


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
    image = bare_document([values[name] for name in _NAMES])
    image['properties'] = dict(new['properties'])
    image['tags'] = list(dict.fromkeys(new['tags']))
    return image


def update(
    connection: sa.Connection,
    asking: context.RequestContext,
    image_id: str,
    changes: contract.ImageChanges,
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
        asking,
        image_id,
        values,
        before=before,
        row_version=version,
        now=now,
    ):
        get(connection, asking, image_id)
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
    return {'row_version': version + 1, 'updated_at': timestamp(now)}


def move(
    connection: sa.Connection,
    asking: context.RequestContext,
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
        asking,
        image_id,
        {'status': step.after},
        before=step.before,
        row_version=expected['row_version'],
    ):
        image = get(connection, asking, image_id)
        require_expected(image, expected)
        raise errors.Forbidden(
            f'An image that is {image["status"]} cannot become {step.after}.'
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
    asking: context.RequestContext,
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
    sight = visibility.sight(asking)
    bound: dict[str, Any] = {
        f'new_{name}': value for name, value in values.items()
    }
    bound |= {'row_id': image_id, 'new_updated_at': now or engine.now()}
    if before:
        bound['before'] = before
    if row_version is not None:
        bound['known_version'] = row_version
    if sight == 'project':
        bound['caller'] = asking.project_id
    statement = _touching(
        sight, bool(before), row_version is not None, tuple(sorted(values))
    )
    return connection.execute(statement, bound).rowcount == 1


@functools.lru_cache(maxsize=256)
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
    connection: sa.Connection, asking: context.RequestContext, image_id: str
) -> None:
    """:raises errors.NotFound: not there, deleted, not visible"""
    if not touch(connection, asking, image_id, {}):
        raise errors.NotFound(f'There is no image {image_id}.')


def lock(connection: sa.Connection, image_id: str) -> None:
    """Be the only one to change the image until the transaction's end.

    Who changes an image and what belongs to it takes the image's lock
    first: two that took them in different orders would wait for each other.
    """
    connection.execute(_LOCK, {'image_id': image_id})


def _marker(
    connection: sa.Connection,
    asking: context.RequestContext,
    query: contract.ImageQuery,
) -> sa.Row[Any] | None:
    if query['marker'] is None:
        return None
    keys = filters.shape.sort_keys(query['sort'])
    row = connection.execute(
        _marked(visibility.sight(asking), keys),
        {'image_id': query['marker'], 'caller': asking.project_id},
    ).first()
    if row is None or row.id != query['marker']:
        raise errors.InvalidMarker
    return row


def _documents(
    connection: sa.Connection,
    asking: context.RequestContext,
    rows: Sequence[sa.Row[Any]],
) -> list[contract.Image]:
    documents: dict[str, Any] = {}
    for row in rows:
        documents[row.id] = bare_document(row)
    found = connection.execute(
        _CHILDREN, {'ids': list(documents), 'caller': asking.project_id}
    ).all()
    for kind, image_id, first, second, row_id in found:
        document = documents[image_id]
        if kind == 'property':
            document['properties'][first] = second
        elif kind == 'tag':
            document['tags'].append(first)
        elif kind == 'location':
            document['locations'].append(_location(row_id, first, second))
        elif document['owner'] != first:
            document['member'] = first
    for document in documents.values():
        document['locations'].sort(key=lambda location: location['id'])
    return list(documents.values())


def bare_document(values: Iterable[Any]) -> contract.Image:
    """An image without anything that belongs to it.

    :param values: in the order of the columns that are shown
    """
    document: Any = dict(zip(_NAMES, values, strict=True))
    for name in _TIMES:
        document[name] = timestamp(document[name])
    document |= {'properties': {}, 'tags': [], 'locations': []}
    document['member'] = None
    image: contract.Image = document
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


def timestamp(moment: datetime.datetime) -> str:
    """A time as both wires show it: UTC, whole seconds, literal Z."""
    return f'{moment.isoformat(timespec="seconds")}Z'


def moment(text: str) -> datetime.datetime:
    """What a :func:`timestamp` says, as the tables hold it."""
    return datetime.datetime.fromisoformat(text.removesuffix('Z'))
