"""The table of the registry: what each operation of the contract runs."""

from collections.abc import Callable
import re
from typing import Any, NamedTuple

import sqlalchemy as sa
import webob

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance_registry import lifecycle
from glance_registry.db import deletion
from glance_registry.db import engine
from glance_registry.db import images
from glance_registry.db import leftovers
from glance_registry.db import members
from glance_registry.db import storage
from glance_registry.db import tags
from glance_registry.db import transfers

_ID = re.compile(r'[\w-]{1,36}', re.ASCII)
#: Largest page, whatever the client asks for.
MAX_PAGE = 10_000


class Call(NamedTuple):
    """One request.

    :ivar image_id: from the path; empty if the path has none
    :ivar name: the tag or the member from the path
    :ivar document: the JSON object of the body
    :ivar lease_seconds: how long a claim holds without renewal
    :ivar dialect: of the database
    """

    context: context.RequestContext
    image_id: str
    name: str
    document: Any
    lease_seconds: int
    dialect: str


class Line(NamedTuple):
    """What one operation runs.

    :ivar writes: in a transaction; False: a read
    :ivar required: members that the document of the request must have;
        empty: the request has no document
    :ivar status: of a success that has a document
    """

    operation: str
    writes: bool
    required: tuple[str, ...]
    run: Callable[[sa.Connection, Call], Any]
    status: int = 200


READ, WRITE = False, True


def _list_images(db: sa.Connection, call: Call) -> contract.Images:
    query = call.document
    query['limit'] = min(query['limit'], MAX_PAGE)
    page = images.get_page(db, call.context, query, call.dialect)
    return {'images': page}


def _create_image(db: sa.Connection, call: Call) -> contract.Image:
    require_id(call.document['id'])
    return images.create(db, call.document)


def _finish_location(db: sa.Connection, call: Call) -> contract.Claimed:
    seconds = call.lease_seconds
    image = transfers.finish_location(
        db, call.image_id, call.document, seconds
    )
    return {'image': image, 'lease_seconds': seconds}


def _claim(kind: transfers.Kind) -> Callable[[sa.Connection, Call], Any]:
    return lambda db, call: transfers.claim(
        db,
        call.context,
        call.image_id,
        call.document,
        kind,
        call.lease_seconds,
    )


def _move(step: lifecycle.Step) -> Callable[[sa.Connection, Call], Any]:
    return lambda db, call: images.move(
        db, call.context, call.image_id, step, call.document
    )


