"""The schema of a task."""

from typing import Any

from glance.api.v2.schema import image

TYPES = ['import', 'api_image_import', 'location_import']
STATUSES = ['pending', 'processing', 'success', 'failure']

PROPERTIES: dict[str, dict[str, Any]] = {
    'id': {
        'type': 'string',
        'pattern': image.UUID,
        'description': 'The task.',
    },
    'type': {
        'type': 'string',
        'enum': TYPES,
        'description': 'What is done.',
    },
    'status': {
        'type': 'string',
        'enum': STATUSES,
        'description': 'How far it is.',
    },
    'input': {
        'type': ['null', 'object'],
        'description': 'What it was given to do it with.',
    },
    'result': {
        'type': ['null', 'object'],
        'description': 'What came of it.',
    },
    'owner': {
        'type': 'string',
        'description': 'The project that the task belongs to.',
    },
    'message': {
        'type': 'string',
        'description': 'A text for people about how it goes.',
    },
    'image_id': {
        'type': 'string',
        'description': 'The image that it works on.',
    },
    'request_id': {
        'type': 'string',
        'description': 'The request that started it.',
    },
    'user_id': {
        'type': 'string',
        'description': 'The user who started it.',
    },
    'expires_at': {
        'type': ['null', 'string'],
        'description': 'When the record of it goes, in UTC.',
    },
    'created_at': {
        'type': 'string',
        'description': 'When it was started, in UTC.',
    },
    'updated_at': {
        'type': 'string',
        'description': 'When it changed last, in UTC.',
    },
    'self': {
        'type': 'string',
        'readOnly': True,
        'description': 'Path of this document.',
    },
    'schema': {
        'type': 'string',
        'readOnly': True,
        'description': 'Path of the schema of this document.',
    },
}

#: What a list tells of a task.
LISTED = {
    name: constraints
    for name, constraints in PROPERTIES.items()
    if name not in ('input', 'result', 'message')
}
