"""Which status may follow which: the table behind every claim.

A change is a conditional UPDATE on the old status, so of two requests that
race for the same step exactly one wins.
"""

from typing import NamedTuple


class Step(NamedTuple):
    """One change of status: from any of these, to that."""

    before: tuple[str, ...]
    after: str


CLAIM_UPLOAD = Step(('queued',), 'saving')
FINISH_UPLOAD = Step(('saving',), 'active')
CLAIM_LOCATION = Step(('queued',), 'importing')
FINISH_LOCATION = Step(('importing',), 'active')
#: Of whatever claim.
ABANDON = Step(('saving', 'importing'), 'queued')
SET_LOCATIONS = Step(('queued', 'active'), 'active')
DEACTIVATE = Step(('active', 'deactivated'), 'deactivated')
REACTIVATE = Step(('active', 'deactivated'), 'active')
#: Deleted for everybody, but its data is still there.
PENDING = 'pending_delete'
#: What it can be again, if its data cannot be deleted.
RESTORABLE = ('active', 'deactivated')
#: In no list, whatever the filters say: heritage of API v1.
NEVER_LISTED = 'killed'
