"""The main job with the unmodified clients, on every way to run us."""

import json
import pathlib
import unittest
import uuid

import openstack

from tests.live import clients
from tests.live import cloud
from tests.live import daemons
from tests.live import inputs
from tests.live import keystone
from tests.live import processes
from tests.live import served
from tests.live import servers


class Stories(cloud.Names):
    """Create, upload, list, show, save, set, share, accept, delete.

    owner and other are two people; other is in project other_project. Where
    nobody logs in they are both the same administrator.
    """

    owner: clients.Person
    other: clients.Person
    other_project: str
    owner_sdk: openstack.connection.Connection
    other_sdk: openstack.connection.Connection
    directory: pathlib.Path

    def _assert_is(
        self, facts: dict[str, object], image: inputs.Input
    ) -> None:
        self.assertEqual('active', facts['status'])
        self.assertEqual(image.size, int(facts['size']))
        self.assertEqual(image.disk_format, facts['disk_format'])
        self.assertEqual('bare', facts['container_format'])
        self.assertEqual(image.md5, facts['checksum'])
        self.assertEqual('sha512', facts['os_hash_algo'])
        self.assertEqual(image.sha512, facts['os_hash_value'])

    def _assert_fails(self, statuses: set[int], run, *words: object) -> None:
        with self.assertRaises(clients.Failed) as caught:
            run(*words)
        self.assertIn(
            clients.status_of(caught.exception), statuses, caught.exception
        )

    def _openstack_show(self, person: clients.Person, image: str):
        facts = person.openstack('image', 'show', image)
        properties = facts.pop('properties')
        if isinstance(properties, str):
            properties = json.loads(properties)
        return {**properties, **facts}

    def test_openstack(self) -> None:
        image, name = inputs.iso(), self._name()
        created = self.owner.openstack(
            *('image', 'create', name, '--disk-format', 'iso'),
            *('--container-format', 'bare', '--file', image.path),
            *('--property', 'os_distro=debian', '--tag', 'installer'),
        )
        image_id = created['id']
        self.assertEqual(name, created['name'])
        self._assert_is(self._openstack_show(self.owner, image_id), image)

        listed = self.owner.openstack('image', 'list', '--name', name)
        self.assertEqual(
            [{'ID': image_id, 'Name': name, 'Status': 'active'}], listed
        )

        saved = self._file()
        self.owner.run('openstack', 'image', 'save', '--file', saved, image_id)
        self.assertEqual(image.sha256, inputs.sha256(saved))

        self.owner.run(
            *('openstack', 'image', 'set', image_id, '--shared'),
            *('--property', 'hw_disk_bus=virtio', '--min-disk', 3),
            *('--property', 'os_version=Zwölf', '--tag', 'live'),
        )
        shown = self._openstack_show(self.owner, image_id)
        self.assertEqual('virtio', shown['hw_disk_bus'])
        self.assertEqual('Zwölf', shown['os_version'])
        self.assertEqual('debian', shown['os_distro'])
        self.assertEqual(3, shown['min_disk'])
        self.assertEqual('shared', shown['visibility'])
        self.assertEqual({'installer', 'live'}, set(shown['tags']))

        self.owner.run(
            *('openstack', 'image', 'unset', image_id),
            *('--property', 'hw_disk_bus', '--tag', 'live'),
        )
        shown = self._openstack_show(self.owner, image_id)
        self.assertNotIn('hw_disk_bus', shown)
        self.assertEqual(['installer'], list(shown['tags']))

        self._openstack_share(image_id)

        self.owner.run('openstack', 'image', 'delete', image_id)
        self.assertEqual(
            [], self.owner.openstack('image', 'list', '--name', name)
        )
        with self.assertRaises(clients.Failed):
            self._openstack_show(self.owner, image_id)

    def _openstack_share(self, image_id: str) -> None:
        self.assertEqual([], self._ids_seen_by_other(image_id))
        member = self.owner.openstack(
            'image', 'add', 'project', image_id, self.other_project
        )
        self.assertEqual('pending', member['status'])
        self.assertEqual(self.other_project, member['member_id'])
        self.assertEqual([], self._ids_seen_by_other(image_id))
        self.other.run('openstack', 'image', 'set', '--accept', image_id)
        self.assertEqual([image_id], self._ids_seen_by_other(image_id))
        members = self.owner.openstack('image', 'member', 'list', image_id)
        self.assertEqual(['accepted'], [one['Status'] for one in members])

    def _ids_seen_by_other(self, image_id: str) -> list[str]:
        """Give the image's id if it is in the other's own list."""
        seen = self.other.openstack('image', 'list')
        return [one['ID'] for one in seen if one['ID'] == image_id]

    def test_glance(self) -> None:
        image, name = inputs.qcow2(), self._name()
        created = self.owner.glance_one(
            *('image-create', '--name', name, '--disk-format', 'qcow2'),
            *('--container-format', 'bare', '--file', image.path),
            *('--property', 'os_distro=debian'),
        )
        image_id = created['id']
        self._assert_is(created, image)
        shown = self.owner.glance_one('image-show', image_id)
        self._assert_is(shown, image)
        self.assertEqual('debian', shown['os_distro'])
        self.assertIn(
            {'ID': image_id, 'Name': name}, self.owner.glance('image-list')
        )

        saved = self._file()
        self.owner.run('glance', 'image-download', '--file', saved, image_id)
        self.assertEqual(image.sha256, inputs.sha256(saved))

        changed = self.owner.glance_one(
            *('image-update', image_id, '--visibility', 'shared'),
            *('--property', 'hw_disk_bus=scsi', '--min-ram', 64),
        )
        self.assertEqual('scsi', changed['hw_disk_bus'])
        self.assertEqual('64', changed['min_ram'])
        changed = self.owner.glance_one(
            'image-update', image_id, '--remove-property', 'hw_disk_bus'
        )
        self.assertNotIn('hw_disk_bus', changed)

        (member,) = self.owner.glance(
            'member-create', image_id, self.other_project
        )
        self.assertEqual('pending', member['Status'])
        (member,) = self.other.glance(
            'member-update', image_id, self.other_project, 'accepted'
        )
        self.assertEqual('accepted', member['Status'])
        (member,) = self.owner.glance('member-list', '--image-id', image_id)
        self.assertEqual(self.other_project, member['Member ID'])
        self.assertEqual('accepted', member['Status'])

        self.owner.run('glance', 'image-delete', image_id)
        self._assert_fails({404}, self.owner.glance, 'image-show', image_id)

    def test_sdk(self) -> None:
        image, name = inputs.raw(64 << 20), self._name()
        cloud = self.owner_sdk.image
        created = cloud.create_image(
            name,
            filename=str(image.path),
            disk_format='raw',
            container_format='bare',
            allow_duplicates=True,
            os_distro='debian',
            wait=True,
        )
        shown = cloud.get_image(created.id)
        self._assert_is(
            {
                'status': shown.status,
                'size': shown.size,
                'disk_format': shown.disk_format,
                'container_format': shown.container_format,
                'checksum': shown.checksum,
                'os_hash_algo': shown.hash_algo,
                'os_hash_value': shown.hash_value,
            },
            image,
        )
        self.assertEqual('debian', shown.os_distro)
        self.assertEqual(
            [created.id], [one.id for one in cloud.images(name=name)]
        )
        saved = self._file()
        cloud.download_image(shown, output=str(saved), stream=True)
        self.assertEqual(image.sha256, inputs.sha256(saved))

        cloud.update_image(shown, visibility='shared', hw_disk_bus='ide')
        self.assertEqual('shared', cloud.get_image(created.id).visibility)

        cloud.add_member(created.id, member_id=self.other_project)
        self.other_sdk.image.update_member(
            self.other_project, created.id, status='accepted'
        )
        (member,) = cloud.members(created.id)
        self.assertEqual('accepted', member.status)

        cloud.deactivate_image(created.id)
        self.assertEqual('deactivated', cloud.get_image(created.id).status)
        cloud.reactivate_image(created.id)
        self.assertEqual('active', cloud.get_image(created.id).status)

        cloud.delete_image(created.id)
        with self.assertRaises(openstack.exceptions.NotFoundException):
            cloud.get_image(created.id)


