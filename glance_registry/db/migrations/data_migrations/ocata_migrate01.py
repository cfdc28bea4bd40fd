"""Sets ``images.visibility`` from ``is_public`` and the members.

``ocata_contract01``, which drops ``is_public``, requires it. After that
contract nothing is pending here: a private image that has members then is
what its owner chose, not an image that is still to be migrated.
"""

from collections.abc import Callable, Sequence
import logging

import sqlalchemy as sa

LOG = logging.getLogger(__name__)

BATCH = 1000

_images = sa.table(
    'images',
    sa.column('id', sa.String(36)),
    sa.column('is_public', sa.Boolean()),
    sa.column(
        'visibility',
        sa.Enum(
            'private',
            'public',
            'shared',
            'community',
            name='image_visibility',
        ),
    ),
)
_members = sa.table(
    'image_members',
    sa.column('image_id', sa.String(36)),
    sa.column('deleted', sa.Boolean()),
)

_has_member = sa.exists().where(
    _members.c.image_id == _images.c.id, _members.c.deleted == sa.false()
)
_pending = sa.or_(
    _images.c.visibility.is_(None),
    sa.and_(_images.c.visibility == 'private', _has_member),
)


def _is_between(engine: sa.Engine) -> bool:
    """Return whether the expand has run and the contract has not."""
    inspector = sa.inspect(engine)
    if not inspector.has_table('images'):
        return False
    names = {column['name'] for column in inspector.get_columns('images')}
    return {'is_public', 'visibility'} <= names


def has_migrations(engine: sa.Engine) -> bool:
    if not _is_between(engine):
        return False
    with engine.connect() as connection:
        query = sa.select(_images.c.id).where(_pending).limit(1)
        return connection.execute(query).first() is not None


def _batch(connection: sa.Connection, last: str) -> Sequence[str]:
    """Migrate the next images after ``last``; return their ids, in order."""
    query = sa.select(_images.c.id).where(_pending, _images.c.id > last)
    query = query.order_by(_images.c.id).limit(BATCH)
    ids = connection.scalars(query).all()
    chosen = sa.update(_images).where(_images.c.id.in_(ids), _pending)
    # Public images first. The remaining images are not public, also those
    # whose is_public is null.
    public = chosen.where(
        _images.c.visibility.is_(None), _images.c.is_public == sa.true()
    )
    connection.execute(public.values(visibility='public'))
    connection.execute(chosen.where(_has_member).values(visibility='shared'))
    connection.execute(chosen.values(visibility='private'))
    return ids


def migrate(
    engine: sa.Engine, watch: Callable[[int], object] = lambda _amount: None
) -> int:
    if not _is_between(engine):
        return 0
    total = 0
    last = ''
    while True:
        with engine.begin() as connection:
            ids = _batch(connection, last)
        if not ids:
            return total
        last = ids[-1]
        total += len(ids)
        LOG.debug('ocata_migrate01: set the visibility of %d images', total)
        watch(len(ids))
