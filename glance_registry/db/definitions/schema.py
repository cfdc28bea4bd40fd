"""JSON Schema of a definition file."""

from typing import Any

_NAME = {'type': 'string', 'minLength': 1, 'maxLength': 80}
_SHORT = {'type': ['string', 'null'], 'maxLength': 80}
_TEXT = {'type': ['string', 'null']}
_COUNT = {'type': 'integer', 'minimum': 0}
_TYPE = {'enum': ['array', 'boolean', 'integer', 'number', 'object', 'string']}
_TEXTS = {'type': 'array', 'items': {'type': 'string'}}
#: Members that the API adds to documents; a file may be a response of the
#: API.
_FROM_API: dict[str, Any] = {
    'created_at': {},
    'updated_at': {},
    'schema': {},
    'self': {},
}

#: A property may have other keys, which are stored unchanged.
PROPERTY: dict[str, Any] = {
    'type': 'object',
    'required': ['title', 'type'],
    'properties': {
        'name': _NAME,
        'title': {'type': 'string'},
        'description': {'type': 'string'},
        'type': _TYPE,
        'operators': _TEXTS,
        'enum': {'type': 'array'},
        'readonly': {'type': 'boolean'},
        'minimum': {'type': 'number'},
        'maximum': {'type': 'number'},
        'minLength': _COUNT,
        'maxLength': _COUNT,
        'minItems': _COUNT,
        'maxItems': _COUNT,
        'pattern': {'type': 'string', 'format': 'regex'},
        'uniqueItems': {'type': 'boolean'},
        'additionalItems': {'type': 'boolean'},
        'items': {
            'type': 'object',
            'required': ['type'],
            'properties': {'type': _TYPE, 'enum': {'type': 'array'}},
        },
    },
}
_PROPERTIES = {
    'type': 'object',
    'propertyNames': {'minLength': 1, 'maxLength': 80},
    'additionalProperties': PROPERTY,
}
_ASSOCIATION = {
    'type': 'object',
    'required': ['name'],
    'additionalProperties': False,
    'properties': {
        'name': _NAME,
        'prefix': _SHORT,
        'properties_target': _SHORT,
        **_FROM_API,
    },
}
_OBJECT = {
    'type': 'object',
    'required': ['name'],
    'additionalProperties': False,
    'properties': {
        'name': _NAME,
        'description': _TEXT,
        # Commas separate the names in the database.
        'required': {
            'type': 'array',
            'uniqueItems': True,
            'items': {'type': 'string', 'pattern': '^[^,]+$'},
        },
        'properties': _PROPERTIES,
        **_FROM_API,
    },
}
_TAG = {
    'type': 'object',
    'required': ['name'],
    'additionalProperties': False,
    'properties': {'name': _NAME, **_FROM_API},
}

FILE: dict[str, Any] = {
    '$schema': 'https://json-schema.org/draft/2020-12/schema',
    'type': 'object',
    'required': ['namespace'],
    'additionalProperties': False,
    'properties': {
        'namespace': _NAME,
        'display_name': _SHORT,
        'description': _TEXT,
        'visibility': {'enum': ['public', 'private', None]},
        'protected': {'type': ['boolean', 'null']},
        'owner': {'type': 'string', 'minLength': 1, 'maxLength': 255},
        'resource_type_associations': {'type': 'array', 'items': _ASSOCIATION},
        'properties': _PROPERTIES,
        'objects': {'type': 'array', 'items': _OBJECT},
        'tags': {'type': 'array', 'items': _TAG},
        **_FROM_API,
    },
}
