"""Both daemons, and a client that wants a success or a clean 503."""

import time
from typing import Any
import unittest

import sqlalchemy as sa

from tests.live import daemons
from tests.live import processes

TIMEOUT_SECONDS = 4
#: What an answer may take beyond the time-out, on a busy machine.
SLACK_SECONDS = 4
SETTLE_SECONDS = 60
MIB = 1 << 20
PATCH = 'application/openstack-images-v2.1-json-patch'
BYTES = 'application/octet-stream'


class Service(unittest.TestCase):
    """Both daemons; how they are connected is a subclass's."""

    glance: daemons.Glance

    @classmethod
    def serve(cls, glance: daemons.Glance) -> None:
        cls.glance = glance
        cls.addClassCleanup(glance.stop)
        glance.start()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        media_type: str = 'application/json',
        seconds: float = TIMEOUT_SECONDS,
    ) -> int:
        """One request; its status is a success or a clean 503."""
        since = time.monotonic()
        status, headers, text = self.glance.request(
            method, path, body, content_type=media_type
        )
        self.assertLess(
            time.monotonic() - since,
            seconds + processes.allowed(SLACK_SECONDS),
        )
        if status >= 300:
            self.assertEqual(503, status, (method, path, text))
            self.assertGreater(int(headers['retry-after']), 0)
        return status

    def upload(self, image_id: str, data: bytes, trips: int = 1) -> int:
        return self.call(
            'PUT',
            f'/v2/images/{image_id}/file',
            data,
            BYTES,
            trips * TIMEOUT_SECONDS,
        )

    def rows(self, table: sa.Table, **values: Any) -> int:
        path = self.glance.directory / 'glance.sqlite'
        engine = sa.create_engine(f'sqlite:///{path}')
        count = sa.select(sa.func.count()).select_from(table)
        for name, value in values.items():
            count = count.where(table.c[name] == value)
        with engine.connect() as connection:
            found = connection.execute(count).scalar_one()
        engine.dispose()
        return found
