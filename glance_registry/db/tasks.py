"""Queries on tasks: the records of work that is done after its request.

The tables of the record are upstream's (``tasks``, ``task_info``). While a
task waits or runs, a row of ``image_transfers`` has the id of the task, its
lease, and the data that another worker needs to continue.
"""

import datetime
from typing import Any

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry.db import clock
from glance_registry.db import engine
from glance_registry.db import images
from glance_registry.db import models

TASKS = models.tasks
INFO = models.task_info

PENDING = 'pending'
PROCESSING = 'processing'
SUCCESS = 'success'
FAILURE = 'failure'
MAX_PAGE = 1000
#: Columns that a list may be filtered by and sorted by.
COLUMNS = frozenset(
    ('id', 'type', 'status', 'owner', 'expires_at', 'created_at')
    + ('updated_at', 'image_id', 'request_id', 'user_id')
)
_TIMES = ('expires_at', 'created_at', 'updated_at')
#: Sorts before every value, for columns that may be null.
_LEAST_TIME = datetime.datetime(1970, 1, 1)

_FULL = (
    sa.select(TASKS, INFO.c.input, INFO.c.result, INFO.c.message)
    .select_from(TASKS.outerjoin(INFO, INFO.c.task_id == TASKS.c.id))
    .where(
        TASKS.c.deleted == sa.false(),
        sa.or_(
            TASKS.c.expires_at.is_(None),
            TASKS.c.expires_at > clock.after(0),
        ),
    )
)
_EXPIRED = (
    TASKS.update()
    .where(TASKS.c.deleted == sa.false(), TASKS.c.expires_at <= clock.after(0))
    .values(deleted=True, deleted_at=clock.after(0))
)


def get(
    connection: sa.Connection, context: context.RequestContext, task_id: str
) -> contract.Task:
    """Return a task.

    :raises errors.NotFound: the task does not exist, is expired, or belongs
        to another project
    """
    row = connection.execute(
        _visible(context).where(TASKS.c.id == task_id[:36])
    ).first()
    if row is None or row.id != task_id:
        raise errors.NotFound(f'There is no task {task_id}.')
    return _document(row)


def exists(connection: sa.Connection, task_id: str) -> bool:
    """Return whether a task with this id exists, or existed."""
    statement = sa.select(TASKS.c.id).where(TASKS.c.id == task_id)
    return connection.execute(statement).first() is not None


def get_page(
    connection: sa.Connection,
    context: context.RequestContext,
    query: contract.TaskQuery,
) -> list[contract.Task]:
    """Return one page of the list of tasks.

    :raises errors.InvalidMarker: the marker is not visible to the caller
    """
    statement = _visible(context)
    for name, value in query['filters'].items():
        wanted = engine.moment(value) if name in _TIMES else value
        statement = statement.where(TASKS.c[name] == wanted)
    key = _sortable(query['sort_key'])
    if query['marker'] is not None:
        statement = statement.where(_behind(connection, context, query, key))
    ways = {'asc': sa.asc, 'desc': sa.desc}
    way = ways[query['sort_dir']]
    statement = statement.order_by(way(key), way(TASKS.c.id))
    rows = connection.execute(statement.limit(min(query['limit'], MAX_PAGE)))
    return [_document(row) for row in rows]


def _behind(
    connection: sa.Connection,
    context: context.RequestContext,
    query: contract.TaskQuery,
    key: sa.ColumnElement[Any],
) -> sa.ColumnElement[bool]:
    """Return the condition for tasks that come after the marker."""
    marker = connection.execute(
        _visible(context)
        .with_only_columns(key.label('key'), TASKS.c.id)
        .where(TASKS.c.id == query['marker'])
    ).first()
    if marker is None:
        raise errors.InvalidMarker(
            'The marker is not the id of a task that is visible to you.'
        )
    if query['sort_dir'] == 'asc':
        beyond, later = key > marker.key, TASKS.c.id > marker.id
    else:
        beyond, later = key < marker.key, TASKS.c.id < marker.id
    return sa.or_(beyond, sa.and_(key == marker.key, later))


