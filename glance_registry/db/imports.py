"""Queries on imports: queued, taken by a worker, ended.

An import is a task and a transfer. The transfer says what is to be done and
which worker does it. While it has no holder, any able worker may take it. It
then gets a new id, so that a worker that was considered dead cannot finish
it. The transfer is also a lock: an image has one import at a time.
"""

from collections.abc import Collection, Iterable
from typing import Any
import uuid

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry import lifecycle
from glance_registry.db import children
from glance_registry.db import clock
from glance_registry.db import images
from glance_registry.db import import_properties
from glance_registry.db import leftovers
from glance_registry.db import locks
from glance_registry.db import models
from glance_registry.db import storage
from glance_registry.db import tasks
from glance_registry.db import transfers

IMAGES = models.images
TRANSFERS = models.image_transfers

KIND = 'import'
#: Maximum number of waiting tasks that one request of a worker examines.
MAX_WAITING = 1000
_WAITING = (
    sa.select(TRANSFERS)
    .where(TRANSFERS.c.kind == KIND, TRANSFERS.c.holder.is_(None))
    .order_by(TRANSFERS.c.started_at, TRANSFERS.c.id)
    .limit(MAX_WAITING)
)
_OF_IMAGE = sa.select(TRANSFERS).where(
    TRANSFERS.c.image_id == sa.bindparam('of_image'), TRANSFERS.c.kind == KIND
)
_OF_ID = sa.select(TRANSFERS).where(
    TRANSFERS.c.id == sa.bindparam('transfer_id')
)
_GONE = 'The image was deleted during its import.'


def start(
    connection: sa.Connection,
    context: context.RequestContext,
    image_id: str,
    wanted: contract.ImportStart,
    lease_seconds: int,
) -> contract.ImportStarted:
    """Queue an import, and show it in the image's status and properties.

    :raises errors.Conflict: the status of the image does not allow an
        import, or another import of the image is running
    """
    work, task = wanted['work'], wanted['task']
    if tasks.exists(connection, task['id']):  # the response was lost
        return {'image': images.get(connection, context, image_id)}
    if 'new' in wanted:
        images.create(connection, wanted['new'])
    image = images.get(connection, context, image_id, lock=True)
    step = lifecycle.IMPORTS[work['method']]
    if connection.execute(_OF_IMAGE, {'of_image': image_id}).first():
        raise errors.Conflict('Another import of the image is running.')
    values = {} if step.before == lifecycle.COPIED else {'status': step.after}
    if not images.change_row(
        connection, context, image_id, values, before=step.before
    ):
        raise errors.Conflict(
            f'The image is {image["status"]}; {work["method"]} needs an '
            f'image that is {step.before[0]}.'
        )
    changes = import_properties.begun(image, task['id'], work)
    children.change_properties(connection, image_id, changes)
    tasks.create(connection, task, image_id)
    transfers.insert(
        connection,
        image_id,
        {
            'transfer_id': task['id'],
            'node': wanted['node'],
            'size': wanted['size'],
        },
        KIND,
        lease_seconds,
        work={**work, 'task_id': task['id'], 'tries': 0},
    )
    return {'image': images.get(connection, context, image_id)}


def take(
    connection: sa.Connection,
    wanted: contract.TakingTasks,
    lease_seconds: int,
) -> contract.TakenTasks:
    """Give waiting tasks to a worker that can run them.

    Tasks above the worker's limit keep waiting: their leases are renewed.
    Tasks that this worker cannot run are marked as refused.
    """
    able: list[sa.Row[Any]] = []
    unable: list[sa.Row[Any]] = []
    task_id = wanted.get('task')
    for row in connection.execute(_WAITING).all():
        if task_id not in (None, row.work['task_id']):
            continue
        is_able = _is_able(row.work, row.image_id, wanted)
        (able if is_able else unable).append(row)
    now, later = able[: wanted['limit']], able[wanted['limit'] :]
    tasks = []
    for row in sorted(now, key=lambda row: (row.image_id, row.id)):
        locks.image(connection, row.image_id)
        taken = _take_one(connection, row, wanted, lease_seconds)
        if taken is not None:
            tasks.append(taken)
    for row in sorted(later, key=lambda row: row.id):
        _keep_waiting(connection, row, row.work, lease_seconds)
    for row in sorted(unable, key=lambda row: row.id):
        if not row.work.get('refused'):
            work = {**row.work, 'refused': True}
            _keep_waiting(connection, row, work, lease_seconds)
    answer: contract.TakenTasks = {
        'tasks': tasks,
        'lease_seconds': lease_seconds,
    }
    if task_id is not None:
        answer['task'] = task_id
    return answer


