"""Operations on images."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from glance.common import contract
from glance_registry import lifecycle
from glance_registry.db import deletion
from glance_registry.db import images
from glance_registry.db import storage
from glance_registry.operations import line

#: Max size of a page; larger values in a request are reduced to it.
MAX_PAGE = 10_000


def _list_images(db: sa.Connection, call: line.Call) -> contract.Images:
    query = call.document
    query['limit'] = min(query['limit'], MAX_PAGE)
    page = images.get_page(db, call.context, query, call.dialect)
    return {'images': page}


def _create_image(db: sa.Connection, call: line.Call) -> contract.Image:
    line.require_id(call.document['id'])
    return images.create(db, call.document)


def _move(step: lifecycle.Step) -> Callable[[sa.Connection, line.Call], Any]:
    return lambda db, call: images.move(
        db, call.context, call.image_id, step, call.document
    )


TABLE = (
    line.Line(
        'check_registry', line.READ, (), lambda db, _call: images.ping(db)
    ),
    line.Line('list_images', line.READ, ('limit', 'sort'), _list_images),
    line.Line(
        'create_image', line.WRITE, ('id', 'values'), _create_image, 201
    ),
    line.Line(
        'get_image',
        line.READ,
        (),
        lambda db, call: images.get(db, call.context, call.image_id),
    ),
    line.Line(
        'update_image',
        line.WRITE,
        ('row_version', 'values', 'properties'),
        lambda db, call: images.update(
            db, call.context, call.image_id, call.document, call.lease_seconds
        ),
    ),
    line.Line(
        'delete_image',
        line.WRITE,
        ('row_version',),
        lambda db, call: deletion.delete(
            db, call.context, call.image_id, call.document, call.lease_seconds
        ),
    ),
    line.Line(
        'finish_deletion',
        line.WRITE,
        ('status', 'ids'),
        lambda db, call: deletion.finish(db, call.image_id, call.document),
    ),
    line.Line(
        'finish_location_removal',
        line.WRITE,
        ('ids', 'restore'),
        lambda db, call: deletion.finish_location_removal(
            db, call.image_id, call.document
        ),
    ),
    line.Line(
        'get_usage',
        line.READ,
        ('owner',),
        lambda db, call: storage.get_usage(db, call.document['owner']),
    ),
    line.Line(
        'deactivate_image',
        line.WRITE,
        ('row_version',),
        _move(lifecycle.DEACTIVATE),
    ),
    line.Line(
        'reactivate_image',
        line.WRITE,
        ('row_version',),
        _move(lifecycle.REACTIVATE),
    ),
)
