"""Images: create, show, list, change, delete, use."""

from unittest import mock

from glance.common import contract
from glance.common import errors
from tests import base
from tests.contract.registry import callers


class TestImages(callers.RegistryTestCase):
    def test_check_registry(self) -> None:
        self.client.check_registry()
        self.service.database.dispose()
        self.service.database.read = mock.Mock(  # type: ignore[method-assign]
            side_effect=errors.DatabaseUnavailable
        )
        self.expect(errors.DatabaseUnavailable, self.client.check_registry)

    def test_create_image(self) -> None:
        image = self.create(
            name='é', min_ram=5, properties={'a/b': 'c'}, tags=['t', 't']
        )
        self.assertEqual(contract.Image.__required_keys__, image.keys())
        self.assertEqual('é', image['name'])
        self.assertEqual('queued', image['status'])
        self.assertEqual(5, image['min_ram'])
        self.assertEqual({'a/b': 'c'}, image['properties'])
        self.assertEqual(['t'], image['tags'])
        self.assertEqual([], image['locations'])
        self.assertIsNone(image['member'])
        taken: contract.NewImage = {
            'id': image['id'],
            'values': {},
            'properties': {},
            'tags': [],
        }
        self.expect(
            errors.Duplicate, self.client.create_image, callers.BOB, taken
        )

    def test_get_image(self) -> None:
        image = self.create(visibility='private')
        found = self.client.get_image(callers.ALICE, image['id'])
        self.assertEqual(image, found)
        self.assertEqual(
            image, self.client.get_image(callers.ADMIN, image['id'])
        )
        self.expect(
            errors.NotFound, self.client.get_image, callers.BOB, image['id']
        )
        for odd in ('nothing', '..', 'a/b', 'ü', 'x' * 1000, ' ', '%2e'):
            with self.subTest(odd):
                self.expect(
                    errors.NotFound, self.client.get_image, callers.ADMIN, odd
                )

    def test_list_images(self) -> None:
        first, second = self.create(name='a'), self.create(name='b')
        query = base.list_query(sort=[('name', 'asc'), ('id', 'asc')])
        self.assertEqual(
            [first, second], self.client.list_images(callers.ALICE, query)
        )
        self.assertEqual([], self.client.list_images(callers.BOB, query))
        query['marker'] = first['id']
        self.assertEqual(
            [second], self.client.list_images(callers.ALICE, query)
        )
        self.expect(
            errors.InvalidMarker, self.client.list_images, callers.BOB, query
        )
        for wrong in (
            {'sort': [('owner', 'asc'), ('id', 'asc')]},
            {'sort': [('name', 'asc')]},
            {'sort': [('id', 'up')]},
            {'filters': [{'field': 'password', 'op': 'eq', 'value': 'x'}]},
            {'filters': [{'field': 'name', 'op': 'like', 'value': 'x'}]},
            {'filters': [{'field': 'size', 'op': 'eq', 'value': 'x'}]},
            {'filters': [{'field': 'created_at', 'op': 'eq', 'value': 1}]},
        ):
            with self.subTest(str(wrong)):
                self.expect(
                    errors.BadRequest,
                    self.client.list_images,
                    callers.ALICE,
                    base.list_query(**wrong),
                )

    def test_update_image(self) -> None:
        image = self.create(properties={'a': '1', 'b': '2'}, tags=['x'])
        changes: contract.ImageChanges = {
            'row_version': image['row_version'],
            'values': {'name': 'new'},
            'properties': {'a': None, 'b': '3', 'c': '4'},
            'tags': ['y', 'z'],
        }
        updated = self.client.update_image(callers.ALICE, image['id'], changes)
        changed = self.client.get_image(callers.ALICE, image['id'])
        self.assertEqual('new', changed['name'])
        self.assertEqual({'b': '3', 'c': '4'}, changed['properties'])
        self.assertEqual({'y', 'z'}, set(changed['tags']))
        self.assertGreater(changed['row_version'], image['row_version'])
        for name, value in updated.items():
            self.assertEqual(value, dict(changed)[name])
        self.expect(
            errors.Busy,
            self.client.update_image,
            callers.ALICE,
            image['id'],
            changes,
        )
        again: contract.ImageChanges = {
            'row_version': changed['row_version'],
            'values': {},
            'properties': {'a': '5'},
        }
        self.client.update_image(callers.ALICE, image['id'], again)
        revived = self.client.get_image(callers.ALICE, image['id'])
        self.assertEqual('5', revived['properties']['a'])
        self.assertEqual({'y', 'z'}, set(revived['tags']))

    def test_a_property_may_become_null_and_stay(self) -> None:
        image = self.create(properties={'a': '1', 'b': '2', 'c': '3'})
        for changes, nulls, left in (
            ({'a': None, 'b': None, 'new': None}, ['a', 'new'], 'a c new'),
            ({'a': None, 'b': None}, ['b'], 'b c new'),
            ({'b': '5', 'new': None}, [], 'b c'),
        ):
            self.client.update_image(
                callers.ALICE,
                image['id'],
                {
                    'row_version': image['row_version'],
                    'values': {},
                    'properties': changes,
                    'nulls': nulls,
                },
            )
            image = self.client.get_image(callers.ALICE, image['id'])
            self.assertEqual(left.split(), sorted(image['properties']))
            for name in nulls:
                self.assertIsNone(image['properties'][name])
        self.assertEqual({'b': '5', 'c': '3'}, image['properties'])

    def test_delete_image(self) -> None:
        image = self.create()
        gone: contract.Expected = {'row_version': None}
        answer = self.client.delete_image(callers.ALICE, image['id'], gone)
        self.assertEqual(image['id'], answer['id'])
        self.expect(
            errors.NotFound, self.client.get_image, callers.ADMIN, image['id']
        )
        self.expect(
            errors.NotFound,
            self.client.delete_image,
            callers.ALICE,
            image['id'],
            gone,
        )
        kept = self.create(protected=True)
        self.expect(
            errors.Forbidden,
            self.client.delete_image,
            callers.ADMIN,
            kept['id'],
            gone,
        )
        self.expect(
            errors.PreconditionFailed,
            self.client.delete_image,
            callers.ALICE,
            self.create()['id'],
            {'row_version': 999},
        )

    def test_a_lost_answer_to_a_deletion(self) -> None:
        image = self.with_locations('a', 'b')
        gone: contract.Deletion = {'row_version': None}
        again: contract.Deletion = {**gone, 'repeats': image['row_version']}
        for wanted in (again, again):
            answer = self.client.delete_image(
                callers.ALICE, image['id'], wanted
            )
            self.assertEqual(
                ['a', 'b'], [place['url'] for place in answer['locations']]
            )
            self.assertEqual(contract.Image.__required_keys__, answer.keys())
        later: contract.Deletion = {**gone, 'repeats': 99}
        for wanted in (gone, later):
            self.expect(
                errors.NotFound,
                self.client.delete_image,
                callers.ALICE,
                image['id'],
                wanted,
            )

    def test_finish_deletion(self) -> None:
        image = self.with_locations('a', 'b')
        held: contract.Deletion = {'row_version': None, 'data': 'held'}
        for status, left, urls in (
            ('active', image['locations'], ['a', 'b']),
            ('deactivated', image['locations'][1:], ['b']),
        ):
            self.client.delete_image(callers.ALICE, image['id'], held)
            self.expect(
                errors.NotFound,
                self.client.get_image,
                callers.ADMIN,
                image['id'],
            )
            self.assertEqual(
                [], self.client.list_images(callers.ADMIN, base.list_query())
            )
            ids = [place['id'] for place in left]
            for _ in range(2):
                self.client.finish_deletion(
                    callers.ALICE, image['id'], {'status': status, 'ids': ids}
                )
            found = self.client.get_image(callers.ALICE, image['id'])
            self.assertEqual(status, found['status'])
            self.assertEqual(
                urls, [place['url'] for place in found['locations']]
            )
        self.client.delete_image(callers.ALICE, image['id'], held)
        for status in ('deleted', 'active', 'deleted'):
            self.client.finish_deletion(
                callers.ALICE, image['id'], {'status': status, 'ids': []}
            )
            self.expect(
                errors.NotFound,
                self.client.get_image,
                callers.ADMIN,
                image['id'],
            )

    def test_deactivate_image(self) -> None:
        anything: contract.Expected = {'row_version': None}
        image_id = self.create()['id']
        self.expect(
            errors.Forbidden,
            self.client.deactivate_image,
            callers.ALICE,
            image_id,
            anything,
        )
        self.claim(image_id, 't1')
        self.client.finish_upload(callers.ALICE, image_id, self.stored('t1'))
        for _ in range(2):
            self.client.deactivate_image(callers.ALICE, image_id, anything)
            image = self.client.get_image(callers.ALICE, image_id)
            self.assertEqual('deactivated', image['status'])

    def test_reactivate_image(self) -> None:
        anything: contract.Expected = {'row_version': None}
        image_id = self.create()['id']
        self.claim(image_id, 't1')
        self.client.finish_upload(callers.ALICE, image_id, self.stored('t1'))
        self.client.deactivate_image(callers.ALICE, image_id, anything)
        for _ in range(2):
            self.client.reactivate_image(callers.ALICE, image_id, anything)
            image = self.client.get_image(callers.ALICE, image_id)
            self.assertEqual('active', image['status'])

    def test_get_usage(self) -> None:
        self.create(owner='of usage')
        usage = self.client.get_usage(callers.ALICE, 'of usage')
        self.assertEqual(contract.Usage.__required_keys__, usage.keys())
        self.assertEqual(1, usage['images'])


class TestImagesMysql(TestImages):
    kind = 'mysql'


class TestImagesPostgresql(TestImages):
    kind = 'postgresql'
