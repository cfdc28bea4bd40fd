"""API v1: notifications, property protections, deletion, anonymous callers."""

from typing import Any
from unittest import mock

import webob

from glance import registry_client
from glance.common import errors
from glance.images import lookups
from tests import base
from tests import refusing
from tests.functional import test_deletion
from tests.functional import test_notifications
from tests.functional import test_protections
from tests.functional.permissions import callers
from tests.functional.v1 import test_sources

meta = test_sources.meta
FORMATS = test_sources.FORMATS


class TestNotifications(test_notifications.EventsTestCase):
    def test_each_call_sends_the_events_of_v2(self) -> None:
        made = self.call(
            'POST', '/v1/images', b'data', headers=meta(name='n', **FORMATS)
        )
        self.assert_status(201, made)
        events = list(self.events)
        self.assertEqual(
            [
                *('image.create', 'image.update', 'image.prepare'),
                *('image.upload', 'image.activate', 'image.update'),
            ],
            self.told(),
        )
        for event in events:
            self.assertNotIn(test_notifications.SECRET_PLACE, str(event))
        path = f'/v1/images/{made.json["image"]["id"]}'
        self.call('PUT', path, headers=meta(name='other'))
        self.assertEqual(['image.update'], self.told())
        self.assertEqual('other', self.last['name'])
        self.assertEqual(b'data', self.call('GET', path).body)
        self.assertEqual(['image.send'], self.told())
        self.call('DELETE', path)
        self.assertEqual(['image.delete'], self.told())

    def test_data_that_does_not_arrive_is_an_error(self) -> None:
        headers = meta(checksum='0' * 32, **FORMATS)
        failed = self.call('POST', '/v1/images', b'data', headers=headers)
        self.assert_status(400, failed)
        self.assertIn('image.upload!', self.told())


class TestLookups(base.ServiceTestCase):
    def test_downloads_of_both_versions_share_them(self) -> None:
        image_id = self.image(data=b'data')
        with mock.patch.object(
            lookups.Lookups,
            'get',
            autospec=True,
            side_effect=lookups.Lookups.get,
        ) as get:
            for path in ('/v1/images/{}', '/v2/images/{}/file'):
                response = self.call('GET', path.format(image_id))
                self.assertEqual(b'data', response.body)
        first, second = (call.args[0] for call in get.call_args_list)
        self.assertIs(first, second)


class TestProtections(test_protections.ProtectionTestCase):
    def put(self, image_id: str, purges: bool, **fields: str) -> Any:
        headers = meta(**fields)
        headers['x-glance-registry-purge-props'] = str(purges)
        return self.call('PUT', f'/v1/images/{image_id}', headers=headers)

    def test_protected_names_are_refused(self) -> None:
        made = self.call(
            'POST', '/v1/images', headers=meta(property_bill_to='x')
        )
        self.assert_status(403, made)
        image_id = self.image(
            caller='admin', owner='p1', bill_to='x', hw_bus='y'
        )
        for purges, fields in (
            (False, {'property_bill_to': 'other'}),
            (False, {'property_bill_more': 'x'}),
            (True, {'property_hw_bus': 'y'}),  # would remove bill_to
        ):
            with self.subTest(fields):
                refused = self.put(image_id, purges, **fields)
                self.assert_status(403, refused)
        kept = self.put(image_id, True, property_bill_to='x')
        self.assert_status(200, kept)
        self.assertEqual({'bill_to': 'x'}, kept.json['image']['properties'])

    def test_unreadable_names_are_not_shown_and_stay(self) -> None:
        image_id = self.image(
            caller='admin', owner='p1', secret_key='x', hw_bus='y'
        )
        path = f'/v1/images/{image_id}'
        shown = self.call('HEAD', path).headers
        self.assertEqual('y', shown['x-image-meta-property-hw_bus'])
        self.assertNotIn('x-image-meta-property-secret_key', shown)
        self.assertNotIn('secret', self.call('GET', '/v1/images/detail').text)
        for value, found in (('x', []), ('z', [])):
            query = f'/v1/images?property-secret_key={value}'
            self.assertEqual(found, self.call('GET', query).json['images'])
        changed = self.put(image_id, True)
        self.assert_status(200, changed)
        self.assertEqual({}, changed.json['image']['properties'])
        self.assertEqual('x', self.show(image_id, 'admin')['secret_key'])


