"""Notifications: their contents, and when they are sent."""

import subprocess
import sys
from typing import Any
from unittest import mock

from oslo_messaging.notify import _impl_test

from glance.api import parts
from glance.common import errors
from glance.common import shutdown
from glance.notifications import notifier
from glance.notifications import outbox
from tests import base

DRIVER = 'oslo_messaging_notifications.driver'
#: Members of an image's payload.
IMAGE = {
    *('id', 'name', 'status', 'created_at', 'updated_at', 'min_disk'),
    *('min_ram', 'protected', 'checksum', 'owner', 'disk_format'),
    *('container_format', 'size', 'virtual_size', 'is_public', 'visibility'),
    *('properties', 'tags', 'deleted', 'deleted_at'),
}
IMPORT_LISTS = {'os_glance_importing_to_stores', 'os_glance_failed_import'}
MEMBER = {
    *('image_id', 'member_id', 'status', 'created_at', 'updated_at'),
    *('deleted', 'deleted_at'),
}
SECRET_PLACE = 'file:///'


class EventsTestCase(base.ServiceTestCase):
    disabled: list[str] = []

    def setUp(self) -> None:
        self.events: list[outbox.Event] = []
        made = notifier.Notifier(self.events.append, self.disabled)
        self.enterContext(mock.patch.object(parts, 'notifier', lambda _: made))
        super().setUp()

    def told(self) -> list[str]:
        """Return names of the events since the last call, errors with "!"."""
        names = [
            event.name + ('!' if event.priority == 'error' else '')
            for event in self.events
        ]
        self.last = self.events[-1].payload if names else None
        self.events.clear()
        return names


class TestEvents(EventsTestCase):
    def test_life_of_an_image(self) -> None:
        # covers 22-1
        image_id = self.image(name='n', tags=['t'], color='red')
        self.assertEqual(['image.create'], self.told())
        self.assertEqual(IMAGE, self.last.keys())
        self.assertEqual('queued', self.last['status'])
        self.assertEqual({'color': 'red'}, self.last['properties'])
        self.assertEqual(['t'], self.last['tags'])
        self.assertIs(False, self.last['is_public'])
        self.assertRegex(self.last['created_at'], r'^\d{4}-.*T.*\dZ$')

        self.upload(image_id, b'12345')
        events = list(self.events)
        self.assertEqual(
            [
                *('image.update', 'image.prepare', 'image.upload'),
                *('image.activate', 'image.update'),
            ],
            self.told(),
        )
        for event in events:
            self.assertLessEqual(IMAGE, event.payload.keys())
            self.assertNotIn(SECRET_PLACE, str(event.payload))
        statuses = [event.payload['status'] for event in events]
        self.assertEqual(['saving'] * 2 + ['active'] * 3, statuses)
        for event in (events[1], events[2]):
            self.assertLessEqual(IMPORT_LISTS, event.payload.keys())
        self.assertEqual(5, self.last['size'])

        self.patch(image_id, {'op': 'add', 'path': '/name', 'value': 'new'})
        self.assertEqual(['image.update'], self.told())
        self.assertEqual('new', self.last['name'])

        self.call('DELETE', f'/v2/images/{image_id}')
        self.assertEqual(['image.delete'], self.told())
        self.assertIs(True, self.last['deleted'])
        self.assertEqual('deleted', self.last['status'])
        self.assertRegex(self.last['deleted_at'], r'^\d{4}-.*T.*\dZ$')

    def test_tags_and_actions(self) -> None:
        # covers 22-1
        image_id = self.image(tags=['one'], data=b'x')
        self.told()
        one = f'/v2/images/{image_id}'
        self.call('PUT', f'{one}/tags/two')
        self.assertEqual(['image.update'], self.told())
        self.assertEqual({'one', 'two'}, set(self.last['tags']))
        self.call('DELETE', f'{one}/tags/one')
        self.assertEqual(['image.update'], self.told())
        self.assertEqual(['two'], self.last['tags'])
        for action, status in (
            ('deactivate', 'deactivated'),
            ('reactivate', 'active'),
        ):
            path = f'{one}/actions/{action}'
            self.assert_status(204, self.call('POST', path, caller='admin'))
            self.assertEqual(['image.update'], self.told())
            self.assertEqual(status, self.last['status'])

    def test_members(self) -> None:
        # covers 22-2
        image_id = self.image()
        self.told()
        path = f'/v2/images/{image_id}/members'
        self.call('POST', path, {'member': 'p2'})
        self.assertEqual(['image.member.create'], self.told())
        self.assertEqual(MEMBER, self.last.keys())
        self.assertEqual('pending', self.last['status'])
        self.call('PUT', f'{path}/p2', {'status': 'accepted'}, caller='bob')
        self.assertEqual(['image.member.update'], self.told())
        self.assertEqual('accepted', self.last['status'])
        self.call('DELETE', f'{path}/p2')
        self.assertEqual(['image.member.delete'], self.told())
        self.assertEqual('p2', self.last['member_id'])
        self.assertIs(True, self.last['deleted'])

    def test_what_is_refused_is_not_told(self) -> None:
        image_id = self.image(protected=True)
        self.told()
        one = f'/v2/images/{image_id}'
        for method, path, body in (
            ('DELETE', one, None),
            ('POST', '/v2/images', {'min_ram': -1}),
            ('PUT', f'{one}/tags/x', {}),
            ('POST', f'{one}/members', {}),
            ('DELETE', f'{one}/members/nobody', None),
            ('POST', f'{one}/actions/deactivate', None),
            ('GET', f'{one}/file', None),
        ):
            self.call(method, path, body)
        self.patch(image_id)
        self.assertEqual([], self.told())

    def test_upload_that_fails(self) -> None:
        image_id = self.image()
        self.told()
        source = base.Source(b'x', OSError('gone'))
        self.put(image_id, source, length=5)
        *_, last = self.told()
        self.assertEqual('image.upload!', last)
        self.assertIn(image_id, self.last)
        self.assertNotIn(SECRET_PLACE, self.last)

    def test_reasons_that_are_ours_stay_in_the_log(self) -> None:
        told: list[outbox.Event] = []
        made = notifier.Notifier(told.append, [])
        made.upload_failed('i', KeyError('file:///secret'))
        made.upload_failed('i', errors.LimitExceeded('too large'))
        self.assertNotIn('secret', told[0].payload)
        self.assertIn('too large', told[1].payload)


