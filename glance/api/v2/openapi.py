"""/v2/openapi.json: the description of the API in OpenAPI 3.1.

The paths come from the route table, the schemas are those that validate
requests. :mod:`glance.api.v2.operations` has the rest of the description.
"""

from collections.abc import Iterable, Mapping
import functools
import re
from typing import Any

import orjson
import webob

from glance.api import versions
from glance.api.v2 import described
from glance.api.v2 import metadef_operations
from glance.api.v2 import operations
from glance.api.v2 import patch
from glance.api.v2 import schemas
from glance.api.v2.schema import location as location_schema
from glance.api.v2.schema import member as member_schema
from glance.common import wsgi

#: Error statuses that every call may return besides its own ones.
COMMON_ERRORS = (400, 401, 431, 503)
#: Members of an image that are present in every response.
_ALWAYS = (
    *('id', 'name', 'status', 'visibility', 'protected', 'os_hidden'),
    *('checksum', 'os_hash_algo', 'os_hash_value', 'owner', 'size'),
    *('virtual_size', 'container_format', 'disk_format', 'created_at'),
    *('updated_at', 'min_ram', 'min_disk', 'tags', 'self', 'file', 'schema'),
)
_PARAMETER = re.compile(r'\{(\w+)\}')

Document = dict[str, Any]
_NUMBER = {'type': 'integer'}
PATH = '/v2/openapi.json'


class OpenAPI:
    """The description of a route table.

    :param table: method and path of every route except this one
    :param schema: the schema that validates images
    """

    def __init__(
        self,
        table: Iterable[tuple[str, str]],
        schema: schemas.ImageSchema,
    ) -> None:
        self._table = (*table, ('GET', PATH))
        self._schema = schema

    def show(self, request: wsgi.Request) -> webob.Response:
        request.refuse_body()
        return webob.Response(body=self._body, content_type='application/json')

    @functools.cached_property
    def _body(self) -> bytes:
        return orjson.dumps(document(self._table, self._schema))


def document(
    table: Iterable[tuple[str, str]], schema: schemas.ImageSchema
) -> Document:
    """The description of the API.

    A route that is missing in operations gets only a minimal entry.
    """
    paths: dict[str, Document] = {}
    for method, path in table:
        described = operations.TABLE.get((method, path), operations.UNKNOWN)
        item = paths.setdefault(path, _path_item(path))
        item[method.lower()] = _operation(method, path, described)
    return {
        'openapi': '3.1.0',
        'info': {
            'title': 'OpenStack Image service, Images API v2',
            'version': versions.CURRENT.removeprefix('v'),
            'license': {'name': 'Apache-2.0', 'identifier': 'Apache-2.0'},
        },
        'servers': [{'url': '/'}],
        'security': [{'token': []}],
        'paths': paths,
        'components': {
            'securitySchemes': {
                'token': {
                    'type': 'apiKey',
                    'in': 'header',
                    'name': 'X-Auth-Token',
                }
            },
            'parameters': operations.PARAMETERS,
            'schemas': _schemas(schema),
        },
    }


def _path_item(path: str) -> Document:
    names = _PARAMETER.findall(path)
    if not names:
        return {}
    return {'parameters': [_reference('parameters', name) for name in names]}


def _reference(kind: str, name: str) -> Document:
    return {'$ref': f'#/components/{kind}/{name}'}


def _operation(
    method: str, path: str, described: described.Description
) -> Document:
    words = re.findall(r'\w+', path.removeprefix('/v2'))
    document: Document = {
        'operationId': '_'.join((method.lower(), *words)),
        'summary': described.summary,
        'responses': {
            **{
                str(status): _answer(status, content)
                for status, content in described.answers.items()
            },
            **{
                str(status): _error(status)
                for status in sorted({*COMMON_ERRORS, *described.errors})
            },
        },
    }
    if described.parameters:
        document['parameters'] = [
            _reference('parameters', name) for name in described.parameters
        ]
    if described.body:
        document['requestBody'] = {
            'required': described.body_is_required,
            'content': _content(described.body),
        }
    return document