class TestDeletion(test_deletion.DeletionTestCase):
    api_options = {'delayed_delete': True}

    def test_an_image_whose_data_is_deleted_later(self) -> None:
        image_id = self.image(data=b'data')
        path = f'/v1/images/{image_id}'
        self.assert_status(200, self.call('DELETE', path))
        self.assertIn(image_id, self.files())
        shown = self.call('HEAD', path, caller='admin').headers
        self.assertEqual('pending_delete', shown['x-image-meta-status'])
        self.assertEqual('True', shown['x-image-meta-deleted'])
        for method in ('DELETE', 'PUT'):
            self.assert_status(403, self.call(method, path, caller='admin'))
            self.assert_status(404, self.call(method, path))
        self.assert_status(404, self.call('GET', path, caller='admin'))


class TestDataInUse(base.ServiceTestCase):
    @staticmethod
    def wrap_store(store: Any) -> Any:
        return refusing.RefusingStore(store)

    def test_the_image_stays(self) -> None:
        image_id = self.image(data=b'data')
        path = f'/v1/images/{image_id}'
        self.service.store.trouble = errors.Conflict('The data is in use.')
        self.assert_status(409, self.call('DELETE', path))
        shown = self.call('HEAD', path).headers
        self.assertEqual('active', shown['x-image-meta-status'])
        self.assertEqual(b'data', self.call('GET', path).body)


class TestHidden(base.ServiceTestCase):
    """A rule of the operator hides images that the registry shows."""

    def setUp(self) -> None:
        self.api_options = {
            'oslo_policy.policy_file': callers.written(
                self, {'get_image': 'role:auditor'}
            )
        }
        super().setUp()

    def test_a_change_tells_nothing_of_them(self) -> None:
        path = f'/v1/images/{self.image(data=b"data")}'
        for fields in ({'size': '5'}, {'size': '4'}, {'checksum': 'x'}):
            answer = self.call('PUT', path, headers=meta(**fields))
            self.assert_status(404, answer)


class TestAnonymous(base.ServiceTestCase):
    """Callers without a token read what the operator's policy opens."""

    def setUp(self) -> None:
        names = ('get_images', 'get_image', 'download_image', 'get_members')
        names += ('add_image', 'modify_image', 'delete_image', 'add_member')
        opened = dict.fromkeys((*names, 'delete_member', 'upload_image'), '@')
        self.api_options = {
            'allow_anonymous_access': True,
            'oslo_policy.policy_file': callers.written(self, opened),
        }
        super().setUp()

    def test_they_read_and_change_nothing(self) -> None:
        public, own = (
            self.image(caller='admin', data=b'x', visibility=it, name=it)
            for it in ('public', 'private')
        )
        one = f'/v1/images/{public}'
        listed = self.call('GET', '/v1/images/detail', caller=None)
        names = [image['name'] for image in listed.json['images']]
        self.assertEqual(['public'], names)
        self.assertEqual(b'x', self.call('GET', one, caller=None).body)
        for path, found in (
            (f'{one}/members', {'members': []}),
            ('/v1/shared-images/p1', {'shared_images': []}),
        ):
            self.assertEqual(found, self.call('GET', path, caller=None).json)
        hidden = self.call('HEAD', f'/v1/images/{own}', caller=None)
        self.assert_status(404, hidden)
        for method, path, body in (
            ('POST', '/v1/images', None),
            ('PUT', one, None),
            ('DELETE', one, None),
            ('PUT', f'{one}/members', {'memberships': []}),
            ('PUT', f'{one}/members/p2', None),
            ('DELETE', f'{one}/members/p2', None),
        ):
            with self.subTest(f'{method} {path}'):
                response = self.call(method, path, body, caller=None)
                self.assert_status(403, response)


class TestMembers(base.ServiceTestCase):
    def test_a_caller_without_a_project_shares_nothing(self) -> None:
        image_id = self.image(caller='admin', visibility='public')
        headers = {
            'X-Identity-Status': 'Confirmed',
            'X-User-Id': 'u',
            'X-Roles': 'member,reader',
        }
        one = f'/v1/images/{image_id}/members'
        for method, path, body in (
            ('PUT', f'{one}/p2', None),
            ('PUT', one, {'memberships': []}),
            ('DELETE', f'{one}/p2', None),
        ):
            with self.subTest(f'{method} {path}'):
                response = self.call(
                    method, path, body, caller=None, headers=headers
                )
                self.assert_status(401, response)


