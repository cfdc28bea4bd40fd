"""Stores of upstream Glance under this service, and the other way round.

Each test starts a process of upstream; see :mod:`tests.stores.upstream`.
Without ``GLANCE_TEST_UPSTREAM`` the tests are skipped.
"""

import contextlib
import json
import pathlib
import sqlite3
from typing import Any, NamedTuple
import unittest

from tests.live import daemons
from tests.live import processes
from tests.stores import service
from tests.stores import test_rbd
from tests.stores import test_s3
from tests.stores import test_swift
from tests.stores import upstream
from tests.stores.servers import radosgw

MIB = service.MIB
MB = test_swift.MB


class Sent(NamedTuple):
    """An image of a test.

    :ivar sha256: of its data
    """

    id: str
    size: int
    sha256: str


class Existing:
    """Mixed into a test case per store.

    :cvar kind: its type
    :cvar sizes: sizes of images, and whether they are announced
    """

    kind: str
    sizes: tuple[tuple[int, bool], ...] = (
        *((0, True), (1, True), (20 * MIB, True), (21 * MIB + 7, False)),
    )

    @classmethod
    def setUpClass(cls: Any) -> None:
        cls.programs = upstream.environment()
        super().setUpClass()

    def setUp(self: Any) -> None:
        super().setUp()
        self.directory = processes.private_directory()
        self.prepare()

    def prepare(self) -> None:
        """Make an empty place for the images of a test."""

    def settings(self) -> dict[str, Any]:
        """The options of the store, for both services."""
        raise NotImplementedError

    def upstream_settings(self) -> dict[str, Any]:
        return self.settings()

    def held(self) -> list[str]:
        """All that the server keeps, found without a driver."""
        raise NotImplementedError

    def theirs(self: Any) -> upstream.Upstream:
        """A running upstream with the store."""
        made = upstream.Upstream(
            self.programs, self.kind, self.upstream_settings()
        )
        self.addCleanup(made.stop)
        made.start()
        return made

    def ours(self: Any, database_url: str | None = None) -> daemons.Glance:
        """Our running pair with the store."""
        reserved = {
            f'os_glance_{name}_store': {
                'filesystem_store_datadir': self.directory / name
            }
            for name in ('staging', 'tasks')
        }
        made = daemons.Glance(
            database_url,
            api={
                'DEFAULT': {
                    'enabled_backends': f'big:{self.kind}',
                    'show_multiple_locations': True,
                    'leftover_interval_seconds': 2,
                },
                'glance_store': {'default_backend': 'big'},
                'big': self.settings(),
                **reserved,
            },
            workers=1,
        )
        self.addCleanup(made.stop)
        made.start()
        return made

    def send(self: Any, glance: daemons.Client) -> list[Sent]:
        sent = []
        for size, is_known in self.sizes:
            status, image_id, digest = service.upload(glance, size, is_known)
            self.assertEqual(204, status, (size, is_known))
            sent.append(Sent(image_id, size, digest))
        return sent

    def take(self: Any, glance: daemons.Client, sent: list[Sent]) -> None:
        """Read all images and delete them."""
        for image in sent:
            if image.size:
                got = service.download(glance, image.id)
                self.assertEqual((200, image.size, image.sha256), got)
            status, *_ = glance.request('DELETE', f'/v2/images/{image.id}')
            self.assertEqual(204, status)
        # A removal that fails is tried again.
        processes.wait_until(
            lambda: not self.held(), service.LEFTOVER_SECONDS, 'data stays'
        )
        self.assertEqual([], self.held())

    def test_we_take_over_their_service(self: Any) -> None:
        theirs = self.theirs()
        sent = self.send(theirs)
        before = [theirs.image(image.id) for image in sent]
        theirs.process.stop()
        ours = self.ours(f'sqlite:///{theirs.database}')
        for image, old in zip(sent, before, strict=True):
            shown = ours.image(image.id)
            self.assertEqual('big', shown['stores'])
            for name in ('status', 'size', 'checksum', 'os_hash_value'):
                self.assertEqual(old[name], shown[name], name)
            if image.size > 1:
                begin = image.size // 2
                headers = {'Range': f'bytes={begin}-{begin + 999}'}
                status, size, _ = service.download(ours, image.id, headers)
                wanted = min(1000, image.size - begin)
                self.assertEqual((206, wanted), (status, size))
        self.take(ours, sent)

    def test_they_take_over_our_images(self: Any) -> None:
        ours = self.ours()
        sent = self.send(ours)
        shown = [ours.image(image.id) for image in sent]
        ours.api.stop()
        theirs = self.theirs()
        for image in shown:
            theirs.create(id=image['id'], name='x')
            put(theirs.database, image)
        self.take(theirs, sent)


def put(database: pathlib.Path, image: dict[str, Any]) -> None:
    """Write into upstream's database where the data of an image is."""
    (location,) = image['locations']
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as found:
        found.execute(
            "UPDATE images SET status = 'active', size = ?, checksum = ?, "
            'os_hash_algo = ?, os_hash_value = ? WHERE id = ?',
            (
                image['size'],
                image['checksum'],
                image['os_hash_algo'],
                image['os_hash_value'],
                image['id'],
            ),
        )
        found.execute(
            'INSERT INTO image_locations (image_id, value, meta_data, status, '
            'created_at, updated_at, deleted) '
            "VALUES (?, ?, ?, 'active', ?, ?, 0)",
            (
                image['id'],
                location['url'],
                json.dumps({'store': upstream.STORE}),
                image['created_at'].rstrip('Z').replace('T', ' '),
                image['created_at'].rstrip('Z').replace('T', ' '),
            ),
        )
        found.commit()


class TestFiles(Existing, unittest.TestCase):
    kind = 'file'

    def prepare(self: Any) -> None:
        self.files = self.directory / 'files'
        self.files.mkdir()

    def settings(self: Any) -> dict[str, Any]:
        return {'filesystem_store_datadir': self.files}

    def held(self: Any) -> list[str]:
        return [path.name for path in self.files.iterdir()]


class TestRBD(test_rbd.Ceph, Existing, unittest.TestCase):
    pool = 'interop'


class TestS3(Existing, unittest.TestCase):
    kind = 's3'

    def server(self) -> Any:
        return None

    def prepare(self: Any) -> None:
        self.bucket = test_s3.Bucket(self.server())

    def settings(self: Any) -> dict[str, Any]:
        return {
            **self.bucket.settings(),
            's3_store_large_object_size': 10,
            's3_store_bucket_url_format': 'path',
        }

    def held(self: Any) -> list[str]:
        return self.bucket.held()


class TestRadosgw(TestS3):
    def server(self) -> Any:
        return radosgw.found()


class TestSwift(Existing, unittest.TestCase):
    """Both read the credentials from a file, to which locations refer.

    Upstream cannot write segments of a known size with a shorter last one.
    """

    kind = 'swift'
    sizes = (
        *((0, True), (1, True), (2 * MB + 7, True), (20 * MB, True)),
        *((20 * MB + 7, False), (7, False)),
    )

    def prepare(self: Any) -> None:
        self.container = test_swift.Container()

    def settings(self: Any) -> dict[str, Any]:
        directory = self.directory
        return test_swift.in_file(self.container.settings(), directory)

    def held(self: Any) -> list[str]:
        return self.container.held()


class TestSwiftSecrets(TestSwift):
    """The credentials of upstream are in its options, and in its locations."""

    #: Our locations name a reference, which these options do not have.
    test_they_take_over_our_images = None

    def settings(self: Any) -> dict[str, Any]:
        return {
            **self.container.settings(),
            'swift_store_auth_version': '3',
        }
