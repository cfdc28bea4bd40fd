"""Who may see which image: the WHERE of every query.

By id everybody sees public and community images and those without an
owner; their own; and shared ones whose member they are, whatever the
member's status. Lists show less: see :func:`branches`.
"""

from typing import Any, NamedTuple

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


class Branch(NamedTuple):
    """A part of what a list shows, read in order from one index.

    The project is bound as ``:caller``, the status of memberships as
    ``:member_status``.

    :ivar by: ``owner``: the caller's own; ``visibility``: anybody's of one;
        ``member``: shared with the caller
    :ivar visibility: only images of this one; None where it is all the same
    :ivar any_status: for ``member``: whatever the status of the membership
    """

    by: str
    visibility: str | None = None
    any_status: bool = False


_EVERYBODYS = tuple(Branch('visibility', each) for each in models.VISIBILITIES)


def branches(
    asking: context.RequestContext, visibility: str | None, member_status: str
) -> tuple[Branch, ...]:
    """What a list shows; an image may be in several parts.

    :param visibility: as asked for; None is the default view
    :param member_status: of images shared with the caller; or ``all``
    """
    if asking.is_admin:
        return _for_admin(asking.project_id, visibility)
    found: list[Branch] = []
    if asking.project_id:
        if visibility in (None, 'all'):
            found.append(Branch('owner'))
        elif visibility in ('private', 'shared'):
            found.append(Branch('owner', visibility))
        if visibility in (None, 'all', 'shared'):
            any_status = member_status == 'all'
            found.append(Branch('member', 'shared', any_status))
    if visibility in (None, 'all', 'public'):
        found.append(Branch('visibility', 'public'))
    if visibility in ('all', 'community'):
        found.append(Branch('visibility', 'community'))
    return tuple(found)


def _for_admin(
    project: str | None, visibility: str | None
) -> tuple[Branch, ...]:
    if visibility == 'all':
        return _EVERYBODYS
    if visibility is not None:
        return tuple(each for each in _EVERYBODYS if each[1] == visibility)
    listed = [each for each in _EVERYBODYS if each[1] != 'community']
    if project:
        listed.append(Branch('owner'))
    return tuple(listed)


def condition(branch: Branch) -> sa.ColumnElement[bool]:
    """The images of a branch."""
    wanted: list[sa.ColumnElement[bool]] = []
    if branch.by == 'owner':
        wanted.append(IMAGES.c.owner == sa.bindparam('caller'))
    if branch.visibility is not None:
        wanted.append(IMAGES.c.visibility == branch.visibility)
    if branch.by == 'member':
        memberships = shared_with_caller(branch.any_status)
        member = memberships.where(MEMBERS.c.image_id == IMAGES.c.id)
        wanted.append(sa.exists(member.correlate(IMAGES)))
    return sa.and_(*wanted)


def shared_with_caller(any_status: bool) -> sa.Select[Any]:
    """The ids of images whose member the caller is."""
    found = sa.select(MEMBERS.c.image_id).where(
        MEMBERS.c.member == sa.bindparam('caller'),
        MEMBERS.c.deleted == sa.false(),
    )
    if any_status:
        return found
    return found.where(MEMBERS.c.status == sa.bindparam('member_status'))
