"""Members of images in API v1, with the permission to share the image."""

from typing import NotRequired, TypedDict

from glance.common.contract.images import Image
from glance.common.contract.operation import IMAGE
from glance.common.contract.operation import Operation


class Sharer(TypedDict):
    """A member of an image."""

    member_id: str
    can_share: bool


class Sharing(TypedDict):
    """The members that are visible to the caller, and their image."""

    image: Image
    members: list[Sharer]


class Shared(TypedDict):
    """An image that is shared with a project."""

    image_id: str
    can_share: bool


class SharedImages(TypedDict):
    images: list[Shared]


class NewSharer(TypedDict):
    """:key can_share: absent to keep it; false for a new member"""

    member_id: str
    can_share: NotRequired[bool]


class SharingChange(TypedDict):
    """Members to add or to change.

    :key replace: whether members that are not named are removed
    :key quota: max members of an image; negative is unlimited
    """

    members: list[NewSharer]
    replace: bool
    quota: int


GET_SHARING = Operation(
    'get_sharing', 'GET', f'{IMAGE}/sharing', Sharing, True
)
CHANGE_SHARING = Operation[None](
    'change_sharing', 'POST', f'{IMAGE}/sharing', None, True
)
END_SHARING = Operation[None](
    'end_sharing', 'DELETE', f'{IMAGE}/sharing/{{member}}', None, False
)
LIST_SHARED_IMAGES = Operation(
    'list_shared_images',
    'GET',
    '/v1/shared-images/{member}',
    SharedImages,
    True,
)
GET_DELETED_IMAGE = Operation(
    'get_deleted_image', 'GET', f'{IMAGE}/deleted', Image, True
)
KILL_IMAGE = Operation[None](
    'kill_image', 'POST', f'{IMAGE}/killed', None, True
)
