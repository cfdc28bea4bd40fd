"""Add the data that another worker needs to continue a task."""

import sqlalchemy as sa

from glance_registry.db.migrations import steps

revision = 'split_expand04'
down_revision = 'split_expand03'
branch_labels = None
depends_on = None


def upgrade() -> None:
    steps.add_column('image_transfers', sa.Column('holder', sa.String(36)))
    steps.add_column('image_transfers', sa.Column('work', sa.Text()))
