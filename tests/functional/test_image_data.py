"""Upload and download: streams, wrong lengths, hashes, lost clients."""

import hashlib
import random

from glance.images import download
from glance.images import streams
from tests import base

MIB = 1024 * 1024


class Killed(BaseException):
    """Stands for the exception in a green thread that is killed."""


class UploadTestCase(base.ServiceTestCase):
    def assert_untouched(self, image_id: str) -> None:
        """Check that the image is queued, and no data of the try remains."""
        image = self.show(image_id)
        self.assertEqual('queued', image['status'])
        for name in ('size', 'virtual_size', 'checksum'):
            self.assertIsNone(image[name])
        for name in ('os_hash_algo', 'os_hash_value'):
            self.assertIsNone(image[name])
        self.assertEqual([], self.files())
        again = self.image(caller='alice')
        self.upload(again, b'others still work')
        self.upload(image_id, b'a retry works')
        self.assertEqual(b'a retry works', self.data(image_id))


class TestUpload(UploadTestCase):
    def check_whole(self, image_id: str, data: bytes) -> None:
        image = self.show(image_id)
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self.assertEqual('active', image['status'])
        self.assertEqual(len(data), image['size'])
        self.assertEqual(md5, image['checksum'])
        self.assertEqual('sha512', image['os_hash_algo'])
        self.assertEqual(
            hashlib.sha512(data).hexdigest(), image['os_hash_value']
        )
        self.assertEqual(data, self.data(image_id))

    def test_data_of_unknown_size(self) -> None:
        # covers 8.1-24
        data = random.Random(1).randbytes(3 * MIB + 7)
        image_id = self.image()
        pieces = (
            data[start : start + 65_537]
            for start in range(0, len(data), 65_537)
        )
        response = self.put(image_id, base.Source(*pieces))
        self.assert_status(204, response)
        self.check_whole(image_id, data)

    def test_data_of_known_size(self) -> None:
        # covers 8.1-24
        data = random.Random(2).randbytes(2 * MIB)
        image_id = self.image()
        source = base.Source(data)
        self.assert_status(204, self.put(image_id, source, length=len(data)))
        self.check_whole(image_id, data)

    def test_data_in_single_bytes(self) -> None:
        image_id = self.image()
        source = base.Source(*(bytes([value]) for value in range(256)))
        self.assert_status(204, self.put(image_id, source))
        self.check_whole(image_id, bytes(range(256)))

    def test_data_of_no_bytes_in_chunks(self) -> None:
        image_id = self.image()
        self.assert_status(204, self.put(image_id, base.Source()))
        self.check_whole(image_id, b'')

    def test_what_follows_the_announced_length_is_not_read(self) -> None:
        image_id = self.image()
        source = base.Source(b'12345', b'the next request')
        self.assert_status(204, self.put(image_id, source, length=5))
        self.assertEqual(5, source.bytes_read)
        self.check_whole(image_id, b'12345')

    def test_pieces_stay_small(self) -> None:
        """At most one chunk is read from the server at a time."""
        # covers 8.1-25
        asked = []

        class Watching(base.Source):
            def read(self, size: int = -1) -> bytes:
                asked.append(size)
                return super().read(size)

        image_id = self.image()
        source = Watching(b'x' * 5 * MIB)
        self.assert_status(204, self.put(image_id, source))
        self.assertLessEqual(max(asked), streams.CHUNK_BYTES)
        self.assertGreater(min(asked), 0)

    def test_fewer_bytes_than_the_length(self) -> None:
        # covers 8.1-13, 25-44
        image_id = self.image()
        response = self.put(image_id, base.Source(b'1234'), length=5)
        self.assert_status(400, response)
        self.assert_untouched(image_id)

    def test_chunks_that_miss_the_size_header(self) -> None:
        # covers 8.1-13, 25-44
        for size in ('4', '6'):
            image_id = self.image()
            response = self.put(
                image_id,
                base.Source(b'12', b'345'),
                headers={'x-openstack-image-size': size},
            )
            with self.subTest(size):
                self.assert_status(400, response)
                self.assertEqual('queued', self.show(image_id)['status'])
                self.assertEqual([], self.files())

    def test_the_size_header_fits(self) -> None:
        # covers 25-44
        image_id = self.image()
        response = self.put(
            image_id,
            base.Source(b'12', b'345'),
            headers={'x-openstack-image-size': '5'},
        )
        self.assert_status(204, response)

    def test_a_client_that_breaks_off(self) -> None:
        # covers 5-11
        for trouble in (
            ConnectionResetError(),
            TimeoutError(),
            OSError('gone'),
            ValueError('invalid chunk size'),
        ):
            image_id = self.image()
            response = self.put(image_id, base.Source(b'x' * MIB, trouble))
            with self.subTest(repr(trouble)):
                self.assert_status(400, response)
                self.assertEqual('queued', self.show(image_id)['status'])
                self.assertEqual([], self.files())
        self.assert_untouched(image_id)

    def test_failed_upload_leaves_its_reason(self) -> None:
        for source, length, reason in (
            (base.Source(b'x', OSError('gone')), None, 'could not be read'),
            (base.Source(b'1234'), 5, 'ended after 4 of 5 bytes'),
            (base.Source(b'x', ZeroDivisionError()), None, 'server failed'),
        ):
            image_id = self.image()
            response = self.put(image_id, source, length=length)
            with self.subTest(reason):
                self.assertGreaterEqual(response.status_int, 400)
                image = self.show(image_id)
                self.assertEqual('queued', image['status'])
                self.assertIn(reason, image['os_glance_failed_reason'])
                self.upload(image_id, b'again')
                image = self.show(image_id)
                self.assertNotIn('os_glance_failed_reason', image)

    def test_killed_worker_leaves_a_reason(self) -> None:
        image_id = self.image()
        with self.assertRaises(Killed):
            self.put(image_id, base.Source(b'x' * MIB, Killed()))
        self.assertIn('os_glance_failed_reason', self.show(image_id))

    def test_upload_that_was_never_begun_leaves_no_reason(self) -> None:
        image_id = self.image(data=b'active')
        response = self.call('PUT', f'/v2/images/{image_id}/file', b'again')
        self.assert_status(409, response)
        self.assertNotIn('os_glance_failed_reason', self.show(image_id))

    def test_a_worker_that_is_killed(self) -> None:
        image_id = self.image()
        with self.assertRaises(Killed):
            self.put(image_id, base.Source(b'x' * MIB, Killed()))
        self.assert_untouched(image_id)

    def test_a_failed_upload_was_saving_and_is_queued(self) -> None:
        # covers 5-2..3, 8.1-20, 25-13
        image_id = self.image()
        seen = []
        source = base.Source(
            b'x',
            lambda: seen.append(self.show(image_id)['status']),
            OSError('gone'),
        )
        self.put(image_id, source)
        self.assertEqual(['saving'], seen)
        self.assert_untouched(image_id)

    def test_no_half_image_is_seen_while_it_is_saved(self) -> None:
        image_id = self.image()

        def look() -> None:
            response = self.call('GET', f'/v2/images/{image_id}/file')
            self.assert_status(204, response)
            self.assertEqual([], self.files())

        source = base.Source(b'x' * MIB, look, b'y')
        self.assert_status(204, self.put(image_id, source))
        self.assertEqual([image_id], self.files())


