"""Unified limits with a real Keystone."""

from typing import Any
import unittest

from tests.live import clients
from tests.live import daemons
from tests.live import keystone
from tests.live import processes
from tests.live import servers

MIB = 1024 * 1024
REGISTERED = {
    'image_size_total': 10,
    'image_stage_total': 20,
    'image_count_total': 5,
    'image_count_uploading': 2,
}
OCTETS = 'application/octet-stream'


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.directory = processes.private_directory()
        cls.address = servers.keystone()
        cls.glance = daemons.with_keystone('trusted-auth')
        cls.addClassCleanup(cls.glance.stop)
        cls.region = keystone.register(cls.address, cls.glance.api_url)
        cls.identity = keystone.connect(cls.address, 'admin').identity
        cls._let_glance_read_limits()
        (cls.service,) = cls.identity.services(type='image')
        (endpoint,) = cls.identity.endpoints(
            service_id=cls.service.id,
            region_id=cls.region,
            interface='public',
        )
        login = keystone.credentials(cls.address, keystone.SERVICE_USER)
        for name in ('project_name', 'project_domain_id'):
            del login[name]
        cls.glance.configure('glance-api', {'use_keystone_limits': True})
        cls.glance.configure(
            'glance-api',
            {
                'auth_type': 'password',
                **login,
                'system_scope': 'all',
                'endpoint_id': endpoint.id,
            },
            'oslo_limit',
        )
        cls.glance.start()
        cls.sdk = {
            user: keystone.connect(cls.address, user, cls.region)
            for user in ('alice', 'bob', 'admin')
        }

    @classmethod
    def _let_glance_read_limits(cls) -> None:
        """What an operator does: role reader on system all."""
        user = cls.identity.find_user(keystone.SERVICE_USER)
        role = cls.identity.find_role('reader')
        cls.identity.put(f'/system/users/{user.id}/roles/{role.id}')

    def setUp(self) -> None:
        for user in ('alice', 'bob'):
            for image in self.sdk[user].image.images():
                self.sdk[user].image.delete_image(image.id)

    def register(self, **limits: int) -> None:
        for name, limit in limits.items():
            made = self.identity.create_registered_limit(
                service_id=self.service.id,
                region_id=self.region,
                resource_name=name,
                default_limit=limit,
            )
            self.addCleanup(self.identity.delete_registered_limit, made, True)

    def limit(self, project: str, name: str, limit: int) -> None:
        made = self.identity.create_limit(
            service_id=self.service.id,
            region_id=self.region,
            project_id=keystone.project_id(self.address, project),
            resource_name=name,
            resource_limit=limit,
        )
        self.addCleanup(self.identity.delete_limit, made, True)

    def ask(self, user: str, method: str, path: str, **more: Any) -> Any:
        return self.sdk[user].image.request(
            path, method, raise_exc=False, **more
        )

    def create(self, user: str, status: int = 201) -> str:
        fields = {'disk_format': 'raw', 'container_format': 'bare'}
        answer = self.ask(user, 'POST', '/images', json=fields)
        self.assertEqual(status, answer.status_code, answer.text)
        return str(answer.json()['id']) if status == 201 else ''

    def upload(self, user: str, status: int, data: Any) -> None:
        answer = self.ask(
            user,
            'PUT',
            f'/images/{self.create(user)}/file',
            data=data,
            headers={'Content-Type': OCTETS},
        )
        self.assertEqual(status, answer.status_code, answer.text)

    def usage(self, user: str) -> dict[str, dict[str, int]]:
        answer = self.ask(user, 'GET', '/info/usage')
        self.assertEqual(200, answer.status_code, answer.text)
        usage: dict[str, dict[str, int]] = answer.json()['usage']
        return usage

    def test_nothing_registered_is_nothing_allowed(self) -> None:
        self.create('alice', 413)
        self.assertEqual(
            {name: {'usage': 0, 'limit': 0} for name in REGISTERED},
            self.usage('alice'),
        )

    def test_registered_limits_and_those_of_a_project(self) -> None:
        self.register(**REGISTERED)
        for _ in range(5):
            self.create('alice')
        self.create('alice', 413)
        self.limit('p2', 'image_count_total', 1)
        self.create('bob')
        self.create('bob', 413)
        self.assertEqual(
            {'usage': 1, 'limit': 1}, self.usage('bob')['image_count_total']
        )
        # An operator's change counts at once.
        self.limit('p1', 'image_count_total', -1)
        self.create('alice')
        self.assertEqual(
            {'usage': 6, 'limit': -1},
            self.usage('alice')['image_count_total'],
        )

    def test_sizes(self) -> None:
        self.register(**REGISTERED)
        self.upload('alice', 204, b'x' * 8 * MIB)
        self.upload('alice', 413, b'x' * 3 * MIB)
        self.upload('alice', 204, b'x' * 2 * MIB)
        self.assertEqual(
            {
                'image_size_total': {'usage': 10, 'limit': 10},
                'image_stage_total': {'usage': 0, 'limit': 20},
                'image_count_total': {'usage': 3, 'limit': 5},
                'image_count_uploading': {'usage': 0, 'limit': 2},
            },
            self.usage('alice'),
        )
        # Of unknown size: not cut, but the next one is refused.
        self.limit('p2', 'image_size_total', 3)
        self.upload('bob', 204, iter([b'x' * MIB] * 5))
        self.upload('bob', 413, iter([b'x']))

    def test_uploads_at_once(self) -> None:
        self.register(**REGISTERED)
        self.limit('p1', 'image_count_uploading', 0)
        self.upload('alice', 413, b'x')

    def test_clients(self) -> None:
        self.register(**REGISTERED)
        self.upload('alice', 204, b'x' * 3 * MIB)
        alice = clients.logged_in(
            self.directory / 'alice', 'alice', self.region
        )
        rows = {row['Quota']: row for row in alice.glance('usage')}
        self.assertEqual('3', rows['image_size_total']['Usage'])
        self.assertEqual('10', rows['image_size_total']['Limit'])
        self.assertEqual('1', rows['image_count_total']['Usage'])
        for _ in range(4):
            self.create('alice')
        with self.assertRaises(clients.Failed) as caught:
            alice.openstack('image', 'create', 'one too many')
        self.assertEqual(413, clients.status_of(caught.exception))

    def test_a_limit_service_that_is_wrong_is_503(self) -> None:
        """The reason is in the log, and not in the answer."""
        self.register(**REGISTERED)
        config = self.glance.directory / 'glance-api.conf'
        before = config.read_text()
        token = self.sdk['alice'].auth_token
        for option, value in (
            ('password', 'wrong'),
            ('endpoint_id', 'nowhere'),
            ('auth_url', 'http://127.0.0.1:1/v3'),
        ):
            with self.subTest(option):
                self.restart_with({option: value})
                # Not through the SDK, which would try for half a minute.
                status, headers, body = self.glance.request(
                    'GET', '/v2/info/usage', token=token
                )
                self.assertEqual(503, status, body)
                self.assertIn('retry-after', headers)
                self.assertNotIn(value, body.decode())
                self.assertIn(
                    'Could not get the limits from Keystone',
                    self.glance.api.tail(),
                )
                config.write_text(before)
        self.restart_with({})
        self.usage('alice')

    def restart_with(self, options: dict[str, str]) -> None:
        self.glance.api.stop()
        self.glance.configure('glance-api', options, 'oslo_limit')
        self.glance.api.start()
        self.glance.wait_until_healthy()


class Incomplete(unittest.TestCase):
    def test_ends_the_start_in_one_line(self) -> None:
        glance = daemons.Glance(api={'DEFAULT': {'use_keystone_limits': True}})
        self.addCleanup(glance.stop)
        glance.api.start()
        self.assertEqual(1, glance.api.wait(60))
        self.assertIn('auth_type', glance.api.tail())
        self.assertNotIn('Traceback', glance.api.tail())
