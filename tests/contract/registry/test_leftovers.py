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
        self,
        holder: str = 'a',
        node: str = 'n',
        store: str | None = 's',
        **rest: Any,
    ) -> list[contract.Leftover]:
        wanted: Any = {'holder': holder, 'node': node, 'store': store}
        return self.client.take_leftovers(
            callers.ADMIN, {**wanted, 'limit': 10, **rest}
        )

    def finish(self, **rest: Any) -> None:
        removed: Any = {'done': [], **rest}
        self.client.finish_leftovers(callers.ADMIN, removed)

    def removal(self, removal_id: str) -> contract.Removal:
        return {'id': removal_id, 'node': 'n', 'store': 's'}

    def deleted(self, removal_id: str = 'r', **rest: Any) -> str:
        """Delete an image whose data is still to be removed; return its id."""
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
        """Make all leftovers due in some seconds, by the database's clock."""
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
        """Only one glance-api that has the store gets a due leftover."""
        image_id = self.deleted()
        self.assertEqual([], self.take())  # the deletion holds it
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
        """Data is in use during an upload; later if the image has it."""
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

    def test_finish_leftovers(self) -> None:
        """Data whose removal failed is pending_delete, and due again later."""
        image_id = self.deleted()
        self.assertEqual(('deleted', {'deleted'}), self.statuses(image_id))
        for tries in (1, 2):
            self.move_due(0)
            self.take()
            self.client.finish_leftovers(
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
            self.client.finish_leftovers(callers.ADMIN, {'done': ['r']})
            self.assertEqual(('deleted', {'deleted'}), self.statuses(image_id))
            self.assertEqual([], self.rows())

    def test_the_children_end_with_a_held_image(self) -> None:
        """Else the row of the image could never be purged."""
        created = self.create(tags=['t'], properties={'p': 'v'})
        image_id = self.change_locations(
            created, [{'url': 'file:///a', 'metadata': {}}]
        )['id']
        self.client.create_member(
            callers.ALICE, image_id, {'member': 'p2', 'quota': -1}
        )
        self.client.delete_image(
            callers.ALICE,
            image_id,
            {
                'row_version': None,
                'removal': self.removal('r'),
                'data': 'held',
            },
        )
        self.move_due(0)
        self.take()
        self.finish(done=['r'])
        (image,) = [r for r in self.rows(models.images) if r.id == image_id]
        self.assertEqual('deleted', image.status)
        for table in (
            models.image_properties,
            models.image_tags,
            models.image_members,
        ):
            (row,) = [r for r in self.rows(table) if r.image_id == image_id]
            self.assertTrue(row.deleted, table.name)
            self.assertEqual(image.deleted_at, row.deleted_at, table.name)

    def test_hosts_with_different_stores_remove_it_together(self) -> None:
        """Each removes its part; neither has all stores of the image."""
        image_id = self.deleted()
        for url in ('file:///a', 'file:///b'):
            self.move_due(0)
            (taken,) = self.take(elsewhere=True)
            ids = dict(
                zip(taken['urls'] or (), taken['locations'], strict=True)
            )
            self.finish(elsewhere=['r'], removed={'r': [ids[url]]})
            if url == 'file:///a':
                self.assertEqual(
                    ('pending_delete', {'deleted', 'pending_delete'}),
                    self.statuses(image_id),
                )
                self.assertEqual(['file:///b'], list(ids)[1:])
        self.assertEqual(['file:///b'], list(ids))
        self.assertEqual([], self.rows())
        self.assertEqual(('deleted', {'deleted'}), self.statuses(image_id))

    def test_only_clients_that_keep_it_get_data_of_any_store(self) -> None:
        """One of an older release counts what it does not have as removed."""
        self.deleted()
        self.finish(elsewhere=['r'])
        self.move_due(0)
        self.assertEqual([], self.take(node='other'))
        self.assertEqual(1, len(self.take(node='other', elsewhere=True)))

    def test_an_image_that_receives_data_keeps_it(self) -> None:
        """An import may write at the URL of a removed location."""
        image, _ = self.remove_location()
        self.move_due(0)
        insert = models.image_transfers.insert().values(
            id='t1',
            image_id=image['id'],
            node='n',
            kind='import',
            started_at=engine.now(),
            beat_at=engine.now(),
            expires_at=engine.now(),
            renewals=0,
        )
        self.service.database.write(
            lambda connection: connection.execute(insert)
        )
        self.assertEqual([], self.take())
        self.service.database.write(
            lambda connection: connection.execute(
                models.image_transfers.delete()
            )
        )
        self.assertEqual(1, len(self.take()))

    def test_a_url_that_is_back_in_another_store(self) -> None:
        for scheme, is_removed in (('gridfs', True), ('file', False)):
            url = f'{scheme}:///x'
            image = self.with_locations('http://a/', url)
            other, gone = image['locations']
            metadata = models.image_locations.update().where(
                models.image_locations.c.id == gone['id']
            )
            self.service.database.write(
                lambda connection, update=metadata: connection.execute(
                    update.values(meta_data={'store': 'old'})
                )
            )
            self.client.update_image(
                callers.ALICE,
                image['id'],
                {
                    'row_version': image['row_version'],
                    'values': {},
                    'properties': {},
                    'locations': [
                        other,
                        {'url': url, 'metadata': {'store': 'new'}},
                    ],
                    'pending': [gone['id']],
                    'removal': self.removal(scheme),
                },
            )
            self.move_due(0)
            (taken,) = self.take()
            self.assertEqual([url] if is_removed else [], taken['urls'])
            self.finish(done=[scheme])

    def test_pauses_grow_up_to_an_hour(self) -> None:
        self.deleted()
        due = []
        for _ in range(12):
            self.client.finish_leftovers(
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
        """The image is not restored: its data may have been removed."""
        image_id = self.deleted(data='held')
        end: contract.DeletionEnd = {
            'status': 'active',
            'ids': [row.id for row in self.rows(models.image_locations)],
            'removal_id': 'r',
        }
        self.move_due(0)
        self.assertEqual(1, len(self.take()))
        self.client.finish_deletion(callers.ALICE, image_id, end)
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
            self.client.finish_deletion(callers.ALICE, image_id, end)
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
        self.client.finish_leftovers(callers.ADMIN, {'done': ['r']})
        self.assertEqual(
            ('active', {'active', 'deleted'}), self.statuses(image['id'])
        )

    def test_a_location_comes_back_unless_another_took_it(self) -> None:
        for is_taken in (False, True):
            image, location_id = self.remove_location()
            if is_taken:
                self.move_due(0)
                self.take()
            self.client.finish_location_removal(
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
        self.client.finish_location_removal(
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
