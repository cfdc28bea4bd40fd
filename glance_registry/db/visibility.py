"""Who may see which image: the WHERE of every query.

By id everybody sees public and community images and those without an
owner; their own; and shared ones whose member they are, whatever the
member's status. Lists show less: see :func:`branches`.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from glance.common import context
from glance_registry.db import models

IMAGES = models.images
MEMBERS = models.image_members

_IS_MEMBER = (
    sa.exists()
    .where(
        MEMBERS.c.image_id == IMAGES.c.id,
        MEMBERS.c.member == sa.bindparam('caller'),
        MEMBERS.c.deleted == sa.false(),
    )
    .correlate(IMAGES)
)
_BY_ID = sa.or_(
    IMAGES.c.owner == sa.bindparam('caller'),
    IMAGES.c.visibility.in_(('public', 'community')),
    IMAGES.c.owner.is_(None),
    sa.and_(IMAGES.c.visibility == 'shared', _IS_MEMBER),
)
_BY_ID_WITHOUT_PROJECT = sa.or_(
    IMAGES.c.visibility.in_(('public', 'community')),
    IMAGES.c.owner.is_(None),
)


def by_id(asking: context.RequestContext) -> sa.ColumnElement[bool]:
    """The images the caller can see by id; binds ``:caller``."""
    if asking.is_admin:
        return sa.true()
    if not asking.project_id:
        return _BY_ID_WITHOUT_PROJECT
    return _BY_ID


def branches(
    asking: context.RequestContext, visibility: str | None, member_status: str
) -> Sequence[sa.ColumnElement[bool]]:
    """What a list shows, as conditions of which each walks one index.

    :param visibility: as asked for; None is the default view
    :param member_status: of images shared with the caller; or ``all``
    """
    if asking.is_admin:
        return _for_admin(asking.project_id, visibility)
    found: list[sa.ColumnElement[bool]] = []
    mine = IMAGES.c.owner == asking.project_id
    if asking.project_id:
        if visibility in (None, 'all'):
            found.append(mine)
        elif visibility in ('private', 'shared'):
            found.append(sa.and_(mine, IMAGES.c.visibility == visibility))
        if visibility in (None, 'all', 'shared'):
            found.append(_shared_with(asking.project_id, member_status))
    if visibility in (None, 'all', 'public'):
        found.append(IMAGES.c.visibility == 'public')
    if visibility in ('all', 'community'):
        found.append(IMAGES.c.visibility == 'community')
    return found


def _for_admin(
    project: str | None, visibility: str | None
) -> Sequence[sa.ColumnElement[bool]]:
    if visibility == 'all':
        return [sa.true()]
    if visibility in models.VISIBILITIES:
        return [IMAGES.c.visibility == visibility]
    if visibility is not None:
        return []  # PostgreSQL's enum refuses to compare other words
    listed = IMAGES.c.visibility != 'community'
    if project:
        listed = sa.or_(listed, IMAGES.c.owner == project)
    return [listed]


def _shared_with(project: str, member_status: str) -> sa.ColumnElement[bool]:
    membership = sa.exists().where(
        MEMBERS.c.image_id == IMAGES.c.id,
        MEMBERS.c.member == project,
        MEMBERS.c.deleted == sa.false(),
    )
    if member_status != 'all':
        membership = membership.where(MEMBERS.c.status == member_status)
    return sa.and_(IMAGES.c.visibility == 'shared', membership)
