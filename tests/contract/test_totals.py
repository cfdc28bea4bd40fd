"""Numbers of images for the metrics, on every engine."""

from glance_registry.db import totals
from tests.contract.registry import callers


class TestTotals(callers.RegistryTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.now = 1000.0

    def totals(self, by_project: bool = False) -> totals.Totals:
        return totals.Totals(
            self.service.database, by_project, 60, lambda: self.now
        )

    def test_images_and_bytes_of_each_group(self) -> None:
        """Deleted images are not counted."""
        for visibility in ('shared', 'shared', 'public'):
            self.create(visibility=visibility, size=5)
        self.create(callers.BOB)
        gone = self.create()
        self.client.delete_image(
            callers.ALICE, gone['id'], {'row_version': gone['row_version']}
        )
        images, size_bytes = self.totals().gauges()
        self.assertEqual('openstack_glance_images', images.name)
        self.assertEqual('openstack_glance_image_bytes', size_bytes.name)
        self.assertEqual(['status', 'visibility'], images.labels)
        shared, public = ('queued', 'shared'), ('queued', 'public')
        self.assertEqual({shared: 3, public: 1}, dict(images.rows))
        self.assertEqual({shared: 10, public: 5}, dict(size_bytes.rows))
        images, _ = self.totals(by_project=True).gauges()
        self.assertEqual(['status', 'visibility', 'tenant_id'], images.labels)
        self.assertEqual(
            {(*shared, 'p1'): 2, (*shared, 'p2'): 1, (*public, 'p1'): 1},
            dict(images.rows),
        )

    def test_counted_again_after_the_interval(self) -> None:
        counted = self.totals()
        self.assertEqual([], counted.gauges()[0].rows)
        self.create()
        self.now += 59
        self.assertEqual([], counted.gauges()[0].rows)
        self.now += 1
        self.assertEqual(1, len([*counted.gauges()[0].rows]))


class TestTotalsMysql(TestTotals):
    kind = 'mysql'


class TestTotalsPostgresql(TestTotals):
    kind = 'postgresql'
