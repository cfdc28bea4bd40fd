"""Queries on caches: which host has which images in its cache."""

from collections.abc import Iterable
import datetime
from typing import Any

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry.db import images
from glance_registry.db import models

CACHED = models.cached_images
NODES = models.node_reference
#: Max number of ids in one statement.
_MAX_IDS = 500


def report(
    connection: sa.Connection, document: contract.CacheReport
) -> list[str]:
    """Record which images a host has in its cache; idempotent.

    :returns: ids of deleted images that the host still has in its cache
    """
    node = _node(connection, document['node'])
    if document.get('is_all'):
        connection.execute(
            CACHED.delete().where(CACHED.c.node_reference_id == node)
        )
    for part in _parts(document['removed']):
        _forget(connection, node, part)
    for part in _parts(document['cached']):
        _forget(connection, node, [image['image_id'] for image in part])
        connection.execute(
            CACHED.insert(), [_row(node, image) for image in part]
        )
    return _deleted(connection, node)


def _parts(values: list[Any]) -> Iterable[list[Any]]:
    for start in range(0, len(values), _MAX_IDS):
        yield values[start : start + _MAX_IDS]


def _node(connection: sa.Connection, url: str) -> int:
    """Return the id of a host, and lock its row for the transaction.
    :raises errors.BadRequest: the database cannot store the URL
    """
    if not url or len(url) > 255:
        raise errors.BadRequest(
            'The URL of a host must have 1 to 255 characters.'
        )
    statement = (
        sa.select(NODES.c.node_reference_id)
        .where(NODES.c.node_reference_url == url)
        .with_for_update()
    )
    node: int | None = connection.scalar(statement)
    if node is None:
        connection.execute(NODES.insert().values(node_reference_url=url))
        node = connection.scalar(statement)
    if node is None:
        raise errors.Busy
    return node


def _forget(connection: sa.Connection, node: int, ids: list[str]) -> None:
    connection.execute(
        CACHED.delete().where(
            CACHED.c.node_reference_id == node, CACHED.c.image_id.in_(ids)
        )
    )


def _row(node: int, image: contract.CachedImage) -> dict[str, Any]:
    return {
        'node_reference_id': node,
        'image_id': image['image_id'],
        'size': image['size'],
        'hits': min(image['hits'], 2**31 - 1),
        'last_accessed': _time(image['last_accessed']),
        'last_modified': _time(image['last_modified']),
        'checksum': image['checksum'],
    }


def _time(seconds: float) -> datetime.datetime:
    moment = datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
    return moment.replace(tzinfo=None)


def _deleted(connection: sa.Connection, node: int) -> list[str]:
    is_live = sa.exists().where(
        models.images.c.id == CACHED.c.image_id,
        models.images.c.deleted == sa.false(),
    )
    return list(
        connection.scalars(
            sa.select(CACHED.c.image_id)
            .where(CACHED.c.node_reference_id == node, ~is_live)
            .order_by(CACHED.c.id)
            .limit(_MAX_IDS)
        )
    )


def nodes(
    connection: sa.Connection,
    caller: context.RequestContext,
    image_id: str,
) -> list[str]:
    """Return the URLs of the hosts that have an image in their cache.

    :raises errors.NotFound: the image is not visible to the caller
    """
    images.get(connection, caller, image_id)
    return list(
        connection.scalars(
            sa.select(NODES.c.node_reference_url)
            .join(CACHED)
            .where(CACHED.c.image_id == image_id)
            .order_by(NODES.c.node_reference_url)
        )
    )