def _keep_waiting(
    connection: sa.Connection,
    row: sa.Row[Any],
    work: dict[str, Any],
    lease_seconds: int,
) -> None:
    """Renew the lease of a waiting task."""
    # Conditional, because a worker may have taken the task meanwhile.
    connection.execute(
        TRANSFERS.update()
        .where(TRANSFERS.c.id == row.id, TRANSFERS.c.holder.is_(None))
        .values(
            work=work,
            renewals=TRANSFERS.c.renewals + 1,
            expires_at=clock.after(lease_seconds),
        )
    )


def _is_able(
    work: contract.Work, image_id: str, wanted: contract.TakingTasks
) -> bool:
    if not work['tries'] and work.get('only') not in (None, wanted['holder']):
        return False
    return work['method'] != 'glance-direct' or image_id in wanted['staged']


def _take_one(
    connection: sa.Connection,
    row: sa.Row[Any],
    wanted: contract.TakingTasks,
    lease_seconds: int,
) -> contract.TakenTask | None:
    work: Any = {**row.work, 'tries': row.work['tries'] + 1, 'refused': False}
    transfer_id = str(uuid.uuid4())
    # Conditional, because another worker may take it at the same time.
    changed = connection.execute(
        TRANSFERS.update()
        .where(TRANSFERS.c.id == row.id, TRANSFERS.c.holder.is_(None))
        .values(
            id=transfer_id,
            holder=wanted['holder'],
            node=wanted['node'],
            renewals=TRANSFERS.c.renewals + 1,
            expires_at=clock.after(lease_seconds),
            bytes_done=0,
            work=work,
        )
    )
    if not changed.rowcount:
        return None
    try:
        image = images.get(connection, images.SERVICE, row.image_id)
    except errors.NotFound:
        taken = connection.execute(_OF_ID, {'transfer_id': transfer_id}).one()
        # A worker that died with the task may have stored data.
        left = removals(taken) if work['tries'] > 1 else []
        end_in_failure(connection, taken, _GONE, work['stores'], left)
        return None
    tasks.begin(connection, work['task_id'])
    task = tasks.get(connection, images.SERVICE, work['task_id'])
    taken_task: contract.TakenTask = {
        'id': work['task_id'],
        'transfer_id': transfer_id,
        'type': task['type'],
        'owner': task['owner'],
        'image': image,
        'work': work,
    }
    if quota := wanted.get('quota'):
        taken_task['room'] = storage.room(
            connection, image['owner'], quota, transfer_id
        )
    return taken_task


def note(connection: sa.Connection, notes: dict[str, str]) -> None:
    """Record the progress of tasks on the tasks and on their images.

    :param notes: texts by transfer id
    """
    rows = connection.execute(
        sa.select(TRANSFERS).where(TRANSFERS.c.id.in_(list(notes)))
    ).all()
    for row in sorted(rows, key=lambda row: row.image_id):
        locks.image(connection, row.image_id)
        if not connection.execute(_OF_ID, {'transfer_id': row.id}).first():
            continue  # the transfer has ended meanwhile
        if images.change_row(connection, images.SERVICE, row.image_id, {}):
            text = {import_properties.PROGRESS: notes[row.id]}
            children.change_properties(connection, row.image_id, text)
        tasks.note(connection, row.work['task_id'], notes[row.id])


def finish(
    connection: sa.Connection, image_id: str, done: contract.Imported
) -> contract.Image:
    """Give the image its new locations and make it active.

    :raises errors.NotFound: the image was deleted meanwhile
    :raises errors.Conflict: the task was given to another worker
    :raises errors.LimitExceeded: the data exceeds the owner's quota
    """
    locks.image(connection, image_id)
    row = _row(connection, image_id, done['transfer_id'])
    if row is None:
        return _finished(connection, image_id, done)
    _make_active(connection, image_id, row.work['method'], done)
    image = images.get(connection, images.SERVICE, image_id)
    if quota := done.get('quota'):
        size = (image['size'] or 0) * len(done['locations'])
        storage.confirm(connection, image_id, quota, row.id, size)
    transfers.remove(connection, row.id, image_id)
    if row.work['tries'] > 1:
        # An earlier worker that died may have stored data in the stores in
        # which this worker failed.
        for removal in removals(row, done['failed']):
            leftovers.insert_missing(connection, image_id, removal, 0)
    images.insert_locations(connection, image_id, done['locations'])
    changes = {
        **done['properties'],
        **import_properties.ended(image, row.work, done['failed']),
    }
    children.change_properties(connection, image_id, changes)
    if limits := done.get('limits'):
        storage.require_limits(connection, image['owner'], limits)
    tasks.end(
        connection,
        row.work['task_id'],
        row.work['keep_hours'],
        result={'image_id': image_id},
        message=done['message'],
    )
    return images.get(connection, images.SERVICE, image_id)


