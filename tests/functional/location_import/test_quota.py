"""Registered locations count in the storage quota."""

from glance.images import transfers
from tests.functional.location_import import importing


class TestStorageQuota(importing.ImportTestCase):
    options = {'user_storage_quota': '30KB'}

    def test_the_second_finds_no_room(self) -> None:
        first, second = self.image(), self.image()
        self.assert_status(202, self.post(first))
        self.assert_image(first, status='active', size=len(importing.DATA))
        self.assert_status(202, self.post(second))
        self.assert_failed(second, transfers.NO_ROOM)
