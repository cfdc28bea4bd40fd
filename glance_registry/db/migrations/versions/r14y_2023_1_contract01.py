"""No change; kept because databases may have this revision."""

revision = '2023_1_contract01'
down_revision = 'zed_contract01'
branch_labels = None
depends_on = '2023_1_expand01'


def upgrade() -> None:
    pass
