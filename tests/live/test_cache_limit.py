"""The size limit of an image cache, while many images are read at once."""

from concurrent import futures
import contextlib
import http.client
import http.server
import json
import os
import random
import threading
from typing import Any
import unittest

from tests.live import daemons
from tests.live import inputs

MIB = 1 << 20
IMAGES, READERS, WORKERS = 50, 16, 2
IMAGE_BYTES = (100 if inputs.IS_LARGE else 4) * MIB
LIMIT_BYTES = (1024 if inputs.IS_LARGE else 40) * MIB
#: Map and header of a file that is being filled.
EXTRA_BYTES = 16 * 1024
SECONDS = 600
PATCH = 'application/openstack-images-v2.1-json-patch'
_ZEROS = bytes(MIB)


def mark(number: int, block: int) -> bytes:
    """The first bytes of a block; zeros follow."""
    return b'%08d %07d' % (number, block)


class Store(http.server.BaseHTTPRequestHandler):
    """Images /0 to /49; each of their blocks is another one."""

    protocol_version = 'HTTP/1.1'

    def do_GET(self) -> None:
        place = self.headers.get('Range', '').removeprefix('bytes=')
        first, _, last = place.partition('-')
        start, end = int(first or 0), int(last or IMAGE_BYTES - 1) + 1
        self.send_response(206 if place else 200)
        self.send_header('Content-Length', str(end - start))
        if place:
            span = f'bytes {start}-{end - 1}/{IMAGE_BYTES}'
            self.send_header('Content-Range', span)
        self.end_headers()
        if self.command == 'HEAD':
            return
        with contextlib.suppress(OSError):  # the service had enough
            for at in range(start - start % MIB, end, MIB):
                head = mark(int(self.path[1:]), at // MIB)
                parts = (head, memoryview(_ZEROS)[len(head) :])
                skipped, stop = max(start - at, 0), min(end - at, MIB)
                if (skipped, stop) == (0, MIB):
                    for part in parts:
                        self.wfile.write(part)
                else:
                    self.wfile.write(b''.join(parts)[skipped:stop])

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_args: Any) -> None:
        pass


class TestLimit(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        address = '127.0.0.1', 0
        self.store = http.server.ThreadingHTTPServer(address, Store)
        self.addCleanup(self.store.server_close)
        self.addCleanup(self.store.shutdown)
        threading.Thread(target=self.store.serve_forever, daemon=True).start()
        port = self.store.server_port
        self.glance = daemons.Glance(
            api={
                'DEFAULT': {
                    'workers': WORKERS,
                    'image_cache_enabled': True,
                    'image_cache_max_size': LIMIT_BYTES,
                    'show_multiple_locations': True,
                },
                'import_filtering_opts': {
                    'allowed_hosts': '127.0.0.1',
                    'allowed_ports': port,
                },
            }
        )
        self.addCleanup(self.glance.stop)
        self.cache = self.glance.directory / 'cache'
        self.glance.configure('glance-api', {'image_cache_dir': self.cache})
        self.glance.start()
        self.most = self.looks = 0

    def image(self, number: int) -> str:
        image_id = self.glance.create()
        url = f'http://127.0.0.1:{self.store.server_port}/{number}'
        value = {'url': url, 'metadata': {}}
        change = [{'op': 'add', 'path': '/locations/-', 'value': value}]
        status, _, said = self.glance.request(
            'PATCH',
            f'/v2/images/{image_id}',
            json.dumps(change).encode(),
            content_type=PATCH,
        )
        self.assertEqual(200, status, said)
        return image_id

    def test_directory_never_passes_the_limit(self) -> None:
        images = [self.image(number) for number in range(IMAGES)]
        order = list(enumerate(images))
        random.Random(15).shuffle(order)
        has_ended = threading.Event()
        watcher = threading.Thread(target=self.watch, args=(has_ended,))
        watcher.start()
        self.addCleanup(watcher.join, SECONDS)
        self.addCleanup(has_ended.set)
        with futures.ThreadPoolExecutor(READERS) as pool:
            list(pool.map(self.read, order))
        has_ended.set()
        watcher.join(SECONDS)
        extra = READERS * MIB + 2 * READERS * EXTRA_BYTES
        self.assertLessEqual(self.most, LIMIT_BYTES + extra)
        # It was full, and somebody looked while it was.
        self.assertGreater(self.most, LIMIT_BYTES * 0.8)
        self.assertGreater(self.looks, IMAGES)

    def read(self, which: tuple[int, str]) -> None:
        """Read an image and check each byte."""
        number, image_id = which
        host, _, port = self.glance.api_url.rpartition('/')[2].partition(':')
        connection = http.client.HTTPConnection(host, int(port), SECONDS)
        with contextlib.closing(connection):
            connection.request('GET', f'/v2/images/{image_id}/file')
            response = connection.getresponse()
            self.assertEqual(200, response.status)
            self.assertEqual(IMAGE_BYTES, response.length)
            block = bytearray(MIB)
            for index in range(IMAGE_BYTES // MIB):
                view, got = memoryview(block), 0
                while got < MIB:
                    amount = response.readinto(view[got:])
                    self.assertGreater(amount, 0)
                    got += amount
                head = mark(number, index)
                self.assertEqual(head, block[: len(head)])
                self.assertTrue(block.endswith(_ZEROS[len(head) :]))

    def watch(self, has_ended: threading.Event) -> None:
        while not has_ended.wait(0.002):
            before = self.names()
            taken = sum(map(taken_bytes, before))
            # Otherwise one that went was counted with one that came for it.
            if before == self.names():
                self.looks += 1
                self.most = max(self.most, taken)

    def names(self) -> set[str]:
        return {
            entry.path
            for place in (self.cache, self.cache / 'partial')
            for entry in os.scandir(place)
            if entry.is_file() and '-' in entry.name
        }


def taken_bytes(path: str) -> int:
    try:
        return os.stat(path).st_blocks * 512
    except FileNotFoundError:
        return 0