class TestSend(EventsTestCase):
    # covers 22-3
    def download(self, take: int | None, **headers: str) -> Any:
        image_id = self.image(data=b'0123456789')
        self.told()
        response = self.call(
            'GET',
            f'/v2/images/{image_id}/file',
            caller='admin',
            headers={'Range': headers['range']} if headers else None,
        )
        body = response.app_iter
        if take is None:
            b''.join(body)
        body.close()
        return image_id

    def test_whole_image(self) -> None:
        image_id = self.download(None)
        self.assertEqual(['image.send'], self.told())
        self.assertEqual(
            {
                'bytes_sent': 10,
                'image_id': image_id,
                'owner_id': 'p1',
                'receiver_tenant_id': 'p-admin',
                'receiver_user_id': 'admin',
                'destination_ip': None,
            },
            self.last,
        )

    def test_a_range_is_whole_too(self) -> None:
        self.download(None, range='bytes=2-4')
        self.assertEqual(['image.send'], self.told())
        self.assertEqual(3, self.last['bytes_sent'])

    def test_a_download_that_breaks_off(self) -> None:
        self.download(0)
        self.assertEqual(['image.send!'], self.told())
        self.assertEqual(0, self.last['bytes_sent'])

    def test_nothing_to_send(self) -> None:
        image_id = self.image()
        self.told()
        response = self.call('GET', f'/v2/images/{image_id}/file')
        self.assert_status(204, response)
        self.assertEqual([], self.told())


class TestOtherBodies(EventsTestCase):
    """A store whose data is not in a file."""

    @staticmethod
    def wrap_store(store: Any) -> Any:
        class Plain:
            length = 10

            def __iter__(self) -> Any:
                yield b'01234'
                yield b'56789'

            def close(self) -> None:
                pass

        store.open = lambda *_: Plain()
        return store

    def test_is_counted(self) -> None:
        path = f'/v2/images/{self.image(data=b"0123456789")}/file'
        self.told()
        whole = self.call('GET', path).app_iter
        self.assertEqual(10, sum(map(len, whole)))
        whole.close()
        self.assertEqual(['image.send'], self.told())
        self.assertEqual(10, self.last['bytes_sent'])
        broken = self.call('GET', path).app_iter
        pieces = iter(broken)
        next(pieces)
        next(pieces)
        broken.close()
        self.assertEqual(['image.send!'], self.told())
        self.assertEqual(5, self.last['bytes_sent'])


