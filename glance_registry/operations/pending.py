"""Operations on deleted images whose data is kept."""

from glance_registry.db import leftovers
from glance_registry.db import pending
from glance_registry.operations import line

TABLE = (
    line.Line(
        'take_pending',
        line.WRITE,
        ('holder', 'node', 'store', 'limit', 'older_seconds'),
        lambda db, call: {
            'leftovers': pending.take(db, call.document, call.lease_seconds)
        },
    ),
    line.Line(
        'count_failed',
        line.READ,
        (),
        lambda db, _call: {'images': leftovers.count_failed(db)},
    ),
    line.Line(
        'restore_image',
        line.WRITE,
        (),
        lambda db, call: pending.restore(db, call.context, call.image_id),
    ),
)
