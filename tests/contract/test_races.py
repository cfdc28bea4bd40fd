"""Races that the database decides, run again and again on every engine.

Whoever comes first, the outcomes and what is in the tables afterwards must
be those of one after the other: see each test.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
import json
import tempfile
from typing import Any
import unittest
import uuid

import sqlalchemy as sa

from glance_registry.db import models
from tests import base
from tests import databases
from tests.contract import racers

#: Of each race in threads, and again in processes.
ROUNDS = 8
RACERS = 3
QUOTA = 3
OPTIONS = {
    'image_tag_quota': QUOTA,
    'image_property_quota': QUOTA,
    'image_member_quota': QUOTA,
}
ANY = {'row_version': None}
PATCH = 'application/openstack-images-v2.1-json-patch'
BYTES = 'application/octet-stream'


def stored(transfer_id: str) -> dict[str, Any]:
    return {
        'transfer_id': transfer_id,
        'size': 5,
        'virtual_size': None,
        'checksum': '0' * 32,
        'os_hash_algo': 'sha512',
        'os_hash_value': '1' * 128,
        'location': {'url': f'file:///{transfer_id}', 'metadata': {}},
    }


class Races:
    """What the races of every engine share."""

    kind: str

    @classmethod
    def setUpClass(cls) -> None:
        directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        url = cls.enterClassContext(databases.TemporaryDatabase(cls.kind))
        cls.service = base.Service(directory, OPTIONS, url)
        cls.addClassCleanup(cls.service.close)
        processes = racers.Processes(RACERS, directory, url, OPTIONS)
        cls.addClassCleanup(processes.close)
        cls.tracks = (racers.Threads(cls.service), processes)
        cls.alice = racers.caller('alice')

    def rounds(self) -> Iterator[racers.Track]:
        for _ in range(ROUNDS):
            yield from self.tracks

    # What is raced for.

    def image(self, image_id: str | None = None, **values: Any) -> str:
        image_id = image_id or str(uuid.uuid4())
        self.service.registry.create_image(
            self.alice, self.new(image_id, **values)
        )
        return image_id

    def new(self, image_id: str, **values: Any) -> Any:
        usual = {
            'owner': 'p1',
            'visibility': 'shared',
            'disk_format': 'raw',
            'container_format': 'bare',
        }
        return {
            'id': image_id,
            'values': {**usual, **values},
            'properties': {'own': 'value'},
            'tags': ['one', 'two'],
        }

    def claim(self, transfer_id: str) -> Any:
        return {'transfer_id': transfer_id, 'node': 'here', 'size': None}

    def claimed(self) -> tuple[str, str]:
        """An image being uploaded, and its transfer."""
        image_id, transfer_id = self.image(), str(uuid.uuid4())
        self.service.registry.claim_upload(
            self.alice, image_id, self.claim(transfer_id)
        )
        return image_id, transfer_id

    def lapsed(self) -> tuple[str, str]:
        found = self.claimed()
        racers.lapse(self.service.database, found[1])
        return found

    def patch(self, image_id: str, *operations: Any) -> racers.Call:
        body = json.dumps(operations).encode()
        return ('http', 'PATCH', f'/v2/images/{image_id}', body, PATCH)

    # What came of it.

    def rows(self, table: sa.Table, image_id: str) -> Sequence[sa.Row[Any]]:
        statement = sa.select(table).where(table.c.image_id == image_id)
        return self.service.database.read(
            lambda connection: connection.execute(statement).all()
        )

    def live(self, table: sa.Table, image_id: str) -> Sequence[sa.Row[Any]]:
        return [row for row in self.rows(table, image_id) if not row.deleted]

    def show(self, image_id: str) -> Any:
        return self.service.registry.get_image(self.alice, image_id)

    def assert_codes(
        self, outcomes: Sequence[racers.Outcome], *codes: str
    ) -> None:
        found = Counter(code for code, _ in outcomes)
        self.assertEqual(Counter(codes), found, outcomes)

    def assert_consistent(self, image_id: str) -> Any:
        """Saving with one transfer, active with one location, or neither."""
        image = self.show(image_id)
        transfers = self.rows(models.image_transfers, image_id)
        locations = self.live(models.image_locations, image_id)
        self.assertEqual(image['status'] == 'saving', len(transfers) == 1)
        self.assertEqual(image['status'] == 'active', len(locations) == 1)
        self.assertIn(len(transfers) + len(locations), (0, 1))
        return image


class Uploads(Races):
    def test_claims_of_one_image(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            ids = [str(uuid.uuid4()) for _ in range(RACERS)]
            outcomes = track.race(
                [
                    ('claim_upload', 'alice', image_id, self.claim(id_))
                    for id_ in ids
                ]
            )
            self.assert_codes(outcomes, 'ok', 'conflict', 'conflict')
            (holder,) = self.rows(models.image_transfers, image_id)
            won = [code for code, _ in outcomes].index('ok')
            self.assertEqual(ids[won], holder.id)
            self.assert_consistent(image_id)

    def test_same_claim_repeated(self) -> None:
        """The answer was lost, and the first is still at work."""
        for track in self.rounds():
            image_id, transfer_id = self.image(), str(uuid.uuid4())
            call = (
                *('claim_upload', 'alice', image_id),
                self.claim(transfer_id),
            )
            outcomes = track.race([call, call])
            self.assert_codes(outcomes, 'ok', 'ok')
            self.assert_consistent(image_id)

    def test_uploads_of_one_image(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            path = f'/v2/images/{image_id}/file'
            data = [b'first' * 1000, b'second' * 1000, b'third' * 1000]
            outcomes = track.race(
                [('http', 'PUT', path, body, BYTES) for body in data]
            )
            self.assert_codes(outcomes, '204', '409', '409')
            won = [code for code, _ in outcomes].index('204')
            stored_as = self.service.images / image_id
            self.assertEqual(data[won], stored_as.read_bytes())
            self.assert_consistent(image_id)

    def test_finish_repeated(self) -> None:
        for track in self.rounds():
            image_id, transfer_id = self.claimed()
            call = ('finish_upload', 'alice', image_id, stored(transfer_id))
            outcomes = track.race([call] * RACERS)
            self.assert_codes(outcomes, 'ok', 'ok', 'ok')
            for _, image in outcomes:
                self.assertEqual('active', image['status'])
            self.assertEqual(
                'active', self.assert_consistent(image_id)['status']
            )

    def test_finish_against_abandon(self) -> None:
        for track in self.rounds():
            image_id, transfer_id = self.claimed()
            (finished, _), (code, unused) = track.race(
                [
                    ('finish_upload', 'alice', image_id, stored(transfer_id)),
                    (
                        *('abandon_upload', 'alice', image_id),
                        {'transfer_id': transfer_id},
                    ),
                ]
            )
            status = self.assert_consistent(image_id)['status']
            self.assertEqual('ok', code)
            self.assertEqual(
                ('active', False) if finished == 'ok' else ('queued', True),
                (status, unused),
            )

    def test_finish_against_delete(self) -> None:
        """The bytes are known to one of the two."""
        for track in self.rounds():
            image_id, transfer_id = self.claimed()
            (finished, _), (deleted, image) = track.race(
                [
                    ('finish_upload', 'alice', image_id, stored(transfer_id)),
                    ('delete_image', 'alice', image_id, ANY),
                ]
            )
            self.assertEqual('ok', deleted)
            self.assertIn(finished, ('ok', 'not_found'))
            self.assertEqual(finished == 'ok', len(image['locations']) == 1)
            # An upload that did not get through has yet to give its bytes up.
            transfers = self.rows(models.image_transfers, image_id)
            self.assertEqual(finished != 'ok', len(transfers) == 1)
            self.assertFalse(self.live(models.image_locations, image_id))

    def test_upload_against_delete(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            path = f'/v2/images/{image_id}'
            (uploaded, _), (deleted, _) = track.race(
                [
                    ('http', 'PUT', f'{path}/file', b'data', BYTES),
                    ('http', 'DELETE', path, None, ''),
                ]
            )
            self.assertEqual('204', deleted)
            self.assertIn(uploaded, ('204', '404', '410'))
            self.assertFalse((self.service.images / image_id).exists())


class Sweeps(Races):
    def test_claim_against_sweep(self) -> None:
        for track in self.rounds():
            image_id, _ = self.lapsed()
            mine = str(uuid.uuid4())
            (claimed, _), (swept, ids), _ = track.race(
                [
                    ('claim_upload', 'alice', image_id, self.claim(mine)),
                    ('sweep',),
                    ('sweep',),
                ]
            )
            self.assertEqual('ok', swept)
            image = self.assert_consistent(image_id)
            expected = 'saving' if claimed == 'ok' else 'queued'
            self.assertEqual(expected, image['status'])
            self.assertIn(claimed, ('ok', 'conflict'))
            self.assertLessEqual(len(ids), 1)

    def test_renew_against_sweep(self) -> None:
        for track in self.rounds():
            image_id, transfer_id = self.lapsed()
            (_, ending), (_, swept) = track.race(
                [
                    (
                        *('renew_transfers', 'alice'),
                        {'transfers': {transfer_id: 1}},
                    ),
                    ('sweep',),
                ]
            )
            image = self.assert_consistent(image_id)
            if ending['lost']:
                self.assertEqual([image_id], swept)
                self.assertEqual('queued', image['status'])
            else:
                self.assertEqual([], swept)
                self.assertEqual('saving', image['status'])

    def test_finish_against_sweep(self) -> None:
        for track in self.rounds():
            image_id, transfer_id = self.lapsed()
            (finished, _), (_, swept) = track.race(
                [
                    ('finish_upload', 'alice', image_id, stored(transfer_id)),
                    ('sweep',),
                ]
            )
            image = self.assert_consistent(image_id)
            self.assertEqual(finished == 'conflict', swept == [image_id])
            self.assertEqual(
                'active' if finished == 'ok' else 'queued', image['status']
            )

    def test_zombie_against_sweep_and_the_next(self) -> None:
        for track in self.rounds():
            image_id, transfer_id = self.lapsed()
            mine = str(uuid.uuid4())
            (finished, _), _, (claimed, _) = track.race(
                [
                    ('finish_upload', 'alice', image_id, stored(transfer_id)),
                    ('sweep',),
                    ('claim_upload', 'alice', image_id, self.claim(mine)),
                ]
            )
            status = self.assert_consistent(image_id)['status']
            if finished == 'ok':
                self.assertEqual(('active', 'conflict'), (status, claimed))
            else:
                self.assertIn(
                    (status, claimed),
                    (('saving', 'ok'), ('queued', 'conflict')),
                )

    def test_delete_against_sweep(self) -> None:
        for track in self.rounds():
            image_id, _ = self.lapsed()
            outcomes = track.race(
                [('delete_image', 'alice', image_id, ANY), ('sweep',)]
            )
            self.assert_codes(outcomes, 'ok', 'ok')
            self.assertFalse(self.rows(models.image_transfers, image_id))


class Changes(Races):
    def test_same_id_created(self) -> None:
        for track in self.rounds():
            new = self.new(str(uuid.uuid4()))
            outcomes = track.race([('create_image', 'alice', new)] * RACERS)
            self.assert_codes(outcomes, 'ok', 'duplicate', 'duplicate')
            self.assertEqual(2, len(self.rows(models.image_tags, new['id'])))

    def test_deletes_of_one_image(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [('delete_image', 'alice', image_id, ANY)] * RACERS
            )
            self.assert_codes(outcomes, 'ok', 'not_found', 'not_found')

    def test_patches_of_one_image(self) -> None:
        """Both are there: the second is computed anew."""
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [
                    self.patch(
                        image_id, {'op': 'add', 'path': '/a', 'value': '1'}
                    ),
                    self.patch(
                        image_id, {'op': 'add', 'path': '/b', 'value': '2'}
                    ),
                    self.patch(
                        image_id,
                        {'op': 'add', 'path': '/tags', 'value': ['three']},
                    ),
                ]
            )
            self.assert_codes(outcomes, '200', '200', '200')
            image = self.show(image_id)
            self.assertEqual(
                {'own': 'value', 'a': '1', 'b': '2'}, image['properties']
            )
            self.assertEqual(['three'], image['tags'])
            self.assertEqual(4, image['row_version'])

    def test_same_property_set(self) -> None:
        """It keeps one row for life."""
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [
                    self.patch(
                        image_id, {'op': 'add', 'path': '/a', 'value': value}
                    )
                    for value in ('1', '2', '3')
                ]
            )
            self.assert_codes(outcomes, '200', '200', '200')
            rows = self.rows(models.image_properties, image_id)
            self.assertEqual(2, len(rows))

    def test_update_on_condition(self) -> None:
        """Of changes of one version one wins."""
        for track in self.rounds():
            image_id = self.image()
            changes = [
                {
                    'row_version': 1,
                    'values': {'name': name},
                    'properties': {name: name},
                }
                for name in ('a', 'b', 'c')
            ]
            outcomes = track.race(
                [
                    ('update_image', 'alice', image_id, change)
                    for change in changes
                ]
            )
            self.assert_codes(outcomes, 'ok', 'busy', 'busy')
            image = self.show(image_id)
            self.assertEqual({'own', image['name']}, set(image['properties']))

    def test_patch_against_delete(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            (patched, _), (deleted, _) = track.race(
                [
                    self.patch(
                        image_id, {'op': 'add', 'path': '/a', 'value': '1'}
                    ),
                    ('http', 'DELETE', f'/v2/images/{image_id}', None, ''),
                ]
            )
            self.assertIn(patched, ('200', '404'))
            self.assertEqual('204', deleted)
            self.assertFalse(self.live(models.image_properties, image_id))

    def test_property_quota(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [
                    self.patch(
                        image_id,
                        {'op': 'add', 'path': f'/{name}', 'value': '1'},
                    )
                    for name in ('a', 'b', 'c')
                ]
            )
            self.assert_codes(outcomes, '200', '200', '413')
            rows = self.live(models.image_properties, image_id)
            self.assertEqual(QUOTA, len(rows))


class Tags(Races):
    def test_quota(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [
                    ('add_tag', 'alice', image_id, tag, QUOTA)
                    for tag in ('a', 'b', 'c')
                ]
            )
            self.assert_codes(
                outcomes, 'ok', 'limit_exceeded', 'limit_exceeded'
            )
            self.assertEqual(
                QUOTA, len(self.live(models.image_tags, image_id))
            )

    def test_same_tag_added(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [('add_tag', 'alice', image_id, 'same', QUOTA)] * RACERS
            )
            self.assert_codes(outcomes, 'ok', 'ok', 'ok')
            self.assertEqual(
                QUOTA, len(self.live(models.image_tags, image_id))
            )

    def test_same_tag_deleted(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [('delete_tag', 'alice', image_id, 'one')] * RACERS
            )
            self.assert_codes(outcomes, 'ok', 'not_found', 'not_found')

    def test_added_against_delete(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            (added, _), (deleted, _) = track.race(
                [
                    ('add_tag', 'alice', image_id, 'a', QUOTA),
                    ('delete_image', 'alice', image_id, ANY),
                ]
            )
            self.assertIn(added, ('ok', 'not_found'))
            self.assertEqual('ok', deleted)
            self.assertFalse(self.live(models.image_tags, image_id))


class Members(Races):
    def add(self, image_id: str, member: str) -> racers.Call:
        new = {'member': member, 'quota': QUOTA}
        return ('create_member', 'alice', image_id, new)

    def test_quota(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            for member in ('x', 'y'):
                self.service.registry.create_member(
                    self.alice, image_id, {'member': member, 'quota': -1}
                )
            outcomes = track.race(
                [self.add(image_id, member) for member in ('p2', 'p3', 'p4')]
            )
            self.assert_codes(
                outcomes, 'ok', 'limit_exceeded', 'limit_exceeded'
            )
            self.assertEqual(
                QUOTA, len(self.live(models.image_members, image_id))
            )

    def test_same_member_added(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            for rows in (1, 1):  # and once more when it has been one
                outcomes = track.race([self.add(image_id, 'p2')] * RACERS)
                self.assert_codes(outcomes, 'ok', 'duplicate', 'duplicate')
                self.assertEqual(
                    rows, len(self.rows(models.image_members, image_id))
                )
                self.service.registry.delete_member(self.alice, image_id, 'p2')

    def test_same_member_deleted(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            self.service.registry.create_member(
                self.alice, image_id, {'member': 'p2', 'quota': -1}
            )
            outcomes = track.race(
                [('delete_member', 'alice', image_id, 'p2')] * RACERS
            )
            self.assert_codes(outcomes, 'ok', 'not_found', 'not_found')

    def test_accepted_against_deleted(self) -> None:
        """bob sees the image as its member: also that is decided once."""
        for track in self.rounds():
            image_id = self.image()
            self.service.registry.create_member(
                self.alice, image_id, {'member': 'p2', 'quota': -1}
            )
            (accepted, _), (deleted, _) = track.race(
                [
                    ('update_member', 'bob', image_id, 'p2', 'accepted'),
                    ('delete_member', 'alice', image_id, 'p2'),
                ]
            )
            self.assertIn(accepted, ('ok', 'not_found'))
            self.assertEqual('ok', deleted)
            self.assertFalse(self.live(models.image_members, image_id))

    def test_added_against_delete(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            (added, _), (deleted, _) = track.race(
                [
                    self.add(image_id, 'p2'),
                    ('delete_image', 'alice', image_id, ANY),
                ]
            )
            self.assertIn(added, ('ok', 'not_found'))
            self.assertEqual('ok', deleted)
            self.assertFalse(self.live(models.image_members, image_id))


class SqliteTransfers(Uploads, Sweeps, unittest.TestCase):
    kind = 'sqlite'


class SqliteImages(Changes, Tags, Members, unittest.TestCase):
    kind = 'sqlite'


class MysqlTransfers(SqliteTransfers):
    kind = 'mysql'


class MysqlImages(SqliteImages):
    kind = 'mysql'


class PostgresqlTransfers(SqliteTransfers):
    kind = 'postgresql'


class PostgresqlImages(SqliteImages):
    kind = 'postgresql'
