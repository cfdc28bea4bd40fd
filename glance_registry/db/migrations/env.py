"""What alembic runs: the wanted revisions, on the connection handed in."""

from alembic import context

from glance_registry.db import models

connection = context.config.attributes['connection']
# SQLite can undo DDL as well, once the driver is kept from committing by
# itself; alembic does not expect that.
can_undo = connection.dialect.name in ('sqlite', 'postgresql')
context.configure(
    connection=connection,
    target_metadata=models.metadata,
    transactional_ddl=can_undo,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
