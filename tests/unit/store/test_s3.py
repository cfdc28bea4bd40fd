"""What of S3 has branches of its own; the rest runs on a real server."""

from typing import Any
import unittest

from glance.common import errors
from glance.store import base
from glance.store import drivers
from glance.store import s3
from glance.store import s3_bucket
from glance.store import s3_upload
from glance.store import servers
from tests.stores import contract

ID = contract.ID
ACCESS = s3_bucket.Access('key', 'secret')


def store(host: str, **more: Any) -> s3.S3Store:
    bucket = s3_bucket.Bucket(host, 'images', ACCESS, **more)
    return s3.S3Store(bucket, s3_upload.Sizes(1, 5 * contract.MIB, 4))


class TestUrls(unittest.TestCase):
    def test_a_url_has_host_bucket_and_id(self) -> None:
        for host, url in (
            ('http://10.0.0.1:8080', f's3://10.0.0.1:8080/images/{ID}'),
            (
                'https://s3.example.org',
                f's3+https://s3.example.org/images/{ID}',
            ),
        ):
            made = store(host)
            self.assertEqual(url, made._url(ID))
            self.assertEqual(('images', ID), made._key(url))

    def test_urls_of_other_places_are_not_its_own(self) -> None:
        made = store('https://s3.example.org')
        for url in (
            f's3+https://s3.example.com/images/{ID}',
            f's3+https://s3.example.org:8443/images/{ID}',
            f's3+https://s3.example.org@evil.example/images/{ID}',
            's3+https://s3.example.org/images',
            's3+https://s3.example.org/images/',
            f'https://s3.example.org/images/{ID}',
            's3',
            's3://',
        ):
            with self.subTest(url):
                self.assertFalse(made.owns(url))
                with self.assertRaises(base.Elsewhere):
                    made.open(url, 0, None)
        for url in (
            f's3+https://s3.example.org:443/images/{ID}',
            f's3+https://S3.example.org/images/{ID}',
            f's3+https://KEY:a/b@s3.example.org/older/{ID}',
        ):
            self.assertTrue(made.owns(url), url)

    def test_clients_register_no_objects(self) -> None:
        with self.assertRaises(errors.BadRequest):
            store('https://a.example').check(f's3://a.example/images/{ID}')


class TestAddressing(unittest.TestCase):
    def bucket_host(self, host: str, name: str, how: str) -> str:
        bucket = s3_bucket.Bucket(host, name, ACCESS, url_format=how)
        return f'{bucket._server.authority}{bucket._prefix}'

    def test_the_bucket_is_in_the_path_or_in_the_name(self) -> None:
        for host, name, how, found in (
            ('https://a.org', 'images', 'auto', 'images.a.org'),
            ('https://a.org', 'images', 'virtual', 'images.a.org'),
            ('https://a.org', 'images', 'path', 'a.org/images'),
            ('http://a.org:81', 'images', 'auto', 'images.a.org:81'),
            ('http://10.0.0.1:81', 'images', 'auto', '10.0.0.1:81/images'),
            ('http://localhost', 'images', 'auto', 'localhost/images'),
            ('https://a.org', 'my.images', 'auto', 'a.org/my.images'),
            ('https://a.org', 'My_Images', 'auto', 'a.org/My_Images'),
        ):
            self.assertEqual(found, self.bucket_host(host, name, how))

    def test_the_region_is_that_of_the_host(self) -> None:
        for host, region in (
            ('https://s3.eu-central-1.amazonaws.com', 'eu-central-1'),
            ('https://s3-eu-west-1.amazonaws.com', 'eu-west-1'),
            ('https://s3.dualstack.us-east-2.amazonaws.com', 'us-east-2'),
            ('https://s3.amazonaws.com', 'us-east-1'),
            ('https://s3.example.org', 'us-east-1'),
        ):
            bucket = s3_bucket.Bucket(host, 'images', ACCESS)
            self.assertEqual(region, bucket._region)

    def test_a_request_is_signed_without_its_body(self) -> None:
        bucket = s3_bucket.Bucket('http://10.0.0.1', 'images', ACCESS, 'here')
        path, headers = bucket._signed('PUT', 'a b', {'uploads': ''}, {})
        self.assertEqual('/images/a%20b?uploads=', path)
        self.assertEqual('UNSIGNED-PAYLOAD', headers['X-Amz-Content-SHA256'])
        self.assertIn('Credential=key/', headers['Authorization'])
        self.assertIn('/here/s3/', headers['Authorization'])
        self.assertNotIn('secret', str(headers))


