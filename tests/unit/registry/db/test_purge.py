"""What was deleted long ago leaves; what lives stays."""

import contextlib
import datetime
from typing import Any
import unittest
from unittest import mock

import sqlalchemy as sa

from glance_registry.db import engine
from glance_registry.db import maintenance
from glance_registry.db import migration
from glance_registry.db import models
from glance_registry.db import purge
from tests import databases

CHILDREN = {
    models.image_properties: {'name': 'a'},
    models.image_tags: {'value': 'a'},
    models.image_locations: {'value': 'file:///a'},
    models.image_members: {'member': 'a'},
}


def _ago(days: int) -> datetime.datetime:
    return engine.now() - datetime.timedelta(days=days)


class PurgeTest(unittest.TestCase):
    kind = 'sqlite'

    def setUp(self) -> None:
        super().setUp()
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        url = stack.enter_context(databases.TemporaryDatabase(self.kind))
        self.engine = maintenance.engine(url, create=True)
        migration.sync(self.engine, lambda line: None)

    def insert(self, table: sa.Table, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.insert(table).values(**values))

    def image(self, image_id: str, days: int | None, **values: Any) -> None:
        """An image deleted so many days ago."""
        values = {
            'id': image_id,
            'status': 'active' if days is None else 'deleted',
            'deleted': days is not None,
            'deleted_at': None if days is None else _ago(days),
            **values,
        }
        self.insert(models.images, **values)

    def children(self, image_id: str, days: int) -> None:
        for table, values in CHILDREN.items():
            self.insert(
                table,
                image_id=image_id,
                deleted=True,
                deleted_at=_ago(days),
                **values,
            )

    def living_children(self, image_id: str) -> None:
        for table, values in CHILDREN.items():
            self.insert(table, image_id=image_id, deleted=False, **values)

    def task(self, task_id: str, days: int | None) -> None:
        self.insert(
            models.tasks,
            id=task_id,
            type='import',
            status='success',
            owner='me',
            deleted=days is not None,
            deleted_at=None if days is None else _ago(days),
        )
        self.insert(models.task_info, task_id=task_id, message='hello')

    def lease(self, image_id: str, seconds: int) -> None:
        now = engine.now()
        self.insert(
            models.image_transfers,
            id=f'lease of {image_id}',
            image_id=image_id,
            kind='upload',
            node='here',
            started_at=now,
            beat_at=now,
            expires_at=now + datetime.timedelta(seconds=seconds),
        )

    def ids(self, column: sa.Column[Any]) -> list[Any]:
        with self.engine.connect() as connection:
            return sorted(connection.scalars(sa.select(column)))

    def test_old_children_leave_and_images_stay(self) -> None:
        self.image('old', 31)
        self.children('old', 31)
        self.image('young', 29)
        self.children('young', 29)
        purge.purge(self.engine, 30, 100)
        for table in CHILDREN:
            self.assertEqual(['young'], self.ids(table.c.image_id))
        self.assertEqual(['old', 'young'], self.ids(models.images.c.id))

    def test_property_set_anew_stays(self) -> None:
        self.image('a', None)
        self.insert(
            models.image_properties,
            image_id='a',
            name='b',
            deleted=False,
            deleted_at=_ago(100),
        )
        purge.purge(self.engine, 30, -1)
        self.assertEqual(['b'], self.ids(models.image_properties.c.name))

    def test_tasks_leave_with_what_they_said(self) -> None:
        self.task('old', 31)
        self.task('young', 29)
        self.task('alive', None)
        purge.purge(self.engine, 30, 100)
        for column in (models.tasks.c.id, models.task_info.c.task_id):
            self.assertEqual(['alive', 'young'], self.ids(column))

    def test_oldest_leave_first_up_to_the_limit_of_each_table(self) -> None:
        for days in (41, 44, 42, 43):
            self.task(f'{days}', days)
            self.image(f'{days}', days)
            self.children(f'{days}', days)
        purge.purge(self.engine, 30, 3)
        self.assertEqual(['41'], self.ids(models.tasks.c.id))
        for table in CHILDREN:
            self.assertEqual(['41'], self.ids(table.c.image_id))
        purge.purge(self.engine, 30, 1)
        self.assertEqual([], self.ids(models.tasks.c.id))

    def test_no_limit_takes_many_batches(self) -> None:
        for number in range(5):
            self.task(str(number), 31)
        with mock.patch.object(purge, 'BATCH', 2):
            self.assertEqual(10, purge.purge(self.engine, 30, -1))
        self.assertEqual([], self.ids(models.tasks.c.id))

    def test_limit_of_none_purges_nothing(self) -> None:
        self.task('old', 31)
        self.assertEqual(0, purge.purge(self.engine, 30, 0))
        self.assertEqual(['old'], self.ids(models.tasks.c.id))

    def test_images_leave_when_nothing_is_left_of_them(self) -> None:
        self.image('old', 181)
        self.image('young', 179)
        self.assertEqual(1, purge.purge_images_table(self.engine, 180, 100))
        self.assertEqual(['young'], self.ids(models.images.c.id))

    def test_images_with_children_are_refused(self) -> None:
        self.image('old', 181)
        self.children('old', 181)
        with self.assertRaises(purge.PurgeError):
            purge.purge_images_table(self.engine, 180, 100)
        self.assertEqual(['old'], self.ids(models.images.c.id))
        purge.purge(self.engine, 180, 100)
        purge.purge_images_table(self.engine, 180, 100)
        self.assertEqual([], self.ids(models.images.c.id))

    def test_rows_that_were_not_deleted_with_their_image_leave(self) -> None:
        """Earlier releases left them alive, or deleted at a later time."""
        self.image('old', 181)
        self.image('other', 182)
        self.image('young', 179)
        self.image('alive', None)
        for image_id in ('old', 'young', 'alive'):
            self.living_children(image_id)
        self.children('other', 179)
        self.assertEqual(4, purge.purge(self.engine, 180, 1))
        for table in CHILDREN:
            left = ['alive', 'old', 'young']
            self.assertEqual(left, self.ids(table.c.image_id), table.name)
        purge.purge(self.engine, 180, 1)
        for table in CHILDREN:
            left = ['alive', 'young']
            self.assertEqual(left, self.ids(table.c.image_id), table.name)
        self.assertEqual(2, purge.purge_images_table(self.engine, 180, 100))
        self.assertEqual(['alive', 'young'], self.ids(models.images.c.id))

    def test_nothing_of_an_image_that_is_still_pending_leaves(self) -> None:
        self.image('pending', 200, status='pending_delete')
        self.children('pending', 200)
        self.assertEqual(0, purge.purge(self.engine, 30, -1))
        self.assertEqual(0, purge.purge_images_table(self.engine, 180, -1))
        for table in CHILDREN:
            self.assertEqual(['pending'], self.ids(table.c.image_id))
        self.assertEqual(['pending'], self.ids(models.images.c.id))

    def test_restored_image_stays(self) -> None:
        self.image('restored', None, deleted_at=_ago(1000))
        self.assertEqual(0, purge.purge_images_table(self.engine, 0, -1))
        self.assertEqual(['restored'], self.ids(models.images.c.id))

    def test_image_that_somebody_works_on_stays(self) -> None:
        self.image('leased', 200)
        self.lease('leased', 60)
        self.image('lapsed', 200)
        self.lease('lapsed', -60)
        self.assertEqual(1, purge.purge_images_table(self.engine, 180, 100))
        self.assertEqual(['leased'], self.ids(models.images.c.id))
        self.assertEqual(
            ['leased'], self.ids(models.image_transfers.c.image_id)
        )

    def test_senseless_numbers_are_refused(self) -> None:
        self.task('old', 31)
        since_1970 = (engine.now() - datetime.datetime(1970, 1, 1)).days
        for age, rows in (
            (-1, 100),
            (since_1970, 100),
            (30, -2),
            (30, 2**31),
        ):
            for action in (purge.purge, purge.purge_images_table):
                with self.assertRaises(purge.PurgeError):
                    action(self.engine, age, rows)
        self.assertEqual(['old'], self.ids(models.tasks.c.id))

    def test_largest_numbers_are_accepted(self) -> None:
        since_1970 = (engine.now() - datetime.datetime(1970, 1, 1)).days
        for action in (purge.purge, purge.purge_images_table):
            purged = action(self.engine, since_1970 - 1, 2**31 - 1)
            self.assertEqual(0, purged)


class OldDatabaseTest(unittest.TestCase):
    def test_purging_needs_no_upgrade(self) -> None:
        with databases.TemporaryDatabase('sqlite') as url:
            engine = maintenance.engine(url, create=True)
            migration.upgrade(engine, 'queens_contract01', lambda line: None)
            self.assertEqual(0, purge.purge(engine, 30, 100))
            self.assertEqual(0, purge.purge_images_table(engine, 30, 100))


class MysqlPurgeTest(PurgeTest):
    kind = 'mysql'


class PostgresqlPurgeTest(PurgeTest):
    kind = 'postgresql'
