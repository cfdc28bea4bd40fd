"""Operations on tasks."""

from glance.common import context
from glance.common import contract
from glance.common.contract import tasks
from glance.registry_client.client import calls


class Tasks(calls.Calls):
    def create_failed_task(
        self,
        context: context.RequestContext,
        task: contract.NewTask,
        reason: str,
    ) -> contract.Task:
        """Record a task that cannot begin."""
        return self._call(
            context,
            tasks.CREATE_FAILED_TASK,
            {'task': task, 'reason': reason},
        )

    def get_task(
        self, context: context.RequestContext, task_id: str
    ) -> contract.Task:
        return self._call(context, tasks.GET_TASK, task_id=task_id)

    def list_tasks(
        self, context: context.RequestContext, query: contract.TaskQuery
    ) -> list[contract.Task]:
        return self._call(context, tasks.LIST_TASKS, query)['tasks']

    def list_image_tasks(
        self, context: context.RequestContext, image_id: str
    ) -> list[contract.Task]:
        return self._call(context, tasks.LIST_IMAGE_TASKS, image_id=image_id)[
            'tasks'
        ]
