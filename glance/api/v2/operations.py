"""The text of the API's description for each route; see openapi.py."""

from typing import Any

from glance.api.v2 import cache_operations
from glance.api.v2 import described
from glance.api.v2 import metadef_operations
from glance.api.v2 import patch
from glance.api.v2 import query
from glance.api.v2 import schemas
from glance.api.v2.schema import image as image_schema
from glance.api.v2.schema import member as member_schema

Operation = described.Description
_json = described.json
_in_path = described.in_path
_in_query = described.in_query
_in_header = described.in_header

ANSWERS = {
    200: 'The request succeeded.',
    201: 'The image or the task was created.',
    202: 'The request was accepted; the work continues.',
    204: 'The request succeeded; the response has no content.',
    206: 'The requested part of the data.',
    304: 'The image still has the ETag in If-None-Match.',
}
ERRORS = {
    400: 'The request is malformed.',
    401: 'The request has no valid token.',
    403: 'The caller is not permitted to do this.',
    404: 'The resource does not exist or is not visible.',
    405: 'The method is not allowed for this resource.',
    409: 'The state of the resource does not allow this.',
    410: 'The image was deleted during the request.',
    412: 'The image does not have the ETag in If-Match.',
    413: 'A quota or a limit is exceeded.',
    415: 'The content type or the content is not supported.',
    416: 'The range is malformed or outside of the data.',
    431: 'A request header is too large.',
    502: 'Another host of the service failed.',
    503: 'The service is unavailable at the moment; try again later.',
    504: 'Another host of the service does not respond.',
}

_TEXT = {'type': 'string'}
_INTEGER = {'type': 'string', 'pattern': '^-?[0-9]{1,19}$'}


def _one_of(*words: str) -> dict[str, Any]:
    return {'type': 'string', 'enum': list(words)}


_WORD = ('Value to match: VALUE, eq:VALUE or in:VALUE,VALUE.', _TEXT)
_MOMENT = (
    'Time to match: TIME or OPERATOR:TIME, like gt:2026-01-01T00:00:00Z.',
    _TEXT,
)
_LIST = {
    'limit': (
        'Maximum number of images on a page.',
        {'type': 'integer', 'minimum': 0},
    ),
    'marker': ('Id of the last image of the previous page.', _TEXT),
    'sort': ('Sort order: KEY:DIRECTION, separated by commas.', _TEXT),
    'sort_key': ('Key to sort by.', _one_of(*query.SORT_KEYS)),
    'sort_dir': ('Direction of sort_key.', _one_of('asc', 'desc')),
    'visibility': (
        'List only images with this visibility.',
        _one_of(*image_schema.VISIBILITIES, 'all'),
    ),
    'member_status': (
        'List shared images with this status of the caller as a member.',
        _one_of(*member_schema.STATUSES, 'all'),
    ),
    'os_hidden': (
        'List only hidden images (true) or only others (false).',
        _one_of('true', 'false'),
    ),
    'protected': (
        'List only protected images (true) or only others (false).',
        _one_of('true', 'false'),
    ),
    'tag': ('Tag that the image must have.', _TEXT),
    'size_min': ('Minimum size of the data in bytes.', _INTEGER),
    'size_max': ('Maximum size of the data in bytes.', _INTEGER),
    **dict.fromkeys(sorted(query.WITH_OPERATORS), _WORD),
    **dict.fromkeys(sorted(query.EXACT_TEXTS), ('Value to match.', _TEXT)),
    **dict.fromkeys(sorted(query.NUMBERS), ('Value to match.', _INTEGER)),
    **dict.fromkeys(sorted(query.TIMES), _MOMENT),
}

PARAMETERS: dict[str, dict[str, Any]] = {
    'image_id': _in_path('image_id', 'Id of an image.'),
    'tag': _in_path('tag', 'A tag.'),
    'task_id': _in_path('task_id', 'Id of a task.'),
    'store': _in_path('store', 'Id of a store.'),
    'member': _in_path('member', 'Id of a project.'),
    'name': {
        **_in_path('name', 'Name of a schema.'),
        'schema': _one_of(*schemas.NAMES),
    },
    **{
        f'list_{name}': _in_query(name, description, schema)
        for name, (description, schema) in _LIST.items()
    },
    'if_match': _in_header(
        'If-Match', 'ETag that the image must have.', _TEXT
    ),
    'if_none_match': _in_header(
        'If-None-Match',
        'ETag that the client has; 304 if the image still has it.',
        _TEXT,
    ),
    'range': _in_header(
        'Range', 'Part of the data to send: bytes=FIRST-LAST.', _TEXT
    ),
    **metadef_operations.PARAMETERS,
    'prefer': _in_query(
        'prefer', 'Ids of stores to read first, with commas.', _TEXT
    ),
    'store_of_data': _in_header(
        'X-Image-Meta-Store', 'Id of the store for the data.', _TEXT
    ),
    **cache_operations.PARAMETERS,
    'size': _in_header(
        'x-openstack-image-size', 'Size of the body in bytes.', _INTEGER
    ),
}

_ONE = '/v2/images/{image_id}'
_OCTETS: described.Content = {'application/octet-stream': None}
_CHANGE = (403, 404, 409, 412)

