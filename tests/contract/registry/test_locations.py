"""Locations: registered, hashed, reordered, removed."""

from glance.common import contract
from glance.common import errors
from tests.contract.registry import callers


class TestLocations(callers.RegistryTestCase):
    def test_claim_location(self) -> None:
        image_id = self.create()['id']
        for _ in range(2):
            claimed = self.claim_location(image_id, 't1')
            self.assertEqual('importing', claimed['image']['status'])
        self.expect(errors.Conflict, self.claim_location, image_id, 't2')
        self.expect(errors.Conflict, self.claim, image_id, 't3')
        self.client.abandon_upload(
            callers.ALICE,
            image_id,
            {'transfer_id': 't1', 'reason': 'It is Monday.'},
        )
        image = self.client.get_image(callers.ALICE, image_id)
        self.assertEqual('queued', image['status'])
        reason = {'os_glance_failed_reason': 'It is Monday.'}
        self.assertEqual(reason, image['properties'])
        self.claim_location(image_id, 't2')
        image = self.client.get_image(callers.ALICE, image_id)
        self.assertEqual({}, image['properties'])

    def test_finish_location(self) -> None:
        image_id = self.create()['id']
        self.claim_location(image_id, 't1')
        document = self.registered('t1', 't2')
        for _ in range(2):
            answer = self.client.finish_location(
                callers.ALICE, image_id, document
            )
            self.assertGreater(answer['lease_seconds'], 0)
        image = self.client.get_image(callers.ALICE, image_id)
        self.assertEqual('active', image['status'])
        self.assertEqual(5, image['size'])
        self.assertIsNone(image['os_hash_value'])
        self.assertEqual('file:///somewhere/x', image['locations'][0]['url'])
        self.expect(
            errors.Conflict,
            self.client.finish_location,
            callers.ALICE,
            self.create()['id'],
            document,
        )

    def test_finish_hash(self) -> None:
        image_id = self.create()['id']
        self.claim_location(image_id, 't1')
        self.client.finish_location(
            callers.ALICE, image_id, self.registered('t1', 't2')
        )
        hashed: contract.Hashed = {
            'transfer_id': 't2',
            'checksum': 'c' * 32,
            'os_hash_algo': 'sha512',
            'os_hash_value': 'f' * 128,
        }
        self.client.finish_hash(callers.ALICE, image_id, hashed)
        image = self.client.get_image(callers.ALICE, image_id)
        self.assertEqual('c' * 32, image['checksum'])
        self.assertEqual('f' * 128, image['os_hash_value'])
        late: contract.Hashed = {**hashed, 'os_hash_value': 'e' * 128}
        self.expect(
            errors.Conflict,
            self.client.finish_hash,
            callers.ALICE,
            image_id,
            late,
        )
        self.assertEqual(image, self.client.get_image(callers.ALICE, image_id))
        self.expect(
            errors.NotFound,
            self.client.finish_hash,
            callers.ALICE,
            'none',
            late,
        )

    def test_a_deletion_ends_the_hashing(self) -> None:
        image_id = self.create()['id']
        self.claim_location(image_id, 't1')
        self.client.finish_location(
            callers.ALICE, image_id, self.registered('t1', 't2')
        )
        renewal: contract.Renewal = {'transfers': {'t2': 1}}
        renewed = self.client.renew_transfers(callers.ALICE, renewal)
        self.assertEqual({'lost': [], 'deleted': []}, renewed)
        self.client.delete_image(
            callers.ALICE, image_id, {'row_version': None}
        )
        renewed = self.client.renew_transfers(callers.ALICE, renewal)
        self.assertEqual({'lost': [], 'deleted': ['t2']}, renewed)

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
        image = self.client.get_image(callers.ALICE, image_id)
        place: contract.Location = {'url': 'x', 'metadata': {}}
        self.expect(errors.Busy, self.change_locations, image, [place])

    def test_finish_location_removal(self) -> None:
        image = self.with_locations('a', 'b')
        first, second = image['locations']
        for restore, left in ((True, ['a', 'b']), (False, ['b'])):
            image = self.change_locations(image, [second], [first['id']])
            self.assertEqual([second], image['locations'])
            for _ in range(2):
                self.client.finish_location_removal(
                    callers.ALICE, image['id'], [first['id']], restore
                )
            image = self.client.get_image(callers.ALICE, image['id'])
            urls = [place['url'] for place in image['locations']]
            self.assertEqual(left, urls)
        # Locations that are not pending are not changed.
        self.client.finish_location_removal(
            callers.ALICE, image['id'], [second['id']], False
        )
        self.assertEqual(
            image, self.client.get_image(callers.ALICE, image['id'])
        )


class TestLocationsMysql(TestLocations):
    kind = 'mysql'


class TestLocationsPostgresql(TestLocations):
    kind = 'postgresql'
