"""Large images: what comes back, memory, and how long others wait."""

import contextlib
import hashlib
import os
import statistics
import subprocess
import threading
import time
import unittest

from tests.live import daemons
from tests.live import inputs
from tests.live import processes

MEMORY_BYTES = 64 << 20
SLOWER_TIMES = 5
# Under this a metadata call is quick enough whatever it was when idle: on a
# busy machine with two cores the noise alone is this large.
NOISE_SECONDS = 0.04
SAMPLES = 40
SECONDS = 600


class Watched:
    """Memory and latency while a block runs."""

    def __init__(self, glance: daemons.Glance, path: str) -> None:
        self._glance = glance
        self._path = path
        self._end = threading.Event()
        self.rss = {'api': 0, 'registry': 0}
        self.latencies: list[float] = []

    @contextlib.contextmanager
    def watch(self):
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield self
        finally:
            self._end.set()
            thread.join()

    def _watch(self) -> None:
        while not self._end.is_set():
            for name in self.rss:
                now = getattr(self._glance, name).rss_bytes()
                self.rss[name] = max(self.rss[name], now)
            self.latencies.append(latency(self._glance, self._path))
            self._end.wait(0.05)


def latency(glance: daemons.Glance, path: str) -> float:
    started = time.perf_counter()
    status, _, _ = glance.request('GET', path)
    assert status == 200, status
    return time.perf_counter() - started


class Transfers(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.glance = daemons.Glance()
        cls.addClassCleanup(cls.glance.stop)
        cls.glance.start()

    def _url(self, image_id: str) -> str:
        return f'{self.glance.api_url}/v2/images/{image_id}/file'

    def _upload(self, path: object) -> str:
        image_id = self.glance.create()
        status = daemons.curl(
            *('-T', path, '-w', '%{http_code}', '-H', 'Expect:'),
            *('-H', 'Content-Type: application/octet-stream'),
            self._url(image_id),
            seconds=SECONDS,
        )
        self.assertEqual('204', status)
        return image_id

    def _download(self, image_id: str) -> str:
        """Give the sha256 of what came."""
        digest = hashlib.sha256()
        curl = subprocess.Popen(
            ['curl', '-s', '--fail', '--noproxy', '*', self._url(image_id)],
            stdout=subprocess.PIPE,
        )
        assert curl.stdout is not None
        while chunk := curl.stdout.read(1 << 20):
            digest.update(chunk)
        self.assertEqual(0, curl.wait(SECONDS))
        return digest.hexdigest()

    def test_large_image(self) -> None:
        image = inputs.raw()
        small = self._upload(inputs.raw(16 << 20).path)
        path = f'/v2/images/{small}'
        for _ in range(4):  # every worker has done everything once
            self._download(small)
        idle = statistics.median(
            latency(self.glance, path) for _ in range(SAMPLES)
        )
        before = {
            'api': self.glance.api.rss_bytes(),
            'registry': self.glance.registry.rss_bytes(),
        }
        with Watched(self.glance, path).watch() as up:
            image_id = self._upload(image.path)
        with Watched(self.glance, path).watch() as down:
            self.assertEqual(image.sha256, self._download(image_id))
        shown = self.glance.image(image_id)
        assert shown is not None
        self.assertEqual('active', shown['status'])
        self.assertEqual(image.size, shown['size'])
        self.assertEqual(image.md5, shown['checksum'])
        self.assertEqual(image.sha512, shown['os_hash_value'])

        for watched in (up, down):
            for name, rss in watched.rss.items():
                self.assertLess(rss - before[name], MEMORY_BYTES, name)
            busy = statistics.median(watched.latencies)
            self.assertLess(
                busy,
                SLOWER_TIMES * max(idle, processes.allowed(NOISE_SECONDS)),
            )

    def test_many_at_once(self) -> None:
        """Eight uploads and downloads side by side come back whole."""
        image = inputs.raw(16 << 20)
        answers: list[str] = []

        def there_and_back() -> None:
            answers.append(self._download(self._upload(image.path)))

        threads = [threading.Thread(target=there_and_back) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        self.assertEqual([image.sha256] * 8, answers)

    def test_a_part(self) -> None:
        data = os.urandom(5 << 20)
        image_id = self.glance.create()
        self.glance.request(
            'PUT',
            f'/v2/images/{image_id}/file',
            data,
            content_type='application/octet-stream',
        )
        got = daemons.curl(
            *('-r', '1000000-1000099', '-o', '/dev/null'),
            *('-w', '%{http_code} %{size_download}'),
            self._url(image_id),
        )
        self.assertEqual('206 100', got)
