"""Stores that recognize each other's URLs, and stores with one place."""

from typing import Any
from unittest import mock

from glance.cmd import migrate_location
from glance.common import errors
from glance.images import leftovers
from glance.images import orphans
from glance.store import filesystem
from tests.functional.scrubber import verifying

DATA = verifying.DATA


def removed(service: Any) -> list[orphans.Finding]:
    """Remove data of no image; return what was found."""
    told: list[orphans.Finding] = []
    orphans.Orphans(
        service.registry,
        service.stores,
        grace_seconds=0,
        delete=True,
        tell=told.append,
    ).run()
    return told


class TestStoresThatOwnTheSameUrls(verifying.VerifyingTestCase):
    """As two buckets of one host, two Swift stores with one reference."""

    def setUp(self) -> None:
        super().setUp()
        self.image_id = self.copied('cheap')
        self.enterContext(
            mock.patch.object(
                filesystem.FilesystemStore, 'owns', lambda *_: True
            )
        )

    def test_neither_has_orphans_of_the_others_images(self) -> None:
        self.assertEqual([], removed(self.service))
        self.assertEqual([self.image_id], self.files_in('cheap'))

    def test_a_failed_copy_keeps_the_live_one(self) -> None:
        left = leftovers.Leftovers(
            self.service.registry, self.service.stores, 'n'
        )
        left.remove_stored('r', self.image_id)
        self.assertEqual([self.image_id], self.files_in('cheap'))


class TestTwoIdsOfOnePlace(verifying.VerifyingTestCase):
    """Two ids of enabled_backends may name the same bucket or pool."""

    def make_same(self) -> None:
        fast, cheap = map(self.service.stores.get, ('fast', 'cheap'))
        self.enterContext(mock.patch.object(cheap, 'identity', fast.identity))
        self.enterContext(mock.patch.object(cheap, '_store', fast.store))

    def twice(self) -> str:
        """Create an image with one piece of data, and a location by id."""
        self.make_same()
        image_id = self.copied('fast')
        fast = self.service.stores.get('fast')
        with mock.patch.object(
            fast, 'labels', self.service.stores.get('cheap').labels
        ):
            self.copy(image_id, DATA, 'fast')
        return image_id

    def test_neither_has_orphans_of_the_others_images(self) -> None:
        """Each recognizes its own URLs only, as by the name of a reference."""
        image_id = self.copied('cheap')
        fast, cheap = map(self.service.stores.get, ('fast', 'cheap'))
        self.enterContext(mock.patch.object(fast, 'identity', cheap.identity))
        self.enterContext(
            mock.patch.object(fast.store, 'pieces', cheap.store.pieces)
        )
        self.assertEqual([], removed(self.service))
        self.assertEqual([image_id], self.files_in('cheap'))

    def test_data_is_not_moved_to_where_it_is(self) -> None:
        self.make_same()
        conf: Any = mock.Mock(old_store='cheap', new_store='fast')
        with self.assertRaisesRegex(
            errors.ConfigurationError, 'keep their data in the same place'
        ):
            migrate_location.chosen(conf, self.service.stores)

    def test_the_deletion_of_a_copy_keeps_the_only_data(self) -> None:
        image_id = self.twice()
        url = f'/v2/stores/cheap/{image_id}'
        self.assert_status(204, self.call('DELETE', url, caller='admin'))
        self.assertEqual([image_id], self.files_in('fast'))
        self.assertEqual('fast', self.show(image_id)['stores'])
        self.assertEqual(DATA, self.data(image_id))
