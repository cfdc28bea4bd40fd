"""Operations that only API v1 needs."""

from glance_registry.db import sharing
from glance_registry.operations import line

TABLE = (
    line.Line(
        'get_sharing',
        line.READ,
        (),
        lambda db, call: sharing.get_all(db, call.context, call.image_id),
    ),
    line.Line(
        'change_sharing',
        line.WRITE,
        ('members', 'replace', 'quota'),
        lambda db, call: sharing.change(
            db, call.context, call.image_id, call.document
        ),
    ),
    line.Line(
        'end_sharing',
        line.WRITE,
        (),
        lambda db, call: sharing.end(
            db, call.context, call.image_id, call.names['member']
        ),
    ),
    line.Line(
        'list_shared_images',
        line.READ,
        (),
        lambda db, call: {
            'images': sharing.shared_with(
                db, call.context, call.names['member']
            )
        },
    ),
    line.Line(
        'get_deleted_image',
        line.READ,
        (),
        lambda db, call: sharing.get_deleted(db, call.context, call.image_id),
    ),
    line.Line(
        'kill_image',
        line.WRITE,
        (),
        lambda db, call: sharing.kill(db, call.image_id),
    ),
)
