"""Add the image, the request and the user to tasks."""

import sqlalchemy as sa

from glance_registry.db.migrations import steps

revision = 'wallaby_expand01'
down_revision = 'ussuri_expand01'
branch_labels = None
depends_on = None


def upgrade() -> None:
    steps.add_column('tasks', sa.Column('image_id', sa.String(36)))
    steps.add_column('tasks', sa.Column('request_id', sa.String(64)))
    steps.add_column('tasks', sa.Column('user_id', sa.String(64)))
    steps.create_index('ix_tasks_image_id', 'tasks', 'image_id')
