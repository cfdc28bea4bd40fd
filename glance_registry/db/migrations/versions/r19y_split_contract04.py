"""No change; the expand of this release only added to the schema."""

revision = 'split_contract04'
down_revision = 'split_contract03'
branch_labels = None
depends_on = 'split_expand04'


def upgrade() -> None:
    pass
