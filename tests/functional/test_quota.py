"""Limits on the bytes of an image and of a project."""

from collections.abc import Callable
import threading
from typing import Any
from unittest import mock

from oslo_config import cfg

from glance.api import conf as api_conf
from glance.images import streams
from glance.images import transfers
from tests import base

KIB = 1024


class TestCap(base.ServiceTestCase):
    """OSSA-2014-028."""

    # covers 8.1-12

    api_options = {'image_size_cap': 10 * KIB}

    def assert_refused(self, image_id: str, response: Any) -> None:
        self.assert_status(413, response)
        self.assertNotIn('Retry-After', response.headers)
        self.assertEqual('queued', self.show(image_id)['status'])
        self.assertEqual([], self.files())

    def test_an_announced_size_is_refused_before_it_is_read(self) -> None:
        image_id, source = self.image(), base.Source(b'x' * 20 * KIB)
        response = self.put(image_id, source, length=20 * KIB)
        self.assert_refused(image_id, response)
        self.assertEqual(0, source.bytes_read)

    def test_a_chunked_body_is_cut(self) -> None:
        image_id = self.image()
        source = base.Source(*[b'x' * KIB] * 11)
        self.assert_refused(image_id, self.put(image_id, source))

    def test_a_size_in_a_header_does_not_hide_more(self) -> None:
        image_id = self.image()
        response = self.put(
            image_id,
            base.Source(*[b'x' * KIB] * 11),
            headers={'x-openstack-image-size': '10'},
        )
        self.assertIn(response.status_int, (400, 413))
        self.assertEqual([], self.files())

    def test_data_that_is_there_comes_first(self) -> None:
        """The state of the image is checked before its size."""
        image_id = self.image(data=b'x')
        source = base.Source(b'x' * 20 * KIB)
        response = self.put(image_id, source, length=20 * KIB)
        self.assert_status(409, response)

    def test_the_cap_itself_fits(self) -> None:
        image_id = self.image()
        response = self.put(image_id, base.Source(b'x' * 10 * KIB))
        self.assert_status(204, response)


class TestAnnounced(base.ServiceTestCase):
    def test_reading_ends_with_the_first_byte_too_many(self) -> None:
        """Otherwise an upload could exceed the quota with a wrong length."""
        image_id = self.image()
        pieces = [b'x' * (1 << 20)] * 64
        source = base.Source(*pieces)
        response = self.put(
            image_id, source, headers={'x-openstack-image-size': '10'}
        )
        self.assert_status(400, response)
        self.assertLessEqual(source.bytes_read, 4 << 20)
        self.assertEqual('queued', self.show(image_id)['status'])


