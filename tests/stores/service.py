"""Both daemons with a store: uploads, downloads, failures, memory."""

import contextlib
import filecmp
import functools
import hashlib
import http.client
import json
import os
import pathlib
import random
import sqlite3
import statistics
import threading
import time
from typing import Any
import urllib.parse

from tests.live import clients
from tests.live import daemons
from tests.live import inputs
from tests.live import processes

MIB = 1024 * 1024
LARGE_BYTES = 2048 * MIB
SMALL_BYTES = 96 * MIB
MEMORY_BYTES = 128 * MIB
SECONDS = 600
#: Until the second try of a removal.
LEFTOVER_SECONDS = 180
BLOCK = random.Random(5).randbytes(MIB)


def upload(
    glance: daemons.Client, size: int, sized: bool
) -> tuple[int, str, str]:
    """Upload pieces of random data: status, image id, sha256."""
    image_id = glance.create(name='x')
    digest = hashlib.sha256()
    rotating = random.Random(size)

    def pieces() -> Any:
        left = size
        while left:
            begin = rotating.randrange(MIB)
            piece = (BLOCK[begin:] + BLOCK[:begin])[: min(left, MIB)]
            left -= len(piece)
            digest.update(piece)
            yield piece

    headers = {'Content-Type': 'application/octet-stream'}
    if sized:
        headers['Content-Length'] = str(size)
    host = urllib.parse.urlsplit(glance.api_url).netloc
    with contextlib.closing(
        http.client.HTTPConnection(host, timeout=SECONDS)
    ) as connection:
        # An api that refuses the rest closes before all is sent.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(
                'PUT',
                f'/v2/images/{image_id}/file',
                pieces(),
                headers,
                encode_chunked=not sized,
            )
        try:
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            status = 0
    return status, image_id, digest.hexdigest()


def download(
    glance: daemons.Client, image_id: str, headers: Any = None
) -> tuple[int, int, str]:
    """Read an image's data: status, bytes, sha256."""
    host = urllib.parse.urlsplit(glance.api_url).netloc
    digest, size = hashlib.sha256(), 0
    with contextlib.closing(
        http.client.HTTPConnection(host, timeout=SECONDS)
    ) as connection:
        connection.request(
            'GET', f'/v2/images/{image_id}/file', headers=headers or {}
        )
        answer = connection.getresponse()
        while piece := answer.read(MIB):
            digest.update(piece)
            size += len(piece)
    return answer.status, size, digest.hexdigest()


