"""Operations on tasks."""

from glance_registry.db import tasks
from glance_registry.operations import line

TABLE = (
    line.Line(
        'create_failed_task',
        line.WRITE,
        ('task', 'reason'),
        lambda db, call: tasks.create_failed(
            db, call.document['task'], call.document['reason']
        ),
        status=201,
    ),
    line.Line(
        'get_task',
        line.READ,
        (),
        lambda db, call: tasks.get(db, call.context, call.names['task_id']),
    ),
    line.Line(
        'list_tasks',
        line.READ,
        ('limit', 'sort_key', 'filters'),
        lambda db, call: {
            'tasks': tasks.get_page(db, call.context, call.document)
        },
    ),
    line.Line(
        'list_image_tasks',
        line.READ,
        (),
        lambda db, call: {
            'tasks': tasks.of_image(db, call.context, call.image_id)
        },
    ),
)
