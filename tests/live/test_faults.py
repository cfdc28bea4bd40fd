"""What breaks in production: killed processes, full disks, lost clients.

Afterwards, always: no image is active with missing bytes, no file is in the
store without an image, the service answers.
"""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import threading
import time
import unittest
import uuid

from tests.live import connections
from tests.live import daemons
from tests.live import processes

MIB = 1 << 20
WHOLE = 48 * MIB
PART = 16 * MIB
SETTLE_SECONDS = 120


class Faults(unittest.TestCase):
    settings: dict[str, dict[str, object]] = {}

    @classmethod
    def setUpClass(cls) -> None:
        cls.glance = daemons.Glance(api=cls.settings)
        cls.addClassCleanup(cls.glance.stop)
        cls.glance.start()

    def _image(self, image_id: str) -> dict[str, object]:
        image = self.glance.image(image_id)
        assert image is not None
        return image

    def _wait_for(self, image_id: str, *statuses: str) -> None:
        processes.wait_until(
            lambda: self._image(image_id)['status'] in statuses,
            SETTLE_SECONDS,
            f'the image is {" or ".join(statuses)}',
        )

    def _start_upload(self, image_id: str) -> connections.Slow:
        slow = connections.upload(self.glance.api_url, image_id, WHOLE)
        self.addCleanup(slow.hang_up)
        slow.send(PART)
        self._wait_for(image_id, 'saving')
        return slow

    def _upload(self, data: bytes) -> str:
        image_id = self.glance.create()
        status, _, body = self.glance.request(
            'PUT',
            f'/v2/images/{image_id}/file',
            data,
            content_type='application/octet-stream',
        )
        self.assertEqual(204, status, body)
        return image_id

    def _assert_download(self, image_id: str, data: bytes) -> None:
        status, _, body = self.glance.request(
            'GET', f'/v2/images/{image_id}/file'
        )
        self.assertEqual(200, status)
        self.assertEqual(
            hashlib.sha256(data).digest(), hashlib.sha256(body).digest()
        )

    def _strays(self) -> list[pathlib.Path]:
        """Give files which no image accounts for."""
        return [path for path in self.glance.files() if self._is_stray(path)]

    def _is_stray(self, path: pathlib.Path) -> bool:
        try:
            image_id = str(uuid.UUID(path.name))
        except ValueError:
            return True
        image = self.glance.image(image_id)
        if image is None:
            return True
        with contextlib.suppress(FileNotFoundError):
            if image['status'] == 'active':
                return path.stat().st_size != image['size']
        return False

    def _assert_settled(self, *image_ids: str) -> None:
        """The three things that hold afterwards; then clean up."""
        processes.wait_until(
            lambda: self.glance.request('GET', '/v2/images')[0] == 200,
            SETTLE_SECONDS,
            'the service answers',
        )
        for image_id in image_ids:
            self.assertNotEqual('active', self._image(image_id)['status'])
        processes.wait_until(
            lambda: not self._strays(),
            SETTLE_SECONDS,
            f'no stray files, not {self._strays()}',
        )
        data = os.urandom(MIB)
        again = self._upload(data)
        self._assert_download(again, data)
        for image_id in (again, *image_ids):
            status, _, body = self.glance.request(
                'DELETE', f'/v2/images/{image_id}'
            )
            self.assertEqual(204, status, body)
        processes.wait_until(
            lambda: not self._strays(),
            SETTLE_SECONDS,
            'no files of deleted images',
        )

    def _kill_workers(self, process: processes.Process) -> None:
        killed = process.workers()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        processes.wait_until(
            lambda: not set(killed) & set(process.workers()),
            SETTLE_SECONDS,
            'other workers',
            process,
        )


