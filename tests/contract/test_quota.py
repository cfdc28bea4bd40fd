"""The registry's check of user_storage_quota."""

import datetime
from typing import Any
import unittest
import uuid

import sqlalchemy as sa

from glance_registry.db import models
from glance_registry.db import storage
from tests.contract import racers
from tests.contract.races import racing

ROUNDS = 5
QUOTA = 100
TOO_MUCH = 'limit_exceeded'


class Quota(racing.Races):
    """Tests of the quota; each test has its own owner."""

    def setUp(self) -> None:
        self.owner = f'owner-{uuid.uuid4()}'
        self.alice = racers.caller('admin')  # sees all images

    def queued(self, **values: Any) -> str:
        return self.image(**{'owner': self.owner, **values})

    def claiming(
        self, size: int | None, image_id: str | None = None
    ) -> tuple[racers.Call, str, str]:
        """Return a call that claims an image, with the image and transfer."""
        image_id, transfer_id = image_id or self.queued(), str(uuid.uuid4())
        claim = self.claim(transfer_id) | {'size': size, 'quota': QUOTA}
        call = ('claim_upload', 'admin', image_id, claim)
        return call, image_id, transfer_id

    def begin(self, size: int | None, **values: Any) -> tuple[str, str]:
        """Begin an upload; return the ids of the image and the transfer."""
        image_id = self.queued(**values)
        call, image_id, transfer_id = self.claiming(size, image_id)
        self.perform('ok', call)
        return image_id, transfer_id

    def finishing(
        self, image_id: str, transfer_id: str, size: int
    ) -> racers.Call:
        outcome = racing.stored(transfer_id)
        outcome |= {'size': size, 'quota': QUOTA}
        return ('finish_upload', 'admin', image_id, outcome)

    def keep(self, size: int) -> str:
        """Create an active image of this size; return its id."""
        image_id, transfer_id = self.begin(size)
        self.perform('ok', self.finishing(image_id, transfer_id, size))
        return image_id

    def perform(self, code: str, call: racers.Call) -> Any:
        found, answer = racers.Racer(self.service).perform(call)
        self.assertEqual(code, found, answer)
        return answer

    def moved(self, **bytes_done: int) -> list[str]:
        renewal = {'transfers': bytes_done, 'quota': QUOTA}
        ending = self.perform('ok', ('renew_transfers', 'admin', renewal))
        return sorted(ending['over_quota'])

    def used(self) -> int:
        return self.service.database.read(storage.used_bytes, self.owner)

    def test_what_is_kept_and_what_runs_counts(self) -> None:
        self.keep(30)
        room = self.perform('ok', self.claiming(20)[0])['room']
        self.assertEqual(70, room)
        room = self.perform('ok', self.claiming(None)[0])['room']
        self.assertEqual(50, room)
        self.perform(TOO_MUCH, self.claiming(51)[0])
        self.perform('ok', self.claiming(50)[0])
        self.perform(TOO_MUCH, self.claiming(1)[0])
        self.perform('ok', self.claiming(0)[0])

    def test_a_refused_claim_leaves_the_image_queued(self) -> None:
        call, image_id, _ = self.claiming(QUOTA + 1)
        self.perform(TOO_MUCH, call)
        self.assertEqual('queued', self.assert_consistent(image_id)['status'])

    def test_a_repeated_claim_does_not_count_twice(self) -> None:
        call, _, _ = self.claiming(60)
        for _ in range(2):
            self.assertEqual(100, self.perform('ok', call)['room'])

    def test_every_live_location_counts(self) -> None:
        image_id = self.keep(30)
        for deleted in (False, True):
            self.insert(
                models.image_locations,
                image_id=image_id,
                value='swift://other',
                deleted=deleted,
            )
        self.assertEqual(60, self.used())

    def test_only_live_images_of_the_owner_count(self) -> None:
        kept = self.keep(30)
        other, self.owner = self.owner, 'somebody else'
        self.assertEqual(0, self.used())
        self.owner = other
        self.perform('ok', ('delete_image', 'admin', kept, racing.ANY))
        self.assertEqual(0, self.used())
        for status in ('killed', 'pending_delete'):
            image_id = self.keep(30)
            self.set(image_id, status=status)
        self.assertEqual(0, self.used())

    def test_images_that_nobody_owns_are_one_owner(self) -> None:
        self.owner = None
        image_id = self.keep(70)
        self.perform(TOO_MUCH, self.claiming(31)[0])
        self.perform('ok', ('delete_image', 'admin', image_id, racing.ANY))

    def test_a_deleted_upload_counts_until_it_is_given_up(self) -> None:
        """See OSSA-2015-003."""
        image_id, transfer_id = self.begin(None)
        self.moved(**{transfer_id: 60})
        self.perform('ok', ('delete_image', 'admin', image_id, racing.ANY))
        self.perform(TOO_MUCH, self.claiming(41)[0])
        renewal = {'transfers': {transfer_id: 70}}
        ending = self.perform('ok', ('renew_transfers', 'admin', renewal))
        self.assertEqual([transfer_id], ending['deleted'])
        self.perform(TOO_MUCH, self.claiming(31)[0])
        abandoned = {'transfer_id': transfer_id}
        call = ('abandon_upload', 'admin', image_id, abandoned)
        self.assertTrue(self.perform('ok', call))
        self.perform('ok', self.claiming(100)[0])

    def test_a_deleted_upload_whose_holder_died_is_swept(self) -> None:
        image_id, transfer_id = self.begin(60)
        self.perform('ok', ('delete_image', 'admin', image_id, racing.ANY))
        racers.lapse(self.service.database, transfer_id)
        racers.sweep(self.service.database)
        self.perform('ok', self.claiming(100)[0])

    def test_of_two_of_unknown_size_the_younger_stops(self) -> None:
        (_, first), (_, second) = self.begin(None), self.begin(None)
        self.age(first)
        self.assertEqual([], self.moved(**{first: 40, second: 60}))
        self.assertEqual([second], self.moved(**{first: 60, second: 60}))

    def test_what_was_announced_has_its_room(self) -> None:
        announced, unknown = self.begin(50), self.begin(None)
        self.age(unknown[1])
        self.assertEqual(
            [unknown[1]], self.moved(**{unknown[1]: 51, announced[1]: 10})
        )
        self.perform('ok', self.finishing(*announced, 50))
        self.perform(TOO_MUCH, self.finishing(*unknown, 51))
        self.assertEqual(50, self.used())

    def test_a_finish_without_room_changes_nothing(self) -> None:
        self.keep(60)
        image_id, transfer_id = self.begin(None)
        self.perform(TOO_MUCH, self.finishing(image_id, transfer_id, 41))
        self.assertEqual('saving', self.assert_consistent(image_id)['status'])
        self.perform('ok', self.finishing(image_id, transfer_id, 40))
        self.assertEqual(100, self.used())

    def test_claims_at_once(self) -> None:
        for number in range(ROUNDS):
            for track in self.tracks:
                self.owner = f'owner-{number}-{uuid.uuid4()}'
                calls = [self.claiming(60)[0] for _ in range(3)]
                self.assert_codes(track.race(calls), 'ok', *[TOO_MUCH] * 2)

    def test_ends_at_once(self) -> None:
        for number in range(ROUNDS):
            for track in self.tracks:
                self.owner = f'owner-{number}-{uuid.uuid4()}'
                running = [self.begin(None) for _ in range(3)]
                calls = [self.finishing(*each, 60) for each in running]
                self.assert_codes(track.race(calls), 'ok', *[TOO_MUCH] * 2)
                self.assertEqual(60, self.used())

    def adding_location(self) -> racers.Call:
        changes = {
            'row_version': 1,
            'values': {'size': 60},
            'properties': {},
            'locations': [{'url': f'http://{uuid.uuid4()}', 'metadata': {}}],
            'quota': QUOTA,
        }
        return ('update_image', 'admin', self.queued(), changes)

    def test_locations_at_once(self) -> None:
        for number in range(ROUNDS):
            for track in self.tracks:
                self.owner = f'owner-{number}-{uuid.uuid4()}'
                calls = [self.adding_location() for _ in range(3)]
                self.assert_codes(track.race(calls), 'ok', *[TOO_MUCH] * 2)
                self.assertEqual(60, self.used())

    def test_a_location_against_an_upload(self) -> None:
        for number in range(ROUNDS):
            for track in self.tracks:
                self.owner = f'owner-{number}-{uuid.uuid4()}'
                calls = [self.adding_location(), self.claiming(60)[0]]
                self.assert_codes(track.race(calls), 'ok', TOO_MUCH)

    def test_an_end_against_a_renewal_of_many(self) -> None:
        """They take their locks in an order that excludes deadlocks."""
        for _ in range(ROUNDS):
            for track in self.tracks:
                first, second = self.begin(None), self.begin(None)
                moved = {'transfers': {first[1]: 1, second[1]: 1}}
                outcomes = track.race(
                    [
                        self.finishing(*first, 1),
                        self.finishing(*second, 1),
                        ('renew_transfers', 'admin', moved),
                    ]
                )
                self.assert_codes(outcomes, 'ok', 'ok', 'ok')

    def test_without_a_quota_nobody_writes_an_owner(self) -> None:
        image_id, transfer_id = self.queued(), str(uuid.uuid4())
        claim = self.claim(transfer_id)
        self.perform('ok', ('claim_upload', 'admin', image_id, claim))
        stored = racing.stored(transfer_id)
        self.perform('ok', ('finish_upload', 'admin', image_id, stored))
        owners = sa.select(models.storage_owners).where(
            models.storage_owners.c.owner == self.owner
        )
        self.assertIsNone(
            self.service.database.read(lambda c: c.execute(owners).first())
        )

    def test_usage_that_unified_limits_count(self) -> None:
        self.keep(7)
        self.queued()
        self.begin(5)
        for status, size in (
            ('uploading', 10),
            ('importing', 20),
            ('pending_delete', 1000),
            ('killed', 1000),
        ):
            self.set(self.queued(), status=status, size=size)
        copied = self.keep(40)
        for name, value in (
            ('os_glance_importing_to_stores', 'a,b'),
            ('os_glance_failed_import', 'c'),
        ):
            self.insert(
                models.image_properties,
                image_id=copied,
                name=name,
                value=value,
            )
        settled = self.keep(3)
        self.insert(
            models.image_properties,
            image_id=settled,
            name='os_glance_importing_to_stores',
            value='',
        )
        usage = self.service.registry.get_usage(self.alice, self.owner)
        self.assertEqual(
            {
                'size_bytes': 7 + 40 + 3,
                'stage_bytes': 10 + 20 + 40,
                'images': 7,
                'uploading': 4,
            },
            usage,
        )

    def test_usage_of_nothing(self) -> None:
        usage = self.service.registry.get_usage(self.alice, self.owner)
        self.assertEqual({0}, set(usage.values()))

    # Helpers that change the tables.

    def insert(self, table: sa.Table, **values: Any) -> None:
        values = {'deleted': False, **values}
        self.service.database.write(
            lambda connection: connection.execute(table.insert(), values)
        )

    def set(self, image_id: str, **values: Any) -> None:
        table = models.images
        update = table.update().where(table.c.id == image_id).values(values)
        self.service.database.write(
            lambda connection: connection.execute(update)
        )

    def age(self, transfer_id: str) -> None:
        """Set the start of a transfer before that of all others."""
        table = models.image_transfers
        update = table.update().where(table.c.id == transfer_id)
        early = update.values(started_at=datetime.datetime(2020, 1, 1))
        self.service.database.write(
            lambda connection: connection.execute(early)
        )


class SqliteQuota(Quota, unittest.TestCase):
    kind = 'sqlite'


class MysqlQuota(Quota, unittest.TestCase):
    kind = 'mysql'


class PostgresqlQuota(Quota, unittest.TestCase):
    kind = 'postgresql'
