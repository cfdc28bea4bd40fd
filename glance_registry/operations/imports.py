"""Operations on staged data and on imports."""

from typing import Any

import sqlalchemy as sa

from glance_registry.db import imports
from glance_registry.db import staging
from glance_registry.operations import line


def _start(db: sa.Connection, call: line.Call) -> Any:
    return imports.start(
        db, call.context, call.image_id, call.document, call.lease_seconds
    )


TABLE = (
    line.Line(
        'finish_stage',
        line.WRITE,
        ('transfer_id', 'size', 'host'),
        lambda db, call: staging.finish(db, call.image_id, call.document),
    ),
    line.Line(
        'start_import', line.WRITE, ('task', 'work', 'node', 'size'), _start
    ),
    line.Line(
        'take_tasks',
        line.WRITE,
        ('holder', 'node', 'limit', 'staged'),
        lambda db, call: imports.take(db, call.document, call.lease_seconds),
    ),
    line.Line(
        'note_tasks',
        line.WRITE,
        ('notes',),
        lambda db, call: imports.note(db, call.document['notes']),
    ),
    line.Line(
        'finish_import',
        line.WRITE,
        ('transfer_id', 'locations'),
        lambda db, call: imports.finish(db, call.image_id, call.document),
    ),
    line.Line(
        'fail_import',
        line.WRITE,
        ('transfer_id', 'reason'),
        lambda db, call: imports.fail(db, call.image_id, call.document),
    ),
    line.Line(
        'check_staged',
        line.READ,
        ('image_ids',),
        lambda db, call: {
            'needed': staging.needed(db, call.document['image_ids'])
        },
    ),
)
