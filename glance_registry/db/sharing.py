"""Members in API v1, and deleted and killed images.

In v1 an image of any visibility can have members, their status has no effect,
and a member may get the permission to share the image with others.
"""

from typing import Any

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common.contract import sharing
from glance_registry import lifecycle
from glance_registry.db import children
from glance_registry.db import engine
from glance_registry.db import images
from glance_registry.db import models

IMAGES = models.images
MEMBERS = models.image_members

_LIVE = MEMBERS.c.deleted == sa.false()


def get_all(
    connection: sa.Connection, context: context.RequestContext, image_id: str
) -> sharing.Sharing:
    """Return the members of an image that are visible to the caller.

    The owner of the image sees all members, another project only itself.

    :raises errors.NotFound: the image is not visible to the caller
    """
    image = images.get(connection, context, image_id)
    statement = (
        sa.select(MEMBERS.c.member, MEMBERS.c.can_share)
        .where(MEMBERS.c.image_id == image_id, _LIVE)
        .order_by(MEMBERS.c.created_at, MEMBERS.c.id)
    )
    if not context.is_admin and image['owner'] != context.project_id:
        statement = statement.where(MEMBERS.c.member == context.project_id)
    return {
        'image': image,
        'members': [
            {'member_id': row.member, 'can_share': bool(row.can_share)}
            for row in connection.execute(statement)
        ],
    }


def shared_with(
    connection: sa.Connection, context: context.RequestContext, project: str
) -> list[sharing.Shared]:
    """Return the images of which a project is a member.

    A caller of another project sees only its own images in this list.
    """
    statement = (
        sa.select(MEMBERS.c.image_id, MEMBERS.c.can_share)
        .join(IMAGES, IMAGES.c.id == MEMBERS.c.image_id)
        .where(
            MEMBERS.c.member == project, _LIVE, IMAGES.c.deleted == sa.false()
        )
        .order_by(MEMBERS.c.created_at, MEMBERS.c.id)
    )
    if not context.is_admin and context.project_id != project:
        statement = statement.where(IMAGES.c.owner == context.project_id)
    return [
        {'image_id': row.image_id, 'can_share': bool(row.can_share)}
        for row in connection.execute(statement)
    ]


def change(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    wanted: sharing.SharingChange,
) -> None:
    """Add and change members; the row of a former member is reused.

    :raises errors.NotFound: the caller may not share the image
    :raises errors.LimitExceeded: the image would have more than ``quota``
        members
    """
    rows = _lock(connection, context, image_id)
    known = {row.member: row for row in rows}
    live = {row.member for row in rows if not row.deleted}
    named = {each['member_id']: each for each in wanted['members']}
    left = set(named) if wanted['replace'] else live | set(named)
    if 0 <= wanted['quota'] < len(left) and left - live:
        raise errors.LimitExceeded(
            f'The image would have {len(left)} members; the limit is '
            f'{wanted["quota"]} (image_member_quota).'
        )
    for member, new in sorted(named.items()):
        if member not in known:
            _insert(connection, image_id, member, new.get('can_share', False))
        elif member not in live:
            _revive(connection, known[member].id, new.get('can_share', False))
        elif 'can_share' in new:
            _set(connection, known[member].id, can_share=new['can_share'])
    ended = [known[member].id for member in sorted(live - left)]
    if ended:
        children.end_members(connection, ended, engine.now())


def end(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    member: str,
) -> None:
    """Remove a member.

    :raises errors.NotFound: there is no such member, or the caller may not
        share the image
    """
    rows = _lock(connection, context, image_id)
    ids = [row.id for row in rows if row.member == member and not row.deleted]
    if not ids:
        raise errors.NotFound(f'{member} is not a member of the image.')
    children.end_members(connection, ids, engine.now())


def get_deleted(
    connection: sa.Connection, context: context.RequestContext, image_id: str
) -> contract.Image:
    """Return an image, also if it is deleted; only for administrators.

    :raises errors.NotFound: there is no such image, or the caller is not an
        administrator
    """
    values = {'ids': [image_id], 'caller': context.project_id}
    by_id: dict[str, contract.Image] = {}
    if context.is_admin:
        rows = connection.execute(images.MANY, values).scalars().all()
        by_id = images.unpacked(rows)
    if image_id not in by_id:
        raise errors.NotFound(f'There is no image {image_id}.')
    return by_id[image_id]


def kill(connection: sa.Connection, image_id: str) -> None:
    """Set the status ``killed``, because the request brought no data.

    This has no effect if the image is no longer ``queued``.
    """
    before, status = lifecycle.KILL
    images.change_row(
        connection,
        images.SERVICE,
        image_id,
        {'status': status},
        before=before,
    )


def _lock(
    connection: sa.Connection, context: context.RequestContext, image_id: str
) -> list[Any]:
    """Lock an image to change its members; return all rows of members.

    :raises errors.NotFound: the caller may not share the image
    """
    image = images.get(connection, context, image_id, lock=True)
    rows = list(
        connection.execute(
            sa.select(MEMBERS)
            .where(MEMBERS.c.image_id == image_id)
            .order_by(MEMBERS.c.deleted.desc(), MEMBERS.c.id)
        )
    )
    caller = context.project_id
    if not context.is_admin and not caller:
        raise errors.Unauthorized
    shares = any(
        row.member == caller and row.can_share and not row.deleted
        for row in rows
    )
    if not (context.is_admin or image['owner'] == caller or shares):
        raise errors.NotFound(f'There is no image {image_id} to be shared.')
    return rows


def _insert(
    connection: sa.Connection, image_id: str, member: str, can_share: bool
) -> None:
    now = engine.now()
    connection.execute(
        MEMBERS.insert(),
        {
            'image_id': image_id,
            'member': member,
            'can_share': can_share,
            'status': 'pending',
            'created_at': now,
            'updated_at': now,
        },
    )


def _revive(connection: sa.Connection, row_id: int, can_share: bool) -> None:
    _set(
        connection,
        row_id,
        can_share=can_share,
        status='pending',
        deleted=False,
        deleted_at=None,
    )


def _set(connection: sa.Connection, row_id: int, **values: Any) -> None:
    connection.execute(
        MEMBERS.update()
        .where(MEMBERS.c.id == row_id)
        .values(updated_at=engine.now(), **values)
    )
