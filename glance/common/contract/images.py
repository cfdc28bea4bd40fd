"""Images: list, create, read, change and delete them."""

from typing import Any, Literal, NotRequired, TypedDict

from glance.common.contract.leftovers import Removal
from glance.common.contract.locations import Location
from glance.common.contract.operation import IMAGE
from glance.common.contract.operation import Operation


class Image(TypedDict):
    """A live image as its reader may see it.

    Times are UTC, ``YYYY-MM-DDTHH:MM:SSZ``. ``member`` is the caller's
    project when it sees the image as its member (whatever its status) and
    not as its owner, else null. ``row_version`` rises with every change of
    the image, its properties, tags and locations.
    """

    id: str
    name: str | None
    status: str
    visibility: str
    owner: str | None
    size: int | None
    virtual_size: int | None
    disk_format: str | None
    container_format: str | None
    checksum: str | None
    os_hash_algo: str | None
    os_hash_value: str | None
    min_disk: int
    min_ram: int
    protected: bool
    os_hidden: bool
    created_at: str
    updated_at: str
    row_version: int
    properties: dict[str, str | None]
    tags: list[str]
    locations: list[Location]
    member: str | None


class NewImage(TypedDict):
    """Values of an image to create; the rest takes its default."""

    id: str
    values: dict[str, Any]
    properties: dict[str, str]
    tags: list[str]


class ImageChanges(TypedDict):
    """What a PATCH leaves to do, computed from the image as it was read.

    :key row_version: refuse with 409 ``busy`` when the image has moved on
    :key values: base members to set
    :key properties: custom properties to set, null to remove
    :key nulls: custom properties that stay, or come, as null
    :key tags: the whole new set, absent if untouched
    :key locations: all of them in their new order, those that stay with
        their id; absent if untouched. The image is, or becomes, active
    :key pending: ids of locations that go but whose data is not deleted
        yet; see settle_locations
    :key removal: records that the data of the pending locations is to be
        removed
    :key quota: as in Claim; for locations that are new
    """

    row_version: int
    values: dict[str, Any]
    properties: dict[str, str | None]
    nulls: NotRequired[list[str]]
    tags: NotRequired[list[str]]
    locations: NotRequired[list[Location]]
    pending: NotRequired[list[int]]
    removal: NotRequired[Removal]
    quota: NotRequired[int]


class Updated(TypedDict):
    """What a change added to what was asked for."""

    row_version: int
    updated_at: str


Comparison = Literal['eq', 'neq', 'in', 'lt', 'lte', 'gt', 'gte']


class Filter(TypedDict):
    """``field op value``; ``in`` takes a list, times are as in Image."""

    field: str
    op: Comparison
    value: Any


class ImageQuery(TypedDict):
    """One page of a list.

    :key sort: (field, 'asc' or 'desc'), unique ids last
    :key visibility: one of the four, 'all', or null for the default view
    :key properties: (name, value) pairs that must all be present
    """

    limit: int
    marker: str | None
    sort: list[tuple[str, str]]
    filters: list[Filter]
    properties: list[tuple[str, str]]
    tags: list[str]
    visibility: str | None
    member_status: str
    os_hidden: bool


class Images(TypedDict):
    images: list[Image]


class Expected(TypedDict):
    """A change on condition.

    :key row_version: refuse with 412 if the image has another one now;
        null: whatever it has
    """

    row_version: int | None


class Deletion(Expected):
    """How to delete an image.

    :key data: ``deleted`` (the default): it will be deleted now. ``held``:
        it may refuse, and settle_deletion says what came of it; until then
        the image is pending_delete. ``kept``: it stays for the scrubber,
        and so the image stays pending_delete. Without data it is all one
    :key repeats: the answer to the same was lost: if an image of a later
        version than this was deleted, it is the one
    :key removal: records that the data is to be removed, unless it is kept
    """

    data: NotRequired[Literal['deleted', 'held', 'kept']]
    repeats: NotRequired[int]
    removal: NotRequired[Removal]


class DeletionEnd(TypedDict):
    """What became of an image that was deleted with its data held.

    :key status: ``deleted``; or the one it had, for the data is still there
    :key ids: of the locations that it still has then
    :key removal_id: as in Settled
    """

    status: str
    ids: list[int]
    removal_id: NotRequired[str]


LIST_IMAGES = Operation(
    'list_images', 'POST', '/v1/query/images', Images, True
)
CREATE_IMAGE = Operation('create_image', 'POST', '/v1/images', Image, False)
GET_IMAGE = Operation('get_image', 'GET', IMAGE, Image, True)
UPDATE_IMAGE = Operation('update_image', 'PATCH', IMAGE, Updated, False)
DELETE_IMAGE = Operation('delete_image', 'DELETE', IMAGE, Image, False)
SETTLE_DELETION = Operation[None](
    'settle_deletion', 'POST', f'{IMAGE}/settle-deletion', None, True
)
DEACTIVATE_IMAGE = Operation[None](
    'deactivate_image', 'POST', f'{IMAGE}/deactivate', None, True
)
REACTIVATE_IMAGE = Operation[None](
    'reactivate_image', 'POST', f'{IMAGE}/reactivate', None, True
)