class Workers(Faults):
    def test_killed_during_an_upload(self) -> None:
        image_id = self.glance.create()
        upload = self._start_upload(image_id)
        self._kill_workers(self.glance.api)
        self.assertIsNone(upload.status())
        self._assert_settled(image_id)

    def test_killed_during_a_download(self) -> None:
        data = os.urandom(WHOLE)
        image_id = self._upload(data)
        download = connections.download(self.glance.api_url, image_id)
        self.addCleanup(download.hang_up)
        download.read_some(MIB)
        self._kill_workers(self.glance.api)
        self.assertLess(len(download.read_all()), WHOLE)
        processes.wait_until(
            lambda: self.glance.request('GET', '/v2/images')[0] == 200,
            SETTLE_SECONDS,
            'the service answers',
        )
        self.assertEqual('active', self._image(image_id)['status'])
        self._assert_download(image_id, data)
        self.glance.request('DELETE', f'/v2/images/{image_id}')
        self._assert_settled()

    def test_terminated_workers_finish_what_they_do(self) -> None:
        """SIGTERM to the master while somebody downloads."""
        data = os.urandom(WHOLE)
        image_id = self._upload(data)
        download = connections.download(self.glance.api_url, image_id)
        self.addCleanup(download.hang_up)
        download.read_some(MIB)
        os.kill(self.glance.api.pid, signal.SIGTERM)
        try:
            self.assertTrue(download.read_all().endswith(data[-MIB:]))
            self.assertEqual(0, self.glance.api.wait(SETTLE_SECONDS))
        finally:
            self.glance.api.stop()
            self.glance.api.start()
            self.glance.wait_until_healthy()


class LostClients(Faults):
    def test_hangs_up_during_an_upload(self) -> None:
        image_id = self.glance.create()
        self._start_upload(image_id).hang_up()
        self._wait_for(image_id, 'queued', 'killed')
        self.assertEqual([], self._strays())
        self._assert_settled(image_id)

    def test_hangs_up_during_a_chunked_upload(self) -> None:
        image_id = self.glance.create()
        upload = connections.chunked_upload(self.glance.api_url, image_id)
        for _ in range(8):
            upload.send_chunk(MIB)
        self._wait_for(image_id, 'saving')
        upload.hang_up()
        self._wait_for(image_id, 'queued', 'killed')
        self.assertEqual([], self._strays())
        self._assert_settled(image_id)

    def test_hangs_up_during_downloads(self) -> None:
        image_id = self._upload(os.urandom(WHOLE))
        for _ in range(20):
            download = connections.download(self.glance.api_url, image_id)
            download.read_some(MIB)
            download.hang_up()
        processes.wait_until(
            lambda: not self._open_images(),
            SETTLE_SECONDS,
            'the daemon closes what nobody reads',
        )
        self.glance.request('DELETE', f'/v2/images/{image_id}')
        self._assert_settled()

    def _open_images(self) -> list[str]:
        found = []
        for pid in self.glance.api.workers():
            for link in pathlib.Path(f'/proc/{pid}/fd').iterdir():
                with contextlib.suppress(FileNotFoundError):
                    found.append(os.readlink(link))
        return [name for name in found if str(self.glance.images) in name]

    def test_slow_clients_do_not_keep_others_waiting(self) -> None:
        image_id = self._upload(os.urandom(WHOLE))
        slow = [
            connections.download(self.glance.api_url, image_id)
            for _ in range(100)
        ]
        for each in slow:
            self.addCleanup(each.hang_up)
            each.read_some(1)
        started = time.monotonic()
        for _ in range(10):
            self._image(image_id)
        self.assertLess(time.monotonic() - started, processes.allowed(5))


