"""The verification of images: assigned to one program, and its results."""

from typing import Any
from unittest import mock
import uuid

from glance.common import contract
from glance.common import errors
from glance_registry.db import integrity
from glance_registry.db import sweeping
from tests.contract.registry import callers


class TestIntegrity(callers.RegistryTestCase):
    def take(
        self, after: str = '', older: int = 0
    ) -> tuple[str, contract.Image | None]:
        transfer_id = str(uuid.uuid4())
        taken = self.client.take_check(
            callers.ADMIN,
            {
                'transfer_id': transfer_id,
                'node': 'n',
                'after': after,
                'older_seconds': older,
            },
        )
        self.assertEqual(60, taken['lease_seconds'])
        return transfer_id, taken['image']

    def finish(
        self, image_id: str, transfer_id: str, **found: Any
    ) -> str | None:
        known: Any = {'state': 'verified', 'detail': '', **found}
        known['transfer_id'] = transfer_id
        return self.client.finish_check(callers.ADMIN, image_id, known)[
            'status'
        ]

    def get(self, image: contract.Image) -> contract.Image:
        return self.client.get_image(callers.ADMIN, image['id'])

    def test_take_check(self) -> None:
        self.create()  # has no data
        first, second = sorted(
            (self.with_locations('file:///a') for _ in range(2)),
            key=lambda image: image['id'],
        )
        transfer_id, image = self.take()
        self.assertEqual(first, image)
        self.assertEqual(second, self.take()[1])
        self.assertIsNone(self.take()[1])
        self.finish(first['id'], transfer_id)
        self.assertIsNone(self.take(after=first['id'])[1])
        self.assertIsNone(self.take(older=3600)[1])
        again = self.take()[1]
        assert again is not None
        self.assertEqual(first['id'], again['id'])

    def test_finish_check(self) -> None:
        image = self.with_locations('file:///a', 'file:///b', 'http://c')
        kept, moved, gone = image['locations']
        transfer_id, _ = self.take()
        found = {
            'state': 'repaired',
            'detail': 'cheap: the data was missing',
            'hashes': {'checksum': 'c' * 32, 'size': 5},
            'moved': [
                {
                    'id': moved['id'],
                    'location': {'url': 'file:///d', 'metadata': {'x': 1}},
                }
            ],
            'removed': [gone['id']],
        }
        status = self.finish(image['id'], transfer_id, **found)
        self.assertEqual('active', status)
        after = self.get(image)
        self.assertEqual(kept, after['locations'][0])
        self.assertEqual('file:///d', after['locations'][1]['url'])
        self.assertEqual({'x': 1}, after['locations'][1]['metadata'])
        self.assertEqual(2, len(after['locations']))
        self.assertEqual(image['updated_at'], after['updated_at'])
        self.assertGreater(after['row_version'], image['row_version'])
        self.assertEqual(('c' * 32, 5), (after['checksum'], after['size']))
        self.assertRegex(
            after['properties'][integrity.STATE] or '',
            r'^repaired 2\d{3}-.*Z: cheap: the data was missing$',
        )
        with self.assertRaises(errors.Conflict):
            self.finish(image['id'], transfer_id)

    def test_known_hashes_stay(self) -> None:
        image_id = self.create()['id']
        self.claim(image_id, 't')
        self.client.finish_upload(callers.ALICE, image_id, self.stored('t'))
        transfer_id, _ = self.take()
        other = {'checksum': 'd' * 32, 'os_hash_value': 'e' * 128}
        self.finish(image_id, transfer_id, hashes=other)
        after = self.client.get_image(callers.ADMIN, image_id)
        self.assertEqual('c' * 32, after['checksum'])
        self.assertEqual('f' * 128, after['os_hash_value'])

    def test_lost_image_is_deactivated_and_keeps_its_locations(self) -> None:
        image = self.with_locations('http://a')
        for _ in range(2):
            transfer_id, _ = self.take()
            status = self.finish(
                image['id'],
                transfer_id,
                state='damaged',
                detail='x',
                is_lost=True,
                removed=[image['locations'][0]['id']],
            )
            self.assertEqual('deactivated', status)
        after = self.get(image)
        self.assertEqual(image['locations'], after['locations'])
        self.assertRegex(
            after['properties'][integrity.STATE] or '', '^damaged .*: x$'
        )

    def test_data_of_a_lost_location_is_left_over(self) -> None:
        for delete in (True, False):
            image = self.with_locations('file:///a', 'file:///b')
            transfer_id, _ = self.take(older=3600)
            if delete:
                wanted: Any = {'row_version': None}
                self.client.delete_image(callers.ALICE, image['id'], wanted)
            else:
                self.change_locations(image, image['locations'][:1])
            status = self.finish(
                image['id'],
                transfer_id,
                moved=[
                    {
                        'id': image['locations'][1]['id'],
                        'location': {'url': 'file:///b', 'metadata': {}},
                    }
                ],
                leftovers=[{'id': transfer_id, 'node': 'n', 'store': 's'}],
            )
            self.assertEqual(None if delete else 'active', status)
            taken = self.client.take_leftovers(
                callers.ADMIN,
                {'holder': 'h', 'node': 'n', 'store': 's', 'limit': 10},
            )
            self.assertEqual([transfer_id], [each['id'] for each in taken])

    def test_an_unknown_image_is_due_sooner(self) -> None:
        image = self.with_locations('file:///a')
        transfer_id, _ = self.take()
        self.finish(image['id'], transfer_id, state='unknown')
        self.assertIsNone(self.take(older=99999)[1])
        with mock.patch.object(integrity, 'RETRY_SECONDS', 0):
            self.assertIsNotNone(self.take(older=99999)[1])

    def test_lapsed_check_is_taken_again(self) -> None:
        image = self.with_locations('file:///a')
        transfer_id, _ = self.take()
        marks = self.service.database.read(sweeping.observe)
        self.service.database.write(sweeping.sweep, marks)
        self.assertEqual('active', self.get(image)['status'])
        self.assertIsNotNone(self.take()[1])
        with self.assertRaises(errors.Conflict):
            self.finish(image['id'], transfer_id)


class TestIntegrityMysql(TestIntegrity):
    kind = 'mysql'


class TestIntegrityPostgresql(TestIntegrity):
    kind = 'postgresql'
