"""Verification of the data of images: taking an image, and the result."""

from typing import Literal, NotRequired, TypedDict

from glance.common.contract.images import Image
from glance.common.contract.leftovers import Removal
from glance.common.contract.locations import Location
from glance.common.contract.operation import IMAGE
from glance.common.contract.operation import Operation


class CheckTaking(TypedDict):
    """A request for the next image to verify.

    :key transfer_id: chosen by the client; needed to finish the check
    :key after: the image must come after this id; empty for the first one
    :key older_seconds: minimum time since its last verification
    """

    transfer_id: str
    node: str
    after: str
    older_seconds: int


class CheckTaken(TypedDict):
    """:key image: null if no image is left to verify"""

    image: Image | None
    lease_seconds: int


class Moved(TypedDict):
    """A copy that was written again.

    :key id: id of its location
    """

    id: int
    location: Location


CheckState = Literal['verified', 'repaired', 'damaged', 'unknown']


class Check(TypedDict):
    """The result of the verification of an image.

    :key detail: text for people; contains no URL
    :key hashes: size, checksum, os_hash_algo and os_hash_value; the image
        gets those that it does not have
    :key moved: copies that were written again
    :key removed: ids of locations to remove from the image; their data stays
    :key is_lost: no copy is correct, so the image is deactivated
    :key leftovers: location -> record of the data that was written; needed
        if the image has lost that location in the meantime
    """

    transfer_id: str
    state: CheckState
    detail: str
    hashes: NotRequired[dict[str, str | int]]
    moved: NotRequired[list[Moved]]
    removed: NotRequired[list[int]]
    is_lost: NotRequired[bool]
    leftovers: NotRequired[list[Removal]]


class Checked(TypedDict):
    """:key status: the image's status now; null if it was deleted"""

    status: str | None


TAKE_CHECK = Operation(
    'take_check', 'POST', '/v1/integrity/take', CheckTaken, True
)
FINISH_CHECK = Operation(
    'finish_check', 'POST', f'{IMAGE}/finish-check', Checked, True
)
