"""The order of the checks of an import."""

from typing import Any

from glance.tasks import engine
from tests.functional.imports import importing


class TestChecks(importing.ImportTestCase):
    # covers 9-1, 9-3
    def test_bodies(self) -> None:
        image_id = self.image()
        path = f'/v2/images/{image_id}/import'
        web = self.web_method()
        bodies: tuple[Any, ...] = (
            *([], {}, {'method': 'web-download'}, {'method': {}}),
            *({'method': {'name': 'copy'}}, {'method': {'name': ['x']}}),
            {'method': {'name': 'glance-download'}},
            {'method': web, 'all_stores': 'yes'},
            {'method': web, 'all_stores_must_succeed': 1},
            {'method': web, 'all_stores_must_succeed': False},
            {'method': web, 'stores': 'a'},
            {'method': web, 'stores': [1]},
            {'method': web, 'all_stores': True, 'stores': ['a']},
            {'method': web, 'more': 'x' * 20_000},
        )
        for body in bodies:
            with self.subTest(str(body)[:80]):
                self.assert_status(400, self.call('POST', path, body))
        header = {'x-image-meta-store': 'a'}
        for members in ({'stores': ['a']}, {'all_stores': True}):
            response = self.post(image_id, web, headers=header, **members)
            self.assert_status(400, response)
        self.assertEqual('queued', self.show(image_id)['status'])

    # covers 9-3
    def test_image_and_caller(self) -> None:
        web = self.web_method()
        image_id = self.image()
        plain = self.call('POST', '/v2/images', {}).json['id']
        active = self.image(data=b'x')
        for status, response in (
            (404, self.post('none', web)),
            (404, self.post(image_id, web, caller='bob')),
            (403, self.post(image_id, web, caller='rita')),
            (409, self.post(plain, web)),
            (409, self.post(active, web)),
            (409, self.post(image_id)),
            (409, self.post(image_id, 'copy-image')),
            (403, self.post(active, 'copy-image')),
            (409, self.post(active, 'copy-image', caller='admin')),
        ):
            self.assert_status(status, response)

    # covers 9-1
    def test_other_members_are_ignored(self) -> None:
        image_id = self.image()
        self.post(image_id, self.web_method(colour='red'), colour='red')
        self.assert_imported(image_id)


class TestLock(importing.ImportTestCase):
    inline = False

    def setUp(self) -> None:
        self.patched(engine.Engine, 'wake', lambda _engine: None)
        super().setUp()

    # covers 9-5, 25-34, 4.2-3, 5-15
    def test_one_at_a_time(self) -> None:
        image_id = self.image()
        web = self.web_method()
        self.assert_status(202, self.post(image_id, web))
        image = self.show(image_id)
        self.assertEqual('importing', image['status'])
        task = self.task(image_id)
        self.assertEqual('pending', task['status'])
        self.assertEqual(task['id'], image['os_glance_import_task'])
        self.assert_status(409, self.post(image_id, web))
        location = {'url': self.web.url('/a')}
        path = f'/v2/images/{image_id}/locations'
        self.assert_status(409, self.call('POST', path, location))
        path = f'/v2/images/{image_id}/file'
        self.assert_status(409, self.call('PUT', path, b'x'))
        self.assert_status(204, self.call('DELETE', f'/v2/images/{image_id}'))
