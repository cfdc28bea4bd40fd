"""The API's description of the catalogue of metadata definitions."""

from typing import Any

from glance.api.v2 import described
from glance.api.v2.metadefs import listing
from glance.api.v2.schema import metadefs as schema

_ALL = '/v2/metadefs/namespaces'
_ONE = f'{_ALL}/{{namespace}}'
_TEXT = {'type': 'string'}
_LIMIT = {'type': 'integer', 'minimum': 0, 'maximum': 999_999_999}

PARAMETERS: dict[str, Any] = {
    'namespace': described.in_path('namespace', 'Name of a namespace.'),
    'item': described.in_path(
        'item', 'Name of a definition, or of a resource type.'
    ),
    'metadef': {
        **described.in_path('metadef', 'Name of a schema.'),
        'schema': {'type': 'string', 'enum': list(schema.NAMES)},
    },
    'metadef_limit': described.in_query(
        'limit', 'Maximum number of entries on a page.', _LIMIT
    ),
    'metadef_marker': described.in_query(
        'marker', 'Name of the last entry of the previous page.', _TEXT
    ),
    'metadef_sort_key': described.in_query(
        'sort_key',
        'Key to sort by.',
        {'type': 'string', 'enum': list(listing.TAGS.sort_keys)},
    ),
    'namespace_sort_key': described.in_query(
        'sort_key',
        'Key to sort by.',
        {
            'type': 'string',
            'enum': list(listing.of_namespaces(0, 0).sort_keys),
        },
    ),
    'metadef_sort_dir': described.in_query(
        'sort_dir',
        'Direction of sort_key.',
        {'type': 'string', 'enum': list(listing.SORT_DIRS)},
    ),
    'namespace_visibility': described.in_query(
        'visibility',
        'List only namespaces with this visibility.',
        {'type': 'string', 'enum': ['public', 'private']},
    ),
    'resource_types': described.in_query(
        'resource_types',
        'List only namespaces that are associated with one of these '
        'resource types; the names are separated by commas.',
        _TEXT,
    ),
    'resource_type': described.in_query(
        'resource_type',
        'Give properties the names that this resource type has.',
        _TEXT,
    ),
    'append': described.in_header(
        'X-Openstack-Append',
        'true: keep the tags that are there.',
        {'type': 'string', 'enum': ['true', 'false']},
    ),
}


def _writable(of: schema.Schema) -> schema.Schema:
    """What a request may have of a document."""
    properties = {
        name: constraints
        for name, constraints in of['properties'].items()
        if name not in schema.read_only(of)
    }
    return {**of, 'properties': properties}


def _list(name: str, one: str, *links: str) -> schema.Schema:
    items = {'$ref': f'#/components/schemas/{one}'}
    return {
        'type': 'object',
        'properties': {
            name: {'type': 'array', 'items': items},
            **dict.fromkeys(links, _TEXT),
        },
        'required': [name],
    }


def _new_namespace() -> schema.Schema:
    new = _writable(schema.NAMESPACE)
    for name, of in (
        ('resource_type_associations', schema.ASSOCIATION),
        ('objects', schema.OBJECT),
        ('tags', schema.TAG),
    ):
        new['properties'][name] = {'type': 'array', 'items': _writable(of)}
    return new


SCHEMAS: dict[str, Any] = {
    'Namespace': schema.NAMESPACE,
    'NewNamespace': _new_namespace(),
    'Namespaces': _list('namespaces', 'Namespace', 'first', 'next', 'schema'),
    'MetadefObject': schema.OBJECT,
    'NewMetadefObject': _writable(schema.OBJECT),
    'MetadefObjects': _list('objects', 'MetadefObject', 'schema'),
    'MetadefProperty': schema.PROPERTY,
    'MetadefProperties': {
        'type': 'object',
        'properties': {
            'properties': {
                'type': 'object',
                'additionalProperties': schema.IN_MAP,
            }
        },
        'required': ['properties'],
    },
    'MetadefTag': schema.TAG,
    'NewMetadefTag': _writable(schema.TAG),
    'MetadefTags': _list('tags', 'MetadefTag'),
    'NewMetadefTags': _list('tags', 'NewMetadefTag'),
    'Association': schema.ASSOCIATION,
    'NewAssociation': _writable(schema.ASSOCIATION),
    'Associations': _list('resource_type_associations', 'Association'),
    'ResourceType': schema.RESOURCE_TYPE,
    'ResourceTypes': _list('resource_types', 'ResourceType'),
}
_READ, _WRITE, _ADD = (404,), (403, 404, 409, 413), (403, 404, 409, 413)
_DELETE = (403, 404)
_PAGE = ('metadef_limit', 'metadef_marker', 'metadef_sort_dir')


