"""No change; kept because databases may have this revision."""

revision = 'yoga_expand01'
down_revision = 'xena_expand01'
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
