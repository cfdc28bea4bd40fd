"""Formats and signatures in real daemons.

What is imported when a request first needs it is imported beside an event
loop here, and the inspectors run in the native thread of an upload.
"""

import concurrent.futures
import os
import pathlib
import unittest

from tests import disks
from tests import key_managers
from tests import signers
from tests.live import daemons

MIB = 1 << 20
DATA = os.urandom(3 * MIB)
UPLOADS = 16


class Inspection(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.vault = key_managers.Vault()
        cls.enterClassContext(cls.vault.running())
        cls.glance = daemons.Glance(
            api={
                'key_manager': {'backend': 'vault'},
                'vault': {
                    'vault_url': cls.vault.url,
                    'root_token_id': cls.vault.token,
                },
            },
            workers=1,
        )
        cls.addClassCleanup(cls.glance.stop)
        cls.glance.start()
        cls.signer = signers.Signer('ECC_SECP384R1')
        cls.certificate_id = cls.vault.add(cls.signer.certificate())

    def upload(self, image_id: str, data: bytes) -> tuple[int, bytes]:
        status, _, body = self.glance.request(
            'PUT',
            f'/v2/images/{image_id}/file',
            data,
            content_type='application/octet-stream',
        )
        return status, body

    def upload_signed(self, number: int) -> tuple[int, int]:
        """Every second image has the signature of other data."""
        signed = DATA if number % 2 else DATA[1:]
        properties = self.signer.properties(signed, self.certificate_id)
        status, _ = self.upload(self.glance.create(**properties), DATA)
        return number, status

    def test_signed_images_all_at_once(self) -> None:
        with concurrent.futures.ThreadPoolExecutor(UPLOADS) as pool:
            for number, status in pool.map(self.upload_signed, range(UPLOADS)):
                self.assertEqual(204 if number % 2 else 400, status)

    def test_data_of_another_format(self) -> None:
        before = self.glance.files()
        image_id = self.glance.create(disk_format='qcow2')
        for data in (disks.vdi(), DATA, disks.qcow2(features=4) + DATA):
            status, body = self.upload(image_id, data)
            self.assertEqual(415, status)
            self.assertIn(b'qcow2', body)
            image = self.glance.image(image_id)
            self.assertEqual(
                ('queued', None), (image['status'], image['size'])
            )
            self.assertEqual(before, self.glance.files())
        data = disks.qcow2(9 * MIB) + DATA
        self.assertEqual(204, self.upload(image_id, data)[0])
        image = self.glance.image(image_id)
        self.assertEqual(9 * MIB, image['virtual_size'])
        stored = pathlib.Path(self.glance.images, image_id)
        self.assertEqual(data, stored.read_bytes())

    def test_client_that_sends_on_hears_of_it(self) -> None:
        """The verdict comes at the end: no connection that just breaks."""
        image_id = self.glance.create(disk_format='vmdk')
        path = self.glance.directory / 'large'
        with path.open('wb') as file:
            file.truncate(200 * MIB)
        answer = daemons.curl(
            *('-T', path, '-w', '%{http_code}', '-H', 'Expect:'),
            *('-H', 'Content-Type: application/octet-stream'),
            f'{self.glance.api_url}/v2/images/{image_id}/file',
        )
        self.assertIn('disk_format is vmdk, but the data is raw', answer)
        self.assertTrue(answer.endswith('415'), answer)
