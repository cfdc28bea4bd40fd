"""Add ``os_hidden``: hidden images are left out of lists."""

import sqlalchemy as sa

from glance_registry.db.migrations import steps

revision = 'rocky_expand01'
down_revision = 'queens_expand01'
branch_labels = None
depends_on = None


def upgrade() -> None:
    hidden: sa.Column[bool] = sa.Column(
        'os_hidden',
        steps.boolean(),
        nullable=False,
        server_default=sa.false(),
    )
    steps.add_column('images', hidden)
    steps.create_index('os_hidden_image_idx', 'images', 'os_hidden')
