"""What tests of imports share: start, take and end a task."""

from typing import Any
import uuid

from glance.common import context
from glance.common import contract
from tests.contract import racers
from tests.contract.registry import callers

OUTCOME = {
    name: callers.DATA[name]
    for name in ('size', 'virtual_size', 'checksum')
    + ('os_hash_algo', 'os_hash_value')
}


class ImportTestCase(callers.RegistryTestCase):
    def start(
        self,
        image_id: str,
        method: str = 'web-download',
        stores: tuple[str, ...] = ('fast', 'cheap'),
        caller: context.RequestContext = callers.ALICE,
        task_id: str | None = None,
        only: str | None = None,
        **more: Any,
    ) -> str:
        """Queue an import; return its id."""
        task_id = task_id or str(uuid.uuid4())
        task: contract.NewTask = {
            'id': task_id,
            'type': 'api_image_import',
            'owner': caller.project_id or '',
            'user_id': None,
            'request_id': None,
            'input': {},
            'keep_hours': 48,
        }
        work: contract.Work = {
            'method': method,
            'given': {'uri': 'http://web/a'},
            'stores': list(stores),
            'named': True,
            'must_all_succeed': True,
            'targets': [f'identity of {each}' for each in stores],
            'roles': ['member'],
            'keep_hours': 48,
        }
        if only is not None:
            work['only'] = only
        start: Any = {'task': task, 'work': work, 'node': 'n', 'size': None}
        self.client.start_import(caller, image_id, {**start, **more})
        return task_id

    def take(self, limit: int = 10, **more: Any) -> list[contract.TakenTask]:
        wanted: Any = {'holder': 'h', 'node': 'n2', 'limit': limit}
        taken = self.client.take_tasks(
            callers.ADMIN, {'staged': [], **wanted, **more}
        )
        return taken['tasks']

    def imported(self, transfer_id: str, *stores: str) -> contract.Imported:
        return {
            'transfer_id': transfer_id,
            'outcome': dict(OUTCOME),
            'locations': [
                {'url': f'file:///{each}/x', 'metadata': {'store': each}}
                for each in stores
            ],
            'stores': list(stores),
            'failed': [],
            'values': {},
            'properties': {},
            'message': 'Copied 1 MiB',
        }

    def taken(self) -> str:
        """Take the only waiting task; return the id of its transfer."""
        (taken,) = self.take()
        return taken['transfer_id']

    def fail(self, image_id: str, transfer_id: str) -> None:
        self.client.fail_import(
            callers.ADMIN,
            image_id,
            {
                'transfer_id': transfer_id,
                'reason': 'It is Monday.',
                'failed': ['cheap'],
                'leftovers': [],
            },
        )

    def stage(
        self, image_id: str, size: int = 5, **limits: int
    ) -> contract.Image:
        transfer_id = str(uuid.uuid4())
        claim: Any = {'transfer_id': transfer_id, 'node': 'n', 'size': None}
        self.client.claim_stage(callers.ALICE, image_id, claim)
        staged: contract.Staged = {
            'transfer_id': transfer_id,
            'size': size,
            'host': 'http://host:9292',
        }
        if limits:
            staged['limits'] = limits
        return self.client.finish_stage(callers.ALICE, image_id, staged)

    def image(self, image_id: str) -> contract.Image:
        return self.client.get_image(callers.ADMIN, image_id)

    def status(self, image_id: str) -> str:
        return self.image(image_id)['status']

    def task(self, task_id: str) -> contract.Task:
        return self.client.get_task(callers.ADMIN, task_id)

    def lapse(self, task_id: str) -> list[str]:
        """Let a lease expire, and sweep; return the images queued again."""
        racers.lapse(self.service.database, task_id)
        return racers.sweep(self.service.database)
