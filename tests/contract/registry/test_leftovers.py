"""Leftovers: recorded, taken by one glance-api at a time, settled."""

import datetime
from typing import Any

from glance.common import contract
from glance_registry.db import clock
from glance_registry.db import engine
from glance_registry.db import leftovers
from glance_registry.db import models
from tests.contract import racers
from tests.contract.registry import callers

HOUR = 3600


class TestLeftovers(callers.RegistryTestCase):
    def take(
        self, holder: str = 'a', node: str = 'n', store: str | None = 's'
    ) -> list[contract.Leftover]:
        return self.client.take_leftovers(
            callers.ADMIN,
            {'holder': holder, 'node': node, 'store': store, 'limit': 10},
        )

    def removal(self, removal_id: str) -> contract.Removal:
        return {'id': removal_id, 'node': 'n', 'store': 's'}

    def deleted(self, removal_id: str = 'r', **rest: Any) -> str:
        """An image that was deleted, with its data still to be removed."""
        image_id = self.with_locations('file:///a', 'file:///b')['id']
        self.client.delete_image(
            callers.ALICE,
            image_id,
            {
                'row_version': None,
                'removal': self.removal(removal_id),
                **rest,
            },
        )
        return image_id

    def move_due(self, seconds: int) -> None:
        """Let all be due so many seconds from the database's now."""
        due_at = clock.after(seconds)
        statement = models.image_leftovers.update().values(due_at=due_at)
        self.service.database.write(
            lambda connection: connection.execute(statement)
        )

    def rows(self, table: Any = models.image_leftovers) -> list[Any]:
        return self.service.database.read(
            lambda connection: list(connection.execute(table.select()))
        )

    def statuses(self, image_id: str) -> tuple[str, set[str]]:
        (image,) = [r for r in self.rows(models.images) if r.id == image_id]
        places = self.rows(models.image_locations)
        mine = {row.status for row in places if row.image_id == image_id}
        return image.status, mine

    def test_take_leftovers(self) -> None:
        """One at a time, when it is due, where the store is."""
        image_id = self.deleted()
        self.assertEqual([], self.take())  # the request works on it
        self.move_due(0)
        self.assertEqual([], self.take(store='other'))
        self.assertEqual([], self.take(store=None))
        taken = self.take()
        self.assertEqual(
            [('r', image_id, ['file:///a', 'file:///b'], 0)],
            [
                (
                    it['id'],
                    it['image_id'],
                    sorted(it['urls'] or ()),
                    it['tries'],
                )
                for it in taken
            ],
        )
        self.assertEqual([], self.take('b'))
        self.move_due(0)
        self.assertEqual(1, len(self.take('b')))

    def test_a_store_without_identity_is_the_nodes_own(self) -> None:
        image_id = self.create()['id']
        self.claim(image_id, 't1')
        racers.lapse(self.service.database, 't1')
        racers.sweep(self.service.database)
        self.assertEqual([], self.take(node='other'))
        (taken,) = self.take(node='n')
        self.assertEqual(('t1', image_id), (taken['id'], taken['image_id']))
        self.assertIsNone(taken['urls'])

    def test_a_clock_that_was_set_back_hides_nothing(self) -> None:
        self.deleted()
        self.move_due(4 * HOUR)
        self.assertEqual(1, len(self.take()))

    def test_data_that_is_kept_is_not_left_over(self) -> None:
        image_id = self.deleted(data='kept')
        self.assertEqual([], self.rows())
        self.assertEqual('pending_delete', self.statuses(image_id)[0])

    def test_check_leftovers(self) -> None:
        """In use while an upload runs; then the image's own, or nobody's."""
        running = self.create()['id']
        self.claim(running, 't1')
        active = self.create()['id']
        self.claim(active, 't2')
        self.client.finish_upload(callers.ALICE, active, self.stored('t2'))
        kept = self.deleted(data='kept')
        gone = self.deleted()
        ids = [running, active, kept, gone, 'never']
        found = self.client.check_leftovers(callers.ADMIN, {'image_ids': ids})
        self.assertEqual([running], found['in_use'])
        self.assertEqual({active, kept}, found['urls'].keys())
        self.assertEqual(['file:///somewhere/x'], found['urls'][active])

    def test_settle_leftovers(self) -> None:
        """What failed is shown as pending_delete, and comes back later."""
        image_id = self.deleted()
        self.assertEqual(('deleted', {'deleted'}), self.statuses(image_id))
        for tries in (1, 2):
            self.move_due(0)
            self.take()
            self.client.settle_leftovers(
                callers.ADMIN, {'done': [], 'failed': ['r', 'never']}
            )
            self.assertEqual(
                ('pending_delete', {'pending_delete'}),
                self.statuses(image_id),
            )
            (row,) = self.rows()
            self.assertEqual(tries, row.tries)
            self.assertEqual([], self.take())
        self.move_due(0)
        self.take()
        for _ in range(2):
            self.client.settle_leftovers(callers.ADMIN, {'done': ['r']})
            self.assertEqual(('deleted', {'deleted'}), self.statuses(image_id))
            self.assertEqual([], self.rows())

    def test_pauses_grow_up_to_an_hour(self) -> None:
        self.deleted()
        due = []
        for _ in range(12):
            self.client.settle_leftovers(
                callers.ADMIN, {'done': [], 'failed': ['r']}
            )
            (row,) = self.rows()
            due.append(row.due_at)
            self.assertLessEqual(
                row.due_at - engine.now(),
                datetime.timedelta(
                    seconds=leftovers.MAX_PAUSE_SECONDS + HOUR / 60
                ),
            )
        self.assertEqual(sorted(due), due)

    def test_what_another_took_does_not_come_back(self) -> None:
        """The other one may have removed the data."""
        image_id = self.deleted(data='held')
        end: contract.DeletionEnd = {
            'status': 'active',
            'ids': [row.id for row in self.rows(models.image_locations)],
            'removal_id': 'r',
        }
        self.move_due(0)
        self.assertEqual(1, len(self.take()))
        self.client.settle_deletion(callers.ALICE, image_id, end)
        self.assertEqual('pending_delete', self.statuses(image_id)[0])
        self.assertEqual(1, len(self.rows()))

    def test_what_nobody_took_comes_back_once(self) -> None:
        image_id = self.deleted(data='held')
        end: contract.DeletionEnd = {
            'status': 'active',
            'ids': [row.id for row in self.rows(models.image_locations)],
            'removal_id': 'r',
        }
        for _ in range(2):
            self.client.settle_deletion(callers.ALICE, image_id, end)
            image = self.client.get_image(callers.ALICE, image_id)
            self.assertEqual(2, len(image['locations']))
            self.assertEqual([], self.rows())

    def remove_location(self) -> tuple[contract.Image, int]:
        image = self.with_locations('file:///a', 'file:///b')
        first, second = image['locations']
        self.client.update_image(
            callers.ALICE,
            image['id'],
            {
                'row_version': image['row_version'],
                'values': {},
                'properties': {},
                'locations': [second],
                'pending': [first['id']],
                'removal': self.removal('r'),
            },
        )
        return image, first['id']

    def test_a_removed_location_is_left_over(self) -> None:
        image, location_id = self.remove_location()
        self.move_due(0)
        (taken,) = self.take()
        self.assertEqual(['file:///a'], taken['urls'])
        self.client.settle_leftovers(callers.ADMIN, {'done': ['r']})
        self.assertEqual(
            ('active', {'active', 'deleted'}), self.statuses(image['id'])
        )

    def test_a_location_comes_back_unless_another_took_it(self) -> None:
        for is_taken in (False, True):
            image, location_id = self.remove_location()
            if is_taken:
                self.move_due(0)
                self.take()
            self.client.settle_locations(
                callers.ALICE, image['id'], [location_id], True, 'r'
            )
            urls = [
                location['url']
                for location in self.client.get_image(
                    callers.ALICE, image['id']
                )['locations']
            ]
            expected = (
                ['file:///b'] if is_taken else ['file:///a', 'file:///b']
            )
            self.assertEqual(expected, urls)
            self.assertEqual(is_taken, bool(self.rows()))

    def test_a_location_of_a_deleted_image_stays_left_over(self) -> None:
        image, location_id = self.remove_location()
        self.client.delete_image(
            callers.ALICE, image['id'], {'row_version': None}
        )
        self.client.settle_locations(
            callers.ALICE, image['id'], [location_id], True, 'r'
        )
        self.assertEqual(['r'], [row.id for row in self.rows()])

    def test_an_abandoned_upload_that_stored_data(self) -> None:
        image_id = self.create()['id']
        self.claim(image_id, 't1')
        for _ in range(2):
            self.client.abandon_upload(
                callers.ALICE,
                image_id,
                {'transfer_id': 't1', 'leftover': self.removal('t1')},
            )
            self.assertEqual(['t1'], [row.id for row in self.rows()])
        image = self.client.get_image(callers.ALICE, image_id)
        self.assertEqual('queued', image['status'])


class TestLeftoversMysql(TestLeftovers):
    kind = 'mysql'


class TestLeftoversPostgresql(TestLeftovers):
    kind = 'postgresql'
