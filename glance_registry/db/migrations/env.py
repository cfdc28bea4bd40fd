"""Run by alembic: applies the revisions on the connection it is passed."""

from alembic import context

from glance_registry.db import models

connection = context.config.attributes['connection']
# SQLite can roll back DDL too, if the driver does not commit implicitly.
# Alembic does not know that, so it is set here.
can_undo = connection.dialect.name in ('sqlite', 'postgresql')
context.configure(
    connection=connection,
    target_metadata=models.metadata,
    transactional_ddl=can_undo,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
