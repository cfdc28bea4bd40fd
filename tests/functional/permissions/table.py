"""The calls of API v2 and the policy rules that they check.

For each rule, the table has the response if the rule denies the call.
"""

from typing import Any, NamedTuple

from tests.functional.metadefs import catalogue
from tests.functional.permissions import callers

ONE = '/v2/images/{image_id}'
MEMBER = f'{ONE}/members/{{member_id}}'
NAMESPACES = catalogue.NAMESPACES
NAMESPACE = f'{NAMESPACES}/{{namespace}}'
#: Result of a call that leaves out what the caller may not see.
LEAVES_OUT = 'leaves out'


class Call(NamedTuple):
    """A call of the API.

    :ivar rules: the policy rules that the call checks, each with the response
        if it is denied: a status, or another result
    """

    method: str
    path: str
    rules: dict[str, int | str]
    body: Any = None
    kind: str = 'application/json'


def _patch(
    op: str, path: str, value: Any, rules: dict[str, int | str]
) -> Call:
    change = {'op': op, 'path': path, 'value': value}
    return Call('PATCH', ONE, rules, [change], callers.PATCH)


_PLACE = {'url': 'http://127.0.0.1/x', 'metadata': {}}
_PUBLIC, _COMMUNITY = {'visibility': 'public'}, {'visibility': 'community'}
IMAGES = (
    Call('GET', '/v2/images', {'get_images': 403, 'get_image': LEAVES_OUT}),
    Call('POST', '/v2/images', {'add_image': 403}, {}),
    Call('POST', '/v2/images', {'publicize_image': 403}, _PUBLIC),
    Call('POST', '/v2/images', {'communitize_image': 403}, _COMMUNITY),
    Call('GET', ONE, {'get_image': 404}),
    Call('PATCH', ONE, {'get_image': 404}, [], callers.PATCH),
    _patch('add', '/name', 'x', {'modify_image': 403}),
    _patch('add', '/visibility', 'public', {'publicize_image': 403}),
    _patch('add', '/visibility', 'community', {'communitize_image': 403}),
    _patch('add', '/locations/-', _PLACE, {'set_image_location': 403}),
    _patch('replace', '/locations', [_PLACE], {'set_image_location': 403}),
    _patch('remove', '/locations/7', None, {'delete_image_location': 403}),
    Call('GET', f'{ONE}/file', {'download_image': 403}),
    Call(
        *('PUT', f'{ONE}/file', {'upload_image': 403}),
        *(b'data', callers.OCTETS),
    ),
    Call('PUT', f'{ONE}/tags/{{tag}}', {'modify_image': 403}),
    Call('DELETE', f'{ONE}/tags/{{tag}}', {'modify_image': 403}),
    Call(
        *('GET', f'{ONE}/members'),
        {'get_image': 404, 'get_members': 403, 'get_member': LEAVES_OUT},
    ),
    Call(
        *('POST', f'{ONE}/members', {'get_image': 404, 'add_member': 403}),
        {'member': 'p9'},
    ),
    Call('GET', MEMBER, {'get_image': 404, 'get_member': 404}),
    Call(
        *('PUT', MEMBER),
        {'get_image': 404, 'get_member': 403, 'modify_member': 403},
        {'status': 'accepted'},
    ),
    Call(
        *('DELETE', MEMBER),
        {'get_image': 404, 'get_member': 403, 'delete_member': 403},
    ),
    Call('POST', f'{ONE}/actions/deactivate', {'deactivate': 403}),
    Call('POST', f'{ONE}/actions/reactivate', {'reactivate': 403}),
    Call('GET', f'{ONE}/locations', {'fetch_image_location': 403}),
    Call(
        *('POST', f'{ONE}/locations'),
        {'get_image': 404, 'add_image_location': 403},
        {'url': 'http://127.0.0.1/x'},
    ),
    Call('DELETE', ONE, {'delete_image': 403}),
    Call('GET', '/v2/schemas/{name}', {}),
    Call('GET', '/v2/info/usage', {}),
    Call('GET', '/v2/info/features', {}),
    Call('GET', '/v2/openapi.json', {}),
)