_CLAIM = ('transfer_id', 'node', 'size')
_TAKE = ('holder', 'node', 'store', 'limit')
TABLE = (
    Line('check_registry', READ, (), lambda db, _call: images.ping(db)),
    Line('list_images', READ, ('limit', 'sort'), _list_images),
    Line('create_image', WRITE, ('id', 'values'), _create_image, 201),
    Line(
        'get_image',
        READ,
        (),
        lambda db, call: images.get(db, call.context, call.image_id),
    ),
    Line(
        'update_image',
        WRITE,
        ('row_version', 'values', 'properties'),
        lambda db, call: images.update(
            db, call.context, call.image_id, call.document, call.lease_seconds
        ),
    ),
    Line(
        'delete_image',
        WRITE,
        ('row_version',),
        lambda db, call: deletion.delete(
            db, call.context, call.image_id, call.document, call.lease_seconds
        ),
    ),
    Line(
        'settle_deletion',
        WRITE,
        ('status', 'ids'),
        lambda db, call: deletion.settle(db, call.image_id, call.document),
    ),
    Line(
        'settle_locations',
        WRITE,
        ('ids', 'restore'),
        lambda db, call: deletion.settle_locations(
            db, call.image_id, call.document
        ),
    ),
    Line('claim_upload', WRITE, _CLAIM, _claim(transfers.UPLOAD)),
    Line(
        'finish_upload',
        WRITE,
        ('transfer_id', 'location'),
        lambda db, call: transfers.finish(db, call.image_id, call.document),
    ),
    Line(
        'abandon_upload',
        WRITE,
        ('transfer_id',),
        lambda db, call: transfers.abandon(
            db, call.image_id, call.document, call.lease_seconds
        ),
    ),
    Line('claim_location', WRITE, _CLAIM, _claim(transfers.LOCATION)),
    Line(
        'finish_location',
        WRITE,
        ('transfer_id', 'location', 'then_hash'),
        _finish_location,
    ),
    Line(
        'finish_hash',
        WRITE,
        ('transfer_id', 'os_hash_value'),
        lambda db, call: transfers.finish_hash(
            db, call.image_id, call.document
        ),
    ),
    Line(
        'renew_transfers',
        WRITE,
        ('transfers',),
        lambda db, call: transfers.renew(
            db, call.document, call.lease_seconds
        ),
    ),
    Line(
        'take_leftovers',
        WRITE,
        _TAKE,
        lambda db, call: {
            'leftovers': leftovers.take(db, call.document, call.lease_seconds)
        },
    ),
    Line(
        'check_leftovers',
        READ,
        ('image_ids',),
        lambda db, call: leftovers.check(db, call.document),
    ),
    Line(
        'settle_leftovers',
        WRITE,
        ('done',),
        lambda db, call: leftovers.settle(db, call.document),
    ),
    Line(
        'get_usage',
        READ,
        ('owner',),
        lambda db, call: storage.get_usage(db, call.document['owner']),
    ),
    Line(
        'deactivate_image',
        WRITE,
        ('row_version',),
        _move(lifecycle.DEACTIVATE),
    ),
    Line(
        'reactivate_image',
        WRITE,
        ('row_version',),
        _move(lifecycle.REACTIVATE),
    ),
    Line(
        'add_tag',
        WRITE,
        ('quota',),
        lambda db, call: tags.add(
            db, call.context, call.image_id, call.name, call.document['quota']
        ),
    ),
    Line(
        'delete_tag',
        WRITE,
        (),
        lambda db, call: tags.delete(
            db, call.context, call.image_id, call.name
        ),
    ),
    Line(
        'list_members',
        READ,
        (),
        lambda db, call: members.get_all(db, call.context, call.image_id),
    ),
    Line(
        'create_member',
        WRITE,
        ('member', 'quota'),
        lambda db, call: members.create(
            db, call.context, call.image_id, call.document
        ),
    ),
    Line(
        'update_member',
        WRITE,
        ('status',),
        lambda db, call: members.update(
            db, call.context, call.image_id, call.name, call.document['status']
        ),
    ),
    Line(
        'delete_member',
        WRITE,
        (),
        lambda db, call: members.delete(
            db, call.context, call.image_id, call.name
        ),
    ),
)


def route(
    line: Line, database: engine.Database, lease_seconds: int
) -> wsgi.Route:
    """The operation of a line as HTTP sees it."""
    operation = contract.OPERATIONS[line.operation]

    def handle(
        request: wsgi.Request,
        image_id: str | None = None,
        tag: str = '',
        member: str = '',
    ) -> webob.Response:
        call = Call(
            context=request.context,
            document=_fields(request, line.required),
            image_id='' if image_id is None else require_id(image_id),
            name=tag or member,
            lease_seconds=lease_seconds,
            dialect=database.dialect,
        )
        perform = database.write if line.writes else database.read
        answer = perform(line.run, call)
        if operation.answer is None:
            return wsgi.empty()
        return wsgi.json_response(answer, line.status)

    return wsgi.Route(operation.method, operation.path, handle)


def require_id(image_id: Any) -> str:
    """An id that no database trips over.

    :raises errors.NotFound: no image can have it
    """
    if not isinstance(image_id, str) or not _ID.fullmatch(image_id):
        raise errors.NotFound('There is no such image.')
    return image_id


def _fields(
    request: wsgi.Request, required: tuple[str, ...]
) -> dict[str, Any]:
    """The document of a request.

    :raises errors.BadRequest: not an object, or a field is missing
    """
    if not required:
        return {}
    document = request.document()
    if not isinstance(document, dict) or not all(
        name in document for name in required
    ):
        raise errors.BadRequest(f'The fields {required} are required.')
    return document
