"""The wire between the daemons: every operation, every document.

glance-registry builds its route table from OPERATIONS, and glance-api its
client, so both sides always agree. Paths carry a version; fields are added,
never changed. An operation is one transaction.

A service calls every operation on behalf of a caller; it proves its identity
by a service token, the shared secret or the Unix socket. The registry decides
what that caller can see, which changes of status are legal, and quotas that
count rows. What the caller may do has been decided before by glance-api's
policy. An image that the caller cannot see is 404 in every operation.
"""

from typing import Any

from glance.common.contract import cache
from glance.common.contract import images
from glance.common.contract import imports
from glance.common.contract import integrity
from glance.common.contract import leftovers
from glance.common.contract import locations
from glance.common.contract import members
from glance.common.contract import metadefs
from glance.common.contract import operation
from glance.common.contract import pending
from glance.common.contract import sharing
from glance.common.contract import tags
from glance.common.contract import tasks
from glance.common.contract import transfers
from glance.common.contract import usage
from glance.common.contract.cache import CachedImage as CachedImage
from glance.common.contract.cache import CacheReport as CacheReport
from glance.common.contract.images import Comparison as Comparison
from glance.common.contract.images import Deletion as Deletion
from glance.common.contract.images import DeletionEnd as DeletionEnd
from glance.common.contract.images import Expected as Expected
from glance.common.contract.images import Filter as Filter
from glance.common.contract.images import Image as Image
from glance.common.contract.images import ImageChanges as ImageChanges
from glance.common.contract.images import ImageQuery as ImageQuery
from glance.common.contract.images import Images as Images
from glance.common.contract.images import NewImage as NewImage
from glance.common.contract.images import Updated as Updated
from glance.common.contract.imports import Imported as Imported
from glance.common.contract.imports import ImportFailure as ImportFailure
from glance.common.contract.imports import ImportStart as ImportStart
from glance.common.contract.imports import ImportStarted as ImportStarted
from glance.common.contract.imports import Staged as Staged
from glance.common.contract.imports import TakenTask as TakenTask
from glance.common.contract.imports import TakenTasks as TakenTasks
from glance.common.contract.imports import TakingTasks as TakingTasks
from glance.common.contract.imports import Work as Work
from glance.common.contract.leftovers import Checked as Checked
from glance.common.contract.leftovers import Checking as Checking
from glance.common.contract.leftovers import Leftover as Leftover
from glance.common.contract.leftovers import (
    RELATIVE_SCHEMES as RELATIVE_SCHEMES,
)
from glance.common.contract.leftovers import Removal as Removal
from glance.common.contract.leftovers import Removed as Removed
from glance.common.contract.leftovers import Taken as Taken
from glance.common.contract.leftovers import Taking as Taking
from glance.common.contract.locations import Location as Location
from glance.common.contract.locations import (
    LocationRemovalEnd as LocationRemovalEnd,
)
from glance.common.contract.members import Member as Member
from glance.common.contract.members import Members as Members
from glance.common.contract.members import MemberStatus as MemberStatus
from glance.common.contract.members import NewMember as NewMember
from glance.common.contract.operation import CHECK_REGISTRY as CHECK_REGISTRY
from glance.common.contract.operation import Operation as Operation
from glance.common.contract.pending import PendingTaking as PendingTaking
from glance.common.contract.tags import NewTag as NewTag
from glance.common.contract.tasks import NewTask as NewTask
from glance.common.contract.tasks import Task as Task
from glance.common.contract.tasks import TaskQuery as TaskQuery
from glance.common.contract.tasks import Tasks as Tasks
from glance.common.contract.transfers import Abandoned as Abandoned
from glance.common.contract.transfers import Claim as Claim
from glance.common.contract.transfers import Claimed as Claimed
from glance.common.contract.transfers import Hashed as Hashed
from glance.common.contract.transfers import Registered as Registered
from glance.common.contract.transfers import Renewal as Renewal
from glance.common.contract.transfers import Renewed as Renewed
from glance.common.contract.transfers import Stored as Stored
from glance.common.contract.transfers import Unclaimed as Unclaimed
from glance.common.contract.usage import Usage as Usage
from glance.common.contract.usage import UsageQuery as UsageQuery

_MODULES = (
    operation,
    images,
    locations,
    transfers,
    imports,
    leftovers,
    pending,
    integrity,
    usage,
    tags,
    tasks,
    members,
    cache,
    sharing,
    metadefs,
)
#: Every operation that a module of this package defines, by its name.
OPERATIONS: dict[str, Operation[Any]] = {
    line.name: line
    for module in _MODULES
    for line in vars(module).values()
    if isinstance(line, Operation)
}
