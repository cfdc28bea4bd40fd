"""Remove ``is_public``, which ``images.visibility`` replaces."""

from alembic import op
import sqlalchemy as sa

from glance_registry.db.migrations import steps

revision = 'ocata_contract01'
down_revision = 'mitaka02'
branch_labels = ('contract', 'ocata01')
depends_on = 'ocata_expand01'


def _refuse_loss() -> None:
    """Fail if an image has no visibility: is_public would be lost."""
    images = sa.table('images', sa.column('id'), sa.column('visibility'))
    query = sa.select(images.c.id).where(images.c.visibility.is_(None))
    if op.get_bind().execute(query.limit(1)).first():
        raise steps.Refused(
            'There are images without a visibility; run "db migrate" first.'
        )


def _drop_triggers() -> None:
    for name in ('insert_visibility', 'update_visibility'):
        op.execute(f'DROP TRIGGER IF EXISTS {name}')


def _drop_checks() -> None:
    """Drop checks on is_public; MariaDB cannot drop the column otherwise."""
    checks = sa.inspect(op.get_bind()).get_check_constraints('images')
    for check in checks:
        if 'is_public' in check['sqltext'] and check['name']:
            op.drop_constraint(check['name'], 'images', type_='check')


def _in_place(kind: sa.Enum) -> None:
    op.alter_column(
        'images',
        'visibility',
        existing_type=kind,
        nullable=False,
        server_default='shared',
    )
    if steps.dialect() == 'mysql':
        _drop_triggers()
        _drop_checks()
    steps.drop_index('ix_images_is_public', 'images')
    op.drop_column('images', 'is_public')


def _anew(kind: sa.Enum) -> None:
    """SQLite: copy the table; the copy loses checks without a name."""
    steps.drop_index('ix_images_is_public', 'images')
    checks = tuple(
        sa.CheckConstraint(f'{name} IN (0, 1)')
        for name in ('deleted', 'protected')
    )
    with op.batch_alter_table('images', table_args=checks) as batch:
        batch.alter_column(
            'visibility',
            existing_type=kind,
            nullable=False,
            server_default='shared',
        )
        batch.drop_column('is_public')


def upgrade() -> None:
    if not steps.has_column('images', 'is_public'):
        return
    _refuse_loss()
    kind = sa.Enum(
        'private', 'public', 'shared', 'community', name='image_visibility'
    )
    if steps.dialect() == 'sqlite':
        _anew(kind)
    else:
        _in_place(kind)
