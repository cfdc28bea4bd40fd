"""Add a secure hash of the data, in addition to the checksum."""

import sqlalchemy as sa

from glance_registry.db.migrations import steps

revision = 'rocky_expand02'
down_revision = 'rocky_expand01'
branch_labels = None
depends_on = None


def upgrade() -> None:
    steps.add_column('images', sa.Column('os_hash_algo', sa.String(64)))
    steps.add_column('images', sa.Column('os_hash_value', sa.String(128)))
    steps.create_index('os_hash_value_image_idx', 'images', 'os_hash_value')
