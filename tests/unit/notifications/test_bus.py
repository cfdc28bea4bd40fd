"""How oslo.messaging is used; tests/live has a real broker."""

import contextlib
from typing import Any
import unittest
from unittest import mock

from oslo_config import cfg

from glance.api import conf as api_conf
from glance.common import errors
from glance.notifications import bus
from glance.notifications import outbox

EVENT = outbox.Event('info', 'image.create', {'id': 'a'})


class TestTries(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = cfg.ConfigOpts()
        api_conf.register(self.conf)
        self.conf([], default_config_files=[], default_config_dirs=[])
        for name, value in (
            ('driver', ['messagingv2']),
            ('transport_url', 'rabbit://u:p@127.0.0.1:1/'),
        ):
            self.set(name, value)

    def set(self, name: str, value: Any) -> None:
        bus.check(self.conf)
        self.conf.set_override(name, value, group=bus.GROUP)

    def connections(self) -> int:
        """Tries of the first connection to a broker that refuses four."""
        refused = ConnectionRefusedError(111, 'refused')
        failures: list[Any] = [refused] * 4
        tried = mock.Mock(side_effect=[*failures, KeyboardInterrupt])
        with (
            mock.patch('amqp.Connection.connect', tried),
            mock.patch('kombu.utils.functional.sleep'),
            contextlib.suppress(KeyboardInterrupt),
        ):
            bus.sender(self.conf, 'image.localhost')(EVENT)
        return tried.call_count

    def test_without_end_by_default(self) -> None:
        self.assertEqual(5, self.connections())

    def test_as_often_as_the_option_says(self) -> None:
        self.set('retry', 2)
        self.assertEqual(3, self.connections())

    def test_wrong_driver_and_wrong_url(self) -> None:
        for name, value in (('driver', ['pigeon']), ('transport_url', 'x')):
            self.conf.set_override(name, value, group=bus.GROUP)
            with self.assertRaisesRegex(errors.ConfigurationError, name):
                bus.check(self.conf)
            self.conf.clear_override(name, group=bus.GROUP)
