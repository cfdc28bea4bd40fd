"""Operations on the verification of images' data."""

from glance_registry.db import integrity
from glance_registry.operations import line

TABLE = (
    line.Line(
        'take_check',
        line.WRITE,
        ('transfer_id', 'node', 'after', 'older_seconds'),
        lambda db, call: integrity.take(db, call.document, call.lease_seconds),
    ),
    line.Line(
        'finish_check',
        line.WRITE,
        ('transfer_id', 'state', 'detail'),
        lambda db, call: integrity.finish(db, call.image_id, call.document),
    ),
)
