"""The resources that the images of an owner use."""

from typing import TypedDict

from glance.common.contract.operation import Operation


class UsageQuery(TypedDict):
    """:key owner: a project; null for images without an owner"""

    owner: str | None


class Usage(TypedDict):
    """The usage of an owner's images that are not deleted.

    :key size_bytes: sum of size times number of locations
    :key stage_bytes: bytes of images being staged, imported or copied
    :key images: number of images
    :key uploading: number of images that receive data now
    """

    size_bytes: int
    stage_bytes: int
    images: int
    uploading: int


GET_USAGE = Operation('get_usage', 'POST', '/v1/query/usage', Usage, True)
