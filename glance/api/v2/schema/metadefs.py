"""The schemas of the catalogue of metadata definitions."""

from typing import Any

from glance.api.v2.schema import links

Schema = dict[str, Any]

MAX_NAME = 80
MAX_DESCRIPTION = 500
MAX_OWNER = 255
#: The largest integer that every database and every client supports.
_LARGEST = 2**63 - 1
_COUNT: Schema = {'type': 'integer', 'minimum': 0, 'maximum': 2**31 - 1}
_BOUND: Schema = {
    'type': 'number',
    'minimum': -_LARGEST,
    'maximum': _LARGEST,
}
_TEXT: Schema = {'type': 'string'}
_BOOLEAN: Schema = {'type': 'boolean'}
_TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string']

#: Members that only the service sets; a request with one of them gets 403.
_TIMES: dict[str, Schema] = {
    'created_at': {
        'type': 'string',
        'readOnly': True,
        'description': 'Time of creation, in UTC.',
    },
    'updated_at': {
        'type': 'string',
        'readOnly': True,
        'description': 'Time of the last change, in UTC.',
    },
}


def _name(description: str) -> Schema:
    return {
        'type': 'string',
        'minLength': 1,
        'maxLength': MAX_NAME,
        'description': description,
    }


def _short(description: str) -> Schema:
    return {
        'type': 'string',
        'maxLength': MAX_NAME,
        'description': description,
    }


def _texts(description: str) -> Schema:
    return {'type': 'array', 'items': _TEXT, 'description': description}


def _object(properties: dict[str, Schema], *required: str) -> Schema:
    return {
        'type': 'object',
        'properties': properties,
        'required': list(required),
        'additionalProperties': False,
    }


_KEYWORDS: dict[str, Schema] = {
    'title': {'type': 'string', 'description': 'Name for people.'},
    'description': {'type': 'string', 'description': 'Meaning.'},
    'type': {
        'type': 'string',
        'enum': _TYPES,
        'description': 'Type of the values.',
    },
    'operators': _texts('Operators that a value may begin with.'),
    'default': {'description': 'Value if none is set.'},
    'readonly': {
        'type': 'boolean',
        'description': 'Whether users should not change the value.',
    },
    'enum': _texts('Every value that is allowed.'),
    'pattern': {
        'type': 'string',
        'description': 'Regular expression that the values match.',
    },
    'minimum': _BOUND,
    'maximum': _BOUND,
    'minLength': _COUNT,
    'maxLength': _COUNT,
    'items': _object(
        {
            'type': {'type': 'string', 'enum': _TYPES},
            'enum': {'type': 'array', 'items': _TEXT},
        },
        'type',
    ),
    'minItems': _COUNT,
    'maxItems': _COUNT,
    'uniqueItems': _BOOLEAN,
    'additionalItems': _BOOLEAN,
}
_PROPERTY_NAME = _name('Name of the property.')
#: A property in a map of properties; it may repeat its name.
IN_MAP = _object({'name': _PROPERTY_NAME, **_KEYWORDS}, 'title', 'type')
_MAP: Schema = {
    'type': 'object',
    'additionalProperties': IN_MAP,
    'description': 'Definitions by name.',
}
PROPERTY = _object(
    {'name': _PROPERTY_NAME, **_KEYWORDS}, 'name', 'title', 'type'
)
OBJECT = _object(
    {
        'name': _name('Name of the object.'),
        'description': {'type': 'string', 'description': 'Meaning.'},
        'required': {
            **_texts('Names of properties that must be set.'),
            'uniqueItems': True,
        },
        'properties': _MAP,
        **_TIMES,
        **links.LINKS,
    },
    'name',
)
TAG = _object({'name': _name('The tag.'), **_TIMES}, 'name')
ASSOCIATION = _object(
    {
        'name': _name('The resource type.'),
        'prefix': _short('What the names of properties begin with there.'),
        'properties_target': _short(
            'Part of the resource that has the properties.'
        ),
        **_TIMES,
    },
    'name',
)
RESOURCE_TYPE = _object(
    {'name': _name('The resource type.'), **_TIMES}, 'name'
)
NAMESPACE = _object(
    {
        'namespace': _name('Unique name of the namespace.'),
        'display_name': _short('Name for people.'),
        'description': {
            'type': 'string',
            'maxLength': MAX_DESCRIPTION,
            'description': 'Purpose of the namespace.',
        },
        'visibility': {
            'type': 'string',
            'enum': ['public', 'private'],
            'description': 'Who sees the namespace: all, or its owner.',
        },
        'protected': {
            'type': 'boolean',
            'description': 'Whether nothing of it can be deleted.',
        },
        'owner': {
            'type': 'string',
            'maxLength': MAX_OWNER,
            'description': 'Project that the namespace belongs to.',
        },
        'resource_type_associations': {
            'type': 'array',
            'items': ASSOCIATION,
        },
        'properties': _MAP,
        'objects': {'type': 'array', 'items': OBJECT},
        'tags': {'type': 'array', 'items': TAG},
        **_TIMES,
        **links.LINKS,
    },
    'namespace',
)
TAGS = {
    'type': 'object',
    'properties': {'tags': {'type': 'array', 'items': TAG}},
    'required': ['tags'],
    'additionalProperties': False,
}


def read_only(schema: Schema) -> frozenset[str]:
    """Attributes that only the service sets."""
    return frozenset(_TIMES) | {
        name
        for name, constraints in schema['properties'].items()
        if constraints.get('readOnly')
    }


def _single(name: str, schema: Schema) -> Schema:
    kept = ('properties', 'required', 'additionalProperties')
    return {'name': name, **{key: schema[key] for key in kept}}


def _collection(name: str, one: Schema, of: Schema | None = None) -> Schema:
    """:param of: the schema of the member; None for an array of ``one``"""
    links = ('first', 'next', 'schema')
    return {
        'name': name,
        'properties': {
            name: of or {'type': 'array', 'items': one},
            **dict.fromkeys(links, _TEXT),
        },
        'links': [
            {'rel': 'first', 'href': '{first}'},
            {'rel': 'next', 'href': '{next}'},
            {'rel': 'describedby', 'href': '{schema}'},
        ],
    }


def documents() -> dict[str, Schema]:
    """Name under /v2/schemas/metadefs -> schema."""
    association = 'resource_type_association'
    return {
        'namespace': _single('namespace', NAMESPACE),
        'namespaces': _collection('namespaces', NAMESPACE),
        'object': _single('object', OBJECT),
        'objects': _collection('objects', OBJECT),
        'property': _single('property', PROPERTY),
        'properties': _collection('properties', PROPERTY, _MAP),
        'tag': _single('tag', TAG),
        'tags': _collection('tags', TAG),
        'resource_type': _single(association, ASSOCIATION),
        'resource_types': _collection(f'{association}s', ASSOCIATION),
    }


NAMES = tuple(documents())