class Service:
    """Mixed into a test case per store, with :meth:`settings`, :meth:`held`.

    :cvar kind: its type
    :cvar usual_bytes: the image whose memory is measured, without
        GLANCE_TEST_LARGE
    """

    kind: str
    usual_bytes = 256 * MIB

    @classmethod
    def settings(cls: Any) -> dict[str, Any]:
        """The options of the store by their names."""
        raise NotImplementedError

    @classmethod
    def held(cls: Any) -> list[str]:
        """All that the server keeps, found without the driver."""
        raise NotImplementedError

    @classmethod
    def secrets(cls) -> list[str]:
        """What nobody may see: in responses and logs."""
        return []

    @classmethod
    def setUpClass(cls: Any) -> None:
        super().setUpClass()
        cls.directory = processes.private_directory()
        cls.glance = cls.daemons(cls.settings())
        cls.addClassCleanup(cls.glance.stop)
        cls.glance.start()

    @classmethod
    def daemons(cls: Any, settings: dict[str, Any]) -> daemons.Glance:
        """Both daemons, not started, with the store under the id "big"."""
        own = processes.private_directory()
        reserved = {
            f'os_glance_{name}_store': {'filesystem_store_datadir': own / name}
            for name in ('staging', 'tasks')
        }
        return daemons.Glance(
            api={
                'DEFAULT': {
                    'enabled_backends': f'big:{cls.kind}',
                    'show_multiple_locations': True,
                    'leftover_interval_seconds': 2,
                    'show_image_direct_url': True,
                },
                'glance_store': {'default_backend': 'big'},
                'big': settings,
                **reserved,
            },
            workers=1,
        )

    def upload(
        self: Any, size: int, sized: bool, glance: Any = None
    ) -> tuple[int, str, str]:
        """Upload pieces of random data: status, image id, sha256."""
        return upload(glance or self.glance, size, sized)

    def download(
        self: Any, image_id: str, headers: Any = None, glance: Any = None
    ) -> tuple[int, int, str]:
        """Read an image's data: status, bytes, sha256."""
        return download(glance or self.glance, image_id, headers)

    def delete(self: Any, image_id: str) -> None:
        status, *_ = self.glance.request('DELETE', f'/v2/images/{image_id}')
        self.assertEqual(204, status)

    def require_nothing_held(self: Any) -> None:
        processes.wait_until(
            lambda: not self.held(), LEFTOVER_SECONDS, 'data stays'
        )

    def require_it_serves(self: Any, glance: Any) -> None:
        """An image goes up, comes down and leaves nothing."""
        status, image_id, digest = self.upload(1234, True, glance)
        self.assertEqual(204, status)
        self.assertEqual(
            (200, 1234, digest), self.download(image_id, glance=glance)
        )
        glance.request('DELETE', f'/v2/images/{image_id}')
        self.require_nothing_held()

    def test_images_go_up_and_come_down(self: Any) -> None:
        for sized in (True, False):
            status, image_id, digest = self.upload(SMALL_BYTES + 1, sized)
            self.assertEqual(204, status)
            self.assertEqual(
                (200, SMALL_BYTES + 1, digest), self.download(image_id)
            )
            begin = SMALL_BYTES // 2
            status, size, _ = self.download(
                image_id, {'Range': f'bytes={begin}-{begin + 4999}'}
            )
            self.assertEqual((206, 5000), (status, size))
            image = self.glance.image(image_id)
            self.assertEqual('big', image['stores'])
            for secret in self.secrets():
                self.assertNotIn(secret, json.dumps(image))
            self.delete(image_id)
            self.require_nothing_held()

    def test_memory_is_bounded_and_others_are_served(self: Any) -> None:
        is_large = os.environ.get('GLANCE_TEST_LARGE') == '1'
        work = self._with_real_clients if is_large else self._with_sockets
        usual = self._latency()
        before = self.glance.api.rss_bytes()
        peak, latencies, done = [0], [0.0], threading.Event()

        def look() -> None:
            while not done.wait(0.2):
                peak[0] = max(peak[0], self.glance.api.rss_bytes())
                latencies.append(self._latency(3))

        looking = threading.Thread(target=look)
        looking.start()
        try:
            work()
        finally:
            done.set()
            looking.join(SECONDS)
        self.require_nothing_held()
        slowest = max(latencies)
        self.tell(
            f'{self.id()}: grew by {(peak[0] - before) // MIB} MiB; '
            f'latency {usual * 1000:.1f} ms, meanwhile '
            f'{statistics.median(latencies) * 1000:.1f} ms, at most '
            f'{slowest * 1000:.1f} ms'
        )
        self.assertLess(peak[0] - before, MEMORY_BYTES)
        # Generous: the machine may be busy with other things.
        self.assertLess(slowest, max(20 * usual, processes.allowed(1.0)))

    def _with_sockets(self: Any) -> None:
        size = self.usual_bytes
        for sized in (True, False):
            status, image_id, digest = self.upload(size, sized)
            self.assertEqual(204, status)
            self.assertEqual((200, size, digest), self.download(image_id))
            self.delete(image_id)

    def _with_real_clients(self: Any) -> None:
        """2 GiB from a file and from a pipe, back, and a range of it."""
        source = inputs.raw(LARGE_BYTES).path
        person = clients.Person(
            self.directory / 'home',
            openstack={
                'OS_AUTH_TYPE': 'none',
                'OS_ENDPOINT': self.glance.api_url,
            },
        )
        copy = self.directory / 'home/copy'
        create = ('openstack', 'image', 'create', '-f', 'value', '-c', 'id')
        for is_piped in (False, True):
            since = time.monotonic()
            if is_piped:
                made = person.run_with(*create, 'x', source=source)
            else:
                made = person.run(*create, 'x', '--file', source)
            self.tell(f'{self.id()}: {time.monotonic() - since:.1f} s up')
            image_id = made.strip()
            person.run('openstack', 'image', 'save', '--file', copy, image_id)
            same = filecmp.cmp(source, copy, shallow=False)
            copy.unlink()
            self.assertTrue(same, 'other data came')
            image = self.glance.image(image_id)
            self.assertEqual('active', image['status'])
            self.assertEqual(_sha512(source), image['os_hash_value'])
            begin = LARGE_BYTES - 5000
            headers = {'Range': f'bytes={begin}-'}
            status, size, digest = self.download(image_id, headers)
            with source.open('rb') as file:
                file.seek(begin)
                wanted = hashlib.sha256(file.read()).hexdigest()
            self.assertEqual((206, 5000, wanted), (status, size, digest))
            person.run('openstack', 'image', 'delete', image_id)

    def tell(self: Any, text: str) -> None:
        """Tell a figure to whoever runs this test alone."""
        if os.environ.get('GLANCE_TEST_FIGURES'):
            os.write(2, f'{text}\n'.encode())

    def _latency(self: Any, times: int = 9) -> float:
        """The median time of a request for metadata, in seconds."""
        found = []
        for _ in range(times):
            since = time.monotonic()
            self.glance.request('GET', '/v2/images?limit=1')
            found.append(time.monotonic() - since)
        return sorted(found)[times // 2]

    def test_several_uploads_at_once(self: Any) -> None:
        outcomes = []

        def work(size: int) -> None:
            status, image_id, digest = self.upload(size, size % 2 == 0)
            outcomes.append(status)
            if self.download(image_id)[1:] != (size, digest):
                outcomes.append(image_id)
            self.delete(image_id)

        workers = [
            threading.Thread(target=work, args=(12 * MIB + number,))
            for number in range(6)
        ]
        for each in workers:
            each.start()
        for each in workers:
            each.join(SECONDS)
        self.assertEqual([204] * len(workers), outcomes)
        self.require_nothing_held()

    def test_a_client_that_goes_leaves_nothing(self: Any) -> None:
        image_id = self.glance.create(name='x')
        host = urllib.parse.urlsplit(self.glance.api_url).netloc
        connection = http.client.HTTPConnection(host, timeout=SECONDS)
        connection.putrequest('PUT', f'/v2/images/{image_id}/file')
        connection.putheader('Content-Type', 'application/octet-stream')
        connection.putheader('Content-Length', str(SMALL_BYTES))
        connection.endheaders()
        for _ in range(SMALL_BYTES // MIB // 2):
            connection.send(BLOCK)
        connection.close()
        processes.wait_until(
            lambda: self.glance.image(image_id)['status'] == 'queued',
            60,
            'the image is not queued again',
        )
        self.require_nothing_held()
        self.delete(image_id)

    def put_location(self: Any, image_id: str, url: str) -> None:
        """Give an image's location another URL, as an older release did."""
        path = self.glance.database_url.removeprefix('sqlite:///')
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as found:
            found.execute(
                'UPDATE image_locations SET value = ?, meta_data = ? '
                'WHERE image_id = ?',
                (url, '{}', image_id),
            )
            found.commit()


@functools.cache
def _sha512(path: pathlib.Path) -> str:
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha512').hexdigest()


class Moved:
    """Mixed in as well to move images from files to the store, and back."""

    def test_images_are_moved_to_it_and_back(self: Any) -> None:
        glance = self.daemons(self.settings())
        glance.configure(
            'glance-api', {'enabled_backends': f'big:{self.kind}, files:file'}
        )
        files = glance.directory / 'files'
        glance.configure(
            'glance-api', {'filesystem_store_datadir': files}, 'files'
        )
        self.addCleanup(glance.stop)
        glance.start()
        _, image_id, digest = self.upload(SMALL_BYTES // 4 + 1, True, glance)
        for old, new in (('big', 'files'), ('files', 'big')):
            processes.run(
                [
                    daemons.program('glance-manage'),
                    *('--config-file', glance.directory / 'glance-api.conf'),
                    *('db', 'migrate_location', '--delete'),
                    *('--from', old, '--to', new),
                ],
                SECONDS,
            )
            self.assertEqual(new, glance.image(image_id)['stores'])
            self.assertEqual(
                (200, SMALL_BYTES // 4 + 1, digest),
                self.download(image_id, glance=glance),
            )
            if old == 'big':
                self.assertEqual([], self.held())
        self.assertEqual([], list(files.iterdir()))
        glance.request('DELETE', f'/v2/images/{image_id}')
        self.require_nothing_held()
