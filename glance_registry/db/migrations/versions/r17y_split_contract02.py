"""Nothing to take away: this release only added."""

revision = 'split_contract02'
down_revision = 'split_contract01'
branch_labels = None
depends_on = 'split_expand02'


def upgrade() -> None:
    pass
