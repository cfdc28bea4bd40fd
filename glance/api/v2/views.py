"""Registry document -> public JSON."""

from typing import Any

from glance.common import contract

_BASE = (
    *('name', 'disk_format', 'container_format', 'visibility', 'size'),
    *('virtual_size', 'status', 'checksum', 'protected', 'min_ram'),
    *('min_disk', 'owner', 'os_hidden', 'os_hash_algo', 'os_hash_value'),
    *('id', 'created_at', 'updated_at'),
)


def image_document(
    image: contract.Image,
    nullable: frozenset[str] = frozenset(('kernel_id', 'ramdisk_id')),
) -> dict[str, Any]:
    """The entity of images-v2 section 4.1.

    :param nullable: custom properties that the schema allows to be null
    """
    document: dict[str, Any] = {
        name: '' if value is None and name not in nullable else value
        for name, value in image['properties'].items()
    }
    for name in _BASE:
        document[name] = image[name]  # type: ignore[literal-required]
    document['tags'] = image['tags']
    document['self'] = f'/v2/images/{image["id"]}'
    document['file'] = f'/v2/images/{image["id"]}/file'
    document['schema'] = '/v2/schemas/image'
    return document


def member_document(member: contract.Member) -> dict[str, Any]:
    return {**member, 'schema': '/v2/schemas/member'}
