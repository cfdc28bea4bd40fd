"""Rename the resource type of metadata definitions for servers."""

from alembic import op
import sqlalchemy as sa

revision = 'mitaka02'
down_revision = 'mitaka01'
branch_labels = None
depends_on = None

_types = sa.table('metadef_resource_types', sa.column('name', sa.String(80)))


def upgrade() -> None:
    connection = op.get_bind()
    new = 'OS::Nova::Server'
    taken = sa.select(_types.c.name).where(_types.c.name == new)
    if connection.execute(taken).first():
        # Names are unique; the definitions of the old name stay valid.
        return
    connection.execute(
        sa.update(_types)
        .where(_types.c.name == 'OS::Nova::Instance')
        .values(name=new)
    )