def _make_active(
    connection: sa.Connection,
    image_id: str,
    method: str,
    done: contract.Imported,
) -> None:
    values = {**done['outcome'], **done['values']}
    before: tuple[str, ...] = lifecycle.COPIED
    meanwhile = lifecycle.IMPORTS[method].after
    if meanwhile in lifecycle.FINISH_IMPORT.before:
        before = (meanwhile,)
        values['status'] = lifecycle.FINISH_IMPORT.after
    if not images.change_row(
        connection, images.SERVICE, image_id, values, before=before
    ):
        images.get(connection, images.SERVICE, image_id)
        raise transfers.lost()


def _finished(
    connection: sa.Connection, image_id: str, done: contract.Imported
) -> contract.Image:
    """Return the image if this import is already finished.

    :raises errors.Conflict: the import is not finished
    """
    image = images.get(connection, images.SERVICE, image_id)
    urls = {location['url'] for location in image['locations']}
    if not done['locations'] or not urls.issuperset(
        location['url'] for location in done['locations']
    ):
        raise transfers.lost()
    return image


def fail(
    connection: sa.Connection, image_id: str, failure: contract.ImportFailure
) -> None:
    """End a failed import; the image has its previous status or is queued.

    The operation is idempotent.
    """
    locks.image(connection, image_id)
    row = _row(connection, image_id, failure['transfer_id'])
    if row is not None:
        end_in_failure(
            connection,
            row,
            failure['reason'],
            failure['failed'] or row.work['stores'],
            failure['leftovers'],
        )


def end_in_failure(
    connection: sa.Connection,
    row: sa.Row[Any],
    reason: str,
    failed: Iterable[str],
    left: Iterable[contract.Removal],
) -> bool:
    """End the transfer of an import; the caller holds the image's lock.

    :param failed: ids of the stores that failed
    :param left: records of data that may have been stored
    :returns: True if the image was given back: queued, or killed in API v1
    """
    if not transfers.remove(connection, row.id, row.image_id):
        return False
    for removal in left:
        leftovers.insert_missing(connection, row.image_id, removal, 0)
    keep_hours = row.work['keep_hours']
    tasks.end(connection, row.work['task_id'], keep_hours, failure=reason)
    is_given_back = False
    if row.work['method'] != 'copy-image':
        step = lifecycle.FAILED_IMPORTS.get(
            row.work['method'], lifecycle.ABANDON
        )
        is_given_back = transfers.give_back(connection, row.image_id, step)
    if not images.change_row(connection, images.SERVICE, row.image_id, {}):
        return False  # the image is deleted
    image = images.get(connection, images.SERVICE, row.image_id)
    changes = import_properties.ended(image, row.work, failed)
    changes[transfers.FAILED_REASON] = reason
    children.change_properties(connection, row.image_id, changes)
    return is_given_back


def lapsed(connection: sa.Connection, row: sa.Row[Any]) -> bool:
    """Handle an expired lease of an import; the caller holds the image's lock.

    If a worker held the task, that worker is dead, and another one may
    continue. A waiting task fails only if a worker refused it and no other
    worker took it for a whole lease. While no worker asks for tasks, because
    every glance-api is down, the task keeps waiting.

    :returns: True if the image was given back: queued, or killed in API v1
    """
    if row.holder is not None:
        connection.execute(
            TRANSFERS.update()
            .where(TRANSFERS.c.id == row.id)
            .values(holder=None, renewals=TRANSFERS.c.renewals + 1)
        )
        tasks.note(
            connection,
            row.work['task_id'],
            f'The worker on {row.node} broke off; another one goes on.',
        )
        return False
    if not row.work.get('refused'):
        return False
    if row.work['method'] == 'glance-direct':
        reason = (
            f'The import through {row.node} broke off, and no glance-api that '
            'has the staged data went on.'
        )
    elif row.work['method'] == 'copy-image':
        reason = (
            f'The copy through {row.node} broke off before it began; start '
            'it again.'
        )
    else:
        reason = (
            f'The import through {row.node} broke off before it began. It '
            'needs the token of the caller, which is not stored; start it '
            'again.'
        )
    return end_in_failure(
        connection, row, reason, row.work['stores'], removals(row)
    )


def removals(
    row: sa.Row[Any], stores: Collection[str] | None = None
) -> list[contract.Removal]:
    """Return records of the data that an import may have stored.

    :param stores: ids of the stores to include; None: all of the import
    """
    return [
        {
            'id': str(uuid.uuid5(uuid.UUID(row.id), str(number))),
            'node': row.node,
            'store': identity,
        }
        for number, (store, identity) in enumerate(
            zip(row.work['stores'], row.work['targets'], strict=True)
        )
        if stores is None or store in stores
    ]


def _row(
    connection: sa.Connection, image_id: str, transfer_id: str
) -> sa.Row[Any] | None:
    row = connection.execute(_OF_ID, {'transfer_id': transfer_id}).first()
    return row if row is not None and row.image_id == image_id else None
