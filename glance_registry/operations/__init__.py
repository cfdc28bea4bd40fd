"""The registry's table: the function of each operation in the contract."""

from typing import Any

import webob

from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance_registry.db import engine
from glance_registry.operations import cache
from glance_registry.operations import images
from glance_registry.operations import imports
from glance_registry.operations import integrity
from glance_registry.operations import line as lines
from glance_registry.operations import members
from glance_registry.operations import metadefs
from glance_registry.operations import pending
from glance_registry.operations import sharing
from glance_registry.operations import tasks
from glance_registry.operations import transfers

TABLE = (
    *images.TABLE,
    *transfers.TABLE,
    *imports.TABLE,
    *members.TABLE,
    *cache.TABLE,
    *sharing.TABLE,
    *metadefs.TABLE,
    *pending.TABLE,
    *integrity.TABLE,
    *tasks.TABLE,
)


def route(
    line: lines.Line, database: engine.Database, lease_seconds: int
) -> wsgi.Route:
    """Return the HTTP route of an operation."""
    operation = contract.OPERATIONS[line.operation]

    def handle(
        request: wsgi.Request, image_id: str | None = None, **names: str
    ) -> webob.Response:
        call = lines.Call(
            context=request.context,
            document=_fields(request, line.required),
            image_id='' if image_id is None else lines.require_id(image_id),
            names=names,
            lease_seconds=lease_seconds,
            dialect=database.dialect,
        )
        perform = database.write if line.writes else database.read
        answer = perform(line.run, call)
        if operation.answer is None:
            return wsgi.empty()
        return wsgi.json_response(answer, line.status)

    return wsgi.Route(operation.method, operation.path, handle)


def _fields(
    request: wsgi.Request, required: tuple[str, ...]
) -> dict[str, Any]:
    """Return the document of a request.

    :raises errors.BadRequest: the document is not an object, or a field is
        missing
    """
    if not required:
        return {}
    document = request.document()
    if not isinstance(document, dict) or not all(
        name in document for name in required
    ):
        raise errors.BadRequest(f'The fields {required} are required.')
    return document
