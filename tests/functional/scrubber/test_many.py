"""Many pending deletions, a store that fails often, two scrubbers.

GLANCE_TEST_DELETIONS=10000 makes more deletions, which takes long.
"""

import datetime
import os
import threading
from typing import Any
import uuid

import sqlalchemy as sa

from glance.api import storage
from glance.common import contract
from glance.common import errors
from glance.images import leftovers
from glance.images import scrubbing
from glance_registry.db import clock
from glance_registry.db import models
from tests import base

COUNT = int(os.environ.get('GLANCE_TEST_DELETIONS', '600'))
#: Max number of tries of an operation that a busy database may refuse.
TRIES = 10
LONG_AGO = datetime.datetime(2020, 1, 1)


class UnsteadyStore:
    """A store that fails at the first try for each tenth image.

    :ivar failed: images whose first deletion failed
    :ivar twice: images that two scrubbers deleted at the same time
    """

    def __init__(self) -> None:
        self.deleted: set[str] = set()
        self.twice: list[str] = []
        self.failed: set[str] = set()
        self._running: set[str] = set()
        self._lock = threading.Lock()

    def delete(self, url: str, image_id: str, *_rest: Any) -> None:
        with self._lock:
            if image_id in self._running:
                self.twice.append(image_id)
            self._running.add(image_id)
            fails = int(url.rpartition('/')[2]) % 10 == 0
            fails = fails and image_id not in self.failed
            if fails:
                self.failed.add(image_id)
        with self._lock:
            self._running.discard(image_id)
            if fails:
                raise errors.StoreUnavailable
            self.deleted.add(image_id)


class TestMany(base.ServiceTestCase):
    def seed(self) -> None:
        end = {'deleted': True, 'deleted_at': LONG_AGO}
        rows = [
            {
                'id': str(uuid.uuid4()),
                'name': 'n',
                'status': 'pending_delete',
                'visibility': 'private',
                'owner': 'p1',
                'min_disk': 0,
                'min_ram': 0,
                'protected': False,
                'os_hidden': False,
                'created_at': LONG_AGO,
                'updated_at': LONG_AGO,
                **end,
            }
            for _ in range(COUNT)
        ]
        locations = [
            {
                'image_id': row['id'],
                'value': f'file:///images/{number}',
                'meta_data': {},
                'status': 'pending_delete',
                'created_at': LONG_AGO,
                'updated_at': LONG_AGO,
                **end,
            }
            for number, row in enumerate(rows)
        ]

        def insert(connection: sa.Connection) -> None:
            connection.execute(models.images.insert(), rows)
            connection.execute(models.image_locations.insert(), locations)

        self.service.database.write(insert)

    def scrubber(self, node: str) -> scrubbing.Scrubber:
        service = self.service
        store = storage.around(service.conf, service.store)
        store.delete = self.store.delete  # type: ignore[method-assign]
        made = scrubbing.Scrubber(
            service.registry,
            store,
            leftovers.Leftovers(service.registry, store, node),
            node=node,
            keep_seconds=0,
            pool_size=4,
        )
        take = made._take

        def counted() -> list[contract.Leftover]:
            taken = take()
            self.taken.append(len(taken))
            return taken

        made._take = counted  # type: ignore[method-assign]
        return made

    def run_both(self) -> None:
        threads = [
            threading.Thread(target=self.run_one, args=(self.scrubber(node),))
            for node in ('one', 'two')
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @staticmethod
    def run_one(scrubber: scrubbing.Scrubber) -> None:
        """Run one pass; repeat it if the database was too busy."""
        for _ in range(TRIES):
            try:
                scrubber.run()
            except errors.Unavailable:
                continue
            return

    def left(self) -> int:
        statement = sa.select(sa.func.count()).where(
            models.images.c.status == 'pending_delete'
        )
        return self.service.database.read(
            lambda connection: connection.scalar(statement) or 0
        )

    def make_due(self) -> None:
        update = models.image_leftovers.update()
        self.service.database.write(
            lambda connection: connection.execute(
                update.values(due_at=clock.after(0))
            )
        )

    def test_all_are_gone_in_the_end(self) -> None:
        self.store = UnsteadyStore()
        self.taken: list[int] = []
        self.seed()
        self.run_both()
        # A pass that takes long has repeated some of them already.
        self.assertEqual(len(range(0, COUNT, 10)), len(self.store.failed))
        for _ in range(TRIES):
            self.make_due()
            self.run_both()
            if not self.left():
                break
        self.assertEqual(0, self.left())
        self.assertEqual(COUNT, len(self.store.deleted))
        self.assertEqual([], self.store.twice)
        # Memory does not grow with the number of images.
        self.assertLessEqual(max(self.taken), scrubbing.BATCH)
