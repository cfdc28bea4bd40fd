"""Trouble of a registry is told once, where operators look, and is a 503."""

import time
import unittest

from tests.live import daemons
from tests.live import keystone
from tests.live import processes
from tests.live import servers
from tests.live.wire_faults import service

ERROR = 'does not serve glance-api'


class MissingRegistry(service.Service):
    """glance-api starts before its registry."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.serve(
            daemons.Glance(api={'healthcheck': {'detailed': True}}, workers=1)
        )

    def log_lines(self, text: str) -> list[str]:
        return [
            line
            for line in self.glance.api.log.read_text().splitlines()
            if text in line
        ]

    def detail(self) -> str:
        _, _, body = self.glance.request('GET', '/healthcheck')
        return body.decode()

    def test_it_is_told_at_start_and_in_detail(self) -> None:
        glance = self.glance
        glance.api.stop()
        glance.registry.stop()
        glance.api.log.write_text('')
        glance.api.start()
        for check, what in (
            (
                lambda: processes.answers(f'{glance.api_url}/healthcheck'),
                'it serves',
            ),
            (lambda: self.log_lines(ERROR) != [], 'the start tells it'),
        ):
            processes.wait_until(check, service.SETTLE_SECONDS, what)
        for _ in range(20):
            self.assertEqual(503, self.call('GET', '/v2/images'))
        (line,) = self.log_lines(ERROR)
        self.assertIn(' ERROR ', line)
        self.assertIn(glance.registry_url, line)
        self.assertIn('ECONNREFUSED', self.detail())
        glance.registry.start()
        # No user asks; it is found in the background.
        processes.wait_until(
            lambda: f'{glance.registry_url}: works' in self.detail(),
            service.SETTLE_SECONDS,
            'the registry is found',
        )
        self.assertEqual(200, self.call('GET', '/v2/images'))


class WrongPassword(unittest.TestCase):
    """The registry's own login at Keystone is wrong."""

    def test_users_hear_503_and_operators_which_registry(self) -> None:
        glance = daemons.with_keystone('keystone', workers=1)
        self.addCleanup(glance.stop)
        glance.configure(
            'glance-registry',
            {'password': 'wrong', 'memcached_servers': ''},
            'keystone_authtoken',
        )
        cloud = keystone.connect(servers.keystone(), 'alice')
        token = str(cloud.auth_token)
        glance.sync()
        # The first thing that glance-api hears of it is about Keystone.
        glance.registry.start()
        processes.wait_until(
            lambda: processes.answers(f'{glance.registry_url}/healthcheck'),
            service.SETTLE_SECONDS,
            'the registry serves',
            glance.registry,
        )
        begin = time.monotonic()
        glance.api.start()
        glance.wait_until_healthy()
        for _ in range(3):
            status, headers, body = glance.request(
                'GET', '/v2/images', None, token
            )
            self.assertEqual(503, status, body)
            self.assertIn('retry-after', headers)
        log = glance.api.log.read_text()
        told = [line for line in log.splitlines() if ERROR in line]
        # Once a minute, not for each request.
        minutes = (time.monotonic() - begin) // 60
        self.assertLessEqual(1, len(told), told)
        self.assertLessEqual(len(told), 1 + minutes, told)
        self.assertIn(glance.registry_url, told[0])
        self.assertIn('Keystone', told[0])
        # A token that is none is still the user's fault.
        status, _, _ = glance.request('GET', '/v2/images', None, 'none')
        self.assertEqual(401, status)
