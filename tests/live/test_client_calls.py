"""Every image call that today's clients have, through Keystone.

test_clients tells the main story on every way to run us; here is the rest.
"""

import hashlib
import json
import unittest

import openstack

from tests.live import clients
from tests.live import cloud
from tests.live import inputs

MIB = 1 << 20


class ClientCalls(cloud.Cloud, unittest.TestCase):
    """alice and dave are in p1, bob is in p2."""

    options = {'show_multiple_locations': True, 'show_image_direct_url': True}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.alice, cls.bob = cls.people['alice'], cls.people['bob']

    def _made(self, **fields: object) -> str:
        """A new image of alice; its id.

        Not by the commands: without a terminal they upload what they read
        from standard input, which is nothing.
        """
        fields = {
            'name': self._name(),
            'disk_format': 'raw',
            'container_format': 'bare',
            **fields,
        }
        image = self.sdk['alice'].image.post(
            '/images', json=fields, raise_exc=True
        )
        return str(image.json()['id'])

    def _with_data(self) -> str:
        image_id = self._made()
        answer = self.sdk['alice'].image.put(
            f'/images/{image_id}/file',
            data=inputs.raw(MIB).path.read_bytes(),
            headers={'Content-Type': 'application/octet-stream'},
        )
        self.assertEqual(204, answer.status_code)
        return image_id

    def _shown(self, image_id: str) -> openstack.image.v2.image.Image:
        return self.sdk['alice'].image.get_image(image_id)

    def _assert_fails(self, said: object, run, *words: object) -> None:
        with self.assertRaises(clients.Failed) as caught:
            run(*words)
        self.assertIn(str(said), str(caught.exception))


class Openstack(ClientCalls):
    def _set(self, image_id: str, *words: object) -> None:
        self.alice.run('openstack', 'image', 'set', image_id, *words)

    def test_set_everything(self) -> None:
        image_id, name = self._made(), self._name()
        self._set(
            image_id,
            *('--name', name, '--min-disk', 2, '--min-ram', 3),
            *('--protected', '--hidden', '--private'),
            *('--architecture', 'x86_64', '--os-distro', 'debian'),
            *('--os-version', '12', '--tag', 'a', '--tag', 'b'),
            *('--property', 'hw_disk_bus=scsi', '--disk-format', 'qcow2'),
        )
        shown = self._shown(image_id)
        self.assertEqual(name, shown.name)
        self.assertEqual((2, 3), (shown.min_disk, shown.min_ram))
        self.assertTrue(shown.is_protected)
        self.assertTrue(shown.is_hidden)
        self.assertEqual('private', shown.visibility)
        self.assertEqual('x86_64', shown.architecture)
        self.assertEqual('12', shown.os_version)
        self.assertEqual({'a', 'b'}, set(shown.tags))
        self.assertEqual('scsi', shown.hw_disk_bus)
        self.assertEqual('qcow2', shown.disk_format)
        self._set(image_id, '--unprotected', '--unhidden', '--community')
        shown = self._shown(image_id)
        self.assertFalse(shown.is_protected)
        self.assertFalse(shown.is_hidden)
        self.assertEqual('community', shown.visibility)
        self.alice.run(
            *('openstack', 'image', 'unset', image_id, '--tag', 'a'),
            *('--property', 'hw_disk_bus', '--property', 'os_distro'),
        )
        shown = self._shown(image_id)
        self.assertEqual(['b'], shown.tags)
        self.assertIsNone(shown.os_distro)

    def test_lists(self) -> None:
        mark = self._name()
        plain = self._made(mark=mark, tags=['blue'])
        hidden = self._made(mark=mark, os_hidden=True)
        other = self._made(mark=mark, visibility='community')
        for words, expected in (
            ((), {plain, other}),
            (('--tag', 'blue'), {plain}),
            (('--hidden',), {hidden}),
            (('--community',), {other}),
            (('--status', 'queued'), {plain, other}),
        ):
            with self.subTest(words):
                rows = self.alice.openstack(
                    *('image', 'list', '--property', f'mark={mark}', *words)
                )
                self.assertEqual(expected, {row['ID'] for row in rows})
        # The command sorts by itself, what it got in our order.
        self.assertEqual(
            1, len(self.alice.openstack('image', 'list', '--limit', 1))
        )
        (row,) = self.alice.openstack(
            *('image', 'list', '--long', '--tag', 'blue'),
            *('--property', f'mark={mark}'),
        )
        self.assertEqual('raw', row['Disk Format'])
        self.assertEqual('shared', row['Visibility'])

    def test_members(self) -> None:
        image_id, project = self._made(), self.other_project
        self.alice.run(
            'openstack', 'image', 'add', 'project', image_id, project
        )
        got = self.alice.openstack('image', 'member', 'get', image_id, project)
        self.assertEqual('pending', got['status'])
        rows = self.bob.openstack(
            *('image', 'list', '--shared', '--member-status', 'pending')
        )
        self.assertIn(image_id, [row['ID'] for row in rows])
        for word, status in (
            ('--accept', 'accepted'),
            ('--reject', 'rejected'),
            ('--pending', 'pending'),
        ):
            self.bob.run('openstack', 'image', 'set', word, image_id)
            (row,) = self.alice.openstack('image', 'member', 'list', image_id)
            self.assertEqual(
                (project, status), (row['Member ID'], row['Status'])
            )
        self.alice.run(
            'openstack', 'image', 'remove', 'project', image_id, project
        )
        self.assertEqual(
            [], self.alice.openstack('image', 'member', 'list', image_id)
        )

    def test_deactivate(self) -> None:
        image_id = self._with_data()
        self._set(image_id, '--deactivate')
        self.assertEqual('deactivated', self._shown(image_id).status)
        with self.assertRaises(clients.Failed):
            self.alice.run(
                *('openstack', 'image', 'save'),
                *('--file', self._file(), image_id),
            )
        self._set(image_id, '--activate')
        self.assertEqual('active', self._shown(image_id).status)

    def test_delete_several(self) -> None:
        ids = [self._made(), self._made()]
        self.alice.run('openstack', 'image', 'delete', *ids)
        for image_id in ids:
            with self.assertRaises(openstack.exceptions.NotFoundException):
                self._shown(image_id)


