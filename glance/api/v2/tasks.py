"""/v2/tasks: the records of work that continues after its response."""

import re
from typing import Any
import urllib.parse

import webob

from glance import registry_client
from glance.api import policy
from glance.api.v2 import schemas
from glance.api.v2.schema import task as schema
from glance.common import contract
from glance.common import errors
from glance.common import wsgi

#: Members of a task that a list does not contain.
_FULL_ONLY = (
    *('input', 'result', 'message', 'image_id', 'request_id', 'user_id'),
)
_OPTIONAL = ('image_id', 'request_id', 'user_id', 'expires_at')
_SORT_KEYS = (
    *('created_at', 'updated_at', 'expires_at', 'id', 'type', 'status'),
    *('owner', 'image_id', 'request_id', 'user_id'),
)
_FILTERS = ('owner', 'image_id', 'request_id', 'user_id')
_UUID = re.compile(
    '[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}', re.IGNORECASE | re.ASCII
)
_TARGET = policy.Target({}, 'tasks')


class Tasks:
    """The collection, and the tasks of one image.

    :param page_default: tasks on a page if the request has no limit
    :param page_max: maximum number of tasks on a page
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        page_default: int,
        page_max: int,
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._page_default = page_default
        self._page_max = page_max

    def index(self, request: wsgi.Request) -> webob.Response:
        self._policy.require(request.context, 'tasks_api_access', _TARGET)
        pairs = [(name, value) for name, value in request.GET.items()]
        query = _query(dict(pairs), self._page_default, self._page_max)
        tasks: list[contract.Task] = []
        if query['limit']:
            tasks = self._registry.list_tasks(request.context, query)
        page = {
            'tasks': [_stub(task) for task in tasks],
            'first': _link(pairs),
            'schema': '/v2/schemas/tasks',
        }
        if tasks and len(tasks) == query['limit']:
            page['next'] = _link(pairs, tasks[-1]['id'])
        return wsgi.json_response(page)

    def show(self, request: wsgi.Request, task_id: str) -> webob.Response:
        request.refuse_body()
        self._policy.require(request.context, 'tasks_api_access', _TARGET)
        task = self._registry.get_task(request.context, task_id)
        return wsgi.json_response(document(task))

    def delete(self, request: wsgi.Request, task_id: str) -> webob.Response:
        """Refuse: the record of a task is removed only when it expires."""
        self._policy.require(request.context, 'tasks_api_access', _TARGET)
        raise errors.MethodNotAllowed(
            'A task cannot be deleted; its record expires '
            '(task_time_to_live).',
            {'Allow': 'GET'},
        )

    def of_image(self, request: wsgi.Request, image_id: str) -> webob.Response:
        """The tasks of an image, as records."""
        request.refuse_body()
        context = request.context
        image = self._registry.get_image(context, image_id)
        self._policy.require(context, 'get_image', policy.of_image(image))
        tasks = self._registry.list_image_tasks(context, image_id)
        return wsgi.json_response({'tasks': [_record(task) for task in tasks]})


def document(task: contract.Task) -> dict[str, Any]:
    """The public document of a task."""
    shown: dict[str, Any] = {
        name: value
        for name, value in task.items()
        if value is not None or name not in _OPTIONAL
    }
    shown['self'] = f'/v2/tasks/{task["id"]}'
    shown['schema'] = '/v2/schemas/task'
    return shown


def _stub(task: contract.Task) -> dict[str, Any]:
    return {
        name: value
        for name, value in document(task).items()
        if name not in _FULL_ONLY
    }


def _record(task: contract.Task) -> dict[str, Any]:
    """A task in ``/v2/images/{id}/tasks``: every member, other time format."""
    record: dict[str, Any] = {**task, 'deleted': False, 'deleted_at': None}
    for name in ('created_at', 'updated_at', 'expires_at'):
        if record[name] is not None:
            record[name] = record[name].removesuffix('Z') + '.000000'
    return record


def _query(
    given: dict[str, str], page_default: int, page_max: int
) -> contract.TaskQuery:
    """:raises errors.BadRequest: names the parameter that is wrong"""
    for name, value in given.items():
        schemas.check_text(name, 'a parameter')
        schemas.check_text(value, name)
    limit = given.get('limit', str(page_default))
    if not re.fullmatch('[0-9]{1,9}', limit, re.ASCII):
        raise errors.BadRequest('limit must be an integer of at least 0.')
    marker = given.get('marker')
    if marker is not None and not _UUID.fullmatch(marker):
        raise errors.InvalidMarker('The marker must be the id of a task.')
    filters = {name: given[name] for name in _FILTERS if name in given}
    if 'status' in given:
        filters['status'] = _choice('status', given['status'], schema.STATUSES)
    if 'type' in given:
        filters['type'] = _choice('type', given['type'], ['import'])
    sort_key = given.get('sort_key', 'created_at')
    sort_dir = given.get('sort_dir', 'desc')
    return {
        'limit': min(int(limit), page_max),
        'marker': marker,
        'sort_key': _choice('sort_key', sort_key, _SORT_KEYS),
        'sort_dir': _choice('sort_dir', sort_dir, ('asc', 'desc')),
        'filters': filters,
    }


def _choice(name: str, value: str, choices: Any) -> str:
    if value not in choices:
        raise errors.BadRequest(f'{name} must be one of {", ".join(choices)}.')
    return value


def _link(pairs: list[tuple[str, str]], marker: str | None = None) -> str:
    kept = [(name, value) for name, value in pairs if name != 'marker']
    if marker is not None:
        kept.append(('marker', marker))
    text = urllib.parse.urlencode(kept)
    return f'/v2/tasks?{text}' if text else '/v2/tasks'
