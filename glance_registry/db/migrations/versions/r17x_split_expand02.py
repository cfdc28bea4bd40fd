"""Add a row for each owner, to lock the storage that it uses."""

import sqlalchemy as sa

from glance_registry.db.migrations import steps

revision = 'split_expand02'
down_revision = 'split_expand01'
branch_labels = None
depends_on = None


def upgrade() -> None:
    steps.create_table(
        'storage_owners',
        sa.Column('owner', sa.String(255), primary_key=True),
        sa.Column(
            'changes',
            sa.BigInteger().with_variant(sa.Integer(), 'sqlite'),
            nullable=False,
            server_default='0',
        ),
    )
