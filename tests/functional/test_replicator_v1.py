"""glance-replicator between two services that speak API v1."""

import time
from typing import Any
from unittest import mock

from glance.cmd.replicator import copying
from tests.functional import test_replicator

DATA = test_replicator.DATA
WAIT_SECONDS = 120.0


class ReplicatorV1Test(test_replicator.ReplicatorTestCase):
    def run_it(self, *argv: str, code: int = 0) -> str:
        return super().run_it('--api-version', '1', *argv, code=code)

    def load(self, code: int = 0) -> str:
        return self.run_it(
            'load', self.at_target.url, str(self.dump), code=code
        )

    def copy(self, image_id: str) -> dict[str, Any]:
        """The copy, as API v2 shows it."""
        with self.serving(self.target):
            self.assertEqual(DATA, self.data(image_id, caller='admin'))
            path = f'/v2/images/{image_id}/members'
            members = self.call('GET', path, caller='admin').json['members']
            found = self.show(image_id, caller='admin')
        self.assertEqual(
            ['p2', 'p3'], sorted(each['member_id'] for each in members)
        )
        return found

    def assert_equal(self, image_id: str) -> None:
        before, after = (
            self.show(image_id, caller='admin'),
            self.copy(image_id),
        )
        different = {'created_at', 'updated_at', 'tags', 'os_hash_value'}
        for name in before.keys() - different:
            self.assertEqual(before[name], after[name], name)

    def assert_only_v1(self) -> None:
        for served in (self.at_source, self.at_target):
            for request in served.requests:
                self.assertIn(' /v1/', f' {request[1]}', request)

    def test_livecopy(self) -> None:
        ids = [self.make(), self.make(protected=True, os_note='ä €')]
        self.livecopy()
        for image_id in ids:
            self.assert_equal(image_id)
        self.at_target.requests.clear()
        self.assertEqual('', self.livecopy())
        self.assertEqual([], self.at_target.writes())
        urls = (self.at_source.url, self.at_target.url)
        lines = self.run_it('compare', *urls).splitlines()
        expected = {f'{image_id}: equal' for image_id in ids}
        self.assertEqual(expected, set(lines))
        self.assert_only_v1()

    def test_what_has_changed_is_completed(self) -> None:
        image_id = self.make()
        self.livecopy()
        self.patch(image_id, {'op': 'add', 'path': '/Os-Kind', 'value': 'x'})
        self.assertIn('changed os_kind', self.livecopy())
        self.assertEqual('', self.livecopy())
        copy = self.copy(image_id)
        self.assertEqual(('x', 'r 1'), (copy['os_kind'], copy['site_rack']))

    def test_dump_and_load(self) -> None:
        image_id = self.make()
        self.run_it('dump', self.at_source.url, str(self.dump))
        self.load()
        self.assert_equal(image_id)
        self.assertEqual('', self.load())

    def test_a_dump_of_api_v2(self) -> None:
        """It has tags, which API v1 cannot express."""
        image_id = self.make()
        super().run_it('dump', self.at_source.url, str(self.dump))
        self.load()
        self.assert_equal(image_id)
        self.assertEqual('', self.load())

    def test_an_image_without_a_byte(self) -> None:
        image_id = self.image()
        self.upload(image_id, b'')
        self.livecopy()
        with self.serving(self.target):
            copy = self.show(image_id, caller='admin')
        self.assertEqual(('active', 0), (copy['status'], copy['size']))

    def test_size(self) -> None:
        self.make()
        out = self.run_it('size', self.at_source.url)
        self.assertEqual(f'1 images, {len(DATA)} bytes (64.0 KiB)\n', out)

    def test_more_than_a_page(self) -> None:
        for _ in range(3):
            self.make()
        with mock.patch('glance.cmd.replicator.service_v1._PAGE', 2):
            out = self.run_it('size', self.at_source.url)
        self.assertIn('3 images', out)

    def test_an_upload_that_broke_off_is_reported(self) -> None:
        image_id = self.make()
        with mock.patch.object(
            copying.documents.Digest,
            'check',
            side_effect=copying.documents.DamagedError('cut off'),
        ):
            self.assertIn('cut off', self.livecopy(code=1))
        # The target notices it after the client; until then it is queued for
        # a moment, and a copy would be refused.
        self.wait_until_killed(image_id)
        self.assertIn('was interrupted', self.livecopy(code=1))

    def wait_until_killed(self, image_id: str) -> None:
        end = time.monotonic() + WAIT_SECONDS
        status = None
        while status != 'killed':
            self.assertLess(time.monotonic(), end, status)
            time.sleep(0.01)
            with self.serving(self.target):
                found = self.call(
                    'HEAD', f'/v1/images/{image_id}', caller='admin'
                )
            status = found.headers['x-image-meta-status']

    def test_an_image_that_is_deactivated_is_reported(self) -> None:
        image_id = self.make()
        path = f'/v2/images/{image_id}/actions/deactivate'
        self.assert_status(204, self.call('POST', path, caller='admin'))
        self.assertIn(f'{image_id}: FAILED', self.livecopy(code=1))
