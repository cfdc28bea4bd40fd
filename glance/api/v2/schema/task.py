"""The schema of a task."""

from typing import Any

from glance.api.v2.schema import image
from glance.api.v2.schema import links

TYPES = ['import', 'api_image_import', 'location_import']
STATUSES = ['pending', 'processing', 'success', 'failure']

PROPERTIES: dict[str, dict[str, Any]] = {
    'id': {
        'type': 'string',
        'pattern': image.UUID,
        'description': 'Identifier of the task.',
    },
    'type': {
        'type': 'string',
        'enum': TYPES,
        'description': 'Kind of the task.',
    },
    'status': {
        'type': 'string',
        'enum': STATUSES,
        'description': 'Status of the task.',
    },
    'input': {
        'type': ['null', 'object'],
        'description': 'Input of the request that created the task.',
    },
    'result': {
        'type': ['null', 'object'],
        'description': 'Result of the task; null until it succeeds.',
    },
    'owner': {
        'type': 'string',
        'description': 'The project that the task belongs to.',
    },
    'message': {
        'type': 'string',
        'description': 'Progress of the task, or the reason of its failure.',
    },
    'image_id': {
        'type': 'string',
        'description': 'The image that the task changes.',
    },
    'request_id': {
        'type': 'string',
        'description': 'Identifier of the request that created the task.',
    },
    'user_id': {
        'type': 'string',
        'description': 'The user who created the task.',
    },
    'expires_at': {
        'type': ['null', 'string'],
        'description': 'Time when the record of the task is removed, in UTC.',
    },
    'created_at': {
        'type': 'string',
        'description': 'Time of creation, in UTC.',
    },
    'updated_at': {
        'type': 'string',
        'description': 'Time of the last change, in UTC.',
    },
    **links.LINKS,
}

#: Members of a task that a list contains.
LISTED = {
    name: constraints
    for name, constraints in PROPERTIES.items()
    if name not in ('input', 'result', 'message')
}
