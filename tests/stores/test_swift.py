"""Stores in Swift, with its own client library looking behind them."""

from collections.abc import Mapping
import functools
import json
import pathlib
from typing import Any
import unittest
import uuid

from glance.common import errors
from glance.store import drivers
from glance.store import swift_upload
from tests import base
from tests.live import keystone
from tests.stores import contract
from tests.stores import dying
from tests.stores import gate
from tests.stores import interop
from tests.stores import service
from tests.stores.servers import swift

ID = contract.ID
MB = swift_upload.MB
USER = f'{keystone.SERVICE_PROJECT}:{keystone.SERVICE_USER}'
KEY = keystone.password(keystone.SERVICE_USER)


@functools.cache
def _cloud(identity: str) -> Any:
    return keystone.connect(identity, keystone.SERVICE_USER).object_store


def in_file(
    settings: Mapping[str, Any], directory: pathlib.Path
) -> dict[str, Any]:
    """The same options with the credentials in a file."""
    path = directory / 'swift.conf'
    path.write_text(
        f'[ref1]\nuser = {USER}\nkey = {KEY}\nauth_version = 3\n'
        f'auth_address = {settings["swift_store_auth_address"]}\n'
        'user_domain_id = default\nproject_domain_id = default\n'
    )
    secret = [
        f'swift_store_{name}' for name in ('auth_address', 'user', 'key')
    ]
    return {
        **{name: it for name, it in settings.items() if name not in secret},
        'swift_store_config_file': path,
        'default_swift_reference': 'ref1',
    }


class Container:
    """A container of the tests' own, seen with openstacksdk."""

    def __init__(self) -> None:
        self.server = swift.found()
        self.name = f'images-{uuid.uuid4().hex[:12]}'
        self.cloud = _cloud(self.server.identity)

    def settings(self, way: gate.Gate | None = None) -> dict[str, Any]:
        address = way.address if way else f'127.0.0.1:{self.server.port}'
        return {
            'swift_store_auth_address': self.server.identity,
            'swift_store_user': USER,
            'swift_store_key': KEY,
            'swift_store_container': self.name,
            'swift_store_create_container_on_put': True,
            'swift_store_large_object_chunk_size': 1,
            'swift_store_large_object_size': 3,
            'swift_store_endpoint': (
                f'http://{address}/v1/{self.server.account}'
            ),
        }

    def held(self) -> list[str]:
        answer = self.cloud.get(f'/{self.name}?format=json')
        assert answer.status_code in (200, 204), answer.text
        return [each['name'] for each in json.loads(answer.text or '[]')]

    def connect(self) -> gate.Gate:
        return gate.Gate(self.server.host, self.server.port)


class Driver(contract.Listing, contract.Driver, contract.Served):
    kind = 'swift'
    part_bytes = MB
    more: dict[str, Any] = {}

    def setUp(self: Any) -> None:
        self.container = Container()
        super().setUp()

    def settings(self) -> dict[str, Any]:
        return {**self.container.settings(), **self.more}

    def settings_through(self, way: gate.Gate) -> dict[str, Any]:
        return {**self.container.settings(way), **self.more}

    def held(self) -> list[str]:
        return self.container.held()

    def secrets(self) -> list[str]:
        return [KEY]

    def connect(self) -> gate.Gate:
        return self.container.connect()


