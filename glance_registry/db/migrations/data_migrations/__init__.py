"""What moves rows between an expand and the contract that needs them moved.

Each module tells whether rows are waiting (``has_migrations``), and moves
them in batches, a transaction each (``migrate``, which counts the rows): a
run that was interrupted is continued by the next one.
"""

from typing import Protocol

import sqlalchemy as sa

from glance_registry.db.migrations.data_migrations import ocata_migrate01
from glance_registry.db.migrations.data_migrations import train_migrate01


class DataMigration(Protocol):
    def has_migrations(self, engine: sa.Engine) -> bool: ...

    def migrate(self, engine: sa.Engine) -> int: ...


#: all of them are considered, whatever release a database comes from
IN_GRAPH_ORDER: tuple[DataMigration, ...] = (ocata_migrate01, train_migrate01)