_TAG, _OBJECT = {'name': 'b'}, {'name': 'b'}
_PROPERTY = {'name': 'b', **catalogue.PROPERTY}


def _contents(rule: str, **contents: Any) -> Call:
    """Return a call that creates a namespace with contents."""
    return Call(
        'POST', NAMESPACES, {rule: 403}, {'namespace': 'm', **contents}
    )


METADEFS = (
    Call(
        *('GET', NAMESPACES),
        {
            'get_metadef_namespaces': 403,
            'list_metadef_resource_types': 403,
            'get_metadef_namespace': LEAVES_OUT,
        },
    ),
    _contents('add_metadef_namespace'),
    _contents('add_metadef_object', objects=[_OBJECT]),
    _contents('add_metadef_property', properties={'b': catalogue.PROPERTY}),
    _contents('add_metadef_tag', tags=[_TAG]),
    _contents(
        'add_metadef_resource_type_association',
        resource_type_associations=[{'name': 'b'}],
    ),
    Call(
        *('GET', NAMESPACE),
        {
            'get_metadef_namespace': 404,
            'list_metadef_resource_types': 403,
            'get_metadef_properties': 403,
            'get_metadef_objects': 403,
            'get_metadef_tags': 403,
        },
    ),
    Call(
        *('PUT', NAMESPACE, {'modify_metadef_namespace': 403}),
        {'namespace': 'm'},
    ),
    Call('DELETE', NAMESPACE, {'delete_metadef_namespace': 403}),
    Call('GET', f'{NAMESPACE}/objects', {'get_metadef_objects': 403}),
    Call(
        *('POST', f'{NAMESPACE}/objects', {'add_metadef_object': 403}), _OBJECT
    ),
    Call('DELETE', f'{NAMESPACE}/objects', {'delete_metadef_namespace': 403}),
    Call('GET', f'{NAMESPACE}/objects/{{name}}', {'get_metadef_object': 403}),
    Call(
        *('PUT', f'{NAMESPACE}/objects/{{name}}'),
        {'modify_metadef_object': 403},
        _OBJECT,
    ),
    Call(
        *('DELETE', f'{NAMESPACE}/objects/{{name}}'),
        {'delete_metadef_object': 403},
    ),
    Call('GET', f'{NAMESPACE}/properties', {'get_metadef_properties': 403}),
    Call(
        *('POST', f'{NAMESPACE}/properties', {'add_metadef_property': 403}),
        _PROPERTY,
    ),
    Call(
        *('DELETE', f'{NAMESPACE}/properties'),
        {'delete_metadef_namespace': 403},
    ),
    Call(
        *('GET', f'{NAMESPACE}/properties/{{name}}'),
        {'get_metadef_property': 403},
    ),
    Call(
        *('PUT', f'{NAMESPACE}/properties/{{name}}'),
        {'modify_metadef_property': 403},
        _PROPERTY,
    ),
    Call(
        *('DELETE', f'{NAMESPACE}/properties/{{name}}'),
        {'remove_metadef_property': 403},
    ),
    Call('GET', f'{NAMESPACE}/tags', {'get_metadef_tags': 403}),
    Call(
        *('POST', f'{NAMESPACE}/tags', {'add_metadef_tags': 403}),
        {'tags': [_TAG]},
    ),
    Call(
        *('DELETE', f'{NAMESPACE}/tags'),
        {'delete_metadef_namespace': 403, 'delete_metadef_tags': 403},
    ),
    Call('GET', f'{NAMESPACE}/tags/{{name}}', {'get_metadef_tag': 403}),
    Call('POST', f'{NAMESPACE}/tags/{{name}}', {'add_metadef_tag': 403}),
    Call(
        *('PUT', f'{NAMESPACE}/tags/{{name}}', {'modify_metadef_tag': 403}),
        _TAG,
    ),
    Call('DELETE', f'{NAMESPACE}/tags/{{name}}', {'delete_metadef_tag': 403}),
    Call(
        *('GET', '/v2/metadefs/resource_types'),
        {'list_metadef_resource_types': 403},
    ),
    Call(
        *('GET', f'{NAMESPACE}/resource_types'),
        {'get_metadef_resource_type': 403},
    ),
    Call(
        *('POST', f'{NAMESPACE}/resource_types'),
        {'add_metadef_resource_type_association': 403},
        {'name': 'b'},
    ),
    Call(
        *('DELETE', f'{NAMESPACE}/resource_types/{{name}}'),
        {'remove_metadef_resource_type_association': 403},
    ),
    Call('GET', '/v2/schemas/metadefs/{metadef}', {}),
)


