"""No change; the expand of this release only added to the schema."""

revision = 'split_contract02'
down_revision = 'split_contract01'
branch_labels = None
depends_on = 'split_expand02'


def upgrade() -> None:
    pass