#: Route -> its description.
TABLE: described.Table = {
    ('GET', '/v2/images'): Operation(
        'List images',
        {200: _json('Images')},
        (403,),
        parameters=tuple(f'list_{name}' for name in _LIST),
    ),
    ('POST', '/v2/images'): Operation(
        'Create an image',
        {201: _json('Image')},
        (403, 409, 413),
        _json('NewImage'),
    ),
    ('GET', _ONE): Operation(
        'Show an image',
        {200: _json('Image'), 304: {}},
        (404,),
        parameters=('if_none_match',),
    ),
    ('PATCH', _ONE): Operation(
        'Change an image',
        {200: _json('Image'), 304: {}},
        (*_CHANGE, 413, 415),
        {patch.V21: 'Patch21', patch.V20: 'Patch20'},
        parameters=('if_match',),
    ),
    ('DELETE', _ONE): Operation(
        'Delete an image', {204: {}}, _CHANGE, parameters=('if_match',)
    ),
    ('GET', f'{_ONE}/file'): Operation(
        'Download the data',
        {200: _OCTETS, 206: _OCTETS, 204: {}},
        (403, 404, 416),
        parameters=('range', 'prefer'),
    ),
    ('PUT', f'{_ONE}/file'): Operation(
        'Upload the data',
        {204: {}},
        (403, 404, 409, 410, 413, 415),
        _OCTETS,
        body_is_required=False,
        parameters=('size', 'store_of_data'),
    ),
    ('PUT', f'{_ONE}/tags/{{tag}}'): Operation(
        'Set a tag', {204: {}}, (403, 404, 409, 413)
    ),
    ('DELETE', f'{_ONE}/tags/{{tag}}'): Operation(
        'Remove a tag', {204: {}}, (403, 404, 409)
    ),
    ('GET', f'{_ONE}/members'): Operation(
        'List members', {200: _json('Members')}, (403, 404)
    ),
    ('POST', f'{_ONE}/members'): Operation(
        'Add a member',
        {200: _json('Member')},
        (403, 404, 409, 413),
        _json('NewMember'),
    ),
    ('GET', f'{_ONE}/members/{{member}}'): Operation(
        'Show a member', {200: _json('Member')}, (404,)
    ),
    ('PUT', f'{_ONE}/members/{{member}}'): Operation(
        'Accept or reject membership',
        {200: _json('Member')},
        (403, 404, 409),
        _json('MemberStatus'),
    ),
    ('DELETE', f'{_ONE}/members/{{member}}'): Operation(
        'Remove a member', {204: {}}, (403, 404, 409)
    ),
    ('GET', f'{_ONE}/locations'): Operation(
        'List locations', {200: _json('Locations')}, (403, 404)
    ),
    ('POST', f'{_ONE}/locations'): Operation(
        'Register data that is in a store already',
        {202: {}},
        (403, 404, 409),
        _json('NewLocation'),
    ),
    ('PUT', f'{_ONE}/stage'): Operation(
        'Stage data for an import',
        {204: {}},
        (403, 404, 409, 410, 413, 415),
        _OCTETS,
        body_is_required=False,
        parameters=('size',),
    ),
    ('POST', f'{_ONE}/import'): Operation(
        'Import data',
        {202: {}},
        (403, 404, 409, 413, 502, 504),
        _json('Import'),
    ),
    ('GET', '/v2/info/import'): Operation(
        'Show the import methods', {200: _json('Object')}
    ),
    ('GET', f'{_ONE}/tasks'): Operation(
        'List the tasks of an image', {200: _json('Object')}, (403, 404)
    ),
    ('GET', '/v2/tasks'): Operation(
        'List tasks', {200: _json('Object')}, (403,)
    ),
    ('POST', '/v2/tasks'): Operation(
        'Create an image from a URL',
        {201: _json('Object')},
        (403, 409, 413),
        _json('NewTask'),
    ),
    ('GET', '/v2/tasks/{task_id}'): Operation(
        'Show a task', {200: _json('Object')}, (403, 404)
    ),
    ('DELETE', '/v2/tasks/{task_id}'): Operation(
        'Refuse to delete a task: its record expires', {}, (403, 404, 405)
    ),
    ('POST', f'{_ONE}/actions/deactivate'): Operation(
        'Deactivate an image: only admins can download its data',
        {204: {}},
        _CHANGE,
        parameters=('if_match',),
    ),
    ('POST', f'{_ONE}/actions/reactivate'): Operation(
        'Reactivate an image',
        {204: {}},
        _CHANGE,
        parameters=('if_match',),
    ),
    ('DELETE', '/v2/stores/{store}/{image_id}'): Operation(
        'Delete the copy of the data in one store',
        {204: {}},
        (403, 404, 409),
    ),
    ('GET', '/v2/info/stores'): Operation(
        'List stores', {200: _json('Object')}, (404,)
    ),
    ('GET', '/v2/info/stores/detail'): Operation(
        'List stores with their settings', {200: _json('Object')}, (403, 404)
    ),
    **cache_operations.TABLE,
    ('GET', '/v2/info/usage'): Operation(
        'Show usage and limits of the project', {200: _json('Usage')}
    ),
    ('GET', '/v2/info/features'): Operation(
        'Show features that extend the Images API', {200: _json('Features')}
    ),
    ('GET', '/v2/schemas/{name}'): Operation(
        'Show a JSON Schema', {200: _json('Object')}, (404,)
    ),
    ('GET', '/v2/openapi.json'): Operation(
        'Show the OpenAPI document', {200: _json('Object')}
    ),
    **metadef_operations.TABLE,
}
#: For a route without a description; a test fails for such a route.
UNKNOWN = Operation('', {200: {}})
