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


#: Sight -> the images seen by id; ``project`` binds ``:caller``.
BY_ID: dict[str, sa.ColumnElement[bool]] = {
    'all': sa.true(),
    'unowned': _BY_ID_WITHOUT_PROJECT,
    'project': _BY_ID,
}


def sight(context: context.RequestContext) -> str:
    """Which of :data:`BY_ID` is the caller's."""
    if context.is_admin:
        return 'all'
    return 'project' if context.project_id else 'unowned'


#: Images of others; the own ones are in other branches already.
FOREIGN = sa.or_(
    IMAGES.c.owner.is_(None), IMAGES.c.owner != sa.bindparam('caller')
)


class Branch(NamedTuple):
    """A part of what a list shows, read in order from one index.

    The caller's project is bound as ``:caller``, the status of memberships
    as ``:member_status``.

    :ivar by: ``owner``: images of the project ``:owner``; ``visibility``:
        of anybody; ``member``: shared with the caller
    :ivar visibility: all images of a branch have this one
    :ivar any_status: for ``member``: whatever the status of the membership
    """

    by: str
    visibility: str
    any_status: bool = False


def branches(
    context: context.RequestContext,
    visibility: str | None,
    member_status: str,
    owner: str | None = None,
) -> tuple[Branch, ...]:
    """What a list shows; each image is in one part.

    :param visibility: as asked for; None is the default view
    :param member_status: of images shared with the caller; or ``all``
    :param owner: only images of this project; what is shared with the
        caller is not reduced by that
    """
    project = context.project_id
    anybodys = _anybodys(context.is_admin, visibility)
    own = _own(project, visibility)
    if owner is None:
        found = [Branch('owner', each) for each in own if each not in anybodys]
        found += [Branch('visibility', each) for each in anybodys]
    else:
        shown = anybodys + (own if owner == project else ())
        found = [Branch('owner', each) for each in dict.fromkeys(shown)]
    shares = project and not context.is_admin and owner != project
    if shares and visibility in (None, 'all', 'shared'):
        found.append(Branch('member', 'shared', member_status == 'all'))
    return tuple(found)


def _anybodys(
    is_admin: bool | None, visibility: str | None
) -> tuple[str, ...]:
    """The visibilities of which a list shows the images of all projects."""
    if visibility is None:
        return ('private', 'public', 'shared') if is_admin else ('public',)
    if visibility == 'all':
        return models.VISIBILITIES if is_admin else ('public', 'community')
    known = models.VISIBILITIES if is_admin else ('public', 'community')
    return (visibility,) if visibility in known else ()


def _own(project: str | None, visibility: str | None) -> tuple[str, ...]:
    """The visibilities of which a list shows the caller's own images."""
    if not project:
        return ()
    if visibility in (None, 'all'):
        return models.VISIBILITIES
    return (visibility,) if visibility in models.VISIBILITIES else ()


def condition(branch: Branch) -> sa.ColumnElement[bool]:
    """The images of a branch."""
    shown = IMAGES.c.visibility == branch.visibility
    if branch.by == 'owner':
        return sa.and_(IMAGES.c.owner == sa.bindparam('owner'), shown)
    if branch.by == 'member':
        memberships = shared_with_caller(branch.any_status)
        member = memberships.where(MEMBERS.c.image_id == IMAGES.c.id)
        return sa.and_(shown, sa.exists(member.correlate(IMAGES)))
    return shown


def shared_with_caller(any_status: bool) -> sa.Select[Any]:
    """The ids of images whose member the caller is."""
    found = sa.select(MEMBERS.c.image_id).where(
        MEMBERS.c.member == sa.bindparam('caller'),
        MEMBERS.c.deleted == sa.false(),
    )
    if any_status:
        return found
    return found.where(MEMBERS.c.status == sa.bindparam('member_status'))