class TestInSegments(Driver, unittest.TestCase):
    """Sizes around the segments, below and from the limit on."""

    def test_segments_are_as_upstream_writes_them(self) -> None:
        for announced in (3 * MB + 5, None):
            self.store.write(
                ID, contract.chunks(bytes(3 * MB + 5)), lambda: None, announced
            )
            head = self.container.cloud.head(f'/{self.container.name}/{ID}')
            prefix = head.headers['X-Object-Manifest']
            self.assertTrue(prefix.startswith(f'{self.container.name}/{ID}-'))
            self.assertEqual(str(3 * MB + 5), head.headers['Content-Length'])
            name = prefix.partition('/')[2]
            self.assertEqual(
                [ID, *(f'{name}{number:05}' for number in range(1, 5))],
                self.held(),
            )

    def test_segments_of_a_killed_worker_are_held_and_removed(self) -> None:
        for name in ('-0123456789ab-00001', '-00001'):
            self.container.cloud.put(
                f'/{self.container.name}/{ID}{name}', data=b'x'
            )
        held = self.store.hold(ID)
        held.remove()
        self.assertEqual([], self.held())

    def test_static_large_objects_are_read_and_deleted(self) -> None:
        cloud, name = self.container.cloud, self.container.name
        parts = []
        for number in (1, 2):
            cloud.put(f'/{name}/{ID}-{number}', data=b'12345')
            parts.append({'path': f'/{name}/{ID}-{number}'})
        cloud.put(f'/{name}/{ID}?multipart-manifest=put', json=parts)
        url = f'swift+config://ref1/{name}/{ID}'
        self.assertEqual(10, self.store.size(url))
        self.assertEqual(b'451', self.read(url, 3, 3))
        self.store.delete(url)
        self.assertEqual([], self.held())

    def test_a_manifest_of_others_removes_nothing_of_them(self) -> None:
        cloud, name = self.container.cloud, self.container.name
        cloud.put(f'/{name}/others-1', data=b'12345')
        cloud.put(
            f'/{name}/{ID}',
            data=b'',
            headers={'X-Object-Manifest': f'{name}/others'},
        )
        self.store.delete(f'swift+config://ref1/{name}/{ID}')
        self.assertEqual(['others-1'], self.held())


class TestWhole(Driver, unittest.TestCase):
    """What has a known size is one object."""

    more = {
        'swift_store_large_object_size': 100,
        'swift_store_retry_get_count': 2,
    }

    def test_urls_of_older_releases_are_read(self) -> None:
        url = self.store.write(ID, iter([b'data']), lambda: None, 4)
        self.assertEqual(
            f'swift+config://ref1/{self.container.name}/{ID}', url
        )
        host = self.container.server.identity.removeprefix('http://')
        for user in (f'{USER.replace(":", "%3A")}:{KEY}', 'service%3Ax:y/z'):
            old = f'swift+http://{user}@{host}/{self.container.name}/{ID}'
            self.assertTrue(self.store.owns(old))
            self.assertEqual(b'data', self.read(old))
        self.assertFalse(
            self.store.owns(old.replace('service%3A', 'other%3A'))
        )
        self.store.delete(old)
        self.assertEqual([], self.held())

    def test_a_token_that_was_revoked_is_replaced(self) -> None:
        url = self.store.write(ID, iter([b'data']), lambda: None, 4)
        login = self.store._account._login
        login._auth.auth_ref._auth_token = 'gAAAA-not-valid'
        self.assertEqual(b'data', self.read(url))
        login._auth.auth_ref._auth_token = 'gAAAA-not-valid'
        again = self.store.write(ID, iter([b'more']), lambda: None, 4)
        self.assertEqual(b'more', self.read(again))

    def test_wrong_passwords_are_a_reason(self) -> None:
        settings = {**self.settings(), 'swift_store_key': 'Not-The-Key'}
        with self.assertRaises(errors.StoreUnavailable) as caught:
            drivers.make(contract.backend('swift', settings))
        self.assertIn('401', caught.exception.reason)
        self.assertNotIn('Not-The-Key', caught.exception.reason)

    def test_a_missing_container_is_a_reason(self) -> None:
        settings = {
            **self.settings(),
            'swift_store_container': 'missing',
            'swift_store_create_container_on_put': False,
        }
        with self.assertRaises(errors.StoreUnavailable) as caught:
            drivers.make(contract.backend('swift', settings))
        self.assertIn(
            'swift_store_create_container_on_put',
            str(caught.exception.__cause__),
        )


