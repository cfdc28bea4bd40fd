"""Operations on tags and members of an image."""

from glance_registry.db import members
from glance_registry.db import tags
from glance_registry.operations import line

TABLE = (
    line.Line(
        'add_tag',
        line.WRITE,
        ('quota',),
        lambda db, call: tags.add(
            db,
            call.context,
            call.image_id,
            call.names['tag'],
            call.document['quota'],
        ),
    ),
    line.Line(
        'delete_tag',
        line.WRITE,
        (),
        lambda db, call: tags.delete(
            db, call.context, call.image_id, call.names['tag']
        ),
    ),
    line.Line(
        'list_members',
        line.READ,
        (),
        lambda db, call: members.get_all(db, call.context, call.image_id),
    ),
    line.Line(
        'create_member',
        line.WRITE,
        ('member', 'quota'),
        lambda db, call: members.create(
            db, call.context, call.image_id, call.document
        ),
    ),
    line.Line(
        'update_member',
        line.WRITE,
        ('status',),
        lambda db, call: members.update(
            db,
            call.context,
            call.image_id,
            call.names['member'],
            call.document['status'],
        ),
    ),
    line.Line(
        'delete_member',
        line.WRITE,
        (),
        lambda db, call: members.delete(
            db, call.context, call.image_id, call.names['member']
        ),
    ),
)
