"""Members in API v1."""

import uuid

from glance.common import errors
from glance.common.contract import sharing
from tests.contract.registry import callers


class TestSharing(callers.RegistryTestCase):
    def change(
        self, image_id: str, *members: sharing.NewSharer, quota: int = -1
    ) -> None:
        self.client.change_sharing(
            callers.ALICE,
            image_id,
            {'members': list(members), 'replace': False, 'quota': quota},
        )

    def test_change_sharing(self) -> None:
        image_id = self.create(visibility='private')['id']
        self.change(image_id, {'member_id': 'p2'}, quota=1)
        with self.assertRaises(errors.LimitExceeded):
            self.change(image_id, {'member_id': 'p3'}, quota=1)
        self.change(image_id, {'member_id': 'p2', 'can_share': True}, quota=1)
        found = self.client.get_sharing(callers.ALICE, image_id)
        self.assertEqual(
            [{'member_id': 'p2', 'can_share': True}], found['members']
        )

    def test_get_sharing(self) -> None:
        image_id = self.create()['id']
        self.change(image_id, {'member_id': 'p2'}, {'member_id': 'p3'})
        found = self.client.get_sharing(callers.BOB, image_id)
        self.assertEqual(
            [{'member_id': 'p2', 'can_share': False}], found['members']
        )

    def test_end_sharing(self) -> None:
        image_id = self.create()['id']
        self.change(image_id, {'member_id': 'p2'})
        with self.assertRaises(errors.NotFound):
            self.client.end_sharing(callers.BOB, image_id, 'p2')
        self.client.end_sharing(callers.ALICE, image_id, 'p2')
        with self.assertRaises(errors.NotFound):
            self.client.end_sharing(callers.ALICE, image_id, 'p2')

    def test_list_shared_images(self) -> None:
        image_id = self.create()['id']
        self.change(image_id, {'member_id': 'p2'})
        found = self.client.list_shared_images(callers.BOB, 'p2')
        self.assertIn({'image_id': image_id, 'can_share': False}, found)

    def test_get_deleted_image(self) -> None:
        image_id = self.create()['id']
        with self.assertRaises(errors.NotFound):
            self.client.get_deleted_image(callers.ALICE, image_id)

    def test_kill_image(self) -> None:
        # Repeating the request after a lost response changes nothing.
        image_id = self.create()['id']
        for _ in range(2):
            self.client.kill_image(callers.ALICE, image_id)
            image = self.client.get_image(callers.ALICE, image_id)
            self.assertEqual('killed', image['status'])

    def test_kill_image_spares_one_that_gets_data(self) -> None:
        image_id = self.create()['id']
        self.claim(image_id, str(uuid.uuid4()))
        self.client.kill_image(callers.ALICE, image_id)
        image = self.client.get_image(callers.ALICE, image_id)
        self.assertEqual('saving', image['status'])
