"""Notifications on the registration of locations."""

from unittest import mock

from glance.api import parts
from glance.notifications import notifier
from glance.notifications import outbox
from tests.functional.location_import import importing


class TestNotifications(importing.ImportTestCase):
    def setUp(self) -> None:
        self.events: list[outbox.Event] = []
        made = notifier.Notifier(self.events.append, [])
        self.enterContext(mock.patch.object(parts, 'notifier', lambda _: made))
        super().setUp()

    def test_the_image_becomes_active(self) -> None:
        self.post(self.image(), claim=importing.CLAIM)
        *_, activated, updated, _success = self.events
        self.assertEqual('image.activate', activated.name)
        self.assertEqual('image.update', updated.name)
        self.assertEqual('active', activated.payload['status'])
        self.assertEqual(len(importing.DATA), activated.payload['size'])
        self.assertNotIn(self.web.url('/a'), str(self.events))

    def tasks(self) -> list[tuple[str, str]]:
        """Events of the task, and its status with each."""
        return [
            (event.name, event.payload['status'])
            for event in self.events
            if event.name.startswith('task.')
        ]

    def test_the_task_succeeds(self) -> None:
        self.post(self.image(), claim=importing.CLAIM)
        began = [
            ('task.create', 'pending'),
            ('task.run', 'pending'),
            ('task.processing', 'processing'),
        ]
        self.assertEqual([*began, ('task.success', 'success')], self.tasks())
        told = self.events[-1].payload
        self.assertEqual('location_import', told['type'])
        self.assertEqual('p1', told['owner'])
        self.assertNotIn('input', told)

    def test_the_task_fails(self) -> None:
        self.post(self.image(), claim=importing.WRONG)
        self.assertEqual(('task.failure', 'failure'), self.tasks()[-1])
