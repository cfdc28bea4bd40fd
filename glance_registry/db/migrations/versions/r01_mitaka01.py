"""Add indexes on the times by which lists are sorted."""

from glance_registry.db.migrations import steps

revision = 'mitaka01'
down_revision = 'liberty'
branch_labels = None
depends_on = None


def upgrade() -> None:
    steps.create_index('created_at_image_idx', 'images', 'created_at')
    steps.create_index('updated_at_image_idx', 'images', 'updated_at')
