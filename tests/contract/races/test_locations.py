"""Races of changes of locations and deletions, on every engine.

In any order of the requests, the contents of the tables must be as if one
request had followed the other.
"""

from typing import Any
import unittest
import uuid

from glance_registry.db import models
from tests.contract import racers
from tests.contract.races import racing

ANY = racing.ANY
HELD = {**ANY, 'data': 'held'}


def registered(transfer_id: str, then: str | None = None) -> dict[str, Any]:
    none = dict.fromkeys(('checksum', 'os_hash_algo', 'os_hash_value'))
    claim = {'transfer_id': then, 'node': 'here', 'size': None}
    return {
        **racing.stored(transfer_id),
        **none,
        'then_hash': claim if then else None,
    }


class Locations(racing.Races):
    def importing(self) -> tuple[str, str]:
        image_id, transfer_id = self.image(), str(uuid.uuid4())
        self.service.registry.claim_location(
            self.alice, image_id, self.claim(transfer_id)
        )
        return image_id, transfer_id

    def with_two(self) -> Any:
        """Create an active image with two locations."""
        image_id = self.image()
        places = [{'url': f'rbd://{name}', 'metadata': {}} for name in 'ab']
        self.service.registry.update_image(
            self.alice, image_id, self.changes(self.show(image_id), places)
        )
        return self.show(image_id)

    def changes(
        self, image: Any, wanted: list[Any], pending: tuple[int, ...] = ()
    ) -> Any:
        return {
            'row_version': image['row_version'],
            'values': {},
            'properties': {},
            'locations': wanted,
            'pending': list(pending),
        }

    def statuses(self, image_id: str) -> list[tuple[str, bool]]:
        rows = self.rows(models.image_locations, image_id)
        return [(row.status, row.deleted) for row in rows]

    def test_claims_of_two_kinds(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [
                    (name, 'alice', image_id, self.claim(str(uuid.uuid4())))
                    for name in (
                        'claim_location',
                        'claim_upload',
                        'claim_location',
                    )
                ]
            )
            self.assert_codes(outcomes, 'ok', 'conflict', 'conflict')
            self.assertEqual(
                1, len(self.rows(models.image_transfers, image_id))
            )

    def test_finish_against_sweep_and_delete(self) -> None:
        for track in self.rounds():
            image_id, transfer_id = self.importing()
            racers.lapse(self.service.database, transfer_id)
            (finished, _), _, (deleted, image) = track.race(
                [
                    (
                        *('finish_location', 'alice', image_id),
                        registered(transfer_id, str(uuid.uuid4())),
                    ),
                    ('sweep',),
                    ('delete_image', 'alice', image_id, ANY),
                ]
            )
            self.assertEqual('ok', deleted)
            self.assertIn(finished, ('ok', 'not_found', 'conflict'))
            self.assertEqual(finished == 'ok', len(image['locations']) == 1)
            self.assertFalse(self.live(models.image_locations, image_id))

    def test_hash_against_delete(self) -> None:
        for track in self.rounds():
            image_id, transfer_id = self.importing()
            later = str(uuid.uuid4())
            self.service.registry.finish_location(
                self.alice, image_id, registered(transfer_id, later)
            )
            hashed = {
                'transfer_id': later,
                'checksum': 'c' * 32,
                'os_hash_algo': 'sha512',
                'os_hash_value': 'f' * 128,
            }
            (told, _), (deleted, _) = track.race(
                [
                    ('finish_hash', 'alice', image_id, hashed),
                    ('delete_image', 'alice', image_id, ANY),
                ]
            )
            self.assertEqual('ok', deleted)
            self.assertIn(told, ('ok', 'not_found'))

    def test_changes_of_locations(self) -> None:
        """One change succeeds, the other one fails as outdated."""
        for track in self.rounds():
            image = self.with_two()
            first, second = image['locations']
            outcomes = track.race(
                [
                    (
                        *('update_image', 'alice', image['id']),
                        self.changes(image, [kept], (gone['id'],)),
                    )
                    for kept, gone in ((first, second), (second, first))
                ]
            )
            self.assert_codes(outcomes, 'ok', 'busy')
            self.assertEqual(1, len(self.show(image['id'])['locations']))

    def test_a_removal_that_is_undone_against_a_deletion(self) -> None:
        """A deleted image has no live location."""
        for track in self.rounds():
            image = self.with_two()
            first, second = image['locations']
            self.service.registry.update_image(
                self.alice,
                image['id'],
                self.changes(image, [second], (first['id'],)),
            )
            settled, (deleted, gone) = track.race(
                [
                    (
                        *('finish_location_removal', 'alice', image['id']),
                        *([first['id']], True),
                    ),
                    ('delete_image', 'alice', image['id'], ANY),
                ]
            )
            self.assertEqual(('ok', 'ok'), (settled[0], deleted))
            self.assertFalse(self.live(models.image_locations, image['id']))
            # Either the deletion returns the data, or it is still pending.
            pending = ('pending_delete', True) in self.statuses(image['id'])
            self.assertEqual(pending, len(gone['locations']) == 1)

    def test_deletions_of_one_image_with_data_held(self) -> None:
        for track in self.rounds():
            image = self.with_two()
            outcomes = track.race(
                [('delete_image', 'alice', image['id'], HELD)] * 3
            )
            self.assert_codes(outcomes, 'ok', 'not_found', 'not_found')
            self.assertEqual(
                [('pending_delete', True)] * 2, self.statuses(image['id'])
            )

    def test_a_change_against_a_deletion_that_comes_back(self) -> None:
        for track in self.rounds():
            image = self.with_two()
            self.service.registry.delete_image(self.alice, image['id'], HELD)
            ids = [place['id'] for place in image['locations']]
            (settled, _), (changed, _) = track.race(
                [
                    (
                        *('finish_deletion', 'alice', image['id']),
                        {'status': 'active', 'ids': ids},
                    ),
                    (
                        *('update_image', 'alice', image['id']),
                        self.changes(image, image['locations'][:1]),
                    ),
                ]
            )
            self.assertEqual('ok', settled)
            self.assertIn(changed, ('not_found', 'busy'))
            found = self.show(image['id'])
            self.assertEqual(image['locations'], found['locations'])
            self.assertGreater(found['row_version'], image['row_version'])

    def test_a_repeated_deletion_against_itself(self) -> None:
        for track in self.rounds():
            image = self.with_two()
            again = {**ANY, 'repeats': image['row_version']}
            outcomes = track.race(
                [('delete_image', 'alice', image['id'], again)] * 3
            )
            self.assert_codes(outcomes, 'ok', 'ok', 'ok')
            for _, found in outcomes:
                self.assertEqual(2, len(found['locations']))


class SqliteLocations(Locations, unittest.TestCase):
    kind = 'sqlite'


class MysqlLocations(SqliteLocations):
    kind = 'mysql'


class PostgresqlLocations(SqliteLocations):
    kind = 'postgresql'