class OnServe(Stories, unittest.TestCase):
    """What tools/serve starts: no login, SQLite."""

    other_project = 'project-of-somebody-else'

    @classmethod
    def setUpClass(cls) -> None:
        cls.directory = processes.private_directory()
        service = served.Service(cls.directory / 'data')
        cls.addClassCleanup(service.stop)
        service.start()
        cls.owner = cls.other = clients.without_login(
            cls.directory / 'home', service.api_url
        )
        cls.owner_sdk = cls.other_sdk = keystone.connect_without_login(
            service.api_url
        )

    def _openstack_share(self, image_id: str) -> None:
        """Share with glance: openstack looks projects up in Keystone."""
        self.owner.run('glance', 'member-create', image_id, self.other_project)
        members = self.owner.openstack('image', 'member', 'list', image_id)
        self.assertEqual(['pending'], [one['Status'] for one in members])
        self.owner.run(
            *('glance', 'member-update', image_id),
            *(self.other_project, 'accepted'),
        )
        members = self.owner.openstack('image', 'member', 'list', image_id)
        self.assertEqual(['accepted'], [one['Status'] for one in members])


class WithKeystone(cloud.Cloud, Stories):
    """Keystone, MariaDB, one of the registry's pipelines."""

    def _create(self, user: str, **fields: object) -> str:
        fields = {
            'name': self._name(),
            'disk_format': 'raw',
            'container_format': 'bare',
            **fields,
        }
        image = self.sdk[user].image.post(
            '/images', json=fields, raise_exc=True
        )
        return str(image.json()['id'])

    def _ids(self, user: str, **filters: object) -> set[str]:
        return {one.id for one in self.sdk[user].image.images(**filters)}

    def _status(
        self, user: str, method: str, path: str, **more: object
    ) -> int:
        answer = self.sdk[user].image.request(
            path, method, raise_exc=False, **more
        )
        return int(answer.status_code)

    def test_private_is_private(self) -> None:
        image_id = self._create('alice', visibility='private')
        for user in ('alice', 'dave', 'rita', 'admin'):
            self.assertEqual(
                200, self._status(user, 'GET', f'/images/{image_id}'), user
            )
        self.assertIn(image_id, self._ids('dave'))
        self.assertNotIn(image_id, self._ids('bob'))
        for method, path, more in (
            ('GET', '', {}),
            ('DELETE', '', {}),
            ('GET', '/file', {}),
            ('PUT', '/file', {'data': b'x'}),
            ('GET', '/members', {}),
            ('POST', '/members', {'json': {'member': self.other_project}}),
            ('PUT', '/tags/t', {}),
        ):
            if path == '/file' and method == 'PUT':
                more['headers'] = {'Content-Type': 'application/octet-stream'}
            self.assertEqual(
                404,
                self._status(
                    'bob', method, f'/images/{image_id}{path}', **more
                ),
                (method, path),
            )

    def test_sharing_needs_the_members_yes(self) -> None:
        image_id = self._create('alice', visibility='shared')
        url = f'/images/{image_id}'
        self.assertEqual(404, self._status('bob', 'GET', url))
        self.sdk['alice'].image.add_member(
            image_id, member_id=self.other_project
        )
        self.assertEqual(200, self._status('bob', 'GET', url))
        self.assertNotIn(image_id, self._ids('bob'))
        self.assertIn(
            image_id,
            self._ids('bob', visibility='shared', member_status='pending'),
        )
        self.assertEqual(403, self._status('bob', 'DELETE', url))
        # Only the member itself accepts.
        self.assertEqual(
            403,
            self._status(
                'alice',
                'PUT',
                f'{url}/members/{self.other_project}',
                json={'status': 'accepted'},
            ),
        )
        self.sdk['bob'].image.update_member(
            self.other_project, image_id, status='accepted'
        )
        self.assertIn(image_id, self._ids('bob'))
        self.sdk['bob'].image.update_member(
            self.other_project, image_id, status='rejected'
        )
        self.assertNotIn(image_id, self._ids('bob'))
        self.sdk['alice'].image.remove_member(self.other_project, image_id)
        self.assertEqual(404, self._status('bob', 'GET', url))

    def test_reader_only_reads(self) -> None:
        image_id = self._create('alice', visibility='private')
        url = f'/images/{image_id}'
        self.assertIn(image_id, self._ids('rita'))
        bytes_type = {'Content-Type': 'application/octet-stream'}
        patch_type = {
            'Content-Type': 'application/openstack-images-v2.1-json-patch'
        }
        change = json.dumps([{'op': 'add', 'path': '/a', 'value': 'b'}])
        for method, path, more in (
            ('POST', '/images', {'json': {'name': 'x'}}),
            ('PUT', f'{url}/file', {'data': b'x', 'headers': bytes_type}),
            ('PATCH', url, {'data': change, 'headers': patch_type}),
            ('DELETE', url, {}),
            ('PUT', f'{url}/tags/t', {}),
        ):
            self.assertEqual(
                403, self._status('rita', method, path, **more), (method, path)
            )
        rita = self.people['rita']
        self._assert_fails(
            {403}, rita.run, 'openstack', 'image', 'delete', image_id
        )

    def test_public_needs_an_administrator(self) -> None:
        self._assert_fails(
            {403},
            self.owner.openstack,
            *('image', 'create', '--public', self._name()),
        )
        image_id = self._create('admin', visibility='public')
        self.addCleanup(self.sdk['admin'].image.delete_image, image_id)
        for user in ('alice', 'bob', 'rita'):
            self.assertIn(image_id, self._ids(user))

    def test_no_token_no_answer(self) -> None:
        # covers 2.2-1
        for token in (None, 'not-a-token'):
            status, headers, _ = self.glance.request(
                'GET', '/v2/images', token=token
            )
            self.assertEqual(401, status)
            self.assertIn('keystone uri', headers['www-authenticate'].lower())

    def test_registry_does_not_believe_strangers(self) -> None:
        """Identity headers, but neither a service token nor the secret."""
        answer = daemons.curl(
            *('-o', '/dev/null', '-w', '%{http_code}'),
            *('-H', 'X-Identity-Status: Confirmed', '-H', 'X-Roles: admin'),
            *('-H', 'X-User-Id: u', '-H', 'X-Project-Id: p'),
            f'{self.glance.registry_url}/v1/images/{uuid.uuid4()}',
        )
        self.assertIn(answer, {'401', '403'})

    def test_users_token_alone_does_not_open_the_registry(self) -> None:
        token = self.sdk['admin'].session.get_token()
        answer = daemons.curl(
            *('-o', '/dev/null', '-w', '%{http_code}'),
            *('-H', f'X-Auth-Token: {token}'),
            f'{self.glance.registry_url}/v1/images/{uuid.uuid4()}',
        )
        self.assertIn(answer, {'401', '403'})


class WithKeystonePipeline(WithKeystone, unittest.TestCase):
    pipeline = 'keystone'


class WithTrustedAuthPipeline(WithKeystone, unittest.TestCase):
    pipeline = 'trusted-auth'


class OnPostgreSQL(Stories, unittest.TestCase):
    """No login, PostgreSQL."""

    other_project = 'project-of-somebody-else'
    _openstack_share = OnServe._openstack_share

    @classmethod
    def setUpClass(cls) -> None:
        cls.directory = processes.private_directory()
        glance = daemons.Glance(servers.new_database(servers.postgresql()))
        cls.addClassCleanup(glance.stop)
        glance.start()
        cls.owner = cls.other = clients.without_login(
            cls.directory / 'home', glance.api_url
        )
        cls.owner_sdk = cls.other_sdk = keystone.connect_without_login(
            glance.api_url
        )
