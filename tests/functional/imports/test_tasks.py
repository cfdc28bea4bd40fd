"""POST /v2/tasks, and tasks that continue after a worker died."""

from typing import Any
from unittest import mock

from glance.store import stores
from glance.tasks import engine
from glance.tasks import image_import
from glance_registry.db import models
from tests.functional.imports import importing


class TestCreate(importing.ImportTestCase):
    def given(self, **changes: Any) -> dict[str, Any]:
        found: dict[str, Any] = {
            'import_from': self.web.url('/a'),
            'import_from_format': 'raw',
            'image_properties': {'name': 'n', 'os_type': 'linux'},
        }
        return {k: v for k, v in (found | changes).items() if v is not None}

    def create(self, body: Any, caller: str = 'admin') -> Any:
        return self.call('POST', '/v2/tasks', body, caller=caller)

    # covers 10-2
    def test_an_image_is_created(self) -> None:
        response = self.create({'type': 'import', 'input': self.given()})
        self.assert_status(201, response)
        task = response.json
        self.assertTrue(
            response.headers['Location'].endswith(f'/v2/tasks/{task["id"]}')
        )
        self.assertEqual('import', task['type'])
        self.assertEqual(self.given(), task['input'])
        image_id = task['result']['image_id']
        image = self.show(image_id, caller='admin')
        self.assertEqual('active', image['status'])
        self.assertEqual('raw', image['disk_format'])
        self.assertEqual('linux', image['os_type'])
        self.assertEqual(importing.DATA, self.data(image_id, caller='admin'))

    # covers 10-2
    def test_missing_members_fail_the_task(self) -> None:
        for name in ('import_from_format', 'image_properties'):
            given = self.given(**{name: None})
            response = self.create({'type': 'import', 'input': given})
            self.assert_status(201, response)
            self.assertEqual('failure', response.json['status'])
            self.assertIn('image_properties', response.json['message'])
        self.assertEqual([], self.listed(caller='admin'))

    # covers 10-2, 10-4
    def test_refused(self) -> None:
        given = self.given()
        for body in (
            *([], {}, {'type': 'import'}, {'input': given}),
            {'type': 'import', 'input': given, 'status': 'success'},
            {'type': 'api_image_import', 'input': given},
            {'type': 'import', 'input': []},
            {'type': 'import', 'input': self.given(import_from=None)},
            {'type': 'import', 'input': self.given(import_from='file:///x')},
            {'type': 'import', 'input': self.given(x='x' * 20_000)},
        ):
            with self.subTest(str(body)[:90]):
                self.assert_status(400, self.create(body))
        response = self.create({'no': 'JSON of a task'}, caller='alice')
        self.assert_status(403, response)


class TestTakeover(importing.ImportTestCase):
    """A worker dies in the middle of an import."""

    def setUp(self) -> None:
        super().setUp()
        self.other = self.engine()

    def die(self, image_id: str, method: Any) -> None:
        """Request an import that its worker takes but does not run."""
        with mock.patch.object(
            image_import.Importer, 'run', lambda _importer, _job: None
        ):
            self.app_again()
            self.assert_status(202, self.post(image_id, method))

    # covers 9-5, 25-53
    def test_another_worker_goes_on(self) -> None:
        for method in (self.web_method(), 'glance-direct'):
            image_id = self.image()
            if method == 'glance-direct':
                self.stage(image_id)
            self.die(image_id, method)
            self.assertEqual('importing', self.show(image_id)['status'])
            self.assertEqual([], self.lapse())
            self.other.wake()
            self.assert_imported(image_id)

    # covers 25-53
    def test_nobody_goes_on(self) -> None:
        image_id = self.image()
        self.stage(image_id)
        self.die(image_id, 'glance-direct')
        self.lapse()
        (self.staging / image_id).unlink()
        self.assertEqual([], self.lapse())  # no worker has refused it yet
        self.other.wake()
        self.assertEqual([image_id], self.lapse())
        self.assert_failed(image_id, 'no glance-api that has the staged data')

    # covers 25-53
    def test_a_deletion_in_between(self) -> None:
        image_id = self.image()
        self.die(image_id, self.web_method())
        self.assert_status(204, self.call('DELETE', f'/v2/images/{image_id}'))
        self.lapse()
        self.other.wake()
        self.assertEqual([], self.files())
        path = '/v2/tasks?status=failure'
        tasks = self.call('GET', path, caller='admin').json['tasks']
        self.assertEqual(1, len(tasks))

    def test_a_worker_without_the_store_ends_the_task(self) -> None:
        image_id = self.image()
        self.die(image_id, self.web_method())
        self.lapse()
        with mock.patch.object(
            stores.Stores, 'get', side_effect=stores.UnknownStore
        ):
            self.other.wake()
        self.assert_failed(image_id, 'no store with this id')
        (left,) = self.service.database.read(
            lambda connection: connection.execute(
                models.image_leftovers.select()
            ).all()
        )
        self.assertEqual(self.service.store.identity, left.store)

    def test_progress(self) -> None:
        image_id = self.image()
        notes: list[str] = []

        def check(transfer: Any) -> None:
            (job,) = self.current._jobs.values()
            if job.note:
                self.current._note()
                image = self.show(image_id)
                notes.append(image['os_glance_progress'])
                self.assertEqual(notes[-1], self.task(image_id)['message'])

        self.current = self.other
        with mock.patch.object(engine.Engine, 'wake', lambda _engine: None):
            self.post(image_id, self.web_method())
        with mock.patch('glance.images.transfers.Transfer.check', check):
            self.other._take_quietly()
        self.assert_imported(image_id)
        self.assertNotIn('os_glance_progress', self.show(image_id))
        self.assertIn('web-download 100 % of 19.5 KiB', notes)
