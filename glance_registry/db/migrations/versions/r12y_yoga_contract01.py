"""No change; kept because databases may have this revision."""

revision = 'yoga_contract01'
down_revision = 'xena_contract01'
branch_labels = None
depends_on = 'yoga_expand01'


def upgrade() -> None:
    pass
