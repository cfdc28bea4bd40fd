"""No change; it requires that ``backend`` is renamed to ``store``."""

revision = 'train_contract01'
down_revision = 'rocky_contract02'
branch_labels = None
depends_on = 'train_expand01'


def upgrade() -> None:
    pass