class TestSizeCap(UploadTestCase):
    """CVE-2014-5356: image_size_cap applies to every kind of upload."""

    api_options = {'image_size_cap': 2 * MIB}

    def test_an_announced_length_beyond_the_cap(self) -> None:
        # covers 8.1-12
        image_id = self.image()
        source = base.Source(b'x' * 10)
        response = self.put(image_id, source, length=2 * MIB + 1)
        self.assert_status(413, response)
        self.assertEqual(0, source.bytes_read)
        self.assert_untouched(image_id)

    def test_chunks_beyond_the_cap(self) -> None:
        # covers 8.1-12
        image_id = self.image()
        source = base.Source(*[b'x' * MIB] * 5)
        self.assert_status(413, self.put(image_id, source))
        self.assertLessEqual(source.bytes_read, 3 * MIB)
        self.assert_untouched(image_id)

    def test_exactly_the_cap(self) -> None:
        image_id = self.image()
        source = base.Source(*[b'x' * MIB] * 2)
        self.assert_status(204, self.put(image_id, source))


class TestOtherHash(UploadTestCase):
    api_options = {'hashing_algorithm': 'sha256'}

    def test_both_hashes(self) -> None:
        # covers 19.3-1, 25-10
        image = self.show(self.image(data=b'hello'))
        self.assertEqual('sha256', image['os_hash_algo'])
        self.assertEqual(
            hashlib.sha256(b'hello').hexdigest(), image['os_hash_value']
        )
        self.assertEqual('5d41402abc4b2a76b9719d911017c592', image['checksum'])