class Glance(ClientCalls):
    def test_update_and_lists(self) -> None:
        mark = self._name()
        image_id = self._made(mark=mark)
        hidden = self._made(mark=mark)
        changed = self.alice.glance_one(
            *('image-update', hidden, '--hidden', 'True', '--protected'),
            *('True', '--min-disk', 4, '--name', 'ä b'),
        )
        self.assertEqual('True', changed['os_hidden'])
        self.assertEqual('ä b', changed['name'])
        self.alice.run('glance', 'image-tag-update', image_id, 'blue')
        for words, expected in (
            ((), {image_id}),
            (('--hidden', 'True'), {hidden}),
            (('--tag', 'blue'), {image_id}),
            (('--visibility', 'private'), set()),
            (('--page-size', 1, '--sort', 'name:asc'), {image_id}),
        ):
            with self.subTest(words):
                rows = self.alice.glance(
                    *('image-list', '--property-filter', f'mark={mark}'),
                    *words,
                )
                self.assertEqual(expected, {row['ID'] for row in rows})
        self.alice.run('glance', 'image-tag-delete', image_id, 'blue')
        self.assertEqual([], self._shown(image_id).tags)
        self._assert_fails(
            *('not permitted', self.alice.run),
            *('glance', 'image-delete', hidden),
        )

    def test_upload_and_actions(self) -> None:
        image_id, image = self._made(), inputs.raw(MIB)
        self.alice.run(
            *('glance', 'image-upload', '--file', image.path),
            *('--size', image.size, image_id),
        )
        self.assertEqual(image.md5, self._shown(image_id).checksum)
        self.alice.run('glance', 'image-deactivate', image_id)
        self.assertEqual('deactivated', self._shown(image_id).status)
        self.alice.run('glance', 'image-reactivate', image_id)
        self.assertEqual('active', self._shown(image_id).status)
        self._assert_fails(
            409,
            self.alice.run,
            *('glance', 'image-upload', '--file', image.path, image_id),
        )

    def test_members(self) -> None:
        image_id, project = self._made(), self.other_project
        self.alice.run('glance', 'member-create', image_id, project)
        got = self.alice.glance_one('member-get', image_id, project)
        self.assertEqual('pending', got['status'])
        self.bob.run('glance', 'member-update', image_id, project, 'rejected')
        (row,) = self.alice.glance('member-list', '--image-id', image_id)
        self.assertEqual('rejected', row['Status'])
        self.alice.run('glance', 'member-delete', image_id, project)
        self.assertEqual(
            [], self.alice.glance('member-list', '--image-id', image_id)
        )

    def test_locations(self) -> None:
        """The last one stays."""
        image_id = self._with_data()
        (location,) = self._shown(image_id).locations
        self._assert_fails(
            403,
            self.people['admin'].run,
            *('glance', 'location-delete', '--url', location['url'], image_id),
        )
        self._assert_fails(
            400,
            self.alice.run,
            *('glance', 'location-add', '--url', 'file:///etc/passwd'),
            image_id,
        )
        self.assertEqual([location], self._shown(image_id).locations)

    def test_usage_and_schemas(self) -> None:
        self.assertEqual([], self.alice.glance('usage'))
        for name in ('image', 'images', 'member', 'members'):
            rows = self.alice.glance('explain', name)
            self.assertTrue(rows, name)


