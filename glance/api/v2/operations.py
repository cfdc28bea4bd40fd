"""What the API's description says of each route, see openapi.py."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from glance.api.v2 import patch
from glance.api.v2 import query
from glance.api.v2 import schemas
from glance.api.v2.schema import image as image_schema
from glance.api.v2.schema import member as member_schema

#: Media type -> schema in the components, None: bytes of any kind.
Content = Mapping[str, str | None]
_NO_CONTENT: Content = {}


class Operation(NamedTuple):
    """One route.

    :ivar answers: successes, and answers that are no errors
    :ivar errors: beside those that every call may answer
    :ivar parameters: names in PARAMETERS, beside those of the path
    """

    summary: str
    answers: Mapping[int, Content]
    errors: tuple[int, ...] = ()
    body: Content = _NO_CONTENT
    body_is_required: bool = True
    parameters: tuple[str, ...] = ()


def _json(name: str) -> Content:
    return {'application/json': name}


ANSWERS = {
    200: 'It is done, or here it is.',
    201: 'It is made.',
    202: 'It is going to be done.',
    204: 'It is done; of data: there is none.',
    206: 'A part of the data.',
    304: 'It is still what If-None-Match names.',
}
ERRORS = {
    400: 'The request is malformed.',
    401: 'There is no valid token.',
    403: 'Visible, but not permitted.',
    404: 'Not there, or not visible.',
    409: 'The state does not allow it.',
    410: 'The image vanished meanwhile.',
    412: 'The image is not what If-Match names.',
    413: 'A quota or a limit is exceeded.',
    415: 'The content type, or the content, is not supported.',
    416: 'The range is malformed or outside of the data.',
    431: 'A header is too large.',
    503: 'Something behind the service is away for the moment.',
}

_TEXT = {'type': 'string'}
_INTEGER = {'type': 'string', 'pattern': '^-?[0-9]{1,19}$'}


def _in_path(name: str, description: str) -> dict[str, Any]:
    return {
        'name': name,
        'in': 'path',
        'required': True,
        'description': description,
        'schema': {'type': 'string', 'minLength': 1},
    }


def _in_query(name: str, description: str, schema: Any) -> dict[str, Any]:
    return {
        'name': name,
        'in': 'query',
        'description': description,
        'schema': schema,
    }


def _in_header(name: str, description: str, schema: Any) -> dict[str, Any]:
    return {**_in_query(name, description, schema), 'in': 'header'}


def _one_of(*words: str) -> dict[str, Any]:
    return {'type': 'string', 'enum': list(words)}


_WORD = ('VALUE, eq:VALUE or in:VALUE,VALUE', _TEXT)
_MOMENT = ('TIME or OPERATOR:TIME, gt:2026-01-01T00:00:00Z', _TEXT)
_LIST = {
    'limit': ('Images on a page.', {'type': 'integer', 'minimum': 0}),
    'marker': ('The last image of the page before.', _TEXT),
    'sort': ('KEY:DIRECTION, joined by commas.', _TEXT),
    'sort_key': ('A key to sort by.', _one_of(*query.SORT_KEYS)),
    'sort_dir': ('Its direction.', _one_of('asc', 'desc')),
    'visibility': (
        'Which of the visible images.',
        _one_of(*image_schema.VISIBILITIES, 'all'),
    ),
    'member_status': (
        'Which of the images that are shared with the caller.',
        _one_of(*member_schema.STATUSES, 'all'),
    ),
    'os_hidden': ('Hidden images, and no others.', _one_of('true', 'false')),
    'protected': ('Protected images or others.', _one_of('true', 'false')),
    'tag': ('A tag of the image.', _TEXT),
    'size_min': ('Least bytes.', _INTEGER),
    'size_max': ('Most bytes.', _INTEGER),
    **dict.fromkeys(sorted(query.WITH_OPERATORS), _WORD),
    **dict.fromkeys(sorted(query.EXACT_TEXTS), ('The value.', _TEXT)),
    **dict.fromkeys(sorted(query.NUMBERS), ('The value.', _INTEGER)),
    **dict.fromkeys(sorted(query.TIMES), _MOMENT),
}

PARAMETERS: dict[str, dict[str, Any]] = {
    'image_id': _in_path('image_id', 'Id of an image.'),
    'tag': _in_path('tag', 'A tag.'),
    'member': _in_path('member', 'Id of a project.'),
    'name': {
        **_in_path('name', 'Name of a schema.'),
        'schema': _one_of(*schemas.NAMES),
    },
    **{
        f'list_{name}': _in_query(name, description, schema)
        for name, (description, schema) in _LIST.items()
    },
    'if_match': _in_header('If-Match', 'ETag the image must have.', _TEXT),
    'if_none_match': _in_header('If-None-Match', 'ETag known already.', _TEXT),
    'range': _in_header('Range', 'bytes=FIRST-LAST', _TEXT),
    'size': _in_header(
        'x-openstack-image-size', 'Bytes of the body.', _INTEGER
    ),
}

_ONE = '/v2/images/{image_id}'
_OCTETS: Content = {'application/octet-stream': None}
_CHANGE = (403, 404, 409, 412)

#: Route -> what there is to say.
TABLE: dict[tuple[str, str], Operation] = {
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
        parameters=('range',),
    ),
    ('PUT', f'{_ONE}/file'): Operation(
        'Upload the data',
        {204: {}},
        (403, 404, 409, 410, 413, 415),
        _OCTETS,
        body_is_required=False,
        parameters=('size',),
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
        'Accept or reject',
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
    ('POST', f'{_ONE}/actions/deactivate'): Operation(
        'Take the data away from users',
        {204: {}},
        _CHANGE,
        parameters=('if_match',),
    ),
    ('POST', f'{_ONE}/actions/reactivate'): Operation(
        'Give the data back to users',
        {204: {}},
        _CHANGE,
        parameters=('if_match',),
    ),
    ('GET', '/v2/info/usage'): Operation(
        'Show usage and limits of the project', {200: _json('Usage')}
    ),
    ('GET', '/v2/info/features'): Operation(
        'Show what goes beyond the Images API', {200: _json('Features')}
    ),
    ('GET', '/v2/schemas/{name}'): Operation(
        'Show a JSON Schema', {200: _json('Object')}, (404,)
    ),
    ('GET', '/v2/openapi.json'): Operation(
        'Show this document', {200: _json('Object')}
    ),
}
#: For a route that nobody described; a test finds it.
UNKNOWN = Operation('', {200: {}})
