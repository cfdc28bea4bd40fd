"""Queries on images. Each function is one operation of one transaction.

Statements that do not depend on the request are module constants: building
one costs as much as executing it (speed-lab section 3). The children of all
images of an answer come in one statement.
"""

from collections.abc import Iterable, Sequence
import datetime
import functools
import json
from typing import Any

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry import lifecycle
from glance_registry.db import engine
from glance_registry.db import filters
from glance_registry.db import models
from glance_registry.db import visibility

IMAGES = models.images
LOCATIONS = models.image_locations
MEMBERS = models.image_members
PROPERTIES = models.image_properties
TAGS = models.image_tags
TRANSFERS = models.image_transfers

_LIVE = IMAGES.c.deleted == sa.false()
_NAMES = [name for name in contract.Image.__annotations__ if name in IMAGES.c]
_SHOWN = [IMAGES.c[name] for name in _NAMES]
_TIMES = ('created_at', 'updated_at')


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
_BY_IDS = sa.select(*_SHOWN).where(
    IMAGES.c.id.in_(sa.bindparam('ids', expanding=True))
)
_ID = IMAGES.c.id == sa.bindparam('image_id')
_LOCK = (
    sa.select(IMAGES.c.id)
    .where(IMAGES.c.id == sa.bindparam('image_id'))
    .with_for_update()
)


@functools.cache
def _one(is_admin: bool, has_project: bool, lock: bool) -> sa.Select[Any]:
    seen = visibility.seen_by_id(is_admin, has_project)
    found = sa.select(*_SHOWN).where(_ID, _LIVE, seen)
    return found.with_for_update() if lock else found


@functools.lru_cache(100)
def _marked(
    is_admin: bool, has_project: bool, keys: filters.shape.Keys
) -> sa.Select[Any]:
    seen = visibility.seen_by_id(is_admin, has_project)
    return sa.select(*filters.marker_columns(keys)).where(_ID, _LIVE, seen)


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
    statement = _one(bool(asking.is_admin), bool(asking.project_id), lock)
    rows = connection.execute(
        statement, {'image_id': image_id, 'caller': asking.project_id}
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
    connection: sa.Connection,
    asking: context.RequestContext,
    new: contract.NewImage,
) -> contract.Image:
    """A new image in status ``queued``.

    :raises errors.Duplicate: the id is taken, be it by a deleted image
    """
    image_id, now = new['id'], engine.now()
    taken = sa.select(IMAGES.c.id).where(IMAGES.c.id == image_id)
    if connection.execute(taken).first():
        raise errors.Duplicate(f'The image id {image_id} is taken.')
    connection.execute(
        IMAGES.insert(),
        {
            **new['values'],
            'id': image_id,
            'status': 'queued',
            'created_at': now,
            'updated_at': now,
        },
    )
    _insert_properties(connection, image_id, new['properties'].items(), now)
    _insert_tags(connection, image_id, new['tags'], now)
    return get(connection, as_admin(asking), image_id)


def update(
    connection: sa.Connection,
    asking: context.RequestContext,
    image_id: str,
    changes: contract.ImageChanges,
) -> contract.Image:
    """Apply a PATCH to the image as its reader saw it.

    :raises errors.Busy: the image has changed since
    """
    known = IMAGES.c.row_version == changes['row_version']
    if not touch(connection, asking, image_id, known, **changes['values']):
        get(connection, asking, image_id)
        raise errors.Busy
    change_properties(connection, image_id, changes['properties'])
    if 'tags' in changes:
        _change_tags(connection, image_id, changes['tags'])
    return get(connection, as_admin(asking), image_id)


