"""Which host has which image in its cache."""

from typing import NotRequired, TypedDict

from glance.common.contract.operation import IMAGE
from glance.common.contract.operation import Operation


class CachedImage(TypedDict):
    """An image that is complete in the cache of a host.

    :key last_accessed: seconds since 1970; 0 if it was never read
    """

    image_id: str
    size: int
    hits: int
    last_accessed: float
    last_modified: float
    checksum: str | None


class CacheReport(TypedDict):
    """What changed in the cache of a host.

    :key node: URL of the host's glance-api
    :key cached: new and changed images
    :key removed: ids of images that are no longer in the cache
    :key is_all: whether the cache has no other images than ``cached``
    """

    node: str
    cached: list[CachedImage]
    removed: list[str]
    is_all: NotRequired[bool]


class CacheReported(TypedDict):
    """:key deleted: ids of deleted images that the host still has"""

    deleted: list[str]


class CachedNodes(TypedDict):
    """:key nodes: URLs of the hosts that have an image"""

    nodes: list[str]


REPORT_CACHE = Operation(
    'report_cache', 'POST', '/v1/cache/report', CacheReported, True
)
LIST_CACHED_NODES = Operation(
    'list_cached_nodes', 'GET', f'{IMAGE}/cached-nodes', CachedNodes, True
)
