"""The links that a document has to itself and to its schema."""

from typing import Any

LINKS: dict[str, dict[str, Any]] = {
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
