"""Staging and import of data: start, work by a worker, end."""

from typing import Any, NotRequired, TypedDict

from glance.common.contract.images import Image
from glance.common.contract.images import NewImage
from glance.common.contract.leftovers import Removal
from glance.common.contract.locations import Location
from glance.common.contract.operation import IMAGE
from glance.common.contract.operation import Operation
from glance.common.contract.tasks import NewTask


class Staged(TypedDict):
    """Data that was staged and waits for its import.

    :key host: the address of the glance-api that has it
    :key limits: as in transfers.Claim
    """

    transfer_id: str
    size: int
    host: str
    limits: NotRequired[dict[str, int]]


class Work(TypedDict):
    """The description of an import for a worker.

    :key method: the import method, by its name in the API
    :key given: the parameters of the method
    :key stores: ids of the stores to write to
    :key named: whether clients know the stores by these ids
    :key must_all_succeed: the import fails if one store does
    :key targets: identities of the stores, to remove leftover data there
    :key roles: roles of the user who requested the import
    :key keep_hours: as in tasks.NewTask
    :key only: the holder that must do the work, because it knows a secret
    :key tries: how often a worker began it; counted by the registry
    :key refused: whether a worker saw the waiting task and cannot do it
    """

    method: str
    given: dict[str, Any]
    stores: list[str]
    named: bool
    must_all_succeed: bool
    targets: list[str | None]
    roles: list[str]
    keep_hours: int
    only: NotRequired[str]
    tries: NotRequired[int]
    refused: NotRequired[bool]


class ImportStart(TypedDict):
    """An import to queue.

    :key node: the host that received the request
    :key size: bytes of the data in all stores together; null if unknown
    :key new: the image to create first, if it does not exist
    """

    task: NewTask
    work: Work
    node: str
    size: int | None
    new: NotRequired[NewImage]


class ImportStarted(TypedDict):
    image: Image


class TakingTasks(TypedDict):
    """A worker's request for tasks.

    :key holder: who will hold the taken tasks
    :key limit: how many tasks it can start; 0 only keeps waiting tasks alive
    :key staged: ids of images whose staged data it can read
    :key quota: as in transfers.Claim
    :key task: the id of the only task that it can start; absent: any
    """

    holder: str
    node: str
    limit: int
    staged: list[str]
    quota: NotRequired[int]
    task: NotRequired[str]


class TakenTask(TypedDict):
    """A task to work on.

    :key id: of the task
    :key transfer_id: id of the claim; each worker that takes the task gets
        another one
    :key room: how many bytes may be written, if there is a quota
    """

    id: str
    transfer_id: str
    type: str
    owner: str
    image: Image
    work: Work
    room: NotRequired[int]


class TakenTasks(TypedDict):
    """The tasks that a worker has taken.

    :key lease_seconds: as in transfers.Claimed
    :key task: as in the request; a registry of an older release does not send
        it, and returns any waiting tasks
    """

    tasks: list[TakenTask]
    lease_seconds: int
    task: NotRequired[str]


class Imported(TypedDict):
    """The outcome of an import that succeeded, at least in one store.

    :key outcome: size, checksum and so on; empty if the image has them
    :key locations: locations of the data, one per store
    :key stores: ids of the stores that have the data now, if they are named
    :key failed: ids of the stores that failed
    :key values: base members that plug-ins changed
    :key properties: custom properties that they changed
    :key quota: as in transfers.Claim
    :key limits: as in transfers.Claim
    """

    transfer_id: str
    outcome: dict[str, Any]
    locations: list[Location]
    stores: list[str]
    failed: list[str]
    values: dict[str, Any]
    properties: dict[str, str | None]
    message: str
    quota: NotRequired[int]
    limits: NotRequired[dict[str, int]]


class ImportFailure(TypedDict):
    """The end of an import that failed.

    :key failed: ids of stores that failed; the others were not tried
    :key leftovers: records that data may have been stored
    """

    transfer_id: str
    reason: str
    failed: list[str]
    leftovers: list[Removal]


class StagedNeeded(TypedDict):
    """The images that still need their staged data."""

    needed: list[str]


FINISH_STAGE = Operation(
    'finish_stage', 'POST', f'{IMAGE}/finish-stage', Image, True
)
START_IMPORT = Operation(
    'start_import', 'POST', f'{IMAGE}/start-import', ImportStarted, True
)
TAKE_TASKS = Operation(
    'take_tasks', 'POST', '/v1/tasks/take', TakenTasks, True
)
NOTE_TASKS = Operation[None](
    'note_tasks', 'POST', '/v1/tasks/note', None, True
)
FINISH_IMPORT = Operation(
    'finish_import', 'POST', f'{IMAGE}/finish-import', Image, True
)
FAIL_IMPORT = Operation[None](
    'fail_import', 'POST', f'{IMAGE}/fail-import', None, True
)
CHECK_STAGED = Operation(
    'check_staged', 'POST', '/v1/query/staged', StagedNeeded, True
)
