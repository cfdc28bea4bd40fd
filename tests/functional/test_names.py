"""Names chosen by users that become parts of a URL or of a JSON pointer.

Everything that can be created can be removed with the API.
"""

import urllib.parse

from glance_registry.db import children
from glance_registry.db import engine
from tests import base

#: Names with special characters of URLs, JSON pointers or patterns.
NAMES = (
    *('a/b', 'a//b', 'https://x/y?z#w', 'a.b', '.a', '..a', 'a..', '...'),
    *('a%2Fb', '%2e%2e', 'a;b=c', 'a?b', 'a#b', 'a&b', 'a+b', 'a b', ' a'),
    *('a ', '~', '~0', '~1', 'a~1b', '~01', '{tag}', '-', '0', '*', 'é/ü'),
    *('a\\b', 'a\nb', '\ta', 'members', 'tags', 'file', '"', "'", ':', '@'),
    *('actions/deactivate', 'x/members', 'a=b,c', '$', '^', '(', '['),
)
#: Tags and members that no URL can address.
REFUSED = ('', '.', '..', 'a/..', './a', 'a/../b', '/a', 'a/', '/', 'a\n')


def quoted(name: str) -> str:
    return urllib.parse.quote(name, safe='')


class TestNames(base.ServiceTestCase):
    api_options = {'image_tag_quota': -1, 'image_member_quota': -1}

    def test_every_tag_that_is_made_can_be_removed(self) -> None:
        # covers 13-9
        for name in NAMES:
            with self.subTest(name):
                image_id = self.image(tags=[name])
                path = f'/v2/images/{image_id}/tags/{quoted(name)}'
                for method in ('DELETE', 'PUT', 'DELETE'):
                    self.assert_status(204, self.call(method, path))
                self.assertEqual([], self.show(image_id)['tags'])

    def test_tags_that_no_url_names_are_refused(self) -> None:
        # covers 13-10
        image_id = self.image(tags=['kept'])
        for name in REFUSED:
            change = {'op': 'replace', 'path': '/tags', 'value': [name]}
            with self.subTest(name):
                response = self.call('POST', '/v2/images', {'tags': [name]})
                self.assert_status(400, response)
                self.assert_status(400, self.patch(image_id, change))
        self.assertEqual(['kept'], self.show(image_id)['tags'])

    def test_a_tag_of_old_that_no_url_names_is_kept_and_removed(self) -> None:
        image_id = self.image()
        self.service.database.write(
            children.insert_tags, image_id, ['..'], engine.now()
        )
        for tags in (['..', 'new'], ['new']):
            change = {'op': 'replace', 'path': '/tags', 'value': tags}
            self.assert_status(200, self.patch(image_id, change))
            self.assertEqual(tags, sorted(self.show(image_id)['tags']))

    def test_every_member_that_is_made_can_be_removed(self) -> None:
        image_id = self.image()
        path = f'/v2/images/{image_id}/members'
        for name in (*NAMES, *REFUSED):
            created = self.call('POST', path, {'member': name})
            with self.subTest(name):
                if '/' in name or name in REFUSED:
                    self.assert_status(400, created)
                    continue
                self.assert_status(200, created)
                one = f'{path}/{quoted(name)}'
                shown = self.call('GET', one)
                self.assertEqual(name, shown.json['member_id'])
                self.assert_status(204, self.call('DELETE', one))

    def test_every_property_that_is_made_can_be_removed(self) -> None:
        # covers 7.4.2-3
        names = [*NAMES, *REFUSED]
        names = [name for name in names if name not in ('tags', 'file')]
        image_id = self.image(**dict.fromkeys(names, 'x'))
        for name in names:
            pointer = name.replace('~', '~0').replace('/', '~1')
            change = {'op': 'remove', 'path': f'/{pointer}'}
            with self.subTest(name):
                self.assertEqual('x', self.show(image_id)[name])
                self.assert_status(200, self.patch(image_id, change))
                self.assertNotIn(name, self.show(image_id))
