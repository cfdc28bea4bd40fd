"""POST /v2/tasks: the older way to import an image from a web server."""

from collections.abc import Callable
from typing import Any
import uuid

import webob

from glance import registry_client
from glance.api import links
from glance.api import policy
from glance.api.v2 import tasks as views
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance.images import creation
from glance.tasks import imports
from glance.tasks import records

_MEMBERS = frozenset(('type', 'input'))


class TaskCreate:
    """Creates an image and queues the import of its data.

    :param new_image: reads the document of an image
    :param public_endpoint: as in :class:`glance.api.v2.images.Images`
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        *,
        creations: creation.Creations,
        starts: imports.Imports,
        new_image: Callable[[Any], creation.NewImage],
        default_store: str,
        tasks: records.Records,
        public_endpoint: str | None,
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._creations = creations
        self._starts = starts
        self._new_image = new_image
        self._default_store = default_store
        self._tasks = tasks
        self._public_endpoint = public_endpoint

    def create(self, request: wsgi.Request) -> webob.Response:
        context = request.context
        target = policy.Target({}, 'tasks')
        self._policy.require(context, 'tasks_api_access', target)
        given = self._given(request.document())
        properties = given.get('image_properties')
        if isinstance(properties, dict) and given.get('import_from_format'):
            task = self._import(request, given, properties)
        else:
            task = self._failed(context, given)
        base = links.base(request, self._public_endpoint)
        return wsgi.json_response(
            views.document(task),
            201,
            {'Location': f'{base}/v2/tasks/{task["id"]}'},
        )

    def _given(self, document: Any) -> dict[str, Any]:
        """:raises errors.BadRequest: not an import from a permitted URL"""
        if not isinstance(document, dict) or document.keys() != _MEMBERS:
            raise errors.BadRequest(
                'A task must have the members type and input, and no other '
                'ones.'
            )
        given = document['input']
        if document['type'] != records.IMPORT or not isinstance(given, dict):
            raise errors.BadRequest(
                'type must be import, and input must be an object.'
            )
        if len(str(given)) > imports.MAX_BODY_BYTES:
            raise errors.BadRequest(
                f'input may have at most {imports.MAX_BODY_BYTES} bytes.'
            )
        self._starts.check_url(given.get('import_from'))
        return given

    def _import(
        self,
        request: wsgi.Request,
        given: dict[str, Any],
        properties: dict[str, Any],
    ) -> contract.Task:
        """:raises errors.Error: the values of the image are invalid"""
        wanted = {
            'disk_format': given['import_from_format'],
            'container_format': 'bare',
            **properties,
        }
        context = request.context
        new = request.work(self._new_image, wanted)
        image = self._creations.run(context, new)
        start = self._starts.start(
            context,
            records.IMPORT,
            given,
            imports.Wanted(
                method='web-download',
                given={'uri': given['import_from']},
                stores=[self._default_store],
                must_all_succeed=True,
                body=given,
            ),
        )
        self._starts.queue(context, image['id'], start)
        return self._registry.get_task(context, start['task']['id'])

    def _failed(
        self, context: context.RequestContext, given: dict[str, Any]
    ) -> contract.Task:
        task = self._tasks.new(
            context, str(uuid.uuid4()), records.IMPORT, given
        )
        reason = (
            'The input of an import must have import_from, '
            'import_from_format and image_properties.'
        )
        self._tasks.tell('create', records.told(task))
        self._tasks.tell('failure', records.told(task))
        return self._registry.create_failed_task(context, task, reason)
