"""Records of tasks in the registry, and their notifications."""

from typing import Any, NamedTuple

from glance.common import context
from glance.common import contract
from glance.common import counters
from glance.notifications import notifier as notifications

LOCATION_IMPORT = 'location_import'
API_IMAGE_IMPORT = 'api_image_import'
IMPORT = 'import'


class Records:
    """Makes records of tasks and sends their notifications.

    :param keep_hours: how long a record is kept after the end of its task
    """

    def __init__(
        self, keep_hours: int, notifier: notifications.Notifier
    ) -> None:
        self._keep_hours = keep_hours
        self._notifier = notifier

    def new(
        self,
        caller: context.RequestContext,
        task_id: str,
        kind: str,
        given: dict[str, Any],
    ) -> contract.NewTask:
        """Return a new record; ``given`` is the input of the task."""
        return {
            'id': task_id,
            'type': kind,
            'owner': caller.project_id or '',
            'user_id': caller.user_id and caller.user_id[:64],
            'request_id': str(caller.request_id)[:64],
            'input': given,
            'keep_hours': self._keep_hours,
        }

    def tell(self, event: str, told: 'Told') -> None:
        """Notify of an event: create, run, processing, success, failure."""
        status = event if event in _STATUSES else 'pending'
        if event in _ENDS:
            counters.note('task', told.type, event)
        self._notifier.task(event, {**told._asdict(), 'status': status})


#: Events that have the same name as the status of the task.
_STATUSES = ('processing', 'success', 'failure')
_ENDS = ('success', 'failure')


class Told(NamedTuple):
    """The members of a task that notifications contain."""

    id: str
    type: str
    owner: str


def told(task: contract.NewTask) -> Told:
    return Told(task['id'], task['type'], task['owner'])
