"""Which images are visible to a caller: conditions for every query.

By id, a caller sees public and community images, images without an owner, its
own images, and shared images of which it is a member, with any status of the
membership. Lists show fewer images: see :func:`branches`.
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


#: Images that are visible by id, by the ``row_scope`` of the caller's context;
#: ``project`` binds ``:caller``.
BY_ID: dict[str, sa.ColumnElement[bool]] = {
    'all': sa.true(),
    'unowned': _BY_ID_WITHOUT_PROJECT,
    'project': _BY_ID,
}


#: Images of other projects; the caller's own images are in other branches.
FOREIGN = sa.or_(
    IMAGES.c.owner.is_(None), IMAGES.c.owner != sa.bindparam('caller')
)


class Branch(NamedTuple):
    """A part of a list, which is read in order from one index.

    The caller's project is bound as ``:caller``, the status of memberships
    as ``:member_status``.

    :ivar by: ``owner``: images of the project ``:owner``; ``visibility``:
        images of all projects; ``member``: images shared with the caller
    :ivar visibility: visibility of all images of the branch
    :ivar any_status: for ``member``: include memberships of any status
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
    """Return the branches of a list; each image is in one branch only.

    :param visibility: visibility in the request; None: the default view
    :param member_status: status of the caller's memberships; or ``all``
    :param owner: include only images of this project; this does not restrict
        the images that are shared with the caller
    """
    project = context.project_id
    anybodys = _anybodys(context.is_admin, visibility)
    own = _own(project, visibility)
    if owner is None:
        wanted = [
            Branch('owner', each) for each in own if each not in anybodys
        ]
        wanted += [Branch('visibility', each) for each in anybodys]
    else:
        shown = anybodys + (own if owner == project else ())
        wanted = [Branch('owner', each) for each in dict.fromkeys(shown)]
    shares = project and not context.is_admin and owner != project
    if shares and visibility in (None, 'all', 'shared'):
        wanted.append(Branch('member', 'shared', member_status == 'all'))
    return tuple(wanted)


def _anybodys(
    is_admin: bool | None, visibility: str | None
) -> tuple[str, ...]:
    """Return the visibilities whose images a list shows for all projects."""
    if visibility is None:
        return ('private', 'public', 'shared') if is_admin else ('public',)
    if visibility == 'not_public':
        return ('private', 'shared') if is_admin else ()
    if visibility == 'all':
        return models.VISIBILITIES if is_admin else ('public', 'community')
    known = models.VISIBILITIES if is_admin else ('public', 'community')
    return (visibility,) if visibility in known else ()


def _own(project: str | None, visibility: str | None) -> tuple[str, ...]:
    """Return the visibilities for which a list shows the caller's images."""
    if not project:
        return ()
    if visibility == 'not_public':
        return tuple(each for each in models.VISIBILITIES if each != 'public')
    if visibility in (None, 'all'):
        return models.VISIBILITIES
    return (visibility,) if visibility in models.VISIBILITIES else ()


def condition(branch: Branch) -> sa.ColumnElement[bool]:
    """Return the condition of one branch of a list for its images."""
    shown = IMAGES.c.visibility == branch.visibility
    if branch.by == 'owner':
        return sa.and_(IMAGES.c.owner == sa.bindparam('owner'), shown)
    if branch.by == 'member':
        memberships = shared_with_caller(branch.any_status)
        member = memberships.where(MEMBERS.c.image_id == IMAGES.c.id)
        return sa.and_(shown, sa.exists(member.correlate(IMAGES)))
    return shown


def shared_with_caller(any_status: bool) -> sa.Select[Any]:
    """Select the ids of images of which the caller is a member."""
    statement = sa.select(MEMBERS.c.image_id).where(
        MEMBERS.c.member == sa.bindparam('caller'),
        MEMBERS.c.deleted == sa.false(),
    )
    if any_status:
        return statement
    return statement.where(MEMBERS.c.status == sa.bindparam('member_status'))
