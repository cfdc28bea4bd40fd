"""Stores in S3, of two servers: Swift's s3api, and Ceph's radosgw."""

from typing import Any
import unittest
import uuid

from botocore import config as client_config
from botocore import session

from glance.store import drivers
from tests.stores import contract
from tests.stores import dying
from tests.stores import gate
from tests.stores import interop
from tests.stores import service
from tests.stores.servers import radosgw
from tests.stores.servers import swift

MIB = contract.MIB
ID = contract.ID


class Bucket:
    """A bucket of the tests' own, seen with AWS' client."""

    def __init__(self, server: Any = None) -> None:
        self.server = server or swift.found()
        self.name = f'images-{uuid.uuid4().hex[:12]}'
        self.client = session.get_session().create_client(
            's3',
            region_name=self.server.region or 'us-east-1',
            endpoint_url=self.server.url,
            aws_access_key_id=self.server.access,
            aws_secret_access_key=self.server.secret,
            config=client_config.Config(s3={'addressing_style': 'path'}),
        )

    def settings(self, way: gate.Gate | None = None) -> dict[str, Any]:
        url = f'http://{way.address}' if way else self.server.url
        return {
            's3_store_host': url,
            's3_store_access_key': self.server.access,
            's3_store_secret_key': self.server.secret,
            's3_store_bucket': self.name,
            's3_store_region_name': self.server.region,
            's3_store_create_bucket_on_put': True,
            's3_store_large_object_chunk_size': 5,
        }

    def held(self) -> list[str]:
        objects = self.client.list_objects_v2(Bucket=self.name)
        uploads = self.client.list_multipart_uploads(Bucket=self.name)
        return [
            *(each['Key'] for each in objects.get('Contents', ())),
            *(
                f'{each["Key"]} {each["UploadId"]}'
                for each in uploads.get('Uploads', ())
            ),
        ]

    def connect(self) -> gate.Gate:
        return gate.Gate(self.server.host, self.server.port)


class Driver(contract.Listing, contract.Driver, contract.Served):
    kind = 's3'
    part_bytes = 5 * MIB
    more: dict[str, Any] = {}

    def setUp(self: Any) -> None:
        self.bucket = Bucket(self.server())
        super().setUp()

    def server(self) -> Any:
        return swift.found()

    def settings(self) -> dict[str, Any]:
        return {**self.bucket.settings(), **self.more}

    def settings_through(self, way: gate.Gate) -> dict[str, Any]:
        return {**self.bucket.settings(way), **self.more}

    def held(self) -> list[str]:
        return self.bucket.held()

    def secrets(self) -> list[str]:
        return [self.bucket.server.access, self.bucket.server.secret]

    def connect(self) -> gate.Gate:
        return self.bucket.connect()


class TestInParts(Driver, unittest.TestCase):
    """Whatever the size, known or not, the data goes up in parts."""

    more = {
        's3_store_large_object_size': 0,
        's3_store_enable_data_integrity_protection': True,
    }

    def test_an_upload_of_a_killed_worker_is_held_and_aborted(self) -> None:
        made = self.bucket.client.create_multipart_upload(
            Bucket=self.bucket.name, Key=ID
        )
        self.bucket.client.upload_part(
            Bucket=self.bucket.name,
            Key=ID,
            UploadId=made['UploadId'],
            PartNumber=1,
            Body=bytes(5 * MIB),
        )
        self.assertEqual(1, len(self.held()))
        held = self.store.hold(ID)
        held.remove()
        held.close()
        self.assertEqual([], self.held())