class TestDownload(base.ServiceTestCase):
    def test_ranges_give_their_bytes(self) -> None:
        # covers 8.2-2
        data = bytes(range(256)) * 4
        image_id = self.image(data=data)
        for asked, expected in {
            'bytes=0-0': data[:1],
            'bytes=5-9': data[5:10],
            'bytes=1000-': data[1000:],
            'bytes=1000-99999': data[1000:],
            'bytes=-24': data[-24:],
            'bytes=-5000': data,
            'bytes=0-1023': data,
        }.items():
            with self.subTest(asked):
                response = self.call(
                    'GET',
                    f'/v2/images/{image_id}/file',
                    headers={'Range': asked},
                )
                self.assert_status(206, response)
                self.assertEqual(expected, response.body)
                self.assertEqual(len(expected), response.content_length)

    def test_parts_make_the_whole(self) -> None:
        data = random.Random(3).randbytes(700_001)
        image_id = self.image(data=data)
        found = b''
        for start in range(0, len(data), 100_000):
            response = self.call(
                'GET',
                f'/v2/images/{image_id}/file',
                headers={'Range': f'bytes={start}-{start + 99_999}'},
            )
            found += response.body
        self.assertEqual(data, found)

    def test_the_file_is_closed_when_the_client_leaves(self) -> None:
        image_id = self.image(data=b'x' * MIB)
        response = self.call('GET', f'/v2/images/{image_id}/file')
        body = response.app_iter
        self.assertTrue(next(iter(body)))
        body.close()
        with self.assertRaises(ValueError):
            body.fileno()

    def test_a_download_outlives_the_deletion(self) -> None:
        data = random.Random(4).randbytes(MIB)
        image_id = self.image(data=data)
        response = self.call('GET', f'/v2/images/{image_id}/file')
        self.call('DELETE', f'/v2/images/{image_id}')
        self.assertEqual([], self.files())
        self.assertEqual(data, response.body)

    def test_data_that_the_store_lost_is_503_with_a_reason(self) -> None:
        # covers 8.2-14
        image_id = self.image(data=b'hello')
        self.service.images.joinpath(image_id).unlink()
        with self.assertLogs(download.LOG, 'ERROR') as logged:
            response = self.call('GET', f'/v2/images/{image_id}/file')
        self.assert_status(503, response)
        self.assertIn(image_id, logged.output[0])
        self.assertIn('No such file', logged.output[0])

    def test_data_that_is_too_short_is_503_and_never_cut(self) -> None:
        image_id = self.image(data=b'hello')
        self.service.images.joinpath(image_id).write_bytes(b'hell')
        response = self.call('GET', f'/v2/images/{image_id}/file')
        self.assert_status(503, response)
        self.assertIn('Retry-After', response.headers)

    def test_deactivated_data_is_for_admins(self) -> None:
        # covers 8.2-9, 25-43
        image_id = self.image(data=b'hello')
        self.call('POST', f'/v2/images/{image_id}/actions/deactivate')
        response = self.call('GET', f'/v2/images/{image_id}/file')
        self.assert_status(403, response)
        self.assertEqual(b'hello', self.data(image_id, caller='admin'))