def _direct(method: str) -> dict[str, Any]:
    return {'method': {'name': method}}


_TASKS = {'tasks_api_access': 403}
IMPORTS = (
    Call(
        *('PUT', f'{ONE}/stage', {'modify_image': 403}),
        *(b'data', callers.OCTETS),
    ),
    Call(
        *('POST', f'{ONE}/import', {'modify_image': 403}),
        _direct('glance-direct'),
    ),
    Call(
        *('POST', f'{ONE}/import', {'copy_image': 403}),
        {**_direct('copy-image'), 'stores': ['fast']},
    ),
    Call('GET', f'{ONE}/tasks', {'get_image': 404}),
    Call('GET', '/v2/info/import', {}),
    Call('GET', '/v2/tasks', _TASKS),
    Call('POST', '/v2/tasks', _TASKS, {'type': 'import', 'input': {}}),
    Call('GET', '/v2/tasks/{task_id}', _TASKS),
    Call('DELETE', '/v2/tasks/{task_id}', _TASKS),
)
STORES = (
    Call('GET', '/v2/info/stores', {}),
    Call('GET', '/v2/info/stores/detail', {'stores_info_detail': 403}),
    Call('GET', f'{ONE}/file?prefer={{store}}', {'download_from_store': 403}),
    Call(
        *('DELETE', '/v2/stores/{store}/{image_id}'),
        {'get_image_location': 403, 'delete_image_location': 403},
    ),
)
_CLASSIC = {'manage_image_cache': 403}
CACHE = (
    Call('GET', '/v2/cache', {'cache_list': 403}),
    Call('PUT', '/v2/cache/{image_id}', {'cache_image': 403}),
    Call('DELETE', '/v2/cache/{image_id}', {'cache_delete': 403}),
    Call('DELETE', '/v2/cache', {'cache_delete': 403}),
    Call('POST', '/v2/cache/clean', {'cache_clean': 403}),
    Call('POST', '/v2/cache/prune', {'cache_prune': 403}),
    Call('GET', '/v2/cache/nodes/{image_id}', {'list_cached_nodes': 403}),
    Call('GET', '/v2/cached_images', _CLASSIC),
    Call('DELETE', '/v2/cached_images', _CLASSIC),
    Call('DELETE', '/v2/cached_images/{image_id}', _CLASSIC),
    Call('GET', '/v2/queued_images', _CLASSIC),
    Call('DELETE', '/v2/queued_images', _CLASSIC),
    Call('PUT', '/v2/queued_images/{image_id}', _CLASSIC),
    Call('DELETE', '/v2/queued_images/{image_id}', _CLASSIC),
)
CALLS = (*IMAGES, *METADEFS, *IMPORTS, *STORES, *CACHE)


def asked() -> dict[str, set[str]]:
    """Return the names of the policy rules, by call."""
    found: dict[str, set[str]] = {}
    for call in CALLS:
        name = f'{call.method} {call.path}'
        found.setdefault(name, set()).update(call.rules)
    return found
