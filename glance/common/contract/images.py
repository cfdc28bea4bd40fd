"""Images: list, create, read, change and delete them."""

from typing import Any, Literal, NotRequired, TypedDict

from glance.common.contract.leftovers import Removal
from glance.common.contract.locations import Location
from glance.common.contract.operation import IMAGE
from glance.common.contract.operation import Operation


class Image(TypedDict):
    """An image that is not deleted, as it is visible to the caller.

    Times are UTC, ``YYYY-MM-DDTHH:MM:SSZ``. ``member`` is the caller's
    project if it is a member of the image (with any status) and not its
    owner, else null. ``row_version`` increases with every change of the
    image, its properties, tags and locations.
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
    """Values of an image to create; missing ones get their default."""

    id: str
    values: dict[str, Any]
    properties: dict[str, str]
    tags: list[str]


class ImageChanges(TypedDict):
    """The changes of a PATCH, computed from the image as it was read.

    :key row_version: refuse with 409 ``busy`` if the image has another one
        now
    :key values: base members to set
    :key properties: custom properties to set, null to remove
    :key nulls: custom properties whose value is, or becomes, null
    :key tags: the complete new set; absent if not changed
    :key locations: all locations in their new order, existing ones with
        their id; absent if not changed. The image is, or becomes, active
    :key pending: ids of locations to remove whose data is not deleted yet;
        see finish_location_removal
    :key removal: records that the data of the pending locations is to be
        removed
    :key quota: as in Claim; for locations that are new
    :key keeps_status: copies are removed, so the image may be deactivated, and
        stays so
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
    keeps_status: NotRequired[bool]


class Updated(TypedDict):
    """What a change has added to the requested values."""

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
    :key visibility: one of the four, 'all', 'not_public', or null for the
        default view
    :key properties: (name, value) pairs that must all be present
    :key changed_since: only images that were changed later, including
        deleted ones; absent for all images that are not deleted
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
    changed_since: NotRequired[str]


class Images(TypedDict):
    images: list[Image]


class Expected(TypedDict):
    """A conditional change.

    :key row_version: refuse with 412 if the image has another one now; null
        for no condition
    """

    row_version: int | None


class Deletion(Expected):
    """How to delete an image.

    :key data: ``deleted`` (the default): the data is deleted next.
        ``held``: the deletion of the data may fail; finish_deletion reports
        the result, and until then the image is pending_delete. ``kept``: the
        data stays for the scrubber, and the image stays pending_delete. If
        the image has no data, the value does not matter
    :key repeats: set for a retry after a lost response: if an image with a
        later version than this was deleted, the first request deleted it
    :key removal: records that the data is to be removed, unless it is kept
    """

    data: NotRequired[Literal['deleted', 'held', 'kept']]
    repeats: NotRequired[int]
    removal: NotRequired[Removal]


class DeletionEnd(TypedDict):
    """The end of the deletion of an image whose data was held.

    :key status: ``deleted``; or the earlier status if the data still exists
    :key ids: ids of the locations that the image still has in that case
    :key removal_id: as in LocationRemovalEnd
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
FINISH_DELETION = Operation[None](
    'finish_deletion', 'POST', f'{IMAGE}/finish-deletion', None, True
)
DEACTIVATE_IMAGE = Operation[None](
    'deactivate_image', 'POST', f'{IMAGE}/deactivate', None, True
)
REACTIVATE_IMAGE = Operation[None](
    'reactivate_image', 'POST', f'{IMAGE}/reactivate', None, True
)