def delete(
    connection: sa.Connection,
    asking: context.RequestContext,
    image_id: str,
    expected: contract.Expected,
) -> contract.Image:
    """Mark the image and all that belongs to it deleted.

    :returns: the image as it was, so that its bytes can be found
    :raises errors.Forbidden: it is protected
    :raises errors.PreconditionFailed: it is not as expected
    """
    # Locked: an upload that ends right now would add a location.
    image = get(connection, asking, image_id, lock=True)
    _require_expected(image, expected)
    if image['protected']:
        raise errors.Forbidden('The image is protected from deletion.')
    gone = {'deleted': True, 'deleted_at': engine.now()}
    touch(connection, asking, image_id, sa.true(), status='deleted', **gone)
    for table in (PROPERTIES, TAGS, MEMBERS, LOCATIONS):
        live = sa.and_(
            table.c.image_id == image_id, table.c.deleted == sa.false()
        )
        extra = {'status': 'deleted'} if table is LOCATIONS else {}
        connection.execute(table.update().where(live).values(**gone, **extra))
    connection.execute(
        TRANSFERS.delete().where(TRANSFERS.c.image_id == image_id)
    )
    return image


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
    right = sa.and_(IMAGES.c.status.in_(step.before), _as_expected(expected))
    if not touch(connection, asking, image_id, right, status=step.after):
        image = get(connection, asking, image_id)
        _require_expected(image, expected)
        raise errors.Forbidden(
            f'An image that is {image["status"]} cannot become {step.after}.'
        )


def _as_expected(expected: contract.Expected) -> sa.ColumnElement[bool]:
    if expected['row_version'] is None:
        return sa.true()
    return IMAGES.c.row_version == expected['row_version']


def _require_expected(
    image: contract.Image, expected: contract.Expected
) -> None:
    if expected['row_version'] not in (None, image['row_version']):
        raise errors.PreconditionFailed


def add_tag(
    connection: sa.Connection,
    asking: context.RequestContext,
    image_id: str,
    tag: str,
    quota: int,
) -> None:
    """:raises errors.LimitExceeded: the image has ``quota`` tags already"""
    _touch_visible(connection, asking, image_id)
    tags = _live_tags(connection, image_id)
    if tag in tags:
        return
    if 0 <= quota < len(tags) + 1:
        raise errors.LimitExceeded(f'An image may have {quota} tags.')
    _insert_tags(connection, image_id, [tag], engine.now())


def delete_tag(
    connection: sa.Connection,
    asking: context.RequestContext,
    image_id: str,
    tag: str,
) -> None:
    """:raises errors.NotFound: no image, or no such tag on it"""
    _touch_visible(connection, asking, image_id)
    if tag not in _live_tags(connection, image_id):
        raise errors.NotFound(f'The image has no tag {tag}.')
    _remove_tags(connection, image_id, [tag])


def touch(
    connection: sa.Connection,
    asking: context.RequestContext,
    image_id: str,
    condition: sa.ColumnElement[bool],
    **values: Any,
) -> bool:
    """Change the row of a visible live image if ``condition`` holds.

    Also takes the row's lock, so what follows in the transaction is alone.
    """
    statement = (
        IMAGES.update()
        .where(
            IMAGES.c.id == image_id,
            _LIVE,
            visibility.by_id(asking),
            condition,
        )
        .values(
            row_version=IMAGES.c.row_version + 1,
            updated_at=engine.now(),
            **values,
        )
    )
    bound = {}
    if not asking.is_admin and asking.project_id:
        bound['caller'] = asking.project_id
    return connection.execute(statement, bound).rowcount == 1


def lock(connection: sa.Connection, image_id: str) -> None:
    """Be the only one to change the image until the transaction's end.

    Who changes an image and what belongs to it takes the image's lock
    first: two that took them in different orders would wait for each other.
    """
    connection.execute(_LOCK, {'image_id': image_id})


def _touch_visible(
    connection: sa.Connection, asking: context.RequestContext, image_id: str
) -> None:
    if not touch(connection, asking, image_id, sa.true()):
        raise errors.NotFound(f'There is no image {image_id}.')


