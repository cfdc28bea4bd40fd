"""No change; the expand of this release only added to the schema."""

revision = 'split_contract01'
down_revision = '2024_1_contract01'
branch_labels = None
depends_on = 'split_expand01'


def upgrade() -> None:
    pass