class TestWhole(Driver, unittest.TestCase):
    """What has a known size goes up as one object."""

    def test_urls_of_older_releases_are_read(self) -> None:
        url = self.store.write(ID, iter([b'data']), lambda: None)
        self.assertEqual(
            f's3://{self.bucket.server.host}:{self.bucket.server.port}/'
            f'{self.bucket.name}/{ID}',
            url,
        )
        for user in ('KEY:SEC%2FRET@', 'KEY:SEC/RET@'):
            old = url.replace('://', f'://{user}')
            self.assertTrue(self.store.owns(old))
            self.assertEqual(b'data', self.read(old))
        self.store.delete(old)
        self.assertEqual([], self.held())

    def test_images_of_an_earlier_bucket_are_read(self) -> None:
        url = self.store.write(ID, iter([b'data']), lambda: None)
        settings = {**self.settings(), 's3_store_bucket': 'another-bucket'}
        later = drivers.make(contract.backend('s3', settings))
        self.assertEqual(4, later.size(url))
        later.delete(url)
        self.assertEqual([], self.held())

    def test_wrong_keys_are_a_reason(self) -> None:
        settings = {**self.settings(), 's3_store_secret_key': 'wrong'}
        with self.assertRaises(contract.errors.StoreUnavailable) as caught:
            drivers.make(contract.backend('s3', settings))
        self.assertIn('403', caught.exception.reason)


class TestInCeph(Driver, unittest.TestCase):
    """The other server, with parts for what is larger than one of them."""

    more = {
        's3_store_large_object_size': 5,
        's3_store_request_checksum_calculation': 'when_supported',
    }

    def server(self) -> Any:
        return radosgw.found()


class TestServed(
    service.Service, service.Moved, dying.Server, unittest.TestCase
):
    kind = 's3'

    @classmethod
    def setUpClass(cls) -> None:
        cls.bucket = Bucket()
        super().setUpClass()

    @classmethod
    def settings(cls, way: gate.Gate | None = None) -> dict[str, Any]:
        return {**cls.bucket.settings(way), 's3_store_large_object_size': 50}

    @classmethod
    def held(cls) -> list[str]:
        return cls.bucket.held()

    @classmethod
    def secrets(cls) -> list[str]:
        return [cls.bucket.server.secret]

    def connect(self) -> gate.Gate:
        return self.bucket.connect()

    def settings_through(self, way: gate.Gate) -> dict[str, Any]:
        return self.settings(way)

    def wrong_settings(self) -> dict[str, Any]:
        return {
            **self.bucket.settings(),
            's3_store_secret_key': 'Not-The-Secret',
        }

    def test_a_url_with_a_key_is_read_and_not_shown(self) -> None:
        _, image_id, digest = self.upload(5000, True)
        server = self.bucket.server
        self.put_location(
            image_id,
            f's3://OLDKEY:OLD-SECRET@{server.host}:{server.port}/'
            f'{self.bucket.name}/{image_id}',
        )
        self.assertEqual((200, 5000, digest), self.download(image_id))
        for path in (f'/v2/images/{image_id}', '/v2/images'):
            _, _, body = self.glance.request('GET', path)
            self.assertIn(image_id.encode(), body)
            self.assertNotIn(b'OLD-SECRET', body)
        self.delete(image_id)
        self.require_nothing_held()
        self.assertNotIn('OLD-SECRET', self.glance.api.log.read_text())


class TestInterop(interop.Interop, unittest.TestCase):
    """The library sends what is large, and known, in parts."""

    kind = 's3'
    sizes = (
        *((0, True), (1, True), (12 * MIB, True), (MIB, False)),
        (15 * MIB + 7, True),
    )

    def setUp(self) -> None:
        self.bucket = Bucket(self.server())
        super().setUp()

    def server(self) -> Any:
        return swift.found()

    def settings(self) -> dict[str, Any]:
        return {
            **self.bucket.settings(),
            's3_store_large_object_size': 10,
        }

    def library_settings(self) -> dict[str, Any]:
        return {
            **self.settings(),
            's3_store_bucket_url_format': 'path',
        }

    def other_settings(self) -> dict[str, Any]:
        return {
            **self.settings(),
            's3_store_host': f'http://localhost:{self.bucket.server.port}',
        }

    def held(self) -> list[str]:
        return self.bucket.held()


class TestRadosgwInterop(TestInterop):
    def server(self) -> Any:
        return radosgw.found()