def _marker(
    connection: sa.Connection,
    asking: context.RequestContext,
    query: contract.ImageQuery,
) -> sa.Row[Any] | None:
    if query['marker'] is None:
        return None
    keys = filters.shape.sort_keys(query['sort'])
    row = connection.execute(
        _marked(bool(asking.is_admin), bool(asking.project_id), keys),
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
        document: dict[str, Any] = dict(zip(_NAMES, row, strict=True))
        for name in _TIMES:
            document[name] = timestamp(document[name])
        document |= {'properties': {}, 'tags': [], 'locations': []}
        document['member'] = None
        documents[row.id] = document
    children = connection.execute(
        _CHILDREN, {'ids': list(documents), 'caller': asking.project_id}
    ).all()
    for kind, image_id, first, second, row_id in children:
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


def _insert_properties(
    connection: sa.Connection,
    image_id: str,
    properties: Iterable[tuple[str, str | None]],
    now: datetime.datetime,
) -> None:
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
    if rows:
        connection.execute(PROPERTIES.insert(), rows)


def change_properties(
    connection: sa.Connection,
    image_id: str,
    changes: dict[str, str | None],
) -> None:
    """Set or remove; a name keeps its row for the life of the image."""
    if not changes:
        return
    now = engine.now()
    named = sa.and_(
        PROPERTIES.c.image_id == image_id, PROPERTIES.c.name.in_(changes)
    )
    rows = connection.execute(
        sa.select(PROPERTIES.c.id, PROPERTIES.c.name).where(named)
    )
    known = {row.name: row.id for row in rows}
    updates = [
        {
            'row_id': known[name],
            'value': value,
            'updated_at': now,
            'deleted': value is None,
            'deleted_at': now if value is None else None,
        }
        for name, value in changes.items()
        if name in known
    ]
    if updates:
        row = PROPERTIES.c.id == sa.bindparam('row_id')
        connection.execute(PROPERTIES.update().where(row), updates)
    fresh = [
        (name, value)
        for name, value in changes.items()
        if name not in known and value is not None
    ]
    _insert_properties(connection, image_id, fresh, now)


def _live_tags(connection: sa.Connection, image_id: str) -> set[str]:
    rows = connection.execute(
        sa.select(TAGS.c.value).where(
            TAGS.c.image_id == image_id, TAGS.c.deleted == sa.false()
        )
    )
    return {row.value for row in rows}


def _change_tags(
    connection: sa.Connection, image_id: str, tags: Sequence[str]
) -> None:
    present, wanted = _live_tags(connection, image_id), dict.fromkeys(tags)
    _remove_tags(connection, image_id, [t for t in present if t not in wanted])
    fresh = [tag for tag in wanted if tag not in present]
    _insert_tags(connection, image_id, fresh, engine.now())


def _insert_tags(
    connection: sa.Connection,
    image_id: str,
    tags: Iterable[str],
    now: datetime.datetime,
) -> None:
    rows = [
        {
            'image_id': image_id,
            'value': tag,
            'created_at': now,
            'updated_at': now,
        }
        for tag in dict.fromkeys(tags)
    ]
    if rows:
        connection.execute(TAGS.insert(), rows)


def _remove_tags(
    connection: sa.Connection, image_id: str, tags: Sequence[str]
) -> None:
    if not tags:
        return
    rows = connection.execute(
        sa.select(TAGS.c.id, TAGS.c.value).where(
            TAGS.c.image_id == image_id,
            TAGS.c.value.in_(tags),
            TAGS.c.deleted == sa.false(),
        )
    )
    ids = [row.id for row in rows if row.value in tags]
    connection.execute(
        TAGS.update()
        .where(TAGS.c.id.in_(ids))
        .values(deleted=True, deleted_at=engine.now())
    )


def as_admin(asking: context.RequestContext) -> context.RequestContext:
    """For reading back what the caller was just allowed to change.

    A change may take the image out of the caller's own sight (an admin
    without a project gives it away, say); it is still the answer.
    """
    return context.RequestContext(
        is_admin=True, project_id=asking.project_id, overwrite=False
    )
