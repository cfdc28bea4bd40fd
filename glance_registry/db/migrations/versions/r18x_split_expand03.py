"""Add records of data that is to be removed from a store."""

import sqlalchemy as sa

from glance_registry.db.migrations import steps

revision = 'split_expand03'
down_revision = 'split_expand02'
branch_labels = None
depends_on = None


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def _leftovers() -> None:
    name = 'image_leftovers'
    steps.create_table(
        name,
        sa.Column('id', sa.String(36), primary_key=True),
        sa.Column('image_id', sa.String(36), nullable=False),
        sa.Column('location_ids', sa.Text()),
        sa.Column('node', sa.String(255), nullable=False),
        sa.Column('store', sa.String(255)),
        sa.Column('holder', sa.String(36), nullable=False),
        sa.Column('tries', sa.Integer(), nullable=False, server_default='0'),
        sa.Column('created_at', sa.DateTime(), nullable=False),
        sa.Column('due_at', sa.DateTime(), nullable=False),
        **steps.charset_of_images(),
    )
    steps.create_index('split_image_leftovers_due_at', name, 'due_at')
    steps.create_index('split_image_leftovers_image_id', name, 'image_id')


def upgrade() -> None:
    steps.add_column('image_transfers', sa.Column('store', sa.String(255)))
    renewals = sa.Column(
        'renewals', _big(), nullable=False, server_default='0'
    )
    steps.add_column('image_transfers', renewals)
    _leftovers()