class TestParts(unittest.TestCase):
    def sizes(self, size: int | None) -> Any:
        bucket = s3_bucket.Bucket('http://10.0.0.1', 'images', ACCESS)
        sizes = s3_upload.Sizes(0, 10 * contract.MIB, 10)
        return s3_upload.Upload(bucket, ID, sizes, size)._part_bytes

    def test_parts_are_larger_where_there_would_be_too_many(self) -> None:
        mib = contract.MIB
        self.assertEqual(10 * mib, self.sizes(10 * mib)(1))
        self.assertEqual(10 * mib, self.sizes(100_000 * mib)(10_000))
        self.assertEqual(11 * mib, self.sizes(100_000 * mib + 1)(1))
        unknown = self.sizes(None)
        self.assertEqual(10 * mib, unknown(1))
        self.assertEqual(10 * mib, unknown(1999))
        self.assertEqual(20 * mib, unknown(2000))
        all_parts = sum(map(unknown, range(1, s3_upload.MAX_PARTS + 1)))
        self.assertGreater(all_parts, 600 * 1024 * mib)


class TestConfiguration(unittest.TestCase):
    def make(self, **settings: Any) -> None:
        given = {
            's3_store_host': 'http://127.0.0.1:9',
            's3_store_access_key': 'key',
            's3_store_secret_key': 'SECRET',
            's3_store_bucket': 'images',
        }
        drivers.make(contract.backend('s3', {**given, **settings}))

    def test_a_missing_option_is_named(self) -> None:
        for name in ('host', 'access_key', 'secret_key', 'bucket'):
            with self.assertRaisesRegex(
                errors.ConfigurationError, f's3_store_{name} must be set'
            ):
                self.make(**{f's3_store_{name}': ''})

    def test_wrong_values_are_refused(self) -> None:
        with self.assertRaisesRegex(errors.ConfigurationError, 'no http'):
            self.make(s3_store_host='ftp://user:SECRET@host')
        with self.assertRaisesRegex(
            errors.ConfigurationError, 's3_store_cacert /nonexistent'
        ):
            self.make(s3_store_cacert='/nonexistent')


class TestErrors(unittest.TestCase):
    def error(self, status: int, body: bytes = b'') -> errors.Error:
        return s3_bucket.refused(
            servers.Answer(status, {}, body), 'PUT of an object'
        )

    def test_statuses_and_codes_are_errors_of_ours(self) -> None:
        self.assertIsInstance(self.error(404), errors.NotFound)
        self.assertIsInstance(self.error(507), errors.LimitExceeded)
        quota = b'<Error><Code>QuotaExceeded</Code></Error>'
        self.assertIsInstance(self.error(403, quota), errors.LimitExceeded)
        gone = b'<Error><Code>NoSuchBucket</Code></Error>'
        self.assertIsInstance(self.error(404, gone), errors.StoreUnavailable)
        refused = self.error(403, b'<Error><Code>AccessDenied</Code></Error>')
        self.assertIn('403 AccessDenied', str(base.reason(refused)))

    def test_an_error_after_the_status_is_one(self) -> None:
        body = b'<Error><Code>InternalError</Code></Error>'
        with self.assertRaises(errors.StoreUnavailable):
            s3_bucket.require(servers.Answer(200, {}, body), 'end')

    def test_a_response_that_is_no_xml_has_no_code(self) -> None:
        for body in (b'', b'no', b'<a', b'<!DOCTYPE a><a/>'):
            self.assertEqual(
                '', s3_bucket.code_of(servers.Answer(500, {}, body))
            )
