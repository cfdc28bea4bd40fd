"""Ids and names are compared byte for byte, on every engine.

In addition to the project ``p1`` there are projects whose ids are equal to it
by a collation of MariaDB.
"""

from typing import Any
import urllib.parse
import uuid

import sqlalchemy as sa
import webob

from glance.common import context
from glance.common import errors
from glance_registry.db import children
from glance_registry.db import images
from glance_registry.db import storage
from tests import base

#: Project ids that are equal to ``p1`` by general_ci, unicode_ci or a padding
#: _bin collation.
TWINS = ('P1', 'p1 ', 'ṕ1', 'Ｐ1')
#: Names of properties, tags and images that are equal to ``k``. None ends
#: with a space, which glance-api removes from tags and from paths of a PATCH.
NAMES = ('K', 'ḱ', 'Ｋ')
LISTS = (
    '',
    '?visibility=all',
    '?visibility=private',
    '?visibility=shared&member_status=all',
    '?owner=p1',
    '?name=k',
    '?tag=k',
    '?k=v',
)


class IdentitiesTestCase(base.ServiceTestCase):
    def as_project(
        self, project: str, method: str, path: str, body: Any = None
    ) -> webob.Response:
        headers = {'X-Project-Id': project.encode().decode('latin-1')}
        return self.call(method, path, body, headers=headers)

    def names(self, project: str, query: str) -> list[str]:
        response = self.as_project(project, 'GET', f'/v2/images{query}')
        self.assert_status(200, response)
        return [image['name'] for image in response.json['images']]

    def test_an_owner_is_one_project(self) -> None:
        private = self.image(
            name='k', visibility='private', tags=['k'], k='v', data=b'secret'
        )
        shared = self.image(name='k', tags=['k'], k='v')
        for twin in TWINS:
            for query in LISTS:
                with self.subTest(project=twin, query=query):
                    self.assertEqual([], self.names(twin, query))
            for image_id in (private, shared):
                with self.subTest(project=twin, image=image_id):
                    self.assert_hidden(twin, image_id)
            with self.subTest(project=twin, what='usage'):
                read = self.service.database.read
                usage = read(storage.get_usage, twin)
                self.assertEqual(
                    (0, 0), (usage['images'], usage['size_bytes'])
                )
                self.assertEqual([], read(storage._running, twin))
        self.assertEqual(['k', 'k'], self.names('p1', ''))

    def assert_hidden(self, project: str, image_id: str) -> None:
        path = f'/v2/images/{image_id}'
        for method, rest in (
            ('GET', ''),
            ('GET', '/file'),
            ('GET', '/members'),
            ('PUT', '/tags/x'),
            ('DELETE', '/tags/k'),
            ('DELETE', ''),
        ):
            response = self.as_project(project, method, path + rest)
            self.assert_status(404, response)
        marker = self.as_project(
            project, 'GET', f'/v2/images?marker={image_id}'
        )
        self.assert_status(400, marker)

    def test_a_member_is_one_project(self) -> None:
        image_id = self.image(name='k')
        path = f'/v2/images/{image_id}'
        for member in ('p2', 'P2'):
            created = self.call('POST', f'{path}/members', {'member': member})
            self.assert_status(200, created)
        self.as_project(
            'p2', 'PUT', f'{path}/members/p2', {'status': 'accepted'}
        )
        self.assertEqual(['k'], self.names('p2', '?visibility=shared'))
        self.assertEqual([], self.names('P2', '?visibility=shared'))
        for twin in ('p2 ', 'ṕ2'):
            self.assert_hidden(twin, image_id)
        seen = self.as_project('P2', 'GET', f'{path}/members').json['members']
        self.assertEqual(
            [('P2', 'pending')],
            [(each['member_id'], each['status']) for each in seen],
        )
        self.assert_status(204, self.call('DELETE', f'{path}/members/p2'))
        self.assert_status(200, self.as_project('P2', 'GET', path))
        self.assert_status(404, self.as_project('p2', 'GET', path))

    def test_members_that_differ_in_case_can_go_at_the_same_moment(
        self,
    ) -> None:
        for whole in (True, False):
            image_id = self.image()
            path = f'/v2/images/{image_id}'
            for member in ('p2', 'P2', 'p2 '):
                member_path = f'{path}/members'
                self.call('POST', member_path, {'member': member})
            if whole:
                self.assert_status(204, self.call('DELETE', path))
                continue
            for member in ('p2', 'P2', 'p2%20'):
                gone = self.call('DELETE', f'{path}/members/{member}')
                self.assert_status(204, gone)

    def test_an_id_is_one_image(self) -> None:
        image_id = self.image(id=str(uuid.UUID(int=0xABCDEF)), tags=['k'])
        wrong = image_id.upper()
        self.assertNotEqual(image_id, wrong)
        admin = context.RequestContext(is_admin=True, overwrite=False)
        write = self.service.database.write
        self.assertFalse(write(images.change_row, admin, wrong, {'name': 'x'}))
        with self.assertRaises(errors.NotFound):
            self.service.database.read(images.get, admin, wrong)
        self.assert_status(400, self.call('GET', f'/v2/images?marker={wrong}'))
        self.assertIsNone(self.show(image_id)['name'])


