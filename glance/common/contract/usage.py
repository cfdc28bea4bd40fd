"""What the images of an owner take."""

from typing import TypedDict

from glance.common.contract.operation import Operation


class UsageQuery(TypedDict):
    """:key owner: a project; null: images that nobody owns"""

    owner: str | None


class Usage(TypedDict):
    """What an owner's live images take.

    :key size_bytes: size times locations
    :key stage_bytes: of images being staged, imported or copied
    :key images: how many there are
    :key uploading: how many of them get data now
    """

    size_bytes: int
    stage_bytes: int
    images: int
    uploading: int


GET_USAGE = Operation('get_usage', 'POST', '/v1/query/usage', Usage, True)
