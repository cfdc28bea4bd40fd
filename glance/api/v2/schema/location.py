"""The schema of a request that registers data that is in a store."""

from typing import Any

MAX_URL_LENGTH = 2048
MAX_HASH_LENGTH = 128
HASHES = ('sha1', 'sha256', 'sha512', 'md5')

NEW: dict[str, Any] = {
    'type': 'object',
    'properties': {
        'url': {
            'type': 'string',
            'maxLength': MAX_URL_LENGTH,
            'description': 'Where the data is.',
        },
        'validation_data': {
            'type': 'object',
            'properties': {
                'os_hash_algo': {'type': 'string', 'enum': list(HASHES)},
                'os_hash_value': {
                    'type': 'string',
                    'maxLength': MAX_HASH_LENGTH,
                },
            },
            'dependentRequired': {
                'os_hash_algo': ['os_hash_value'],
                'os_hash_value': ['os_hash_algo'],
            },
            'additionalProperties': False,
            'description': 'The hash that the data must have; {} is none.',
        },
    },
    'required': ['url'],
}