class TestDisabled(EventsTestCase):
    disabled = ['image.member', 'image.create']

    def test_groups_and_single_events(self) -> None:
        """A group whose name has two words can be disabled."""
        image_id = self.image()
        path = f'/v2/images/{image_id}/members'
        self.call('POST', path, {'member': 'p2'})
        self.call('DELETE', f'{path}/p2')
        self.assertEqual([], self.told())
        self.call('DELETE', f'/v2/images/{image_id}')
        self.assertEqual(['image.delete'], self.told())


class TestAllDisabled(EventsTestCase):
    disabled = ['image']

    def test_image_stands_for_members_too(self) -> None:
        image_id = self.image(data=b'x')
        self.call('POST', f'/v2/images/{image_id}/members', {'member': 'p2'})
        self.assertEqual([], self.told())


class TestLibrary(base.ServiceTestCase):
    """Uses oslo.messaging, whose driver ``test`` keeps all messages."""

    api_options = {
        DRIVER: ['test'],
        'disabled_notifications': ['image.update'],
        'default_publisher_id': 'image.here',
    }

    def test_envelope(self) -> None:
        _impl_test.reset()
        image_id = self.image()
        self.put(image_id, base.Source(b'x', OSError('gone')), length=5)
        shutdown.run()
        kept = [
            (context, message, priority)
            for context, message, priority, _ in _impl_test.NOTIFICATIONS
        ]
        names = [message['event_type'] for _, message, _ in kept]
        self.assertEqual(
            ['image.create', 'image.prepare', 'image.upload'], names
        )
        context, message, priority = kept[0]
        self.assertEqual({}, context)
        self.assertEqual('info', priority.lower())
        self.assertEqual('image.here', message['publisher_id'])
        self.assertEqual(image_id, message['payload']['id'])
        self.assertEqual('error', kept[2][2].lower())


class TestOptions(base.ServiceTestCase):
    def start(self, *drivers: str, **options: Any) -> Any:
        overrides = {DRIVER: list(drivers), **options}
        conf = base.configuration(base.api_conf, '/', default=overrides)
        return parts.notifier(conf)

    def test_off_is_nothing(self) -> None:
        for drivers in ((), ('',), ('noop',)):
            found = self.start(*drivers)
            self.assertIsInstance(found, notifier.NoNotifier)

    def test_off_leaves_no_event_to_do(self) -> None:
        events = {name for name in vars(notifier.Notifier) if name[0] != '_'}
        self.assertLessEqual(events, vars(notifier.NoNotifier).keys())

    def test_a_driver_that_is_none_is_refused(self) -> None:
        with self.assertRaisesRegex(errors.ConfigurationError, 'pigeon'):
            self.start('messagingv2', 'pigeon')

    def test_a_wrong_url_is_refused_and_not_told(self) -> None:
        from oslo_messaging import transport

        for url in ('carrier://u:hush@h/', 'rabbit://u:hush@h:port/', 'x'):
            conf = base.configuration(
                base.api_conf, '/', default={DRIVER: ['messagingv2']}
            )
            conf.register_opts(transport._transport_opts)
            conf.set_override('transport_url', url)
            with (
                self.subTest(url),
                self.assertRaises(errors.ConfigurationError) as caught,
            ):
                parts.notifier(conf)
            self.assertNotIn('hush', str(caught.exception))

    def test_off_imports_nothing(self) -> None:
        """Optional large libraries are not imported if they are not used."""
        code = (
            'import sys, glance.api.app, glance.api.conf;'
            'heavy = ("oslo_messaging", "kombu", "oslo_limit", "openstack");'
            'sys.exit(any(name in sys.modules for name in heavy))'
        )
        subprocess.run([sys.executable, '-c', code], check=True, timeout=60)
