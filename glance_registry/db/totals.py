"""Numbers of images and of their bytes, as metrics."""

from collections.abc import Callable
import threading
import time
from typing import NamedTuple

import sqlalchemy as sa

from glance.common import gauges
from glance_registry.db import engine
from glance_registry.db import models

IMAGES = models.images
_GROUPS = (IMAGES.c.status, IMAGES.c.visibility)


class Row(NamedTuple):
    """The numbers of one group of images.

    :ivar labels: status and visibility; also the project if it is counted
    """

    labels: tuple[str, ...]
    images: int
    size_bytes: int


def count(connection: sa.Connection, by_project: bool) -> list[Row]:
    """Count the images of each group."""
    groups = (*_GROUPS, IMAGES.c.owner) if by_project else _GROUPS
    statement = (
        sa.select(
            *groups,
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(IMAGES.c.size), 0),
        )
        .where(IMAGES.c.deleted == sa.false())
        .group_by(*groups)
    )
    return [
        Row(tuple(str(label or '') for label in labels), number, int(size))
        for *labels, number, size in connection.execute(statement)
    ]


class Totals:
    """The numbers as gauges; they are cached for an interval.

    :param by_project: count the images of each project separately
    """

    def __init__(
        self,
        database: engine.Database,
        by_project: bool,
        interval_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._by_project = by_project
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._rows: list[Row] = []
        self._counted_at = float('-inf')
        self._lock = threading.Lock()

    def gauges(self) -> list[gauges.Gauge]:
        """Return the gauges.

        :raises errors.DatabaseUnavailable: the images cannot be counted
        """
        with self._lock:
            if self._clock() - self._counted_at >= self._interval_seconds:
                self._rows = self._database.read(count, self._by_project)
                self._counted_at = self._clock()
            rows = self._rows
        labels = ['status', 'visibility']
        if self._by_project:
            labels.append('tenant_id')
        return [
            gauges.Gauge(
                'openstack_glance_images',
                'Images that are not deleted.',
                labels,
                [(row.labels, row.images) for row in rows],
            ),
            gauges.Gauge(
                'openstack_glance_image_bytes',
                'Bytes of images that are not deleted.',
                labels,
                [(row.labels, row.size_bytes) for row in rows],
            ),
        ]
