"""The real client on the real registry, operation by operation."""

from collections.abc import Callable
from typing import Any
import uuid

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from tests import base

DATA = {
    'size': 5,
    'virtual_size': None,
    'checksum': 'c' * 32,
    'os_hash_algo': 'sha512',
    'os_hash_value': 'f' * 128,
    'location': {'url': 'file:///somewhere/x', 'metadata': {'a': 'b'}},
}


def caller(project: str, **rest: Any) -> context.RequestContext:
    return context.RequestContext(
        project_id=project,
        roles=['member', 'reader'],
        overwrite=False,
        **rest,
    )


ALICE = caller('p1')
BOB = caller('p2')
ADMIN = caller('p-admin', is_admin=True)


class RegistryTestCase(base.ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.client: registry_client.RegistryClient = self.service.registry

    def create(
        self,
        asking: context.RequestContext = ALICE,
        properties: dict[str, str] | None = None,
        tags: list[str] | None = None,
        **values: Any,
    ) -> contract.Image:
        values.setdefault('owner', asking.project_id)
        values.setdefault('visibility', 'shared')
        return self.client.create_image(
            asking,
            {
                'id': str(uuid.uuid4()),
                'values': values,
                'properties': properties or {},
                'tags': tags or [],
            },
        )

    def claim(
        self, image_id: str, transfer: str, asking: Any = ALICE
    ) -> contract.Claimed:
        return self.client.claim_upload(
            asking,
            image_id,
            {'transfer_id': transfer, 'node': 'n', 'size': 5},
        )

    def stored(self, transfer: str) -> contract.Stored:
        return {'transfer_id': transfer, **DATA}  # type: ignore

    def query(self, **rest: Any) -> contract.ImageQuery:
        return {
            'limit': 10,
            'marker': None,
            'sort': [('created_at', 'desc'), ('id', 'desc')],
            'filters': [],
            'properties': [],
            'tags': [],
            'visibility': None,
            'member_status': 'accepted',
            'os_hidden': False,
            **rest,
        }  # type: ignore

    def expect(
        self, error: type[errors.Error], call: Callable[..., Any], *args: Any
    ) -> None:
        """Exactly this class comes back over the wire."""
        with self.assertRaises(errors.Error) as caught:
            call(*args)
        self.assertIs(error, type(caught.exception), caught.exception)


class TestOperations(RegistryTestCase):
    """One test per operation: ``test_<operation>`` is looked for below."""

    def test_every_operation_has_a_test_and_a_method(self) -> None:
        for name in contract.OPERATIONS:
            with self.subTest(name):
                self.assertTrue(hasattr(self, f'test_{name}'))
                self.assertTrue(hasattr(self.client, name))

    def test_every_operation_is_as_the_table_says(self) -> None:
        paths = [(o.method, o.path) for o in contract.OPERATIONS.values()]
        self.assertEqual(len(paths), len(set(paths)))
        for operation in contract.OPERATIONS.values():
            self.assertTrue(operation.path.startswith('/v1/'))

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
        self.expect(errors.Duplicate, self.client.create_image, BOB, taken)

    def test_get_image(self) -> None:
        image = self.create(visibility='private')
        found = self.client.get_image(ALICE, image['id'])
        self.assertEqual(image, found)
        self.assertEqual(image, self.client.get_image(ADMIN, image['id']))
        self.expect(errors.NotFound, self.client.get_image, BOB, image['id'])
        for odd in ('nothing', '..', 'a/b', 'ü', 'x' * 1000, ' ', '%2e'):
            with self.subTest(odd):
                self.expect(errors.NotFound, self.client.get_image, ADMIN, odd)

    def test_list_images(self) -> None:
        first, second = self.create(name='a'), self.create(name='b')
        query = self.query(sort=[('name', 'asc'), ('id', 'asc')])
        self.assertEqual(
            [first, second], self.client.list_images(ALICE, query)
        )
        self.assertEqual([], self.client.list_images(BOB, query))
        query['marker'] = first['id']
        self.assertEqual([second], self.client.list_images(ALICE, query))
        self.expect(errors.InvalidMarker, self.client.list_images, BOB, query)
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
                    ALICE,
                    self.query(**wrong),
                )

    def test_update_image(self) -> None:
        image = self.create(properties={'a': '1', 'b': '2'}, tags=['x'])
        changes: contract.ImageChanges = {
            'row_version': image['row_version'],
            'values': {'name': 'new'},
            'properties': {'a': None, 'b': '3', 'c': '4'},
            'tags': ['y', 'z'],
        }
        updated = self.client.update_image(ALICE, image['id'], changes)
        changed = self.client.get_image(ALICE, image['id'])
        self.assertEqual('new', changed['name'])
        self.assertEqual({'b': '3', 'c': '4'}, changed['properties'])
        self.assertEqual({'y', 'z'}, set(changed['tags']))
        self.assertGreater(changed['row_version'], image['row_version'])
        for name, value in updated.items():
            self.assertEqual(value, dict(changed)[name])
        self.expect(
            errors.Busy, self.client.update_image, ALICE, image['id'], changes
        )
        again: contract.ImageChanges = {
            'row_version': changed['row_version'],
            'values': {},
            'properties': {'a': '5'},
        }
        self.client.update_image(ALICE, image['id'], again)
        revived = self.client.get_image(ALICE, image['id'])
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
                ALICE,
                image['id'],
                {
                    'row_version': image['row_version'],
                    'values': {},
                    'properties': changes,
                    'nulls': nulls,
                },
            )
            image = self.client.get_image(ALICE, image['id'])
            self.assertEqual(left.split(), sorted(image['properties']))
            for name in nulls:
                self.assertIsNone(image['properties'][name])
        self.assertEqual({'b': '5', 'c': '3'}, image['properties'])

    def test_delete_image(self) -> None:
        image = self.create()
        gone: contract.Expected = {'row_version': None}
        answer = self.client.delete_image(ALICE, image['id'], gone)
        self.assertEqual(image['id'], answer['id'])
        self.expect(errors.NotFound, self.client.get_image, ADMIN, image['id'])
        self.expect(
            errors.NotFound,
            self.client.delete_image,
            ALICE,
            image['id'],
            gone,
        )
        kept = self.create(protected=True)
        self.expect(
            errors.Forbidden,
            self.client.delete_image,
            ADMIN,
            kept['id'],
            gone,
        )
        self.expect(
            errors.PreconditionFailed,
            self.client.delete_image,
            ALICE,
            self.create()['id'],
            {'row_version': 999},
        )

    def test_a_lost_answer_to_a_deletion(self) -> None:
        image = self.with_locations('a', 'b')
        gone: contract.Deletion = {'row_version': None}
        again: contract.Deletion = {**gone, 'repeats': image['row_version']}
        for wanted in (again, again):
            answer = self.client.delete_image(ALICE, image['id'], wanted)
            self.assertEqual(
                ['a', 'b'], [place['url'] for place in answer['locations']]
            )
            self.assertEqual(contract.Image.__required_keys__, answer.keys())
        later: contract.Deletion = {**gone, 'repeats': 99}
        for wanted in (gone, later):
            self.expect(
                errors.NotFound,
                self.client.delete_image,
                ALICE,
                image['id'],
                wanted,
            )

    def test_settle_deletion(self) -> None:
        image = self.with_locations('a', 'b')
        held: contract.Deletion = {'row_version': None, 'data': 'held'}
        for status, left, urls in (
            ('active', image['locations'], ['a', 'b']),
            ('deactivated', image['locations'][1:], ['b']),
        ):
            self.client.delete_image(ALICE, image['id'], held)
            self.expect(
                errors.NotFound, self.client.get_image, ADMIN, image['id']
            )
            self.assertEqual([], self.client.list_images(ADMIN, self.query()))
            ids = [place['id'] for place in left]
            for _ in range(2):
                self.client.settle_deletion(
                    ALICE, image['id'], {'status': status, 'ids': ids}
                )
            found = self.client.get_image(ALICE, image['id'])
            self.assertEqual(status, found['status'])
            self.assertEqual(
                urls, [place['url'] for place in found['locations']]
            )
        self.client.delete_image(ALICE, image['id'], held)
        for status in ('deleted', 'active', 'deleted'):
            self.client.settle_deletion(
                ALICE, image['id'], {'status': status, 'ids': []}
            )
            self.expect(
                errors.NotFound, self.client.get_image, ADMIN, image['id']
            )

    def test_claim_upload(self) -> None:
        image_id = self.create()['id']
        claimed = self.claim(image_id, 't1')
        self.assertEqual('saving', claimed['image']['status'])
        self.assertGreater(claimed['lease_seconds'], 0)
        again = self.claim(image_id, 't1')
        self.assertEqual('saving', again['image']['status'])
        self.expect(errors.Conflict, self.claim, image_id, 't2')
        self.expect(errors.NotFound, self.claim, 'nothing', 't3')

    def test_finish_upload(self) -> None:
        image_id = self.create()['id']
        self.claim(image_id, 't1')
        image = self.client.finish_upload(ALICE, image_id, self.stored('t1'))
        self.assertEqual('active', image['status'])
        for name in ('size', 'checksum', 'os_hash_algo', 'os_hash_value'):
            self.assertEqual(DATA[name], image[name])  # type: ignore
        location = image['locations'][0]
        self.assertEqual('file:///somewhere/x', location['url'])
        self.assertEqual({'a': 'b'}, location['metadata'])
        repeated = self.client.finish_upload(
            ALICE, image_id, self.stored('t1')
        )
        self.assertEqual(image, repeated)
        self.expect(
            errors.Conflict,
            self.client.finish_upload,
            ALICE,
            self.create()['id'],
            self.stored('t9'),
        )

    def test_abandon_upload(self) -> None:
        image_id = self.create()['id']
        self.claim(image_id, 't1')
        for _ in range(2):
            unused = self.client.abandon_upload(
                ALICE, image_id, {'transfer_id': 't1'}
            )
            self.assertTrue(unused)
        image = self.client.get_image(ALICE, image_id)
        self.assertEqual('queued', image['status'])
        self.claim(image_id, 't2')
        self.client.finish_upload(ALICE, image_id, self.stored('t2'))
        unused = self.client.abandon_upload(
            ALICE, image_id, {'transfer_id': 't2'}
        )
        self.assertFalse(unused)
        image = self.client.get_image(ALICE, image_id)
        self.assertEqual('active', image['status'])

    def claim_location(self, image_id: str, transfer: str) -> contract.Claimed:
        return self.client.claim_location(
            ALICE, image_id, {'transfer_id': transfer, 'node': 'n', 'size': 0}
        )

    def test_claim_location(self) -> None:
        image_id = self.create()['id']
        for _ in range(2):
            claimed = self.claim_location(image_id, 't1')
            self.assertEqual('importing', claimed['image']['status'])
        self.expect(errors.Conflict, self.claim_location, image_id, 't2')
        self.expect(errors.Conflict, self.claim, image_id, 't3')
        self.client.abandon_upload(
            ALICE, image_id, {'transfer_id': 't1', 'reason': 'It is Monday.'}
        )
        image = self.client.get_image(ALICE, image_id)
        self.assertEqual('queued', image['status'])
        reason = {'os_glance_failed_reason': 'It is Monday.'}
        self.assertEqual(reason, image['properties'])
        self.claim_location(image_id, 't2')
        image = self.client.get_image(ALICE, image_id)
        self.assertEqual({}, image['properties'])

    def registered(self, transfer: str, then: str | None = None) -> Any:
        hashes = dict.fromkeys(('checksum', 'os_hash_algo', 'os_hash_value'))
        claim = {'transfer_id': then, 'node': 'n', 'size': None}
        return {
            **self.stored(transfer),
            **hashes,
            'then_hash': claim if then else None,
        }

    def test_finish_location(self) -> None:
        image_id = self.create()['id']
        self.claim_location(image_id, 't1')
        document = self.registered('t1', 't2')
        for _ in range(2):
            answer = self.client.finish_location(ALICE, image_id, document)
            self.assertGreater(answer['lease_seconds'], 0)
        image = self.client.get_image(ALICE, image_id)
        self.assertEqual('active', image['status'])
        self.assertEqual(5, image['size'])
        self.assertIsNone(image['os_hash_value'])
        self.assertEqual('file:///somewhere/x', image['locations'][0]['url'])
        self.expect(
            errors.Conflict,
            self.client.finish_location,
            ALICE,
            self.create()['id'],
            document,
        )

    def test_finish_hash(self) -> None:
        image_id = self.create()['id']
        self.claim_location(image_id, 't1')
        self.client.finish_location(
            ALICE, image_id, self.registered('t1', 't2')
        )
        hashed: contract.Hashed = {
            'transfer_id': 't2',
            'checksum': 'c' * 32,
            'os_hash_algo': 'sha512',
            'os_hash_value': 'f' * 128,
        }
        self.client.finish_hash(ALICE, image_id, hashed)
        image = self.client.get_image(ALICE, image_id)
        self.assertEqual('c' * 32, image['checksum'])
        self.assertEqual('f' * 128, image['os_hash_value'])
        late: contract.Hashed = {**hashed, 'os_hash_value': 'e' * 128}
        self.expect(
            errors.Conflict, self.client.finish_hash, ALICE, image_id, late
        )
        self.assertEqual(image, self.client.get_image(ALICE, image_id))
        self.expect(
            errors.NotFound, self.client.finish_hash, ALICE, 'none', late
        )

    def test_a_deletion_ends_the_hashing(self) -> None:
        image_id = self.create()['id']
        self.claim_location(image_id, 't1')
        self.client.finish_location(
            ALICE, image_id, self.registered('t1', 't2')
        )
        renewal: contract.Renewal = {'transfers': {'t2': 1}}
        renewed = self.client.renew_transfers(ALICE, renewal)
        self.assertEqual({'lost': [], 'deleted': []}, renewed)
        self.client.delete_image(ALICE, image_id, {'row_version': None})
        renewed = self.client.renew_transfers(ALICE, renewal)
        self.assertEqual({'lost': [], 'deleted': ['t2']}, renewed)

    def with_locations(self, *names: str) -> contract.Image:
        image_id = self.create()['id']
        return self.change_locations(
            self.client.get_image(ALICE, image_id),
            [{'url': name, 'metadata': {'of': name}} for name in names],
        )

    def change_locations(
        self,
        image: contract.Image,
        wanted: list[contract.Location],
        pending: list[int] | None = None,
    ) -> contract.Image:
        self.client.update_image(
            ALICE,
            image['id'],
            {
                'row_version': image['row_version'],
                'values': {},
                'properties': {},
                'locations': wanted,
                'pending': pending or [],
            },
        )
        return self.client.get_image(ALICE, image['id'])

    def test_locations_keep_their_order(self) -> None:
        image = self.with_locations('a', 'b', 'c')
        self.assertEqual('active', image['status'])
        for order in ('cab', 'acb', 'ab', 'ba', 'b'):
            known = {place['url']: place for place in image['locations']}
            wanted = [known[name] for name in order]
            image = self.change_locations(image, wanted)
            self.assertEqual(
                [(name, {'of': name}) for name in order],
                [(p['url'], p['metadata']) for p in image['locations']],
            )

    def test_locations_of_a_claimed_image_stay(self) -> None:
        image_id = self.create()['id']
        self.claim(image_id, 't1')
        image = self.client.get_image(ALICE, image_id)
        place: contract.Location = {'url': 'x', 'metadata': {}}
        self.expect(errors.Busy, self.change_locations, image, [place])

    def test_settle_locations(self) -> None:
        image = self.with_locations('a', 'b')
        first, second = image['locations']
        for restore, left in ((True, ['a', 'b']), (False, ['b'])):
            image = self.change_locations(image, [second], [first['id']])
            self.assertEqual([second], image['locations'])
            for _ in range(2):
                self.client.settle_locations(
                    ALICE, image['id'], [first['id']], restore
                )
            image = self.client.get_image(ALICE, image['id'])
            urls = [place['url'] for place in image['locations']]
            self.assertEqual(left, urls)
        # What is not pending is not touched.
        self.client.settle_locations(ALICE, image['id'], [second['id']], False)
        self.assertEqual(image, self.client.get_image(ALICE, image['id']))

    def test_renew_transfers(self) -> None:
        image_id = self.create()['id']
        self.claim(image_id, 't1')
        ending = self.client.renew_transfers(
            ALICE, {'transfers': {'t1': 3, 'never': 1}}
        )
        self.assertEqual(['never'], ending['lost'])

    def test_get_usage(self) -> None:
        self.create(owner='of usage')
        usage = self.client.get_usage(ALICE, 'of usage')
        self.assertEqual(contract.Usage.__required_keys__, usage.keys())
        self.assertEqual(1, usage['images'])

    def test_deactivate_image(self) -> None:
        anything: contract.Expected = {'row_version': None}
        image_id = self.create()['id']
        self.expect(
            errors.Forbidden,
            self.client.deactivate_image,
            ALICE,
            image_id,
            anything,
        )
        self.claim(image_id, 't1')
        self.client.finish_upload(ALICE, image_id, self.stored('t1'))
        for _ in range(2):
            self.client.deactivate_image(ALICE, image_id, anything)
            image = self.client.get_image(ALICE, image_id)
            self.assertEqual('deactivated', image['status'])

    def test_reactivate_image(self) -> None:
        anything: contract.Expected = {'row_version': None}
        image_id = self.create()['id']
        self.claim(image_id, 't1')
        self.client.finish_upload(ALICE, image_id, self.stored('t1'))
        self.client.deactivate_image(ALICE, image_id, anything)
        for _ in range(2):
            self.client.reactivate_image(ALICE, image_id, anything)
            image = self.client.get_image(ALICE, image_id)
            self.assertEqual('active', image['status'])

    def test_add_tag(self) -> None:
        image_id = self.create()['id']
        for tag in ('a', 'é %2F', 'a'):
            self.client.add_tag(ALICE, image_id, tag, 2)
        self.expect(
            errors.LimitExceeded,
            self.client.add_tag,
            ALICE,
            image_id,
            'c',
            2,
        )
        self.client.add_tag(ALICE, image_id, 'c', -1)
        image = self.client.get_image(ALICE, image_id)
        self.assertEqual({'a', 'c', 'é %2F'}, set(image['tags']))
        self.expect(
            errors.NotFound, self.client.add_tag, ALICE, 'none', 'x', -1
        )

    def test_delete_tag(self) -> None:
        image_id = self.create(tags=['a', 'é'])['id']
        self.client.delete_tag(ALICE, image_id, 'é')
        self.assertEqual(['a'], self.client.get_image(ALICE, image_id)['tags'])
        self.expect(
            errors.NotFound, self.client.delete_tag, ALICE, image_id, 'é'
        )

    def test_create_member(self) -> None:
        image_id = self.create()['id']
        new: contract.NewMember = {'member': 'p2', 'quota': 1}
        member = self.client.create_member(ALICE, image_id, new)
        self.assertEqual(contract.Member.__required_keys__, member.keys())
        self.assertEqual('pending', member['status'])
        create = self.client.create_member
        self.expect(errors.Duplicate, create, ALICE, image_id, new)
        more: contract.NewMember = {'member': 'p3', 'quota': 1}
        self.expect(errors.LimitExceeded, create, ALICE, image_id, more)
        private = self.create(visibility='private')['id']
        self.expect(errors.Forbidden, create, ALICE, private, new)
        self.expect(errors.NotFound, create, BOB, private, new)

    def test_list_members(self) -> None:
        image_id = self.create()['id']
        for project in ('p2', 'p3'):
            self.client.create_member(
                ALICE, image_id, {'member': project, 'quota': -1}
            )
        for asking, seen, member in (
            (ALICE, ['p2', 'p3'], None),
            (ADMIN, ['p2', 'p3'], None),
            (BOB, ['p2'], 'p2'),
        ):
            found = self.client.list_members(asking, image_id)
            self.assertEqual(seen, [m['member_id'] for m in found['members']])
            self.assertEqual(member, found['image']['member'])
        self.expect(
            errors.NotFound, self.client.list_members, caller('p9'), image_id
        )

    def test_update_member(self) -> None:
        image_id = self.create()['id']
        self.client.create_member(
            ALICE, image_id, {'member': 'p2', 'quota': -1}
        )
        update = self.client.update_member
        for status in ('accepted', 'rejected', 'pending'):
            changed = update(BOB, image_id, 'p2', status)
            self.assertEqual(status, changed['status'])
        self.expect(errors.BadRequest, update, BOB, image_id, 'p2', 'maybe')
        self.expect(errors.NotFound, update, ADMIN, image_id, 'p9', 'pending')

    def test_delete_member(self) -> None:
        image_id = self.create()['id']
        self.client.create_member(
            ALICE, image_id, {'member': 'a/b', 'quota': -1}
        )
        delete = self.client.delete_member
        # A slash cannot be part of a path's segment.
        self.expect(errors.NotFound, delete, ALICE, image_id, 'a/b')
        self.client.create_member(
            ALICE, image_id, {'member': 'p2', 'quota': -1}
        )
        delete(ALICE, image_id, 'p2')
        self.expect(errors.NotFound, delete, ALICE, image_id, 'p2')
        self.expect(errors.NotFound, self.client.get_image, BOB, image_id)


