"""Tasks: the records of work that continues after its response."""

from typing import Any, TypedDict

from glance.common.contract.operation import IMAGE
from glance.common.contract.operation import Operation


class Task(TypedDict):
    """A task that has not expired. Times are as in Image."""

    id: str
    type: str
    status: str
    owner: str
    image_id: str | None
    request_id: str | None
    user_id: str | None
    input: dict[str, Any] | None
    result: dict[str, Any] | None
    message: str
    expires_at: str | None
    created_at: str
    updated_at: str


class NewTask(TypedDict):
    """A task to record.

    :key owner: the project of the caller
    :key keep_hours: how long the record stays after the end of the task
    """

    id: str
    type: str
    owner: str
    user_id: str | None
    request_id: str | None
    input: dict[str, Any]
    keep_hours: int


class TaskQuery(TypedDict):
    """One page of a list.

    :key sort_key: a column of the table of tasks
    :key filters: columns and the values that they must have
    """

    limit: int
    marker: str | None
    sort_key: str
    sort_dir: str
    filters: dict[str, str]


class Tasks(TypedDict):
    tasks: list[Task]


CREATE_FAILED_TASK = Operation(
    'create_failed_task', 'POST', '/v1/tasks/failed', Task, False
)
GET_TASK = Operation('get_task', 'GET', '/v1/tasks/{task_id}', Task, True)
LIST_TASKS = Operation('list_tasks', 'POST', '/v1/query/tasks', Tasks, True)
LIST_IMAGE_TASKS = Operation(
    'list_image_tasks', 'GET', f'{IMAGE}/tasks', Tasks, True
)
