"""Uploads: claimed, kept alive, finished or abandoned."""

from glance.common import contract
from glance.common import errors
from tests.contract.registry import callers


class TestUploads(callers.RegistryTestCase):
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
        image = self.client.finish_upload(
            callers.ALICE, image_id, self.stored('t1')
        )
        self.assertEqual('active', image['status'])
        for name in ('size', 'checksum', 'os_hash_algo', 'os_hash_value'):
            self.assertEqual(callers.DATA[name], image[name])  # type: ignore
        location = image['locations'][0]
        self.assertEqual('file:///somewhere/x', location['url'])
        self.assertEqual({'a': 'b'}, location['metadata'])
        repeated = self.client.finish_upload(
            callers.ALICE, image_id, self.stored('t1')
        )
        self.assertEqual(image, repeated)
        self.expect(
            errors.Conflict,
            self.client.finish_upload,
            callers.ALICE,
            self.create()['id'],
            self.stored('t9'),
        )

    def test_finish_upload_to_several_stores(self) -> None:
        image_id = self.create()['id']
        self.claim(image_id, 't1')
        stored = self.stored('t1')
        stored['further_locations'] = [
            {'url': 'file:///elsewhere/x', 'metadata': {}}
        ]
        image = self.client.finish_upload(callers.ALICE, image_id, stored)
        self.assertEqual(
            ['file:///somewhere/x', 'file:///elsewhere/x'],
            [location['url'] for location in image['locations']],
        )

    def test_abandon_upload(self) -> None:
        image_id = self.create()['id']
        self.claim(image_id, 't1')
        for _ in range(2):
            ended = self.client.abandon_upload(
                callers.ALICE, image_id, {'transfer_id': 't1'}
            )
            self.assertEqual(
                {'data_is_unused': True, 'status': 'queued'}, ended
            )
        image = self.client.get_image(callers.ALICE, image_id)
        self.assertEqual('queued', image['status'])
        self.claim(image_id, 't2')
        self.client.finish_upload(callers.ALICE, image_id, self.stored('t2'))
        ended = self.client.abandon_upload(
            callers.ALICE, image_id, {'transfer_id': 't2'}
        )
        self.assertEqual({'data_is_unused': False, 'status': 'active'}, ended)
        image = self.client.get_image(callers.ALICE, image_id)
        self.assertEqual('active', image['status'])

    def test_abandon_upload_of_a_deleted_image(self) -> None:
        image_id = self.create()['id']
        self.claim(image_id, 't1')
        gone: contract.Expected = {'row_version': None}
        self.client.delete_image(callers.ALICE, image_id, gone)
        ended = self.client.abandon_upload(
            callers.ALICE, image_id, {'transfer_id': 't1'}
        )
        self.assertEqual({'data_is_unused': True, 'status': None}, ended)

    def test_renew_transfers(self) -> None:
        image_id = self.create()['id']
        self.claim(image_id, 't1')
        ending = self.client.renew_transfers(
            callers.ALICE, {'transfers': {'t1': 3, 'never': 1}}
        )
        self.assertEqual(['never'], ending['lost'])


class TestUploadsMysql(TestUploads):
    kind = 'mysql'


class TestUploadsPostgresql(TestUploads):
    kind = 'postgresql'
