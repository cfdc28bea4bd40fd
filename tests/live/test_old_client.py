"""python-glanceclient 2.8, of 2017, does what it did then."""

import unittest

from tests.live import clients
from tests.live import cloud
from tests.live import inputs
from tests.live import warm


class OldClient(cloud.Cloud, unittest.TestCase):
    """Through Keystone, as alice of p1; bob is in p2."""

    @classmethod
    def setUpClass(cls) -> None:
        if not warm.OLD.exists():
            raise unittest.SkipTest('.venv/bin/nox -s old_client')
        super().setUpClass()
        cls.alice, cls.bob = cls.people['alice'], cls.people['bob']

    def _queued(self, **fields: object) -> str:
        """A new image; without a terminal, glance would give it data."""
        image = self.sdk['alice'].image.post(
            '/images',
            json={
                'name': self._name(),
                'disk_format': 'raw',
                'container_format': 'bare',
                **fields,
            },
            raise_exc=True,
        )
        return str(image.json()['id'])

    def _create(self, *words: object) -> dict[str, str]:
        return self.alice.old_glance_one(
            *('image-create', '--name', self._name()),
            *('--disk-format', 'raw', '--container-format', 'bare'),
            *words,
        )

    def _show(self, image_id: str) -> dict[str, str]:
        return self.alice.old_glance_one('image-show', image_id)

    def test_data_goes_in_and_out(self) -> None:
        image = inputs.raw(8 << 20)
        created = self._create('--file', image.path, '--property', 'a=b')
        self.assertEqual('active', created['status'])
        self.assertEqual(str(image.size), created['size'])
        self.assertEqual(image.md5, created['checksum'])
        self.assertEqual('b', created['a'])
        saved = self._file()
        self.alice.run(
            'old-glance', 'image-download', '--file', saved, created['id']
        )
        self.assertEqual(image.sha256, inputs.sha256(saved))
        self.alice.run('old-glance', 'image-delete', created['id'])
        with self.assertRaises(clients.Failed) as caught:
            self._show(created['id'])
        self.assertEqual(404, clients.status_of(caught.exception))

    def test_upload_apart(self) -> None:
        image = inputs.raw(1 << 20)
        image_id = self._queued()
        self.assertEqual('queued', self._show(image_id)['status'])
        self.alice.run(
            'old-glance', 'image-upload', '--file', image.path, image_id
        )
        shown = self._show(image_id)
        self.assertEqual('active', shown['status'])
        self.assertEqual(image.md5, shown['checksum'])

    def test_update(self) -> None:
        image_id = self._queued(a='b')
        changed = self.alice.old_glance_one(
            *('image-update', image_id, '--name', 'other', '--min-ram', 5),
            *('--property', 'c=d', '--remove-property', 'a'),
            *('--protected', 'True', '--visibility', 'private'),
        )
        self.assertEqual('other', changed['name'])
        self.assertEqual('5', changed['min_ram'])
        self.assertEqual('d', changed['c'])
        self.assertNotIn('a', changed)
        self.assertEqual('True', changed['protected'])
        self.assertEqual('private', changed['visibility'])
        self.assertEqual(changed, self._show(image_id))
        with self.assertRaises(clients.Failed) as caught:
            self.alice.run('old-glance', 'image-delete', image_id)
        self.assertIn('not permitted', str(caught.exception))

    def test_lists(self) -> None:
        name = self._name()
        ids = [self._queued(mark=name) for _ in range(3)]
        self.alice.run('old-glance', 'image-tag-update', ids[0], 'blue')
        for words, expected in (
            (('--property-filter', f'mark={name}'), set(ids)),
            (
                ('--property-filter', f'mark={name}', '--page-size', 1),
                set(ids),
            ),
            (
                (
                    *('--tag', 'blue'),
                    *('--property-filter', f'mark={name}'),
                ),
                {ids[0]},
            ),
        ):
            with self.subTest(words):
                rows = self.alice.old_glance('image-list', *words)
                self.assertEqual(expected, {row['ID'] for row in rows})
        sorted_rows = self.alice.old_glance(
            *('image-list', '--sort', 'id:asc'),
            *('--property-filter', f'mark={name}'),
        )
        self.assertEqual(sorted(ids), [row['ID'] for row in sorted_rows])

    def test_tags(self) -> None:
        image_id = self._queued()
        self.alice.run('old-glance', 'image-tag-update', image_id, 'blue')
        self.assertIn('blue', self._show(image_id)['tags'])
        self.alice.run('old-glance', 'image-tag-delete', image_id, 'blue')
        self.assertNotIn('blue', self._show(image_id)['tags'])

    def test_members(self) -> None:
        image_id = self._queued()
        project = self.other_project
        (row,) = self.alice.old_glance('member-create', image_id, project)
        self.assertEqual('pending', row['Status'])
        (row,) = self.bob.old_glance(
            'member-update', image_id, project, 'accepted'
        )
        self.assertEqual('accepted', row['Status'])
        listed = self.bob.old_glance('image-list')
        self.assertIn(image_id, [row['ID'] for row in listed])
        (row,) = self.alice.old_glance('member-list', '--image-id', image_id)
        self.assertEqual(project, row['Member ID'])
        self.alice.run('old-glance', 'member-delete', image_id, project)
        self.assertEqual(
            [], self.alice.old_glance('member-list', '--image-id', image_id)
        )

    def test_deactivated(self) -> None:
        image = inputs.raw(1 << 20)
        image_id = self._create('--file', image.path)['id']
        self.alice.run('old-glance', 'image-deactivate', image_id)
        self.assertEqual('deactivated', self._show(image_id)['status'])
        with self.assertRaises(clients.Failed):
            self.alice.run(
                *('old-glance', 'image-download'),
                *('--file', self._file(), image_id),
            )
        self.alice.run('old-glance', 'image-reactivate', image_id)
        self.assertEqual('active', self._show(image_id)['status'])

    def test_schema(self) -> None:
        rows = self.alice.old_glance('explain', 'image')
        names = [next(iter(row.values())) for row in rows]
        self.assertIn('visibility', names)
