"""Queries on the members of shared images."""

from typing import Any

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry.db import children
from glance_registry.db import engine
from glance_registry.db import images
from glance_registry.db import models
from glance_registry.db import visibility

IMAGES = models.images
MEMBERS = models.image_members

STATUSES = ('pending', 'accepted', 'rejected')


def get_all(
    connection: sa.Connection, context: context.RequestContext, image_id: str
) -> contract.Members:
    """Return the members of an image that are visible to the caller.

    The owner of the image sees all members, a member only itself.

    :raises errors.NotFound: the image is not visible to the caller
    """
    image = images.get(connection, context, image_id)
    statement = (
        sa.select(MEMBERS)
        .where(MEMBERS.c.image_id == image_id, MEMBERS.c.deleted == sa.false())
        .order_by(MEMBERS.c.created_at, MEMBERS.c.id)
    )
    if not context.is_admin and image['owner'] != context.project_id:
        statement = statement.where(MEMBERS.c.member == context.project_id)
    rows = connection.execute(statement)
    return {'image': image, 'members': [_document(row) for row in rows]}


def create(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    new: contract.NewMember,
) -> contract.Member:
    """Add a member with status ``pending``; a former member's row is reused.

    :raises errors.Duplicate: the project is already a member
    :raises errors.LimitExceeded: the image already has ``quota`` members
    """
    _lock_shared(connection, context, image_id)
    rows = connection.execute(
        sa.select(MEMBERS.c.id, MEMBERS.c.member, MEMBERS.c.deleted)
        .where(MEMBERS.c.image_id == image_id)
        .order_by(MEMBERS.c.id)
    ).all()
    same = [row for row in rows if row.member == new['member']]
    if any(not row.deleted for row in same):
        raise errors.Duplicate(
            f'{new["member"]} is already a member of the image.'
        )
    count = sum(not row.deleted for row in rows)
    if 0 <= new['quota'] < count + 1:
        raise errors.LimitExceeded(
            f'The image would have {count + 1} members; the limit is '
            f'{new["quota"]} (image_member_quota).'
        )
    if same:
        _revive(connection, same[0].id)
    else:
        _insert(connection, image_id, new['member'])
    return _one(connection, image_id, new['member'])


def update(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    member: str,
    status: str,
) -> contract.Member:
    """Change the status of a member.

    :raises errors.NotFound: the image is not visible to the caller, or has
        no such member
    """
    if status not in STATUSES:
        raise errors.BadRequest(
            f'"status" must be one of {", ".join(STATUSES)}.'
        )
    _lock_shared(connection, context, image_id)
    _one(connection, image_id, member)
    connection.execute(
        MEMBERS.update()
        .where(
            MEMBERS.c.image_id == image_id,
            MEMBERS.c.member == member,
            MEMBERS.c.deleted == sa.false(),
        )
        .values(status=status, updated_at=engine.now())
    )
    return _one(connection, image_id, member)


def delete(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    member: str,
) -> None:
    """Delete a member.

    :raises errors.NotFound: the image is not visible to the caller, or has
        no such member
    """
    _lock_shared(connection, context, image_id)
    rows = connection.scalars(
        sa.select(MEMBERS.c.id).where(
            MEMBERS.c.image_id == image_id,
            MEMBERS.c.member == member,
            MEMBERS.c.deleted == sa.false(),
        )
    ).all()
    if not rows:
        raise _not_a_member(member)
    children.end_members(connection, rows, engine.now())


def _lock_shared(
    connection: sa.Connection, context: context.RequestContext, image_id: str
) -> None:
    """Lock the row of a shared image, to change its members."""
    row = connection.execute(
        sa.select(IMAGES.c.visibility)
        .where(
            IMAGES.c.id == image_id,
            IMAGES.c.deleted == sa.false(),
            visibility.BY_ID[context.row_scope],
        )
        .with_for_update(),
        {'caller': context.project_id},
    ).first()
    if row is None:
        raise errors.NotFound(f'There is no image {image_id}.')
    if row.visibility != 'shared':
        raise errors.Forbidden(
            'The image has no members, because its visibility is not "shared".'
        )


def _insert(connection: sa.Connection, image_id: str, member: str) -> None:
    now = engine.now()
    connection.execute(
        MEMBERS.insert(),
        {
            'image_id': image_id,
            'member': member,
            'status': 'pending',
            'created_at': now,
            'updated_at': now,
        },
    )


def _revive(connection: sa.Connection, row_id: int) -> None:
    connection.execute(
        MEMBERS.update()
        .where(MEMBERS.c.id == row_id)
        .values(
            status='pending',
            deleted=False,
            deleted_at=None,
            updated_at=engine.now(),
        )
    )


def _one(
    connection: sa.Connection, image_id: str, member: str
) -> contract.Member:
    row = connection.execute(
        sa.select(MEMBERS).where(
            MEMBERS.c.image_id == image_id,
            MEMBERS.c.member == member,
            MEMBERS.c.deleted == sa.false(),
        )
    ).first()
    if row is None:
        raise _not_a_member(member)
    return _document(row)


def _not_a_member(member: str) -> errors.NotFound:
    return errors.NotFound(f'{member} is not a member of the image.')


def _document(row: sa.Row[Any]) -> contract.Member:
    return {
        'image_id': row.image_id,
        'member_id': row.member,
        'status': row.status,
        'created_at': engine.timestamp(row.created_at),
        'updated_at': engine.timestamp(row.updated_at),
    }
