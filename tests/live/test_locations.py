"""Data on web servers, through daemons as they really run.

Nothing of it blocks the event loop.
"""

import contextlib
import hashlib
import json
import statistics
import subprocess
import threading
import time
from typing import Any
import unittest

from tests import webserver
from tests.live import daemons
from tests.live import processes

MIB = 1 << 20
DATA = bytes(range(256)) * 4096 * 4
LARGE_BYTES = 192 * MIB
#: What a download of any size may add to a daemon.
MEMORY_BYTES = 48 * MIB
LEASE_SECONDS = 9
SECONDS = 120
PATCH = 'application/openstack-images-v2.1-json-patch'


class Locations(unittest.TestCase):
    def setUp(self) -> None:
        self.web = webserver.WebServer(self)
        self.web.data['/a'] = DATA
        self.tls = webserver.Certificate(self)
        self.secure = webserver.WebServer(self, self.tls.context)
        self.secure.data['/a'] = DATA
        self.glance = daemons.Glance(
            api={
                'DEFAULT': {'show_multiple_locations': True},
                'import_filtering_opts': {
                    'allowed_hosts': '127.0.0.1,localhost',
                    'allowed_ports': f'{self.web.port},{self.secure.port}',
                },
                'glance_store': {
                    'https_ca_certificates_file': self.tls.cert,
                },
            },
            registry={'DEFAULT': {'transfer_lease_seconds': LEASE_SECONDS}},
            workers=1,
        )
        self.addCleanup(self.glance.stop)
        self.glance.start()

    def post(self, claim: Any = None, path: str = '/a') -> str:
        image_id = self.glance.create()
        body = {'url': self.web.url(path)}
        if claim is not None:
            body['validation_data'] = claim
        status, _, said = self.glance.request(
            'POST', f'/v2/images/{image_id}/locations', body
        )
        self.assertEqual((202, b''), (status, said))
        return image_id

    def add(self, path: str = '/a', host: str = '127.0.0.1') -> str:
        image_id = self.glance.create()
        status, said = self.try_to_add(image_id, self.web.url(path, host))
        self.assertEqual(200, status, said)
        return image_id

    def try_to_add(self, image_id: str, url: str) -> tuple[int, bytes]:
        value = {'url': url, 'metadata': {}}
        operation = {'op': 'add', 'path': '/locations/-', 'value': value}
        status, _, said = self.glance.request(
            'PATCH',
            f'/v2/images/{image_id}',
            json.dumps([operation]).encode(),
            content_type=PATCH,
        )
        return status, said

    def url(self, image_id: str) -> str:
        return f'{self.glance.api_url}/v2/images/{image_id}/file'

    def await_image(self, image_id: str, **values: Any) -> None:
        def check() -> bool:
            found = self.glance.image(image_id) or {}
            return all(found.get(name) == it for name, it in values.items())

        processes.wait_until(check, SECONDS, f'{values}', self.glance.api)

    def slowly(self, go: threading.Event, data: bytes = DATA) -> None:
        """Let the server stop in the middle of the data."""

        def answer(handler: Any) -> None:
            if handler.command == 'HEAD':
                handler.reply(200, data)
                return
            half = len(data) // 2
            length = {'Content-Length': str(len(data))}
            handler.reply(200, data[:half], length)
            handler.wfile.flush()
            go.wait(SECONDS)
            with contextlib.suppress(OSError):
                handler.wfile.write(data[half:])

        self.addCleanup(go.set)
        self.web.answers['/slow'] = answer

    def large(self) -> None:
        def answer(handler: Any) -> None:
            length = {'Content-Length': str(LARGE_BYTES)}
            handler.reply(200, b'', length)
            if handler.command == 'GET':
                with contextlib.suppress(OSError):
                    for _ in range(LARGE_BYTES // MIB):
                        handler.wfile.write(b'x' * MIB)

        self.web.answers['/large'] = answer

    def test_a_download(self) -> None:
        for host in ('127.0.0.1', 'localhost'):
            image_id = self.add(host=host)
            status, headers, body = self.glance.request(
                'GET', f'/v2/images/{image_id}/file'
            )
            self.assertEqual(200, status)
            self.assertEqual(str(len(DATA)), headers['content-length'])
            self.assertTrue(body == DATA)
            part = subprocess.run(
                ['curl', '-s', '-r', '5-2000004', self.url(image_id)],
                capture_output=True,
                check=True,
                timeout=SECONDS,
            ).stdout
            self.assertTrue(part == DATA[5:2_000_005])

    def test_over_tls(self) -> None:
        """Verified by the file that is configured, for this name alone."""
        image_id = self.glance.create()
        for host, expected in (('127.0.0.1', 400), ('localhost', 200)):
            url = f'https://{host}:{self.secure.port}/a'
            status, said = self.try_to_add(image_id, url)
            self.assertEqual(expected, status, said)
        path = f'/v2/images/{image_id}/file'
        status, _, body = self.glance.request('GET', path)
        self.assertEqual(200, status)
        self.assertTrue(body == DATA)

    def test_hashes(self) -> None:
        sha256 = hashlib.sha256(DATA).hexdigest()
        claim = {'os_hash_algo': 'sha256', 'os_hash_value': sha256}
        self.await_image(self.post(claim), status='active', **claim)
        wrong = {**claim, 'os_hash_value': '0' * 64}
        self.await_image(
            self.post(wrong),
            status='queued',
            os_glance_failed_reason=(
                'The data does not have the hash os_hash_value.'
            ),
        )
        sha512 = hashlib.sha512(DATA).hexdigest()
        self.await_image(self.post(), status='active', os_hash_value=sha512)

    def test_a_broken_download_is_broken_for_the_client(self) -> None:
        image_id = self.add()
        length = {'Content-Length': str(len(DATA))}

        def half(handler: Any) -> None:
            handler.reply(200, DATA[: len(DATA) // 2], length)
            handler.close_connection = True

        self.web.answers['/a'] = half
        ended = subprocess.run(
            ['curl', '-s', '-o', '/dev/null', self.url(image_id)],
            check=False,
            timeout=SECONDS,
        )
        self.assertIn(ended.returncode, (18, 56))
        self.assertEqual(200, self.glance.request('GET', '/v2/images')[0])

    def test_memory_and_latency(self) -> None:
        self.large()
        go = threading.Event()
        self.slowly(go)
        image_id = self.add('/large')
        show = f'/v2/images/{image_id}'
        self.glance.request('GET', f'{show}/file')  # all is loaded now
        before = self.glance.api.rss_bytes()
        idle = self.latency(show)
        hashing = [self.post({}, '/slow') for _ in range(8)]
        readers = [
            subprocess.Popen(
                ['curl', '-s', '-o', '/dev/null', self.url(image_id)]
            )
            for _ in range(3)
        ]
        stuck = [
            subprocess.Popen(
                [
                    *('curl', '-s', '-o', '/dev/null', '--limit-rate', '10k'),
                    self.url(image_id),
                ]
            )
            for _ in range(3)
        ]
        latencies, most = [], 0
        try:
            while any(reader.poll() is None for reader in readers):
                latencies.append(self.latency(show))
                most = max(most, self.glance.api.rss_bytes())
        finally:
            for process in (*readers, *stuck):
                process.kill()
                process.wait()
        self.assertEqual([0, 0, 0], [it.returncode for it in readers])
        self.assertLess(most - before, MEMORY_BYTES)
        # Six streams share one processor with us: no more than patience.
        self.assertLess(
            statistics.median(latencies), idle + processes.allowed(1)
        )
        go.set()
        for image_id in hashing:
            self.await_image(
                image_id, os_hash_value=hashlib.sha512(DATA).hexdigest()
            )

    def latency(self, path: str) -> float:
        started = time.perf_counter()
        self.assertEqual(200, self.glance.request('GET', path)[0])
        return time.perf_counter() - started

    def test_a_client_that_leaves_frees_the_connection(self) -> None:
        ended = threading.Event()

        def endless(handler: Any) -> None:
            handler.reply(200, b'', {'Content-Length': str(1 << 40)})
            if handler.command == 'HEAD':
                return
            with contextlib.suppress(OSError):
                while True:
                    handler.wfile.write(b'x' * MIB)
            ended.set()

        self.web.answers['/endless'] = endless
        image_id = self.add('/endless')
        subprocess.run(
            ['curl', '-s', '-m', '1', '-o', '/dev/null', self.url(image_id)],
            check=False,
        )
        self.assertTrue(ended.wait(SECONDS))

    def test_a_worker_that_dies_leaves_nothing_importing(self) -> None:
        self.slowly(threading.Event())
        sha256 = hashlib.sha256(DATA).hexdigest()
        claim = {'os_hash_algo': 'sha256', 'os_hash_value': sha256}
        image_id = self.post(claim, '/slow')
        self.await_image(image_id, status='importing')
        self.glance.api.kill()
        self.glance.api.start()
        self.glance.wait_until_healthy()
        self.await_image(image_id, status='queued')
        found = self.glance.image(image_id) or {}
        self.assertIn('broke off', str(found['os_glance_failed_reason']))

    def test_a_deletion_stops_the_reading(self) -> None:
        ended = threading.Event()

        def dripping(handler: Any) -> None:
            handler.reply(200, b'', {'Content-Length': str(1 << 30)})
            if handler.command == 'HEAD':
                return
            with contextlib.suppress(OSError):
                while not ended.wait(0.01):
                    handler.wfile.write(b'x' * 20_000)
            ended.set()

        self.addCleanup(ended.set)
        self.web.answers['/drip'] = dripping
        for claim in (
            None,
            {'os_hash_algo': 'sha256', 'os_hash_value': '0' * 64},
        ):
            ended.clear()
            image_id = self.post(claim, '/drip')
            processes.wait_until(
                lambda: any(
                    method == 'GET' for method, *_ in self.web.requests
                ),
                SECONDS,
                'the reading',
                self.glance.api,
            )
            status, *_ = self.glance.request(
                'DELETE', f'/v2/images/{image_id}'
            )
            self.assertEqual(204, status)
            self.assertTrue(ended.wait(SECONDS))
            self.web.requests.clear()