def _content(bodies: Mapping[str, str | None]) -> Document:
    """Media type -> schema; a name that is None means bytes."""
    return {
        media_type: {} if name is None else {'schema': _schema(name)}
        for media_type, name in bodies.items()
    }


def _schema(name: str) -> Document:
    return _reference('schemas', name)


def _answer(status: int, content: Mapping[str, str | None]) -> Document:
    answer: Document = {'description': operations.ANSWERS[status]}
    if content:
        answer['content'] = _content(content)
    return answer


def _error(status: int) -> Document:
    text = {'schema': {'type': 'string'}}
    return {
        'description': operations.ERRORS[status],
        'content': {
            'application/json': {'schema': _schema('Error')},
            'text/html': text,
            'text/plain': text,
        },
    }


def _schemas(schema: schemas.ImageSchema) -> Document:
    image = {'type': 'object', **schema.document(), 'required': list(_ALWAYS)}
    member: Document = {
        'type': 'object',
        'properties': member_schema.PROPERTIES,
        'required': list(member_schema.PROPERTIES),
    }
    writable = {
        name: constraints
        for name, constraints in schema.shown.items()
        if not constraints.get('readOnly') and name != 'locations'
    }
    for name in ('min_ram', 'min_disk'):
        bounds = {'minimum': 0, 'maximum': schemas.MAX_INTEGER}
        writable[name] = {**writable[name], **bounds}
    path = {'type': 'string'}
    return {
        'Image': image,
        'NewImage': {
            'type': 'object',
            'properties': writable,
            'additionalProperties': {'type': 'string'},
        },
        'Images': _page('images', 'Image', first=path, next=path),
        'Member': member,
        'Members': _page('members', 'Member'),
        'NewMember': _object(
            member={
                'type': 'string',
                'minLength': 1,
                'maxLength': schemas.MAX_NAME_LENGTH,
            }
        ),
        'MemberStatus': _object(
            status={'type': 'string', 'enum': member_schema.STATUSES}
        ),
        'Locations': _locations(),
        'NewLocation': location_schema.NEW,
        'NewTask': _object(
            type={'type': 'string', 'enum': ['import']},
            input={'type': 'object'},
        ),
        'Import': _object(method=_object(name={'type': 'string'})),
        'Usage': _object(usage=_map(_object(usage=_NUMBER, limit=_NUMBER))),
        'Features': _object(features=_map({'type': 'object'})),
        **metadef_operations.SCHEMAS,
        'Patch21': _patch_21(),
        'Patch20': _patch_20(),
        'Error': _object(message=path, code=path, title=path),
        'Object': {'type': 'object'},
    }


def _object(**properties: Document) -> Document:
    return {
        'type': 'object',
        'properties': properties,
        'required': list(properties),
    }


def _map(values: Document) -> Document:
    return {'type': 'object', 'additionalProperties': values}


def _locations() -> Document:
    location = _object(url={'type': 'string'}, metadata={'type': 'object'})
    return {'type': 'array', 'items': location}


def _page(name: str, of: str, **links: Document) -> Document:
    items = {'type': 'array', 'items': _schema(of)}
    page = _object(**{name: items}, schema={'type': 'string'})
    page['properties'] |= links
    return page


def _patch_21() -> Document:
    operation = _object(
        op={'type': 'string', 'enum': list(patch.OPS)},
        path={'type': 'string', 'pattern': '^/'},
    )
    operation['properties']['value'] = {}
    return _operations(operation)


def _patch_20() -> Document:
    path = {'type': 'string', 'pattern': '^/'}
    forms = []
    for op in patch.OPS:
        others = [other for other in patch.OPS if other != op]
        form = _object(**{op: path})
        form['properties']['value'] = {}
        form['not'] = {'anyOf': [{'required': [name]} for name in others]}
        forms.append(form)
    return _operations({'oneOf': forms})


def _operations(items: Document) -> Document:
    return {
        'type': 'array',
        'items': items,
        'maxItems': patch.MAX_OPERATIONS,
    }


def undescribed(table: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Routes that are missing in operations."""
    return [route for route in table if route not in operations.TABLE]
