"""The table of operations (glance/common/contract/), and their tests."""

import unittest

from glance import registry_client
from glance.common import contract
from glance_registry import operations
from tests.contract.registry import test_cache
from tests.contract.registry import test_images
from tests.contract.registry import test_imports
from tests.contract.registry import test_integrity
from tests.contract.registry import test_leftovers
from tests.contract.registry import test_locations
from tests.contract.registry import test_members
from tests.contract.registry import test_metadefs
from tests.contract.registry import test_pending
from tests.contract.registry import test_sharing
from tests.contract.registry import test_tags
from tests.contract.registry import test_tasks
from tests.contract.registry import test_uploads

SUITES = (
    test_cache.TestCache,
    test_images.TestImages,
    test_imports.TestImports,
    test_integrity.TestIntegrity,
    test_leftovers.TestLeftovers,
    test_locations.TestLocations,
    test_members.TestMembers,
    test_metadefs.TestMetadefs,
    test_pending.TestPending,
    test_sharing.TestSharing,
    test_tags.TestTags,
    test_tasks.TestTasks,
    test_uploads.TestUploads,
)


class TestTable(unittest.TestCase):
    def test_every_operation_has_a_test_and_a_method(self) -> None:
        """Exactly one suite has the test ``test_<operation>``."""
        for name in contract.OPERATIONS:
            tested = [hasattr(suite, f'test_{name}') for suite in SUITES]
            with self.subTest(name):
                self.assertEqual(1, tested.count(True))
                self.assertTrue(hasattr(registry_client.RegistryClient, name))

    def test_every_operation_has_exactly_one_line_in_the_registry(
        self,
    ) -> None:
        lines = [line.operation for line in operations.TABLE]
        self.assertEqual(sorted(contract.OPERATIONS), sorted(lines))

    def test_every_operation_is_as_the_table_says(self) -> None:
        paths = [(o.method, o.path) for o in contract.OPERATIONS.values()]
        self.assertEqual(len(paths), len(set(paths)))
        for operation in contract.OPERATIONS.values():
            self.assertTrue(operation.path.startswith('/v1/'))
