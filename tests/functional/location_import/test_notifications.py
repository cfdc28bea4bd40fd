"""What is told of a registered location."""

from unittest import mock

from glance.api import resources
from glance.notifications import notifier
from glance.notifications import outbox
from tests.functional.location_import import importing


class TestNotifications(importing.ImportTestCase):
    def setUp(self) -> None:
        self.events: list[outbox.Event] = []
        made = notifier.Notifier(self.events.append, [])
        self.enterContext(
            mock.patch.object(resources, '_notifier', lambda _: made)
        )
        super().setUp()

    def test_the_image_becomes_active(self) -> None:
        self.post(self.image(), claim=importing.CLAIM)
        *_, activated, updated = self.events
        self.assertEqual('image.activate', activated.name)
        self.assertEqual('image.update', updated.name)
        self.assertEqual('active', activated.payload['status'])
        self.assertEqual(len(importing.DATA), activated.payload['size'])
        self.assertNotIn(self.web.url('/a'), str(self.events))
