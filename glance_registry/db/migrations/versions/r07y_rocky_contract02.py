"""No change; the expand of this release only added to the schema."""

revision = 'rocky_contract02'
down_revision = 'rocky_contract01'
branch_labels = None
depends_on = 'rocky_expand02'


def upgrade() -> None:
    pass
