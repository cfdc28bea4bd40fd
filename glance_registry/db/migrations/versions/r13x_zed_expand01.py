"""Nothing changes; databases may carry this id."""

revision = 'zed_expand01'
down_revision = 'yoga_expand01'
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