def _sortable(name: str) -> sa.ColumnElement[Any]:
    column = TASKS.c[name]
    if not column.nullable:
        return column
    return sa.func.coalesce(column, _LEAST_TIME if name in _TIMES else '')


def of_image(
    connection: sa.Connection, context: context.RequestContext, image_id: str
) -> list[contract.Task]:
    """Return the tasks of an image that are visible to the caller.

    :raises errors.NotFound: the image is not visible to the caller
    """
    images.get(connection, context, image_id)
    rows = connection.execute(
        _visible(context)
        .where(TASKS.c.image_id == image_id)
        .order_by(TASKS.c.created_at, TASKS.c.id)
    )
    return [_document(row) for row in rows]


def create(
    connection: sa.Connection,
    new: contract.NewTask,
    image_id: str | None,
    status: str = PENDING,
) -> None:
    now = engine.now()
    connection.execute(
        TASKS.insert(),
        {
            'id': new['id'],
            'type': new['type'],
            'status': status,
            'owner': new['owner'],
            'image_id': image_id,
            'request_id': new['request_id'],
            'user_id': new['user_id'],
            'created_at': now,
            'updated_at': now,
            'deleted': False,
        },
    )
    connection.execute(
        INFO.insert(),
        {'task_id': new['id'], 'input': new['input'], 'message': ''},
    )


def create_failed(
    connection: sa.Connection, new: contract.NewTask, reason: str
) -> contract.Task:
    """Create the record of a task that failed before it began."""
    create(connection, new, None)
    end(connection, new['id'], new['keep_hours'], failure=reason)
    return get(connection, images.SERVICE, new['id'])


def begin(connection: sa.Connection, task_id: str) -> None:
    """Record that a worker has begun the task."""
    connection.execute(
        TASKS.update()
        .where(TASKS.c.id == task_id)
        .values(status=PROCESSING, updated_at=engine.now())
    )


def note(connection: sa.Connection, task_id: str, message: str) -> None:
    """Record the progress of the task, as a message for its owner."""
    _tell(connection, task_id, {'message': message})
    connection.execute(
        TASKS.update()
        .where(TASKS.c.id == task_id)
        .values(updated_at=engine.now())
    )


def end(
    connection: sa.Connection,
    task_id: str,
    keep_hours: int,
    *,
    failure: str | None = None,
    result: dict[str, Any] | None = None,
    message: str = '',
) -> None:
    """Record that the task has ended.

    :param keep_hours: hours until the record expires
    :param failure: reason of the failure; None if it succeeded
    """
    connection.execute(
        TASKS.update()
        .where(TASKS.c.id == task_id)
        .values(
            status=SUCCESS if failure is None else FAILURE,
            updated_at=engine.now(),
            expires_at=clock.after(keep_hours * 3600),
        )
    )
    text = message if failure is None else failure
    _tell(connection, task_id, {'message': text, 'result': result})


def expire(connection: sa.Connection) -> int:
    """Mark expired tasks as deleted.

    :returns: the number of these tasks
    """
    return connection.execute(_EXPIRED).rowcount


def _tell(
    connection: sa.Connection, task_id: str, values: dict[str, Any]
) -> None:
    connection.execute(
        INFO.update().where(INFO.c.task_id == task_id).values(values)
    )


def _visible(context: context.RequestContext) -> sa.Select[Any]:
    if context.is_admin:
        return _FULL
    return _FULL.where(TASKS.c.owner == (context.project_id or ''))


def _document(row: sa.Row[Any]) -> contract.Task:
    return {
        'id': row.id,
        'type': row.type,
        'status': row.status,
        'owner': row.owner,
        'image_id': row.image_id,
        'request_id': row.request_id,
        'user_id': row.user_id,
        'input': row.input,
        'result': row.result,
        'message': row.message or '',
        'expires_at': row.expires_at and engine.timestamp(row.expires_at),
        'created_at': engine.timestamp(row.created_at),
        'updated_at': engine.timestamp(row.updated_at or row.created_at),
    }
