"""Deleted images whose data is kept: taken by a scrubber, or restored."""

from glance.common import contract
from glance.common import errors
from glance_registry.db import clock
from glance_registry.db import models
from tests.contract.registry import callers


class TestPending(callers.RegistryTestCase):
    def kept(self) -> contract.Image:
        """Delete an image whose data is kept; return the image."""
        image = self.with_locations('file:///a', 'file:///b')
        self.client.delete_image(
            callers.ALICE, image['id'], {'row_version': None, 'data': 'kept'}
        )
        return image

    def take(self, holder: str = 'a', older: int = 0) -> list[str]:
        taken = self.client.take_pending(
            callers.ADMIN,
            {
                'holder': holder,
                'node': 'n',
                'store': 's',
                'limit': 10,
                'older_seconds': older,
            },
        )
        for leftover in taken:
            self.assertEqual(['file:///a', 'file:///b'], leftover['urls'])
        return [leftover['image_id'] for leftover in taken]

    def test_take_pending(self) -> None:
        image_id = self.kept()['id']
        self.assertEqual([], self.take(older=3600))
        self.assertEqual([image_id], self.take())
        self.assertEqual([], self.take('b'))

    def test_restore_image(self) -> None:
        image = self.kept()
        with self.assertRaises(errors.NotFound):
            self.client.get_image(callers.ALICE, image['id'])
        again = self.client.restore_image(callers.ADMIN, image['id'])
        self.assertEqual(image['locations'], again['locations'])
        self.assertEqual([], self.take())
        with self.assertRaises(errors.Conflict):
            self.client.restore_image(callers.ADMIN, image['id'])

    def test_count_failed(self) -> None:
        """A removal by a client without the store is open to all others."""
        image_id = self.kept()['id']
        wanted: contract.PendingTaking = {
            'holder': 'a',
            'node': 'n',
            'store': 's',
            'limit': 10,
            'older_seconds': 0,
        }
        (taken,) = self.client.take_pending(callers.ADMIN, wanted)
        self.assertEqual([None, None], taken['stores'])
        self.assertEqual(0, self.client.count_failed(callers.ADMIN))
        self.client.finish_leftovers(
            callers.ADMIN, {'done': [], 'elsewhere': [taken['id']]}
        )
        self.assertEqual(1, self.client.count_failed(callers.ADMIN))
        self.service.database.write(
            lambda connection: connection.execute(
                models.image_leftovers.update().values(due_at=clock.after(0))
            )
        )
        (again,) = self.client.take_leftovers(
            callers.ADMIN,
            {
                'holder': 'b',
                'node': 'm',
                'store': 't',
                'limit': 10,
                'elsewhere': True,
            },
        )
        self.assertEqual(image_id, again['image_id'])
        self.assertEqual(taken['urls'], again['urls'])


class TestPendingMysql(TestPending):
    kind = 'mysql'


class TestPendingPostgresql(TestPending):
    kind = 'postgresql'
