"""No change; the expand of this release only added to the schema."""

revision = 'split_contract03'
down_revision = 'split_contract02'
branch_labels = None
depends_on = 'split_expand03'


def upgrade() -> None:
    pass
