"""The task of a registered location in the API."""

import re
import uuid

from tests.functional.location_import import importing


class TestTasks(importing.ImportTestCase):
    def started(self) -> tuple[str, str]:
        """An image and its task, which has ended."""
        image_id = self.image()
        self.post(image_id, claim=importing.CLAIM)
        path = f'/v2/images/{image_id}/tasks'
        (task,) = self.call('GET', path).json['tasks']
        return image_id, task['id']

    # covers 10-1, 25-27
    def test_of_an_image(self) -> None:
        image_id, task_id = self.started()
        path = f'/v2/images/{image_id}/tasks'
        (task,) = self.call('GET', path).json['tasks']
        self.assertEqual('location_import', task['type'])
        self.assertEqual('success', task['status'])
        self.assertEqual({'image_id': image_id}, task['result'])
        self.assertEqual(image_id, task['input']['image_id'])
        self.assertEqual(self.web.url('/a'), task['input']['loc_url'])
        self.assertEqual(importing.CLAIM, task['input']['validation_data'])
        self.assertEqual('alice', task['user_id'])
        self.assertIs(False, task['deleted'])
        self.assertIsNone(task['deleted_at'])
        for name in ('created_at', 'updated_at', 'expires_at'):
            pattern = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}'
            self.assertTrue(re.fullmatch(pattern, task[name]), name)

    # covers 10-1
    def test_of_an_image_for_others(self) -> None:
        image_id, _ = self.started()
        path = f'/v2/images/{image_id}/tasks'
        self.assert_status(404, self.call('GET', path, caller='bob'))
        self.patch(
            image_id,
            {'op': 'replace', 'path': '/visibility', 'value': 'community'},
        )
        response = self.call('GET', path, caller='bob')
        self.assertEqual({'tasks': []}, response.json)
        self.assert_status(404, self.call('GET', '/v2/images/none/tasks'))

    # covers 10-3
    def test_show_and_list(self) -> None:
        image_id, task_id = self.started()
        task = self.call('GET', f'/v2/tasks/{task_id}', caller='admin').json
        self.assertEqual(image_id, task['image_id'])
        self.assertEqual('', task['message'])
        self.assertEqual(f'/v2/tasks/{task_id}', task['self'])
        self.assertEqual('/v2/schemas/task', task['schema'])
        self.assertTrue(task['expires_at'].endswith('Z'))
        page = self.call('GET', '/v2/tasks', caller='admin').json
        self.assertEqual('/v2/tasks', page['first'])
        self.assertEqual('/v2/schemas/tasks', page['schema'])
        self.assertNotIn('next', page)
        (stub,) = page['tasks']
        for name in ('input', 'result', 'message', 'image_id', 'user_id'):
            self.assertNotIn(name, stub)
        self.assertEqual(stub, {name: task[name] for name in stub})
        unknown = f'/v2/tasks/{uuid.uuid4()}'
        self.assert_status(404, self.call('GET', unknown, caller='admin'))

    # covers 10-4
    def test_who_may(self) -> None:
        for method, path in (
            ('GET', '/v2/tasks?limit=x'),
            ('GET', '/v2/tasks/none'),
            ('DELETE', '/v2/tasks/none'),
        ):
            with self.subTest(method, path=path):
                self.assert_status(403, self.call(method, path))

    # covers 10-5
    def test_parameters(self) -> None:
        ids = {self.started()[1] for _ in range(3)}
        found: list[str] = []
        path = '/v2/tasks?limit=2&sort_key=id&sort_dir=asc'
        while path:
            page = self.call('GET', path, caller='admin').json
            found += [task['id'] for task in page['tasks']]
            path = page.get('next')
        self.assertEqual(sorted(ids), found)
        for query, count in (
            ('status=success', 3),
            ('status=pending', 0),
            ('type=import', 0),
            ('owner=p1', 3),
            ('owner=p2', 0),
            ('colour=red', 3),
            ('limit=0', 0),
        ):
            page = self.call('GET', f'/v2/tasks?{query}', caller='admin')
            with self.subTest(query):
                self.assertEqual(count, len(page.json['tasks']))
        for query in (
            *('status=done', 'type=location_import', 'limit=-1', 'limit=x'),
            *('marker=x', f'marker={uuid.uuid4()}', 'sort_key=input'),
            *('sort_dir=up', 'owner=%00'),
        ):
            page = self.call('GET', f'/v2/tasks?{query}', caller='admin')
            with self.subTest(query):
                self.assert_status(400, page)

    # covers 10-6
    def test_delete(self) -> None:
        path = f'/v2/tasks/{self.started()[1]}'
        response = self.call('DELETE', path, caller='admin')
        self.assert_status(405, response)
        self.assertEqual('GET', response.headers['Allow'])
