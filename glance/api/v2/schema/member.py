"""The schema of an image member."""

from typing import Any

from glance.api.v2.schema import image

STATUSES = ['pending', 'accepted', 'rejected']

PROPERTIES: dict[str, dict[str, Any]] = {
    'member_id': {
        'type': 'string',
        'description': 'The project that the image is shared with.',
    },
    'image_id': {
        'type': 'string',
        'pattern': image.UUID,
        'description': 'The image that is shared.',
    },
    'created_at': {
        'type': 'string',
        'description': 'When the image was shared, in UTC.',
    },
    'updated_at': {
        'type': 'string',
        'description': 'When the membership was changed last, in UTC.',
    },
    'status': {
        'type': 'string',
        'enum': STATUSES,
        'description': 'Whether the member accepted or rejected the image.',
    },
    'schema': {
        'type': 'string',
        'readOnly': True,
        'description': 'Path of the schema of this document.',
    },
}