def _calls(
    path: str, name: str, one: str, new: str, many: str
) -> described.Table:
    """The descriptions that objects and properties have in common."""
    return {
        ('GET', path): described.Description(
            f'List {many[7:].lower()} of a namespace',
            {200: described.json(many)},
            (403, 404),
        ),
        ('POST', path): described.Description(
            f'Add {name}',
            {201: described.json(one)},
            _ADD,
            described.json(new),
        ),
        ('DELETE', path): described.Description(
            f'Remove all {many[7:].lower()}', {204: {}}, _DELETE
        ),
        ('GET', f'{path}/{{item}}'): described.Description(
            f'Show {name}', {200: described.json(one)}, (403, 404)
        ),
        ('PUT', f'{path}/{{item}}'): described.Description(
            f'Replace {name}',
            {200: described.json(one)},
            _WRITE,
            described.json(new),
        ),
        ('DELETE', f'{path}/{{item}}'): described.Description(
            f'Remove {name}', {204: {}}, _DELETE
        ),
    }


def _with_parameters(
    table: described.Table, route: tuple[str, str], *names: str
) -> None:
    table[route] = table[route]._replace(parameters=names)


TABLE: described.Table = {
    ('GET', _ALL): described.Description(
        'List namespaces',
        {200: described.json('Namespaces')},
        (403, 404),
        parameters=(
            *_PAGE,
            'namespace_sort_key',
            'namespace_visibility',
            'resource_types',
        ),
    ),
    ('POST', _ALL): described.Description(
        'Create a namespace',
        {201: described.json('Namespace')},
        _ADD,
        described.json('NewNamespace'),
    ),
    ('GET', _ONE): described.Description(
        'Show a namespace with its contents',
        {200: described.json('Namespace')},
        (403, 404),
        parameters=('resource_type',),
    ),
    ('PUT', _ONE): described.Description(
        'Replace what a namespace is besides its contents',
        {200: described.json('Namespace')},
        _WRITE,
        described.json('NewNamespace'),
    ),
    ('DELETE', _ONE): described.Description(
        'Delete a namespace with its contents', {204: {}}, _DELETE
    ),
    **_calls(
        f'{_ONE}/objects',
        'an object',
        'MetadefObject',
        'NewMetadefObject',
        'MetadefObjects',
    ),
    **_calls(
        f'{_ONE}/properties',
        'a property',
        'MetadefProperty',
        'MetadefProperty',
        'MetadefProperties',
    ),
    **_calls(
        f'{_ONE}/tags',
        'a tag',
        'MetadefTag',
        'NewMetadefTag',
        'MetadefTags',
    ),
    ('POST', f'{_ONE}/tags'): described.Description(
        'Set all tags',
        {201: described.json('NewMetadefTags')},
        _ADD,
        described.json('NewMetadefTags'),
        parameters=('append',),
    ),
    ('POST', f'{_ONE}/tags/{{item}}'): described.Description(
        'Add a tag', {201: described.json('MetadefTag')}, _ADD
    ),
    ('GET', f'{_ONE}/resource_types'): described.Description(
        'List resource types of a namespace',
        {200: described.json('Associations')},
        (403, 404),
    ),
    ('POST', f'{_ONE}/resource_types'): described.Description(
        'Associate a namespace with a resource type',
        {201: described.json('Association')},
        _ADD,
        described.json('NewAssociation'),
    ),
    ('DELETE', f'{_ONE}/resource_types/{{item}}'): described.Description(
        'Remove an association', {204: {}}, _DELETE
    ),
    ('GET', '/v2/metadefs/resource_types'): described.Description(
        'List resource types',
        {200: described.json('ResourceTypes')},
        (403, 404),
    ),
    ('GET', '/v2/schemas/metadefs/{metadef}'): described.Description(
        'Show a JSON Schema of the catalogue',
        {200: described.json('Object')},
        (404,),
    ),
}
_with_parameters(TABLE, ('GET', f'{_ONE}/objects'), *_PAGE, 'metadef_sort_key')
_with_parameters(TABLE, ('GET', f'{_ONE}/tags'), *_PAGE, 'metadef_sort_key')
_with_parameters(
    TABLE, ('GET', f'{_ONE}/properties/{{item}}'), 'resource_type'
)
