"""The effect of each call in each status of the image."""

import datetime
from typing import Any

from glance_registry.db import models
from tests import base

PATCH = 'application/openstack-images-v2.1-json-patch'
STATUSES = (
    *('queued', 'saving', 'uploading', 'importing', 'active', 'deactivated'),
)
#: Rows with these statuses also have the flag ``deleted``.
GONE = ('deleted', 'pending_delete')
PAST = datetime.datetime(2020, 1, 1, 12, 0, 0)
PAST_TEXT = '2020-01-01T12:00:00Z'


def patch(name: str, value: Any, op: str = 'replace') -> list[dict[str, Any]]:
    return [{'op': op, 'path': f'/{name}', 'value': value}]


#: Calls, and the status of the response for each of STATUSES.
TABLE: tuple[tuple[str, str, Any, tuple[int, ...]], ...] = (
    ('PUT', '/file', b'data', (204, 409, 409, 409, 409, 409)),
    ('GET', '/file', None, (204, 204, 204, 204, 200, 403)),
    ('GET', '', None, (200, 200, 200, 200, 200, 200)),
    ('PATCH', '', patch('name', 'x'), (200,) * 6),
    ('PATCH', '', patch('color', 'x', 'add'), (200,) * 6),
    ('PATCH', '', patch('visibility', 'private'), (200,) * 6),
    (
        'PATCH',
        '',
        patch('disk_format', 'raw'),
        (200, 403, 403, 200, 403, 403),
    ),
    (
        'PATCH',
        '',
        patch('container_format', 'bare'),
        (200, 403, 403, 200, 403, 403),
    ),
    (
        'POST',
        '/actions/deactivate',
        None,
        (403, 403, 403, 403, 204, 204),
    ),
    (
        'POST',
        '/actions/reactivate',
        None,
        (403, 403, 403, 403, 204, 204),
    ),
    ('PUT', '/tags/x', None, (204,) * 6),
    ('POST', '/members', {'member': 'p2'}, (200,) * 6),
    ('DELETE', '', None, (204,) * 6),
)


class StatusTestCase(base.ServiceTestCase):
    def force(self, image_id: str, **values: Any) -> None:
        """Write values to the image's row, without any checks."""
        row = models.images.c.id == image_id
        self.service.database.write(
            lambda connection: connection.execute(
                models.images.update().where(row).values(**values)
            )
        )

    def make(self, status: str) -> str:
        has_data = status in ('active', 'deactivated')
        image_id = self.image(data=b'data' if has_data else None)
        self.force(image_id, status=status)
        return image_id

    def ask(self, method: str, path: str, body: Any) -> Any:
        headers = {'Content-Type': PATCH} if method == 'PATCH' else {}
        return self.call(method, path, body, headers=headers)


class TestStatuses(StatusTestCase):
    def test_every_call_in_every_status(self) -> None:
        # covers 5-8, 11-2
        for method, rest, body, answers in TABLE:
            for status, answer in zip(STATUSES, answers, strict=True):
                path = f'/v2/images/{self.make(status)}{rest}'
                with self.subTest(f'{method} {rest} {body} {status}'):
                    self.assert_status(answer, self.ask(method, path, body))

    def test_an_image_that_is_gone_is_404_for_everybody(self) -> None:
        # covers 5-5
        for status in GONE:
            image_id = self.make('active')
            self.force(image_id, status=status, deleted=True)
            for method, rest, body, _answers in TABLE:
                path = f'/v2/images/{image_id}{rest}'
                with self.subTest(f'{method} {rest} {status}'):
                    self.assert_status(404, self.ask(method, path, body))
                    shown = self.call('GET', path, caller='admin')
                    self.assertIn(shown.status_int, (404, 405))

    def test_what_is_gone_or_killed_is_in_no_list(self) -> None:
        # covers 5-6, 7.2.3-16
        for status in (*GONE, 'killed'):
            image_id = self.image()
            self.force(image_id, status=status, deleted=status in GONE)
        for query in ('', '?visibility=all', '?status=killed'):
            for caller in ('alice', 'admin'):
                self.assertEqual([], self.listed(query, caller))

    def test_a_failed_call_changes_no_status(self) -> None:
        for status in STATUSES:
            image_id = self.make(status)
            for method, rest, body, answers in TABLE:
                if answers[STATUSES.index(status)] >= 400:
                    self.ask(method, f'/v2/images/{image_id}{rest}', body)
            self.assertEqual(status, self.show(image_id)['status'])

    def test_ossa_2016_006_an_active_image_is_never_queued_again(self) -> None:
        # covers 5-14, 7.4.5-1
        image_id = self.make('active')
        for operation in (
            {'op': 'replace', 'path': '/status', 'value': 'queued'},
            {'op': 'replace', 'path': '/locations', 'value': []},
            {'op': 'remove', 'path': '/locations/0'},
        ):
            response = self.patch(image_id, operation, caller='admin')
            self.assert_status(403, response)
        self.assertEqual('active', self.show(image_id)['status'])