class TestReferences(unittest.TestCase):
    """Credentials in a file; a container for each begin of an id."""

    def test_images_are_distributed_and_name_the_reference(self) -> None:
        container = Container()
        path = pathlib.Path(base.temporary_directory(self), 'swift.conf')
        path.write_text(
            '[other]\nuser = a:b\nkey = c\nauth_address = http://127.0.0.1\n'
            f'[main]\nuser = "{USER}"\nkey = {KEY}\n'
            f'auth_address = {container.server.identity}\n'
            'user_domain_name = Default\nproject_domain_id = default\n'
        )
        settings = container.settings()
        for name in ('auth_address', 'user', 'key', 'endpoint'):
            settings.pop(f'swift_store_{name}')
        store = drivers.make(
            contract.backend(
                'swift',
                {
                    **settings,
                    'swift_store_config_file': str(path),
                    'default_swift_reference': 'main',
                    'swift_store_multiple_containers_seed': 3,
                },
            )
        )
        url = store.write(ID, contract.chunks(bytes(3 * MB)), lambda: None)
        container.name += f'_{ID[:3]}'
        self.assertEqual(f'swift+config://main/{container.name}/{ID}', url)
        self.assertEqual(4, len(container.held()))
        self.assertEqual(3 * MB, store.size(url))
        self.assertFalse(store.owns(url.replace('main', 'missing')))
        self.assertTrue(store.owns(url.replace('main', 'other')))
        store.hold(ID).remove()
        self.assertEqual([], container.held())


class TestServed(service.Service, dying.Server, unittest.TestCase):
    kind = 'swift'

    @classmethod
    def setUpClass(cls) -> None:
        cls.container = Container()
        super().setUpClass()

    @classmethod
    def settings(cls, way: gate.Gate | None = None) -> dict[str, Any]:
        return {
            **cls.container.settings(way),
            'swift_store_large_object_chunk_size': 20,
            'swift_store_large_object_size': 50,
        }

    @classmethod
    def held(cls) -> list[str]:
        return cls.container.held()

    @classmethod
    def secrets(cls) -> list[str]:
        return [KEY]

    def connect(self) -> gate.Gate:
        return self.container.connect()

    def settings_through(self, way: gate.Gate) -> dict[str, Any]:
        return self.settings(way)

    def wrong_settings(self) -> dict[str, Any]:
        return {**self.settings(), 'swift_store_key': 'Not-The-Key'}

    def test_a_url_with_a_key_is_read_and_not_shown(self) -> None:
        _, image_id, digest = self.upload(5000, True)
        host = self.container.server.identity.removeprefix('http://')
        self.put_location(
            image_id,
            f'swift+http://{USER.replace(":", "%3A")}:OLD-SECRET@{host}/'
            f'{self.container.name}/{image_id}',
        )
        self.assertEqual((200, 5000, digest), self.download(image_id))
        for path in (f'/v2/images/{image_id}', '/v2/images'):
            _, _, body = self.glance.request('GET', path)
            self.assertIn(image_id.encode(), body)
            self.assertNotIn(b'OLD-SECRET', body)
        self.delete(image_id)
        self.require_nothing_held()
        self.assertNotIn('OLD-SECRET', self.glance.api.log.read_text())


class SwiftInterop(interop.Interop):
    kind = 'swift'
    #: Large images whose size the library knows are broken in Swift, unless
    #: it is a whole number of segments.
    sizes = (
        *((0, True), (1, True), (2 * MB, True), (MB + 5, False)),
        *((4 * MB, True), (3 * MB + 7, False)),
    )

    def setUp(self) -> None:
        self.container = Container()
        super().setUp()

    def settings(self) -> dict[str, Any]:
        return self.container.settings()

    def library_settings(self) -> dict[str, Any]:
        return {**self.settings(), 'swift_store_auth_version': '3'}

    def other_settings(self) -> dict[str, Any]:
        port = self.container.server.identity_address[1]
        return {
            **self.settings(),
            'swift_store_auth_address': f'http://localhost:{port}/v3',
            'default_swift_reference': 'ref2',
        }

    def held(self) -> list[str]:
        return self.container.held()


class TestInterop(SwiftInterop, unittest.TestCase):
    """The library has the credentials in a file, as our URLs need it."""

    def library_settings(self) -> dict[str, Any]:
        settings = super().library_settings()
        return in_file(settings, pathlib.Path(base.temporary_directory(self)))


class TestSecretsInterop(SwiftInterop, unittest.TestCase):
    """The library has the credentials in its options, and in its URLs."""

    #: Our URLs name a reference, which these options have not.
    test_the_library_reads_and_deletes_what_we_wrote = None