class TestStorageQuota(base.ServiceTestCase):
    # covers 8.1-22, 18-7
    api_options = {'user_storage_quota': '100KB'}

    def assert_refused(self, image_id: str, response: Any) -> None:
        self.assert_status(413, response)
        self.assertIn('quota', response.text)
        self.assertNotIn('Retry-After', response.headers)
        self.assertEqual('queued', self.show(image_id)['status'])
        self.assertNotIn(image_id, self.files())

    def test_an_announced_size_is_refused_before_it_is_read(self) -> None:
        self.image(data=b'x' * 60 * KIB)
        image_id, source = self.image(), base.Source(b'x' * 41 * KIB)
        response = self.put(image_id, source, length=41 * KIB)
        self.assert_refused(image_id, response)
        self.assertEqual(0, source.bytes_read)
        response = self.put(
            image_id,
            base.Source(b''),
            headers={'x-openstack-image-size': str(41 * KIB)},
        )
        self.assert_refused(image_id, response)
        self.upload(image_id, b'x' * 40 * KIB)

    def test_a_chunked_body_is_cut_where_the_quota_ends(self) -> None:
        self.image(data=b'x' * 60 * KIB)
        image_id = self.image()
        source = base.Source(*[b'x' * KIB] * 4096)
        self.assert_refused(image_id, self.put(image_id, source))
        self.assertLess(source.bytes_read, 2048 * KIB)

    def test_everybody_in_a_project_shares_it(self) -> None:
        self.image(data=b'x' * 60 * KIB)
        response = self.put(
            self.image(caller='bob'),
            base.Source(b'x' * 60 * KIB),
            length=60 * KIB,
            caller='bob',
        )
        self.assert_status(204, response)
        image_id = self.image()
        source = base.Source(b'x' * 60 * KIB)
        self.assert_refused(
            image_id,
            self.put(image_id, source, length=60 * KIB, caller='admin'),
        )

    def test_a_delete_gives_room(self) -> None:
        image_id = self.image(data=b'x' * 100 * KIB)
        self.call('DELETE', f'/v2/images/{image_id}')
        self.image(data=b'x' * 100 * KIB)

    def test_two_at_once_do_not_both_slip_under_it(self) -> None:
        """Neither upload announces its size, and both end together."""
        ids = [self.image(), self.image()]
        together = threading.Barrier(2, timeout=30)
        answers: list[int] = []

        def send(image_id: str) -> None:
            pieces = [b'x' * KIB] * 60
            source = base.Source(*pieces, together.wait)
            answers.append(self.put(image_id, source).status_int)

        threads = [threading.Thread(target=send, args=(i,)) for i in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual([204, 413], sorted(answers))
        statuses = sorted(self.show(image_id)['status'] for image_id in ids)
        self.assertEqual(['active', 'queued'], statuses)
        self.assertEqual(1, len(self.files()))


class TestRenewals(base.ServiceTestCase):
    """Renewals that end a running upload."""

    api_options = {'user_storage_quota': '100KB'}

    def setUp(self) -> None:
        super().setUp()
        for name in ('CHUNK_BYTES', 'SMALL_CHUNK_BYTES'):
            self.enterContext(mock.patch.object(streams, name, KIB))
        self.running: list[tuple[Any, Any]] = []
        self.enterContext(
            mock.patch.object(
                transfers.Transfers, 'hold', lambda *it: self.hold(*it)
            )
        )

    def hold(self, them: Any, transfer: Any, seconds: int, at: float) -> None:
        """Replace the thread that renews leases."""
        transfer.held_until = at + seconds
        self.running.append((them, transfer))

    def beat(self) -> None:
        them, transfer = self.running[0]
        them._renew({transfer.id: transfer}, 60)

    def put_slowly(self, meanwhile: Callable[[str], Any]) -> tuple[str, Any]:
        """Run an upload that is interrupted by a call and then a renewal."""
        piece = b'x' * KIB
        image_id = self.image()
        source = base.Source(
            *[piece] * 3,
            lambda: meanwhile(image_id),
            piece,
            self.beat,
            *[piece] * 90,
        )
        response = self.put(image_id, source)
        self.assertLess(source.bytes_read, 10 * KIB)
        return image_id, response

    def test_an_upload_of_unknown_size_ends_when_others_take_the_room(
        self,
    ) -> None:
        taken = b'x' * 97 * KIB
        image_id, response = self.put_slowly(lambda _: self.image(data=taken))
        self.assert_status(413, response)
        self.assertEqual('queued', self.show(image_id)['status'])

    def test_deleting_an_image_ends_its_upload(self) -> None:
        """See OSSA-2015-003."""
        _, response = self.put_slowly(
            lambda image_id: self.call('DELETE', f'/v2/images/{image_id}')
        )
        self.assert_status(410, response)
        self.assertEqual([], self.files())
        self.image(data=b'x' * 100 * KIB)  # the upload no longer counts


class TestOption(base.ServiceTestCase):
    """Values of the option user_storage_quota."""

    def parsed(self, text: str) -> int:
        default = {'user_storage_quota': text}
        conf = base.configuration(api_conf, '/', default=default)
        return int(conf.user_storage_quota)

    def test_numbers_and_units(self) -> None:
        # covers 18-7
        for text, size in (
            ('0', 0),
            ('1000', 1000),
            ('1000B', 1000),
            ('1KB', 1 << 10),
            ('20MB', 20 << 20),
            ('5GB', 5 << 30),
            ('3TB', 3 << 40),
        ):
            self.assertEqual(size, self.parsed(text), text)

    def test_bad_text_is_refused(self) -> None:
        for text in (
            '',
            '1 KB',
            '1kb',
            '1.5GB',
            '-1',
            'many',
            '1PB',
            '9' * 19,
        ):
            with (
                self.subTest(text),
                self.assertRaises((ValueError, cfg.Error)),
            ):
                self.parsed(text)