class NamesTestCase(base.ServiceTestCase):
    def test_filters_find_what_was_asked_for(self) -> None:
        self.image(name='k', tags=['k'], k='v')
        long = 'a' + 'ä' * 200
        self.image(name='long', tags=[long], k=long)
        for name in NAMES:
            quoted = urllib.parse.quote(name)
            for query in (
                f'?name={quoted}',
                f'?name=in:{quoted},x',
                f'?tag={quoted}',
                f'?{quoted}=v',
                '?k=V',
                '?k=v%20',
                '?name=k%20',
                '?k%20=v',
            ):
                with self.subTest(query=query):
                    self.assertEqual([], self.listed(query))
        for query in ('?name=k', '?name=in:k,K', '?tag=k', '?k=v'):
            with self.subTest(query=query):
                self.assertEqual(['k'], self.listed(query))
        quoted = urllib.parse.quote(long)
        for query in (f'?tag={quoted}', f'?k={quoted}'):
            self.assertEqual(['long'], self.listed(query))
        self.assertEqual([], self.listed(f'?k={quoted}%20'))

    def test_text_that_no_column_can_hold_matches_nothing(self) -> None:
        self.image(name='k', tags=['k'], k='v')
        wide = urllib.parse.quote('🖼')
        for query in (
            f'?name={wide}',
            f'?name=in:{wide},k',
            f'?tag={wide}',
            f'?k={wide}',
            f'?{wide}=v',
            f'?owner={wide}',
        ):
            with self.subTest(query=query):
                known = ['k'] if 'in:' in query else []
                self.assertEqual(known, self.listed(query))

    def test_properties_are_stored_or_named(self) -> None:
        for name in NAMES:
            with self.subTest(name=name):
                both = {'k': '1', name: '2'}
                created = self.call('POST', '/v2/images', both)
                self.assert_both_or_named(201, created, both)
                image_id = self.image(k='1')
                operation = {'op': 'add', 'path': f'/{name}', 'value': '2'}
                changed = self.patch(image_id, operation)
                self.assert_both_or_named(200, changed, both)
                self.assertEqual('1', self.show(image_id)['k'])

    def assert_both_or_named(
        self, status: int, response: webob.Response, both: dict[str, str]
    ) -> None:
        if response.status_int == status:
            found = {name: response.json[name] for name in both}
            self.assertEqual(both, found)
            return
        self.assert_status(409, response)
        for word in ("property 'k'", repr(tuple(both)[1]), 'collation'):
            self.assertIn(word, response.json['message'])

    def test_a_removed_property_is_not_in_the_way(self) -> None:
        for name in NAMES:
            with self.subTest(name=name):
                image_id = self.image(k='1')
                changed = self.patch(
                    image_id,
                    {'op': 'remove', 'path': '/k'},
                    {'op': 'add', 'path': f'/{name}', 'value': '2'},
                )
                self.assert_status(200, changed)
                shown = self.show(image_id)
                self.assertEqual('2', shown[name])
                self.assertNotIn('k', shown)
                back = self.patch(
                    image_id,
                    {'op': 'remove', 'path': f'/{name}'},
                    {'op': 'add', 'path': '/k', 'value': '3'},
                )
                self.assert_status(200, back)
                self.assertEqual('3', self.show(image_id)['k'])

    def test_what_the_service_notes_is_never_a_conflict(self) -> None:
        """Otherwise the claim of a failed upload could not be given back."""
        image_id = self.image(OS_Glance_failed_reason='mine')
        self.service.database.write(
            children.change_properties,
            image_id,
            {'os_glance_failed_reason': 'ours'},
        )
        self.assertEqual(
            'mine', self.show(image_id)['OS_Glance_failed_reason']
        )

    def test_tags_that_differ_in_case_are_two(self) -> None:
        image_id = self.image(tags=['k', *NAMES])
        self.assertEqual({'k', *NAMES}, set(self.show(image_id)['tags']))
        gone = self.call('DELETE', f'/v2/images/{image_id}/tags/K')
        self.assert_status(204, gone)
        self.assertNotIn('K', self.show(image_id)['tags'])
        self.assertIn('k', self.show(image_id)['tags'])


class MysqlIdentities(IdentitiesTestCase):
    kind = 'mysql'


class PostgresqlIdentities(IdentitiesTestCase):
    kind = 'postgresql'


class MysqlNames(NamesTestCase):
    kind = 'mysql'


class PostgresqlNames(NamesTestCase):
    kind = 'postgresql'


class ConvertedNames(NamesTestCase):
    """Tables that an operator converted to utf8mb4 and a padding _bin."""

    kind = 'mysql'

    def setUp(self) -> None:
        what = sa.Engine, 'before_cursor_execute', _convert
        sa.event.listen(*what, retval=True)
        try:
            super().setUp()
        finally:
            sa.event.remove(*what)


def _convert(
    _connection: Any, _cursor: Any, statement: str, values: Any, *_: Any
) -> tuple[str, Any]:
    wanted = 'CHARSET=utf8mb4 COLLATE utf8mb4_bin'
    return statement.replace('CHARSET=utf8', wanted), values
