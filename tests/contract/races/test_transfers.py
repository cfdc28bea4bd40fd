"""Races of uploads with other uploads, with deletions and the sweeper."""

import unittest
import uuid

from glance_registry.db import models
from tests.contract.races import racing


class Uploads(racing.Races):
    def test_claims_of_one_image(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            ids = [str(uuid.uuid4()) for _ in range(racing.RACERS)]
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
        """The client repeats a request that is still running."""
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
                [('http', 'PUT', path, body, racing.BYTES) for body in data]
            )
            self.assert_codes(outcomes, '204', '409', '409')
            won = [code for code, _ in outcomes].index('204')
            stored_as = self.service.images / image_id
            self.assertEqual(data[won], stored_as.read_bytes())
            self.assert_consistent(image_id)

    def test_finish_repeated(self) -> None:
        for track in self.rounds():
            image_id, transfer_id = self.claimed()
            call = (
                'finish_upload',
                'alice',
                image_id,
                racing.stored(transfer_id),
            )
            outcomes = track.race([call] * racing.RACERS)
            self.assert_codes(outcomes, 'ok', 'ok', 'ok')
            for _, image in outcomes:
                self.assertEqual('active', image['status'])
            self.assertEqual(
                'active', self.assert_consistent(image_id)['status']
            )

    def test_finish_against_abandon(self) -> None:
        for track in self.rounds():
            image_id, transfer_id = self.claimed()
            (finished, _), (code, ended) = track.race(
                [
                    (
                        'finish_upload',
                        'alice',
                        image_id,
                        racing.stored(transfer_id),
                    ),
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
                (status, ended['data_is_unused']),
            )
            self.assertEqual(status, ended['status'])

    def test_finish_against_delete(self) -> None:
        """Either the deleted image has the location, or a transfer exists."""
        for track in self.rounds():
            image_id, transfer_id = self.claimed()
            (finished, _), (deleted, image) = track.race(
                [
                    (
                        'finish_upload',
                        'alice',
                        image_id,
                        racing.stored(transfer_id),
                    ),
                    ('delete_image', 'alice', image_id, racing.ANY),
                ]
            )
            self.assertEqual('ok', deleted)
            self.assertIn(finished, ('ok', 'not_found'))
            self.assertEqual(finished == 'ok', len(image['locations']) == 1)
            # A failed upload keeps its transfer until its bytes are removed.
            transfers = self.rows(models.image_transfers, image_id)
            self.assertEqual(finished != 'ok', len(transfers) == 1)
            self.assertFalse(self.live(models.image_locations, image_id))

    def test_upload_against_delete(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            path = f'/v2/images/{image_id}'
            (uploaded, _), (deleted, _) = track.race(
                [
                    ('http', 'PUT', f'{path}/file', b'data', racing.BYTES),
                    ('http', 'DELETE', path, None, ''),
                ]
            )
            self.assertEqual('204', deleted)
            self.assertIn(uploaded, ('204', '404', '410'))
            self.assertFalse((self.service.images / image_id).exists())


class Sweeps(racing.Races):
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
                    (
                        'finish_upload',
                        'alice',
                        image_id,
                        racing.stored(transfer_id),
                    ),
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
                    (
                        'finish_upload',
                        'alice',
                        image_id,
                        racing.stored(transfer_id),
                    ),
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
                [('delete_image', 'alice', image_id, racing.ANY), ('sweep',)]
            )
            self.assert_codes(outcomes, 'ok', 'ok')
            self.assertFalse(self.rows(models.image_transfers, image_id))


class SqliteTransfers(Uploads, Sweeps, unittest.TestCase):
    kind = 'sqlite'


class MysqlTransfers(SqliteTransfers):
    kind = 'mysql'


class PostgresqlTransfers(SqliteTransfers):
    kind = 'postgresql'
