"""The registry client as the options of glance-api want it."""

import tempfile
from typing import Any
import unittest

from glance import registry_client
from glance.api import conf as api_conf
from glance.api import registry_access
from glance.common import errors
from tests import base


class TestEndpoints(unittest.TestCase):
    def peers(self, **options: Any) -> Any:
        with tempfile.TemporaryDirectory() as directory:
            conf = base.configuration(api_conf, directory, default=options)
        return registry_access._peers(conf)

    def test_the_classic_options_name_one(self) -> None:
        for options in (
            {},
            {'registry_host': '::1', 'registry_client_protocol': 'https'},
            {'registry_socket': '/run/registry'},
        ):
            (peer,) = self.peers(**options)
            self.assertIsInstance(peer._wire, registry_client.HTTPTransport)

    def test_several_share_the_time(self) -> None:
        found = self.peers(
            registry_endpoints=['http://a:1', 'https://[::1]:2', 'unix:/c'],
            registry_client_timeout=60,
        )
        self.assertEqual(
            [20.0, 20.0, 20.0],
            [peer._wire._seconds for peer in found],
        )
        self.assertEqual(
            ['a:1', '[::1]:2', 'localhost'],
            [peer._wire._endpoint.host for peer in found],
        )

    def test_ossn_0060_users_are_never_asked_for_as_admin(self) -> None:
        conf = base.configuration(
            api_conf, '', default={'use_user_token': False}
        )
        with self.assertRaisesRegex(
            errors.ConfigurationError, 'use_user_token'
        ):
            registry_access.client(conf)

    def test_nonsense_is_named(self) -> None:
        for wrong in (
            'a:1',
            'http://a',
            'ftp://a:1',
            'http://a:b',
            'http://a..b:1',
            'unix:c',
        ):
            with self.assertRaisesRegex(
                errors.ConfigurationError, 'registry_endpoints'
            ):
                self.peers(registry_endpoints=['http://a:1', wrong])
