"""Add versions of images, leases of transfers, and indexes for lists.

The indexes were chosen with 100,000 images: a page of a list is read, in
order, from one index for the caller's own images and one for images of one
visibility. Statistics are updated here, because the engines choose their
plans by them.
"""

from alembic import op
import sqlalchemy as sa

from glance_registry.db.migrations import steps

revision = 'split_expand01'
down_revision = '2024_1_expand01'
branch_labels = None
depends_on = None

TOUCHED = (
    'images',
    'image_properties',
    'image_tags',
    'image_locations',
    'image_members',
    'image_transfers',
)


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def _transfers() -> None:
    name = 'image_transfers'
    steps.create_table(
        name,
        sa.Column('id', sa.String(36), primary_key=True),
        sa.Column(
            'image_id',
            sa.String(36),
            sa.ForeignKey('images.id'),
            nullable=False,
        ),
        sa.Column('kind', sa.String(20), nullable=False),
        sa.Column('node', sa.String(255), nullable=False),
        sa.Column('bytes_done', _big(), nullable=False, server_default='0'),
        sa.Column('bytes_expected', _big()),
        sa.Column('started_at', sa.DateTime(), nullable=False),
        sa.Column('beat_at', sa.DateTime(), nullable=False),
        sa.Column('expires_at', sa.DateTime(), nullable=False),
        sa.UniqueConstraint(
            'image_id', 'kind', name='split_image_transfers_image_id_kind'
        ),
        **steps.charset_of_images(),
    )
    steps.create_index('split_image_transfers_expires_at', name, 'expires_at')


def _list_indexes() -> None:
    for by in (('owner', 'visibility'), ('visibility',)):
        for key in ('created_at', 'name', 'size'):
            columns = [*by, 'deleted', 'os_hidden', key]
            columns += ['created_at', 'id', 'status']
            steps.create_index(
                f'split_images_{by[0]}_{key}',
                'images',
                *dict.fromkeys(columns),
            )
    steps.create_index(
        'split_images_name', 'images', 'name', 'created_at', 'id'
    )


def _filter_indexes() -> None:
    start = sa.text('"left"(value, 64)')
    steps.create_index(
        'split_image_properties_value',
        'image_properties',
        'name',
        start if steps.dialect() == 'postgresql' else 'value',
        'image_id',
        mysql_length={'value': 64},
        mariadb_length={'value': 64},
    )
    steps.create_index(
        'split_image_members_member',
        'image_members',
        'member',
        'status',
        'deleted',
        'image_id',
    )
    steps.create_index(
        'split_image_tags_value', 'image_tags', 'value', 'deleted', 'image_id'
    )


def _analyze() -> None:
    word = 'ANALYZE TABLE' if steps.dialect() == 'mysql' else 'ANALYZE'
    for table in TOUCHED:
        op.execute(f'{word} {table}')


def upgrade() -> None:
    version = sa.Column(
        'row_version', _big(), nullable=False, server_default='1'
    )
    steps.add_column('images', version)
    _transfers()
    _list_indexes()
    _filter_indexes()
    _analyze()