class Sdk(ClientCalls):
    def setUp(self) -> None:
        super().setUp()
        self.cloud = self.sdk['alice'].image

    def _created(self, **fields: object) -> openstack.image.v2.image.Image:
        fields = {
            'name': self._name(),
            'disk_format': 'raw',
            'container_format': 'bare',
            'allow_duplicates': True,
            **fields,
        }
        return self.cloud.create_image(**fields)

    def test_create_from_bytes_and_download(self) -> None:
        content = b'0123456789' * 1000
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        created = self._created(
            data=content, md5=md5, validate_checksum=True, wait=True
        )
        self.assertEqual('active', created.status)
        self.assertEqual(md5, created.checksum)
        self.assertEqual(len(content), created.size)
        self.assertEqual(content, self.cloud.download_image(created).content)
        parts = self.cloud.download_image(
            created, stream=True, chunk_size=999
        ).iter_content(999)
        self.assertEqual(content, b''.join(parts))

    def test_upload_image(self) -> None:
        uploaded = self.cloud.upload_image(
            container_format='bare',
            disk_format='raw',
            data=b'data',
            name=self._name(),
        )
        self.assertEqual(4, self._shown(uploaded.id).size)

    def test_find_also_what_is_hidden(self) -> None:
        name = self._name()
        image = self._created(name=name)
        self.cloud.update_image(image, os_hidden=True)
        self.assertEqual(image.id, self.cloud.find_image(name).id)
        self.assertEqual(image.id, self.cloud.find_image(image.id).id)
        self.assertIsNone(self.cloud.find_image('nothing'))
        with self.assertRaises(openstack.exceptions.NotFoundException):
            self.cloud.find_image('nothing', ignore_missing=False)

    def test_more_than_a_page(self) -> None:
        tag = f't{self._name()[-12:]}'
        ids = {self._created(tags=[tag]).id for _ in range(30)}
        for query in ({}, {'limit': 7}, {'sort': 'name:asc'}):
            found = [one.id for one in self.cloud.images(tag=tag, **query)]
            self.assertEqual(sorted(ids), sorted(found), query)

    def test_filters(self) -> None:
        name = self._name()
        image = self._created(name=name, visibility='community')
        for query, expected in (
            ({'visibility': 'community'}, [image.id]),
            ({'visibility': 'private'}, []),
            ({'status': 'queued'}, [image.id]),
            ({'status': 'active'}, []),
            ({'owner': image.owner}, [image.id]),
            ({'is_hidden': True}, []),
            ({'disk_format': 'raw'}, [image.id]),
            ({'created_at': 'gt:2020-01-01T00:00:00Z'}, [image.id]),
            ({'created_at': 'lt:2020-01-01T00:00:00Z'}, []),
        ):
            with self.subTest(query):
                images = self.cloud.images(name=name, **query)
                self.assertEqual(expected, [one.id for one in images])

    def test_properties_and_tags(self) -> None:
        image = self._created(color='red', kernel_id=None)
        self.cloud.update_image(image, color='blue', name='other', min_ram=1)
        shown = self._shown(image.id)
        self.assertEqual('other', shown.name)
        self.assertEqual('blue', shown.properties['color'])
        self.assertEqual(1, shown.min_ram)
        self.sdk['alice'].image.update_image_properties(image, color='green')
        self.assertEqual('green', self._shown(image.id).properties['color'])
        self.cloud.add_tag(image, 'ü x')
        self.assertEqual(['ü x'], self._shown(image.id).tags)
        self.cloud.remove_tag(image, 'ü x')
        self.assertEqual([], self._shown(image.id).tags)

    def test_members(self) -> None:
        image, project = self._created(), self.other_project
        added = self.cloud.add_member(image, member_id=project)
        self.assertEqual('pending', added.status)
        self.assertEqual(
            project, self.cloud.get_member(project, image).member_id
        )
        self.assertEqual(
            project, self.cloud.find_member(project, image).member_id
        )
        changed = self.sdk['bob'].image.update_member(
            project, image.id, status='accepted'
        )
        self.assertEqual('accepted', changed.status)
        self.cloud.remove_member(project, image)
        self.assertEqual([], list(self.cloud.members(image)))
        self.assertIsNone(self.cloud.find_member(project, image))

    def test_waits(self) -> None:
        image = self._created(data=b'data', wait=True)
        self.cloud.wait_for_status(image, 'active')
        self.cloud.deactivate_image(image)
        self.cloud.reactivate_image(image)
        self.cloud.delete_image(image)
        self.cloud.wait_for_delete(image)
        self.cloud.delete_image(image.id, ignore_missing=True)
        with self.assertRaises(openstack.exceptions.NotFoundException):
            self.cloud.delete_image(image.id, ignore_missing=False)

    def test_schemas(self) -> None:
        self.assertIn('visibility', self.cloud.get_image_schema().properties)
        self.assertIn('images', self.cloud.get_images_schema().properties)
        self.assertIn('status', self.cloud.get_member_schema().properties)
        self.assertIn('members', self.cloud.get_members_schema().properties)

    def test_locations(self) -> None:
        image = self._created(data=b'data', wait=True)
        admin = self.sdk['admin'].image
        answer = admin.get(f'/images/{image.id}/locations')
        self.assertEqual(1, len(answer.json()))
        refused = self.cloud.get(f'/images/{image.id}/locations')
        self.assertEqual(403, refused.status_code)

    def test_description_of_the_api(self) -> None:
        document = self.cloud.get('/openapi.json').json()
        self.assertEqual('3.1.0', document['openapi'])
        self.assertTrue(json.dumps(document))