class TestRefusedTokens(test_sources.V1TestCase):
    def test_a_token_that_is_refused_after_the_upload(self) -> None:
        image_id, wire = self.made(**FORMATS), self.service.wire

        class Refusing:
            """A registry that no longer accepts the token at the end."""

            def send(self, method: str, path: str, *rest: Any) -> Any:
                if path.endswith('/finish-upload'):
                    return registry_client.Answer(401, b'')
                return wire.send(method, path, *rest)

        self.service.registry._transport = Refusing()
        response = self.send('PUT', f'/{image_id}', b'data')
        self.service.registry._transport = wire
        self.assert_status(401, response)
        self.assertEqual('killed', self.status(image_id))
        self.assertEqual([], self.files())


class TestRequests(test_sources.V1TestCase):
    def test_a_reservation_says_what_the_data_must_be(self) -> None:
        for fields in ({'size': 7}, {'checksum': '0' * 32}):
            with self.subTest(fields):
                image_id = self.made(**FORMATS)
                changed = self.send('PUT', f'/{image_id}', **fields)
                self.assert_status(200, changed)
                sent = self.send('PUT', f'/{image_id}', b'hello')
                self.assert_status(400, sent)
                self.assertEqual('killed', self.status(image_id))

    def test_a_size_of_zero_makes_a_queued_image_active(self) -> None:
        image_id = self.made(**FORMATS)
        changed = self.send('PUT', f'/{image_id}', size=0)
        self.assertEqual('active', changed.json['image']['status'])
        self.assertEqual(b'', self.send('GET', f'/{image_id}').body)

    def test_data_in_chunks_needs_no_length(self) -> None:
        request = webob.Request.blank(
            '/v1/images',
            method='POST',
            headers=meta(**FORMATS)
            | base.identity('alice')
            | {
                'Content-Type': 'application/octet-stream',
                'Transfer-Encoding': 'chunked',
            },
        )
        request.environ['wsgi.input'] = base.Source(b'one', b'two')
        response = request.get_response(self.service.app)
        self.assert_status(201, response)
        image = response.json['image']
        self.assertEqual((6, 'active'), (image['size'], image['status']))

    def test_formats_of_an_image_with_data_stay(self) -> None:
        image_id = self.image(data=b'data')
        for name, value in (
            ('disk_format', 'iso'),
            ('container_format', 'ovf'),
            ('size', 5),
            ('checksum', '0' * 32),
        ):
            for caller in ('alice', 'admin'):
                changed = self.send(
                    'PUT', f'/{image_id}', caller=caller, **{name: value}
                )
                self.assert_status(403, changed)

    def test_head_shows_every_status(self) -> None:
        image_id = self.image(data=b'data')
        self.call(
            'POST', f'/v2/images/{image_id}/actions/deactivate', caller='admin'
        )
        self.assertEqual('deactivated', self.status(image_id))
        staged = self.image()
        path = f'/v2/images/{staged}/stage'
        self.assert_status(204, self.call('PUT', path, b'data'))
        self.assertEqual('uploading', self.status(staged))
        self.assert_status(404, self.send('GET', f'/{staged}'))
        self.assert_status(409, self.send('PUT', f'/{staged}', b'data'))

    def test_a_path_that_is_no_utf_8(self) -> None:
        self.assert_status(400, self.send('GET', '/%FF'))

    def test_only_the_client_that_encodes_is_decoded(self) -> None:
        for agent, name, value in (
            ('python-glanceclient', 'a/b', 'h\xfc 100%'),
            ('curl/8', 'a%2fb', 'h%C3%BC 100%25'),
        ):
            with self.subTest(agent):
                made = self.send(
                    'POST',
                    headers={
                        'x-image-meta-property-a%2Fb': 'h%C3%BC 100%25',
                        'User-Agent': agent,
                    },
                )
                found = made.json['image']['properties']
                self.assertEqual({name: value}, found)
