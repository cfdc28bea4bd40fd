"""The payloads that consumers receive.

They never contain a location, because its URL may contain a password. Times
are ISO 8601 with Z.
"""

from collections.abc import Mapping
import datetime
from typing import Any

from glance.common import contract

_IMAGE = (
    *('id', 'name', 'status', 'created_at', 'updated_at', 'min_disk'),
    *('min_ram', 'protected', 'checksum', 'owner', 'disk_format'),
    *('container_format', 'size', 'virtual_size', 'visibility'),
    *('properties', 'tags'),
)
_MEMBER = ('image_id', 'member_id', 'status', 'created_at', 'updated_at')
#: Stores that an import writes to, and stores where it failed.
_IMPORT_LISTS = ('os_glance_importing_to_stores', 'os_glance_failed_import')


def now() -> str:
    present = datetime.datetime.now(datetime.UTC)
    return f'{present.replace(tzinfo=None).isoformat(timespec="seconds")}Z'


def image(
    document: Mapping[str, Any], deleted_at: str | None = None
) -> dict[str, Any]:
    """An image.

    :param deleted_at: None if the image is not deleted
    """
    return {
        **{name: document[name] for name in _IMAGE},
        'is_public': document['visibility'] == 'public',
        'deleted': deleted_at is not None,
        'deleted_at': deleted_at,
    }


def image_with_data(document: contract.Image) -> dict[str, Any]:
    """An image that receives data, with the stores of its import."""
    properties = document['properties']
    payload = image(document)
    for name in _IMPORT_LISTS:
        stores = (properties.get(name) or '').split(',')
        payload[name] = [store for store in stores if store]
    return payload


def member(
    document: contract.Member, deleted_at: str | None = None
) -> dict[str, Any]:
    record: Mapping[str, Any] = document
    return {
        **{name: record[name] for name in _MEMBER},
        'deleted': deleted_at is not None,
        'deleted_at': deleted_at,
    }


def task(document: Mapping[str, Any]) -> dict[str, Any]:
    """A task, without its input and its result."""
    present = now()
    return {
        **{name: document[name] for name in ('id', 'type', 'status', 'owner')},
        'result': None,
        'message': None,
        'expires_at': document.get('expires_at'),
        'created_at': document.get('created_at', present),
        'updated_at': document.get('updated_at', present),
        'deleted': False,
        'deleted_at': None,
    }
