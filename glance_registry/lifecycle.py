"""The table of allowed status changes.

A change is a conditional UPDATE on the old status. So if two requests compete
for the same step, exactly one of them succeeds.
"""

from typing import NamedTuple


class Step(NamedTuple):
    """A change of status: from one of ``before`` to ``after``."""

    before: tuple[str, ...]
    after: str


CLAIM_UPLOAD = Step(('queued',), 'saving')
FINISH_UPLOAD = Step(('saving',), 'active')
CLAIM_LOCATION = Step(('queued',), 'importing')
FINISH_LOCATION = Step(('importing',), 'active')
CLAIM_STAGE = Step(('queued',), 'uploading')
#: The data is staged, and waits for its import.
FINISH_STAGE = Step(('uploading',), 'uploading')
#: By import method: required status of the image, status during the import.
IMPORTS = {
    'glance-direct': Step(('uploading',), 'importing'),
    'web-download': Step(('queued',), 'importing'),
    'glance-download': Step(('queued',), 'importing'),
    'copy-from': Step(('queued',), 'saving'),  # API v1 only
    'copy-image': Step(('active', 'deactivated'), 'active'),
}
FINISH_IMPORT = Step(('importing', 'saving'), 'active')
#: Statuses that an image may have while it is copied. A copy changes no
#: status: clients can copy active images only, glance-manage also others.
COPIED = ('active', 'deactivated')
#: Gives back any claim.
ABANDON = Step(('saving', 'uploading', 'importing'), 'queued')
SET_LOCATIONS = Step(('queued', 'active'), 'active')
DEACTIVATE = Step(('active', 'deactivated'), 'deactivated')
REACTIVATE = Step(('active', 'deactivated'), 'active')
#: The image is deleted for all callers, but its data still exists.
PENDING = 'pending_delete'
#: Statuses to which a pending image can return if its data is kept.
RESTORABLE = ('active', 'deactivated')
#: Status change after a failed request of API v1, and by import method.
KILL = Step(('queued',), 'killed')
FAILED_IMPORTS = {'copy-from': Step(('saving',), 'killed')}
#: Images with this status of API v1 are in no list, with any filters.
NEVER_LISTED = 'killed'
