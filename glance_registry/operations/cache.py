"""Operations on caches of hosts."""

from glance_registry.db import cache
from glance_registry.operations import line

TABLE = (
    line.Line(
        'report_cache',
        line.WRITE,
        ('node', 'cached', 'removed'),
        lambda db, call: {'deleted': cache.report(db, call.document)},
    ),
    line.Line(
        'list_cached_nodes',
        line.READ,
        (),
        lambda db, call: {
            'nodes': cache.nodes(db, call.context, call.image_id)
        },
    ),
)
