"""Operations on staged data and on imports."""

from glance.common import context
from glance.common import contract
from glance.common.contract import imports
from glance.registry_client.client import calls


class Imports(calls.Calls):
    def finish_stage(
        self,
        context: context.RequestContext,
        image_id: str,
        staged: contract.Staged,
    ) -> contract.Image:
        return self._call(
            context, imports.FINISH_STAGE, staged, image_id=image_id
        )

    def start_import(
        self,
        context: context.RequestContext,
        image_id: str,
        start: contract.ImportStart,
    ) -> contract.Image:
        """Queue an import; returns the changed image."""
        return self._call(
            context, imports.START_IMPORT, start, image_id=image_id
        )['image']

    def take_tasks(
        self, context: context.RequestContext, wanted: contract.TakingTasks
    ) -> contract.TakenTasks:
        return self._call(context, imports.TAKE_TASKS, wanted)

    def note_tasks(
        self, context: context.RequestContext, notes: dict[str, str]
    ) -> None:
        """Record the progress of tasks on their images."""
        self._call(context, imports.NOTE_TASKS, {'notes': notes})

    def finish_import(
        self,
        context: context.RequestContext,
        image_id: str,
        done: contract.Imported,
    ) -> contract.Image:
        return self._call(
            context, imports.FINISH_IMPORT, done, image_id=image_id
        )

    def fail_import(
        self,
        context: context.RequestContext,
        image_id: str,
        failure: contract.ImportFailure,
    ) -> None:
        self._call(context, imports.FAIL_IMPORT, failure, image_id=image_id)

    def check_staged(
        self, context: context.RequestContext, image_ids: list[str]
    ) -> list[str]:
        """The images whose staged data is still needed."""
        return self._call(
            context, imports.CHECK_STAGED, {'image_ids': image_ids}
        )['needed']
