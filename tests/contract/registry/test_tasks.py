"""Tasks: recorded, listed, ended, expired."""

from typing import Any
import uuid

import sqlalchemy as sa

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance_registry.db import clock
from glance_registry.db import models
from glance_registry.db import tasks
from tests.contract import racers
from tests.contract.registry import callers


class TestTasks(callers.RegistryTestCase):
    def start(
        self, caller: context.RequestContext = callers.ALICE
    ) -> tuple[str, str]:
        """Claim a location; return the ids of the image and its task."""
        image_id, task_id = self.create(caller)['id'], str(uuid.uuid4())
        task: contract.NewTask = {
            'id': task_id,
            'type': 'location_import',
            'owner': caller.project_id or '',
            'user_id': 'u1',
            'request_id': 'req-1',
            'input': {'loc_url': 'http://web/\U0001f427'},
            'keep_hours': 48,
        }
        claim: contract.Claim = {
            'transfer_id': task_id,
            'node': 'n',
            'size': None,
            'task': task,
        }
        for _ in range(2):  # a response may be lost
            self.client.claim_location(caller, image_id, claim)
        return image_id, task_id

    def query(self, **values: Any) -> contract.TaskQuery:
        query: contract.TaskQuery = {
            'limit': 100,
            'marker': None,
            'sort_key': 'created_at',
            'sort_dir': 'desc',
            'filters': {},
        }
        query.update(values)  # type: ignore[typeddict-item]
        return query

    def ids(self, **values: Any) -> list[str]:
        found = self.client.list_tasks(callers.ADMIN, self.query(**values))
        return [task['id'] for task in found]

    def test_get_task(self) -> None:
        image_id, task_id = self.start()
        task = self.client.get_task(callers.ALICE, task_id)
        self.assertEqual('processing', task['status'])
        self.assertEqual(image_id, task['image_id'])
        self.assertEqual({'loc_url': 'http://web/\U0001f427'}, task['input'])
        self.assertIsNone(task['expires_at'])
        self.assertEqual(task, self.client.get_task(callers.ADMIN, task_id))
        for caller, name in ((callers.BOB, task_id), (callers.ADMIN, 'none')):
            self.expect(errors.NotFound, self.client.get_task, caller, name)

    def test_list_tasks(self) -> None:
        every = {self.start(each)[1] for each in (callers.ALICE, callers.BOB)}
        self.assertEqual(every, set(self.ids()))
        (mine,) = self.client.list_tasks(callers.ALICE, self.query())
        self.assertEqual(
            [mine['id']], self.ids(filters={'owner': mine['owner']})
        )
        self.assertEqual([], self.ids(filters={'status': 'pending'}))
        self.assertEqual([], self.ids(filters={'owner': 'P1'}))

    def test_pages_of_a_list(self) -> None:
        every = {self.start()[1] for _ in range(3)}
        for key in sorted(tasks.COLUMNS):
            for way in ('asc', 'desc'):
                found: list[str] = []
                while page := self.ids(
                    limit=1,
                    sort_key=key,
                    sort_dir=way,
                    marker=found[-1] if found else None,
                ):
                    found += page
                with self.subTest(key, way=way):
                    self.assertEqual(3, len(found))
                    self.assertEqual(every, set(found))
        self.expect(
            errors.InvalidMarker,
            self.client.list_tasks,
            callers.ADMIN,
            self.query(marker='none'),
        )

    def test_create_failed_task(self) -> None:
        new: contract.NewTask = {
            'id': str(uuid.uuid4()),
            'type': 'import',
            'owner': 'p1',
            'user_id': None,
            'request_id': None,
            'input': {},
            'keep_hours': 1,
        }
        task = self.client.create_failed_task(callers.ALICE, new, 'No.')
        self.assertEqual('failure', task['status'])
        self.assertEqual('No.', task['message'])
        self.assertEqual(task, self.client.get_task(callers.ALICE, new['id']))

    def test_list_image_tasks(self) -> None:
        image_id, task_id = self.start()
        self.start()
        (task,) = self.client.list_image_tasks(callers.ALICE, image_id)
        self.assertEqual(task_id, task['id'])
        self.expect(
            errors.NotFound,
            self.client.list_image_tasks,
            callers.BOB,
            image_id,
        )

    def test_a_task_that_succeeds(self) -> None:
        image_id, task_id = self.start()
        self.client.finish_location(
            callers.ALICE, image_id, self.registered(task_id, 't2')
        )
        task = self.client.get_task(callers.ALICE, task_id)
        self.assertEqual('success', task['status'])
        self.assertEqual({'image_id': image_id}, task['result'])
        self.assertLess(task['updated_at'], task['expires_at'] or '')

    def test_a_task_that_fails(self) -> None:
        image_id, task_id = self.start()
        self.client.abandon_upload(
            callers.ALICE,
            image_id,
            {'transfer_id': task_id, 'reason': 'It is Monday.'},
        )
        task = self.client.get_task(callers.ALICE, task_id)
        self.assertEqual('failure', task['status'])
        self.assertEqual('It is Monday.', task['message'])
        self.assertIsNone(task['result'])

    def test_a_task_whose_worker_died(self) -> None:
        _image_id, task_id = self.start()
        racers.lapse(self.service.database, task_id)
        racers.sweep(self.service.database)
        task = self.client.get_task(callers.ALICE, task_id)
        self.assertEqual('failure', task['status'])
        self.assertEqual('The location given to n broke off.', task['message'])

    def test_an_expired_task_is_gone(self) -> None:
        image_id, task_id = self.start()
        running = self.start()[1]
        self.client.abandon_upload(
            callers.ALICE, image_id, {'transfer_id': task_id}
        )
        table = models.tasks
        past = table.update().where(table.c.id == task_id)
        past = past.values(expires_at=clock.after(-1))
        database = self.service.database
        database.write(lambda connection: connection.execute(past))
        self.assertEqual([running], self.ids())
        self.expect(
            errors.NotFound, self.client.get_task, callers.ADMIN, task_id
        )
        self.assertEqual(
            [], self.client.list_image_tasks(callers.ALICE, image_id)
        )
        self.assertEqual(1, database.write(tasks.expire))
        self.assertEqual(0, database.write(tasks.expire))
        marked = sa.select(table.c.id).where(table.c.deleted == sa.true())
        rows = database.read(lambda db: db.scalars(marked).all())
        self.assertEqual([task_id], list(rows))


class TestTasksMysql(TestTasks):
    kind = 'mysql'


class TestTasksPostgresql(TestTasks):
    kind = 'postgresql'
