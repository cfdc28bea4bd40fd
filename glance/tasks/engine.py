"""Takes tasks from the registry's queue and runs a limited number at a time.

The queue is in the database, so a task survives the worker that accepted it.
A worker looks for tasks when one was queued here, when one of its own ended,
and periodically. So the task of a dead worker is found by another worker.
"""

from collections.abc import Callable
import functools
import logging
import threading
import time
import uuid

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.images import staging
from glance.images import transfers
from glance.tasks import executor

LOG = logging.getLogger(__name__)

#: How often the progress of tasks is reported to the registry.
NOTE_SECONDS = 5.0
#: Looks for tasks within one lease. They also keep tasks alive that wait for
#: a free worker.
LOOKS_PER_LEASE = 4
MAX_PAUSE_SECONDS = 10.0


class Job:
    """A task that this worker has taken.

    :ivar note: its progress, as text for people
    """

    def __init__(self, taken: contract.TakenTask) -> None:
        self.task = taken
        self.transfer = transfers.Transfer()
        self.transfer.id = taken['transfer_id']
        self.note = ''


class Engine:
    """Takes tasks and runs them.

    :param workers: max number of simultaneous tasks
    :param do: does one task; it must end the task in any case
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        running: transfers.Transfers,
        staged: staging.Directory,
        *,
        node: str,
        workers: int,
        do: Callable[[Job], None],
    ) -> None:
        self._registry = registry
        self._running = running
        self._staged = staged
        self._node = node
        self._workers = workers
        self._do = do
        self._executor = executor.Executor(workers, workers)
        self._looks = executor.Executor(1, 1)
        self._jobs: dict[str, Job] = {}
        self._taking = threading.Lock()
        self._due = 0.0
        self._noted: dict[str, str] = {}
        self._note_due = 0.0
        self.holder = str(uuid.uuid4())

    def wake(self) -> None:
        """Look for tasks soon: one was queued, or a worker became free."""
        try:
            self._looks.submit(self._take_quietly)
        except errors.Unavailable:
            return  # a look that already waits will find the task

    def look(self) -> None:
        """Do the periodic work; called about once per second."""
        now = time.monotonic()
        if now >= self._due:
            self._take_quietly()
        if now >= self._note_due:
            self._note_due = now + NOTE_SECONDS
            self._note()

    def _take_quietly(self) -> None:
        try:
            self._take()
        except errors.Error as error:
            LOG.warning('Could not look for tasks: %s', error)

    def _take(self) -> None:
        with self._taking:
            since = time.monotonic()
            self._due = since + MAX_PAUSE_SECONDS
            wanted: contract.TakingTasks = {
                'holder': self.holder,
                'node': self._node,
                'limit': self._workers - len(self._jobs),
                'staged': self._staged.image_ids(),
            }
            if self._running.quota_bytes:
                wanted['quota'] = self._running.quota_bytes
            answer = self._registry.take_tasks(context.of_service(), wanted)
            lease_seconds = answer['lease_seconds']
            pause_seconds = lease_seconds / LOOKS_PER_LEASE
            self._due = since + min(MAX_PAUSE_SECONDS, pause_seconds)
            jobs = [Job(taken) for taken in answer['tasks']]
            for job in jobs:
                self._jobs[job.transfer.id] = job
                self._running.hold(job.transfer, lease_seconds, since)
        for job in jobs:
            self._executor.submit(functools.partial(self._run, job))

    def _run(self, job: Job) -> None:
        try:
            self._do(job)
        finally:
            self._running.drop(job.transfer)
            self._jobs.pop(job.transfer.id, None)
            self._noted.pop(job.transfer.id, None)
            self.wake()

    def _note(self) -> None:
        """Report the progress of tasks whose note has changed."""
        notes = {
            transfer_id: job.note
            for transfer_id, job in list(self._jobs.items())
            if job.note and job.note != self._noted.get(transfer_id)
        }
        if not notes:
            return
        try:
            self._registry.note_tasks(context.of_service(), notes)
        except errors.Error as error:
            LOG.warning('Could not report the progress of tasks: %s', error)
        else:
            self._noted.update(notes)


def take_one(
    registry: registry_client.RegistryClient,
    running: transfers.Transfers,
    holder: str,
    node: str,
    task_id: str,
) -> Job | None:
    """Take one task, if it waits; the caller drops its transfer later.

    :param holder: who will hold the task
    :param node: this host, as the registry's records name it
    :raises errors.RegistryOutdated: the registry gives any task; if it gave
        one, another worker takes that when the lease ends
    """
    since = time.monotonic()
    answer = registry.take_tasks(
        context.of_service(), _only(task_id, holder, node, limit=1)
    )
    if any(taken['id'] != task_id for taken in answer['tasks']):
        raise errors.RegistryOutdated
    for taken in answer['tasks']:
        job = Job(taken)
        running.hold(job.transfer, answer['lease_seconds'], since)
        return job
    return None


def require_single_tasks(
    registry: registry_client.RegistryClient, holder: str, node: str
) -> None:
    """Check that the registry can give one certain task; take none.

    :raises errors.RegistryOutdated: it is of an older release
    """
    task_id = str(uuid.uuid4())
    answer = registry.take_tasks(
        context.of_service(), _only(task_id, holder, node, limit=0)
    )
    if answer.get('task') != task_id:
        raise errors.RegistryOutdated


def _only(
    task_id: str, holder: str, node: str, limit: int
) -> contract.TakingTasks:
    return {
        'holder': holder,
        'node': node,
        'limit': limit,
        'staged': [],
        'task': task_id,
    }
