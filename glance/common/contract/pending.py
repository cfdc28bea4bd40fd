"""Images whose data waits for glance-scrubber (``delayed_delete``)."""

from typing import TypedDict

from glance.common.contract.images import Image
from glance.common.contract.leftovers import Taken
from glance.common.contract.operation import IMAGE
from glance.common.contract.operation import Operation


class PendingTaking(TypedDict):
    """A glance-scrubber's request for deleted images.

    :key holder: who will hold the taken images
    :key node: its host
    :key store: the identity of its default store; null if it has none
    :key limit: maximum number of images
    :key older_seconds: minimum time since their deletion
    """

    holder: str
    node: str
    store: str | None
    limit: int
    older_seconds: int


class Failed(TypedDict):
    """:key images: number of images with data whose removal has failed"""

    images: int


COUNT_FAILED = Operation(
    'count_failed', 'GET', '/v1/pending-deletions/failed', Failed, True
)
TAKE_PENDING = Operation(
    'take_pending', 'POST', '/v1/pending-deletions/take', Taken, True
)
RESTORE_IMAGE = Operation(
    'restore_image', 'POST', f'{IMAGE}/restore', Image, True
)
