"""Properties of an image that show the state of its import."""

from collections.abc import Iterable

from glance.common import contract
from glance_registry.db import transfers

TASK = transfers.IMPORT_TASK
IMPORTING = 'os_glance_importing_to_stores'
FAILED = 'os_glance_failed_import'
PROGRESS = 'os_glance_progress'
STAGE_HOST = 'os_glance_stage_host'


def begun(
    image: contract.Image, task_id: str, work: contract.Work
) -> dict[str, str | None]:
    """Return the changes of properties when an import begins."""
    changes: dict[str, str | None] = {
        TASK: task_id,
        transfers.FAILED_REASON: None,
        PROGRESS: None,
    }
    if work['named']:
        failed = _split(image['properties'].get(FAILED))
        still = [each for each in failed if each not in work['stores']]
        changes[IMPORTING] = ','.join(sorted(work['stores']))
        changes[FAILED] = ','.join(still)
    return changes


def ended(
    image: contract.Image, work: contract.Work, failed: Iterable[str]
) -> dict[str, str | None]:
    """Return the changes of properties when an import has ended."""
    changes: dict[str, str | None] = {
        TASK: None,
        PROGRESS: None,
        STAGE_HOST: None,
    }
    if work['named']:
        before = _split(image['properties'].get(FAILED))
        changes[IMPORTING] = ''
        changes[FAILED] = ','.join(sorted({*before, *failed}))
    return changes


def _split(text: str | None) -> list[str]:
    return [each for each in (text or '').split(',') if each]
