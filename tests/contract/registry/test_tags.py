"""Tags of images."""

from glance.common import errors
from tests.contract.registry import callers


class TestTags(callers.RegistryTestCase):
    def test_add_tag(self) -> None:
        image_id = self.create()['id']
        for tag in ('a', 'é %2F', 'a'):
            self.client.add_tag(callers.ALICE, image_id, tag, 2)
        self.expect(
            errors.LimitExceeded,
            self.client.add_tag,
            callers.ALICE,
            image_id,
            'c',
            2,
        )
        self.client.add_tag(callers.ALICE, image_id, 'c', -1)
        image = self.client.get_image(callers.ALICE, image_id)
        self.assertEqual({'a', 'c', 'é %2F'}, set(image['tags']))
        self.expect(
            errors.NotFound,
            self.client.add_tag,
            callers.ALICE,
            'none',
            'x',
            -1,
        )

    def test_delete_tag(self) -> None:
        image_id = self.create(tags=['a', 'é'])['id']
        self.client.delete_tag(callers.ALICE, image_id, 'é')
        self.assertEqual(
            ['a'], self.client.get_image(callers.ALICE, image_id)['tags']
        )
        self.expect(
            errors.NotFound,
            self.client.delete_tag,
            callers.ALICE,
            image_id,
            'é',
        )


class TestTagsMysql(TestTags):
    kind = 'mysql'


class TestTagsPostgresql(TestTags):
    kind = 'postgresql'