class TestWire(RegistryTestCase):
    """What crosses besides documents."""

    def test_every_error_of_the_family_comes_back_as_itself(self) -> None:
        for code, error in errors.BY_CODE.items():
            answer = registry_client.Answer(
                error.status,
                b'{"error": {"code": "%s", "message": "m"}}' % code.encode(),
            )
            client = registry_client.RegistryClient(_Fixed(answer))
            with self.subTest(code):
                expected = error
                if error.status == 401:
                    expected = errors.Unauthorized
                elif error.status == 500:
                    expected = errors.RegistryUnavailable
                self.expect(expected, client.get_image, ALICE, 'x')

    def test_the_request_id_crosses(self) -> None:
        wire = _Fixed(registry_client.Answer(204, b''))
        client = registry_client.RegistryClient(wire)
        asking = caller('p1', request_id='req-abc')
        client.delete_tag(asking, 'x', 'y')
        self.assertEqual('req-abc', wire.headers[context.REQUEST_ID])

    def test_a_token_crosses_or_the_identity_does(self) -> None:
        asking = caller('p1', auth_token='t0', user_id='u1')
        for send_identity, present, absent in (
            (True, 'X-Project-Id', 'X-Auth-Token'),
            (False, 'X-Auth-Token', 'X-Project-Id'),
        ):
            wire = _Fixed(registry_client.Answer(204, b''))
            client = registry_client.RegistryClient(
                wire, send_identity_headers=send_identity, secret=base.SECRET
            )
            client.delete_tag(asking, 'x', 'y')
            self.assertIn(present, wire.headers)
            self.assertNotIn(absent, wire.headers)

    def test_a_refused_service_token_is_renewed_once(self) -> None:
        wire = _Fixed(registry_client.Answer(401, b''))
        renewals = []

        def token(renew: bool) -> str:
            renewals.append(renew)
            return 'token'

        client = registry_client.RegistryClient(wire, service_token=token)
        self.expect(errors.Unauthorized, client.get_image, ALICE, 'x')
        self.assertEqual([False, True], renewals)
        self.assertEqual('token', wire.headers['X-Service-Token'])

    def test_names_are_one_segment_of_the_path(self) -> None:
        wire = _Fixed(registry_client.Answer(204, b''))
        client = registry_client.RegistryClient(wire)
        client.delete_tag(ALICE, '../x', 'a/b?c#d%')
        self.assertEqual('/v1/images/..%2Fx/tags/a%2Fb%3Fc%23d%25', wire.path)


class _Fixed:
    """A transport with one answer, which remembers the request."""

    def __init__(self, answer: registry_client.Answer) -> None:
        self._answer = answer
        self.headers: dict[str, str] = {}
        self.path = ''

    def send(
        self, _method: str, path: str, headers: dict[str, str], *_rest: Any
    ) -> registry_client.Answer:
        self.path, self.headers = path, headers
        return self._answer
