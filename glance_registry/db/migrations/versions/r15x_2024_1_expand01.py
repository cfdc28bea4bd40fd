"""Add tables of the image caches of all nodes."""

import sqlalchemy as sa

from glance_registry.db.migrations import steps

revision = '2024_1_expand01'
down_revision = '2023_1_expand01'
branch_labels = None
depends_on = None


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    steps.create_table(
        'node_reference',
        sa.Column('node_reference_id', big, primary_key=True),
        sa.Column('node_reference_url', sa.String(255), nullable=False),
        sa.UniqueConstraint(
            'node_reference_url', name='uq_node_reference_node_reference_url'
        ),
    )
    steps.create_table(
        'cached_images',
        sa.Column('id', big, primary_key=True),
        sa.Column('image_id', sa.String(36), nullable=False),
        sa.Column('last_accessed', sa.DateTime(), nullable=False),
        sa.Column('last_modified', sa.DateTime(), nullable=False),
        sa.Column('size', sa.BigInteger(), nullable=False),
        sa.Column('hits', sa.Integer(), nullable=False),
        sa.Column('checksum', sa.String(32)),
        sa.Column(
            'node_reference_id',
            big,
            sa.ForeignKey('node_reference.node_reference_id'),
            nullable=False,
        ),
        sa.UniqueConstraint(
            'image_id',
            'node_reference_id',
            name='ix_cached_images_image_id_node_reference_id',
        ),
    )
