"""Renames the key ``backend`` in the metadata of locations to ``store``."""

from collections.abc import Callable, Iterator, Sequence
import logging
from typing import Any

import sqlalchemy as sa

LOG = logging.getLogger(__name__)

BATCH = 1000
OLD = '"backend":'
NEW = '"store":'

_locations = sa.table(
    'image_locations',
    sa.column('id', sa.Integer()),
    sa.column('meta_data', sa.Text()),
)

_Rows = Sequence[sa.Row[Any]]


def _batches(engine: sa.Engine) -> Iterator[_Rows]:
    """Return batches of rows with the old key, in the order of their ids.

    The database may ignore case. So the pattern finds only candidates, and
    each batch starts after the last candidate of the one before.
    """
    last = 0
    query = sa.select(_locations).where(
        _locations.c.meta_data.like(f'%{OLD}%')
    )
    query = query.order_by(_locations.c.id).limit(BATCH)
    while True:
        with engine.connect() as connection:
            rows = connection.execute(query.where(_locations.c.id > last))
            candidates = rows.all()
        if not candidates:
            return
        last = candidates[-1].id
        yield [row for row in candidates if OLD in row.meta_data]


def has_migrations(engine: sa.Engine) -> bool:
    if not sa.inspect(engine).has_table('image_locations'):
        return False
    return any(_batches(engine))


def _rename(connection: sa.Connection, row: sa.Row[Any]) -> None:
    # The next run migrates a row that was changed meanwhile.
    connection.execute(
        sa.update(_locations)
        .where(
            _locations.c.id == row.id,
            _locations.c.meta_data == row.meta_data,
        )
        .values(meta_data=row.meta_data.replace(OLD, NEW))
    )


def migrate(
    engine: sa.Engine, watch: Callable[[int], object] = lambda _amount: None
) -> int:
    if not sa.inspect(engine).has_table('image_locations'):
        return 0
    total = 0
    for rows in _batches(engine):
        with engine.begin() as connection:
            for row in rows:
                _rename(connection, row)
        total += len(rows)
        LOG.debug('train_migrate01: added the store to %d locations', total)
        watch(len(rows))
    return total
