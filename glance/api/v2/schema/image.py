"""The schema of an image."""

from collections.abc import Sequence
from typing import Any

UUID = (
    '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}'
    '-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$'
)
STATUSES = ['queued', 'saving', 'active', 'killed', 'deleted']
STATUSES += ['uploading', 'importing', 'pending_delete', 'deactivated']
VISIBILITIES = ['community', 'public', 'private', 'shared']


def properties(
    disk_formats: Sequence[str], container_formats: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Every base member of an image with its constraints."""
    text: dict[str, Any] = {'type': 'string'}
    optional: dict[str, Any] = {'type': ['null', 'string']}
    read_only: dict[str, Any] = {'readOnly': True}
    base: dict[str, dict[str, Any]] = {
        'id': {**text, 'pattern': UUID},
        'name': {**optional, 'maxLength': 255},
        'status': {**text, **read_only, 'enum': STATUSES},
        'visibility': {**text, 'enum': VISIBILITIES},
        'protected': {'type': 'boolean'},
        'os_hidden': {'type': 'boolean'},
        'checksum': {**optional, **read_only, 'maxLength': 32},
        'os_hash_algo': {**optional, **read_only, 'maxLength': 64},
        'os_hash_value': {**optional, **read_only, 'maxLength': 128},
        'owner': {**optional, 'maxLength': 255},
        'size': {'type': ['null', 'integer'], **read_only},
        'virtual_size': {'type': ['null', 'integer'], **read_only},
        'container_format': {**optional, 'enum': _enum(container_formats)},
        'disk_format': {**optional, 'enum': _enum(disk_formats)},
        'created_at': {**text, **read_only},
        'updated_at': {**text, **read_only},
        'tags': {
            'type': 'array',
            'items': {'type': 'string', 'maxLength': 255},
        },
        'direct_url': {**text, **read_only},
        'min_ram': {'type': 'integer'},
        'min_disk': {'type': 'integer'},
        'self': {**text, **read_only},
        'file': {**text, **read_only},
        'stores': {**text, **read_only},
        'schema': {**text, **read_only},
        'locations': {'type': 'array', 'items': _location()},
    }
    for name, description in _DESCRIPTIONS.items():
        base[name]['description'] = description
    return base


def _enum(formats: Sequence[str]) -> list[str | None]:
    """The formats and null; ``None`` in a configuration file means null."""
    return [None, *(name for name in formats if name != 'None')]


def _location() -> dict[str, Any]:
    return {
        'type': 'object',
        'required': ['url', 'metadata'],
        'properties': {
            'url': {'type': 'string', 'maxLength': 255},
            'metadata': {'type': 'object'},
            'validation_data': {
                'type': 'object',
                'writeOnly': True,
                'additionalProperties': False,
                'required': ['os_hash_algo', 'os_hash_value'],
                'properties': {
                    'checksum': {
                        'type': 'string',
                        'minLength': 32,
                        'maxLength': 32,
                    },
                    'os_hash_algo': {'type': 'string', 'maxLength': 64},
                    'os_hash_value': {'type': 'string', 'maxLength': 128},
                },
            },
        },
    }


_DESCRIPTIONS = {
    'id': 'The image for good; an id is never given out twice.',
    'name': 'A name for people; not unique.',
    'status': 'Where the image is in its life.',
    'visibility': 'Who can see the image.',
    'protected': 'Whether the image is kept from deletion.',
    'os_hidden': 'Whether lists leave the image out.',
    'checksum': 'MD5 of the data, in hex.',
    'os_hash_algo': 'Algorithm of os_hash_value.',
    'os_hash_value': 'Hash of the data, in hex.',
    'owner': 'The project that the image belongs to.',
    'size': 'Bytes of the data.',
    'virtual_size': 'Bytes of the disk that the data describes.',
    'container_format': 'What the disk is wrapped in.',
    'disk_format': 'What kind of disk the data is.',
    'created_at': 'When the image was registered, in UTC.',
    'updated_at': 'When the image was changed last, in UTC.',
    'tags': 'Words to find the image by.',
    'direct_url': 'Where the data is, for those who may know.',
    'min_ram': 'Memory needed to boot it, in MB.',
    'min_disk': 'Disk needed to boot it, in GB.',
    'self': 'Path of this document.',
    'file': 'Path of the data.',
    'stores': 'Stores that hold the data, joined by commas.',
    'schema': 'Path of the schema of this document.',
    'locations': 'Where the data is, with what its store said of it.',
}

LINKS = [
    {'rel': 'self', 'href': '{self}'},
    {'rel': 'enclosure', 'href': '{file}'},
    {'rel': 'describedby', 'href': '{schema}'},
]
LIST_LINKS = [
    {'rel': 'first', 'href': '{first}'},
    {'rel': 'next', 'href': '{next}'},
    {'rel': 'describedby', 'href': '{schema}'},
]
