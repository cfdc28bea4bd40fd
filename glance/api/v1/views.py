"""Convert an image to its document in v1."""

from typing import Any

from glance.api.policy import protections
from glance.common import contract
from glance.images import permission

#: Members of an item of a short list.
BRIEF = ('id', 'name', 'size', 'disk_format', 'container_format', 'checksum')
FIELDS = (
    *BRIEF,
    *('virtual_size', 'status', 'owner', 'is_public', 'protected'),
    *('min_disk', 'min_ram', 'created_at', 'updated_at', 'deleted_at'),
    'deleted',
)
GONE = ('deleted', 'pending_delete')


def document(
    image: contract.Image, allows: permission.Allows | None
) -> dict[str, Any]:
    """All members of an image that v1 has and the caller may read."""
    image = protections.shown(image, allows)
    members: dict[str, Any] = {
        name: image[name]  # type: ignore[literal-required]
        for name in FIELDS
        if name in image
    }
    gone = image['status'] in GONE
    changed = _time(image['updated_at'])
    return {
        **members,
        'size': image['size'] or 0,
        'is_public': image['visibility'] == 'public',
        'created_at': _time(image['created_at']),
        'updated_at': changed,
        'deleted': gone,
        'deleted_at': changed if gone else None,
        'properties': image['properties'],
    }


def brief(image: contract.Image) -> dict[str, Any]:
    """An item of a short list."""
    members: Any = {name: image[name] for name in BRIEF}  # type: ignore[literal-required]
    return {**members, 'size': image['size'] or 0}


def _time(moment: str) -> str:
    """A time in the format of v1: with microseconds, without a time zone."""
    return f'{moment.removesuffix("Z")}.000000'
