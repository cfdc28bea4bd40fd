"""Notifications through a real RabbitMQ."""

from collections.abc import Callable
import json
import statistics
import time
from typing import Any
import unittest

import kombu

from tests.live import daemons
from tests.live import processes
from tests.live import rabbitmq

ARRIVE_SECONDS = 60
QUEUES = ('notifications.info', 'notifications.error')
OCTETS = 'application/octet-stream'
PATCH = 'application/openstack-images-v2.1-json-patch'
CALLS = 60


class Listener:
    """Takes notifications as a consumer like Ceilometer does."""

    def __init__(self, address: str) -> None:
        self._address = address.replace('rabbit:', 'amqp:', 1)
        self.messages: list[dict[str, Any]] = []

    def take(self) -> None:
        """What has come since the last time."""
        try:
            with kombu.Connection(
                self._address, connect_timeout=5
            ) as connection:
                for queue in QUEUES:
                    self._empty(connection, queue)
        except OSError:
            return  # the broker is down

    def _empty(self, connection: kombu.Connection, name: str) -> None:
        try:
            channel = connection.channel()
            while message := channel.basic_get(name, no_ack=True):
                envelope = json.loads(message.body)
                self.messages.append(json.loads(envelope['oslo.message']))
        except connection.channel_errors:
            return  # nobody has sent anything into it

    def events(self, image_id: str) -> list[str]:
        """Names of what came of an image."""
        return [
            each['event_type']
            for each in self.messages
            if image_id in str(each['payload'])
        ]

    def wait(self, enough: Callable[[], bool]) -> None:
        def arrived() -> bool:
            self.take()
            return enough()

        processes.wait_until(arrived, ARRIVE_SECONDS, 'notifications')

    def wait_for(self, image_id: str, event: str) -> None:
        self.wait(lambda: event in self.events(image_id))


class OnRabbitMQ(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        # Its own: it is killed here.
        cls.broker = rabbitmq.RabbitMQ()
        cls.addClassCleanup(cls.broker.stop)
        cls.glance = daemons.Glance(
            api={
                'oslo_messaging_notifications': {
                    'driver': 'messagingv2',
                    'transport_url': cls.broker.address,
                }
            }
        )
        cls.addClassCleanup(cls.glance.stop)
        cls.glance.start()

    def setUp(self) -> None:
        self.listener = Listener(self.broker.address)

    def call(
        self, status: int, method: str, path: str, body: Any = None, *rest: Any
    ) -> bytes:
        found, _, answer = self.glance.request(method, path, body, None, *rest)
        self.assertEqual(status, found, answer)
        return answer

    def seconds_of_calls(self) -> float:
        """The median time of a create and its delete."""
        taken = []
        for _ in range(CALLS):
            start = time.monotonic()
            image_id = self.glance.create()
            self.call(204, 'DELETE', f'/v2/images/{image_id}')
            taken.append(time.monotonic() - start)
        self.assertLess(max(taken), processes.allowed(10))
        return statistics.median(taken)

    def test_life_of_an_image(self) -> None:
        image_id = self.glance.create(name='lively', tags=['t'], owner='p1')
        one = f'/v2/images/{image_id}'
        data = b'x' * 3_000_000
        self.call(204, 'PUT', f'{one}/file', data, OCTETS)
        rename = [{'op': 'replace', 'path': '/name', 'value': 'new'}]
        self.call(200, 'PATCH', one, rename, PATCH)
        self.assertEqual(data, self.call(200, 'GET', f'{one}/file'))
        self.call(200, 'POST', f'{one}/members', {'member': 'p2'})
        self.call(204, 'DELETE', f'{one}/members/p2')
        self.call(204, 'DELETE', one)
        self.listener.wait_for(image_id, 'image.delete')
        self.listener.wait_for(image_id, 'image.member.delete')
        self.listener.wait_for(image_id, 'image.send')
        # Each of the two workers has a connection of its own to the bus.
        self.listener.wait(lambda: len(self.listener.events(image_id)) >= 11)
        self.assertCountEqual(
            [
                *('image.create', 'image.update', 'image.prepare'),
                *('image.upload', 'image.activate', 'image.update'),
                *('image.update', 'image.send', 'image.member.create'),
                *('image.member.delete', 'image.delete'),
            ],
            self.listener.events(image_id),
        )
        found = {
            each['event_type']: each
            for each in self.listener.messages
            if image_id in str(each['payload'])
        }
        sent = found['image.send']['payload']
        self.assertEqual(len(data), sent['bytes_sent'])
        self.assertEqual('127.0.0.1', sent['destination_ip'])
        self.assertEqual('image.localhost', sent_by(found))
        deleted = found['image.delete']['payload']
        self.assertTrue(deleted['deleted'])
        self.assertEqual('new', deleted['name'])
        activated = found['image.activate']['payload']
        self.assertEqual(len(data), activated['size'])
        self.assertEqual('INFO', found['image.upload']['priority'])
        self.assertNotIn('file://', json.dumps(found))

    def test_a_download_that_the_client_breaks_off(self) -> None:
        image_id = self.glance.create()
        path = f'/v2/images/{image_id}/file'
        self.call(204, 'PUT', path, b'x' * 50_000_000, OCTETS)
        daemons.curl(
            *('--limit-rate', '1M', '--max-time', 1, '--output', '/dev/null'),
            self.glance.api_url + path,
        )
        self.listener.wait_for(image_id, 'image.send')
        (message,) = (
            each
            for each in self.listener.messages
            if each['event_type'] == 'image.send'
            and each['payload']['image_id'] == image_id
        )
        self.assertEqual('ERROR', message['priority'])
        self.assertLess(message['payload']['bytes_sent'], 50_000_000)

    def test_a_broker_that_dies_and_returns(self) -> None:
        usual = self.seconds_of_calls()
        self.broker.kill()
        try:
            without = self.seconds_of_calls()
            waiting = self.glance.create(name='told later')
        finally:
            self.broker.start()
        # Alike, but for the noise of a busy machine.
        self.assertLess(without, 3 * usual + processes.allowed(0.05))
        self.listener.wait_for(waiting, 'image.create')
        after = self.glance.create(name='told at once')
        self.listener.wait_for(after, 'image.create')

    def test_a_worker_that_ends_tells_first(self) -> None:
        image_id = self.glance.create(name='the last')
        self.glance.api.stop()
        self.addCleanup(self.glance.wait_until_healthy)
        self.addCleanup(self.glance.api.start)
        self.listener.wait_for(image_id, 'image.create')

    def test_a_broker_that_is_not_there_stops_no_start(self) -> None:
        self.broker.kill()
        try:
            self.glance.api.stop()
            self.glance.api.start()
            self.glance.wait_until_healthy()
            waiting = self.glance.create(name='before the broker')
        finally:
            self.broker.start()
        self.listener.wait_for(waiting, 'image.create')


def sent_by(found: dict[str, dict[str, Any]]) -> str:
    (publisher,) = {each['publisher_id'] for each in found.values()}
    return str(publisher)


class WrongConfiguration(unittest.TestCase):
    def test_ends_the_start_in_one_line(self) -> None:
        for options, named in (
            ({'driver': 'pigeon'}, 'pigeon'),
            ({'driver': 'messagingv2', 'transport_url': 'x'}, 'transport_url'),
        ):
            with self.subTest(named):
                glance = daemons.Glance(
                    api={'oslo_messaging_notifications': options}
                )
                self.addCleanup(glance.stop)
                glance.api.start()
                self.assertEqual(1, glance.api.wait(60))
                self.assertIn(named, glance.api.tail())
                self.assertNotIn('Traceback', glance.api.tail())