class Registry(Faults):
    def tearDown(self) -> None:
        if not self.glance.registry.is_alive():
            self.glance.start_registry()

    def test_down_is_503(self) -> None:
        image_id = self._upload(b'bytes')
        self.glance.registry.kill()
        for method, path, body in (
            ('GET', '/v2/images', None),
            ('GET', f'/v2/images/{image_id}', None),
            ('GET', f'/v2/images/{image_id}/file', None),
            ('POST', '/v2/images', {}),
            ('DELETE', f'/v2/images/{image_id}', None),
        ):
            started = time.monotonic()
            status, headers, _ = self.glance.request(method, path, body)
            self.assertEqual(503, status, (method, path))
            self.assertGreater(int(headers['retry-after']), 0)
            self.assertLess(time.monotonic() - started, processes.allowed(30))
        self.glance.start_registry()
        self._assert_download(image_id, b'bytes')

    def test_killed_while_writing(self) -> None:
        """What was answered with 201 is there; nothing is 500."""
        stop = threading.Event()
        killed = threading.Event()
        statuses: set[int] = set()
        made: list[str] = []

        def write() -> None:
            while not stop.is_set():
                status, _, body = self.glance.request(
                    'POST', '/v2/images', {'name': 'x', 'key': 'value'}
                )
                statuses.add(status)
                if status == 201:
                    made.append(json.loads(body)['id'])
                elif not killed.is_set():
                    return

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            writers = [pool.submit(write) for _ in range(4)]
            processes.wait_until(
                lambda: len(made) > 20, SETTLE_SECONDS, 'some writes'
            )
            killed.set()
            self.glance.registry.kill()
            time.sleep(0.5)
            self.glance.start_registry()
            before = len(made)
            processes.wait_until(
                lambda: len(made) > before + 20, SETTLE_SECONDS, 'more writes'
            )
            stop.set()
            for writer in writers:
                writer.result(SETTLE_SECONDS)
        self.assertLessEqual(statuses, {201, 503})
        for image_id in made:
            image = self._image(image_id)
            self.assertEqual('queued', image['status'])
            self.assertEqual('value', image['key'])

    def test_workers_killed_while_writing(self) -> None:
        self._kill_workers(self.glance.registry)
        self._assert_settled()

    def test_killed_during_an_upload(self) -> None:
        image_id = self.glance.create()
        upload = self._start_upload(image_id)
        self.glance.registry.kill()
        upload.send(WHOLE - PART)
        self.assertEqual(503, upload.status())
        self.glance.start_registry()
        self._assert_settled(image_id)

    def test_restarted_during_an_upload(self) -> None:
        image_id = self.glance.create()
        upload = self._start_upload(image_id)
        self.glance.registry.kill()
        self.glance.start_registry()
        upload.send(WHOLE - PART)
        self.assertEqual(204, upload.status())
        self.assertEqual(WHOLE, self._image(image_id)['size'])
        self._assert_download(image_id, b'\x5a' * WHOLE)
        self.glance.request('DELETE', f'/v2/images/{image_id}')


class SlowRegistry(Faults):
    settings = {'DEFAULT': {'registry_client_timeout': 10}}

    def test_hits_a_time_out(self) -> None:
        for pid in self.glance.registry.workers():
            os.kill(pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            status, headers, _ = self.glance.request('GET', '/v2/images')
            self.assertEqual(503, status)
            self.assertIn('retry-after', headers)
            self.assertLess(time.monotonic() - started, processes.allowed(60))
        finally:
            for pid in self.glance.registry.workers():
                os.kill(pid, signal.SIGCONT)
        self._assert_settled()


class FullDisk(Faults):
    """The store is a small tmpfs."""

    @classmethod
    def setUpClass(cls) -> None:
        if os.getuid() != 0:
            raise unittest.SkipTest('only root can mount a small disk')
        cls.glance = daemons.Glance()
        mounted = subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', 'size=24m', 'x', cls.glance.images],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            raise unittest.SkipTest(f'no tmpfs: {mounted.stderr.decode()}')
        cls.addClassCleanup(
            subprocess.run, ['umount', '-l', cls.glance.images], check=True
        )
        cls.glance.start()

    @classmethod
    def tearDownClass(cls) -> None:
        # Before the disk goes away: a mounted directory cannot be removed.
        cls.glance.api.stop()
        cls.glance.registry.stop()

    def test_refuses_what_does_not_fit(self) -> None:
        for _ in range(3):
            image_id = self.glance.create()
            upload = connections.upload(self.glance.api_url, image_id, WHOLE)
            with contextlib.suppress(OSError):
                upload.send(WHOLE)
            self.assertIn(upload.status(), {413, None})
            upload.hang_up()
            self._wait_for(image_id, 'queued', 'killed')
            self.assertEqual([], self._strays())
            self._assert_settled(image_id)

    def test_says_so(self) -> None:
        """Whether it knows the size beforehand or not."""
        data = self.glance.directory / 'data'
        data.write_bytes(bytes(25 * MIB))
        for header in ('X-Size: known', 'Transfer-Encoding: chunked'):
            image_id = self.glance.create()
            answer = daemons.curl(
                *('--upload-file', data, '--write-out', '\n%{http_code}'),
                *('--header', 'Content-Type: application/octet-stream'),
                *('--header', header, '--header', 'Expect:'),
                f'{self.glance.api_url}/v2/images/{image_id}/file',
            )
            self.assertEqual('413', answer.splitlines()[-1], answer)
            self.assertIn('no space left', answer)
            self._assert_settled(image_id)