class TestUpdatedAt(StatusTestCase):
    """The calls that change updated_at."""

    def check(self, renews: bool, method: str, rest: str, body: Any) -> None:
        image_id = self.image(data=b'data', tags=['t'])
        path = f'/v2/images/{image_id}'
        self.call('POST', f'{path}/members', {'member': 'p1'})
        self.force(image_id, updated_at=PAST)
        with self.subTest(f'{method} {rest} {body}'):
            response = self.ask(method, path + rest, body)
            self.assertLess(response.status_int, 300, response.body)
            shown = self.show(image_id)['updated_at']
            self.assertEqual(renews, shown != PAST_TEXT)

    def test_changes_renew_it(self) -> None:
        # covers 4.1-13
        for method, rest, body in (
            ('PATCH', '', patch('name', 'x')),
            ('PATCH', '', patch('name', None)),  # as it is
            ('PUT', '/tags/new', None),
            ('PUT', '/tags/t', None),
            ('DELETE', '/tags/t', None),
            ('POST', '/actions/deactivate', None),
        ):
            self.check(True, method, rest, body)

    def test_other_calls_do_not(self) -> None:
        # covers 4.1-14, 12-19
        for method, rest, body in (
            ('GET', '', None),
            ('GET', '/file', None),
            ('PATCH', '', []),
            ('GET', '/members', None),
            ('POST', '/members', {'member': 'p2'}),
            ('DELETE', '/members/p1', None),
        ):
            self.check(False, method, rest, body)

    def test_an_upload_renews_it(self) -> None:
        # covers 4.1-13
        image_id = self.image()
        self.force(image_id, updated_at=PAST)
        self.upload(image_id, b'data')
        self.assertNotEqual(PAST_TEXT, self.show(image_id)['updated_at'])
        self.assertNotEqual(PAST_TEXT, self.show(image_id)['created_at'])


class TestRoundTrip(StatusTestCase):
    def test_a_whole_image_goes_round_unchanged(self) -> None:
        """A client that computes a patch from equal documents sends none."""
        # covers 25-32
        image_id = self.image(
            data=b'data',
            name='n',
            tags=['b', 'a'],
            color='red',
            os_hidden=True,
        )
        first = self.show(image_id)
        self.data(image_id)
        self.call('GET', '/v2/images?os_hidden=true')
        self.assertEqual(first, self.show(image_id))
        listed = self.call('GET', '/v2/images?os_hidden=true').json
        self.assertEqual([first], listed['images'])

    def test_what_may_be_written_can_be_written_back(self) -> None:
        # covers 25-32
        image_id = self.image(name='n', tags=['b', 'a'], color='red')
        image = self.show(image_id)
        for name in (
            *('name', 'visibility', 'protected', 'os_hidden', 'min_ram'),
            *('min_disk', 'tags', 'color', 'owner', 'disk_format'),
        ):
            with self.subTest(name):
                response = self.patch(
                    image_id,
                    {
                        'op': 'replace',
                        'path': f'/{name}',
                        'value': image[name],
                    },
                )
                self.assert_status(200, response)
        after = self.show(image_id)
        after['updated_at'] = image['updated_at']
        after['tags'].sort()
        image['tags'].sort()
        self.assertEqual(image, after)
