"""Migrations of rows, which run between an expand and its contract.

In each module, ``has_migrations`` returns whether rows must be migrated, and
``migrate`` migrates them in batches and returns their number; it calls
``watch`` with the number of rows of each batch. Each batch is a
transaction, so the next run continues an interrupted one.
"""

from collections.abc import Callable
from typing import Protocol

import sqlalchemy as sa

from glance_registry.db.migrations.data_migrations import ocata_migrate01
from glance_registry.db.migrations.data_migrations import train_migrate01

Watch = Callable[[int], object]


class DataMigration(Protocol):
    def has_migrations(self, engine: sa.Engine) -> bool: ...

    def migrate(self, engine: sa.Engine, watch: Watch = ...) -> int: ...


#: All migrations; each is checked for a database of any release.
IN_GRAPH_ORDER: tuple[DataMigration, ...] = (ocata_migrate01, train_migrate01)
