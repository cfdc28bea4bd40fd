"""The image cache with Keystone, through the clients and the programs."""

from concurrent import futures
import json
import types
import unittest

from tests import webserver
from tests.live import clients
from tests.live import daemons
from tests.live import keystone
from tests.live import processes
from tests.live import servers

MIB = 1 << 20
DATA = bytes(range(256)) * 4096 * 3 + b'end'
SECONDS = 120
WORKERS, READERS = 2, 24
PATCH = 'application/openstack-images-v2.1-json-patch'
MANAGE = 'glance-cache-manage'


class TestCache(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        owner = types.SimpleNamespace(addCleanup=cls.addClassCleanup)
        cls.web = webserver.WebServer(owner)
        cls.web.data['/a'] = DATA
        cls.glance = daemons.with_keystone(
            'keystone',
            servers.new_database(servers.mariadb()),
            workers=WORKERS,
        )
        cls.addClassCleanup(cls.glance.stop)
        cls.cache = cls.glance.directory / 'cache'
        for section, values in {
            'DEFAULT': {
                'image_cache_dir': cls.cache,
                'show_multiple_locations': True,
            },
            'import_filtering_opts': {
                'allowed_hosts': '127.0.0.1',
                'allowed_ports': cls.web.port,
            },
            'paste_deploy': {'flavor': 'keystone+cachemanagement'},
        }.items():
            cls.glance.configure('glance-api', values, section)
        cls.glance.start()
        address = servers.keystone()
        region = keystone.register(address, cls.glance.api_url)
        cls.admin, cls.alice = (
            clients.logged_in(cls.glance.directory / user, user, region)
            for user in ('admin', 'alice')
        )
        cls.token = keystone.connect(address, 'admin', region).auth_token

    def setUp(self) -> None:
        super().setUp()
        self.web.requests.clear()
        self.addCleanup(self.send, 'DELETE', '/v2/cache')

    def send(
        self, method: str, path: str, *body: object, **more: str
    ) -> bytes:
        status, _, said = self.glance.request(
            method, path, *body, token=self.token, **more
        )
        self.assertLess(status, 300, said)
        return said

    def image(self) -> str:
        """An image whose data is on another host."""
        values = {'disk_format': 'raw', 'container_format': 'bare'}
        made = json.loads(self.send('POST', '/v2/images', values))
        place = {'url': self.web.url('/a'), 'metadata': {}}
        change = [{'op': 'add', 'path': '/locations/-', 'value': place}]
        path = f'/v2/images/{made["id"]}'
        text = json.dumps(change).encode()
        self.send('PATCH', path, text, content_type=PATCH)
        self.addCleanup(self.send, 'DELETE', path)
        return str(made['id'])

    def wait_cached(self, *expected: str) -> None:
        def is_so() -> bool:
            found = json.loads(self.send('GET', '/v2/cache'))
            ids = {each['image_id'] for each in found['cached_images']}
            return ids == set(expected) and not found['queued_images']

        processes.wait_until(is_so, SECONDS, f'{expected} in the cache')

    def download(self, image: str) -> bytes:
        return self.send('GET', f'/v2/images/{image}/file')

    def reads(self) -> int:
        return sum(path == '/a' for _, path, _ in self.web.requests)

    def test_crowd_at_a_cold_image_reads_the_store_once(self) -> None:
        image = self.image()
        before = self.reads()
        with futures.ThreadPoolExecutor(READERS) as pool:
            found = list(pool.map(self.download, [image] * READERS))
        self.assertEqual({DATA}, set(found))
        self.wait_cached(image)
        # Each worker opens it at most once, and one of them reads.
        self.assertLessEqual(self.reads() - before, WORKERS)
        before = self.reads()
        self.assertEqual(DATA, self.download(image))
        self.assertEqual(before, self.reads())

    def test_glance(self) -> None:
        first, second = self.image(), self.image()
        self.assertEqual([], self.admin.glance('cache-list'))
        self.admin.run('glance', 'cache-queue', first, second)
        self.wait_cached(first, second)
        rows = self.admin.glance('cache-list')
        self.assertEqual({first, second}, {row['ID'] for row in rows})
        self.assertEqual({'cached'}, {row['State'] for row in rows})
        self.assertEqual({str(len(DATA))}, {row['Size'] for row in rows})
        self.admin.run('glance', 'cache-delete', first)
        self.wait_cached(second)
        self.admin.run('glance', 'cache-clean')
        self.admin.run('glance', 'cache-prune')
        self.wait_cached(second)
        self.admin.run('glance', 'cache-clear', '--target', 'queue')
        self.wait_cached(second)
        self.admin.run('glance', 'cache-clear')
        self.wait_cached()
        with self.assertRaisesRegex(clients.Failed, '403'):
            self.alice.run('glance', 'cache-list')

    def test_openstack(self) -> None:
        image = self.image()
        self.admin.run('openstack', 'cached', 'image', 'queue', image)
        self.wait_cached(image)
        self.assertEqual(DATA, self.download(image))
        (row,) = self.admin.openstack('cached', 'image', 'list')
        self.assertEqual((image, 'cached'), (row['ID'], row['State']))
        self.assertEqual(len(DATA), row['Size'])
        self.admin.run('openstack', 'cached', 'image', 'delete', image)
        self.wait_cached()
        self.download(image)
        self.wait_cached(image)
        self.admin.run('openstack', 'cached', 'image', 'clear')
        self.wait_cached()

    def test_glance_cache_manage(self) -> None:
        image = self.image()
        where = ('-H', self.glance.api_url)
        run = self.admin.run
        self.assertIn('No cached images', run(MANAGE, *where, 'list-cached'))
        run(MANAGE, *where, '--force', 'queue-image', image)
        self.wait_cached(image)
        said = run(MANAGE, *where, 'list-cached')
        self.assertRegex(said, rf'\n{image} N/A .* {len(DATA)} +0\n')
        said = run(MANAGE, *where, '-f', '-v', 'delete-cached-image', image)
        self.assertIn(image, said)
        self.wait_cached()
        for command in (
            'delete-all-cached-images',
            'delete-all-queued-images',
        ):
            said = run(MANAGE, *where, '-f', '-v', command)
            self.assertIn('Deleted 0 ', said)
        said = run(MANAGE, *where, 'list-queued')
        self.assertIn('No queued images', said)
        with self.assertRaisesRegex(clients.Failed, '403'):
            self.alice.run(MANAGE, *where, 'list-cached')

    def test_jobs_beside_the_service(self) -> None:
        image = self.image()
        (self.cache / 'queue' / image).touch()
        (self.cache / 'invalid/x').touch()
        for name in ('prefetcher', 'cleaner', 'pruner'):
            self.job(name)
        self.wait_cached(image)
        self.assertFalse((self.cache / 'invalid/x').exists())
        reads = self.reads()
        self.assertEqual(DATA, self.download(image))
        self.assertEqual(reads, self.reads())
        less = self.glance.directory / 'glance-cache.conf'
        less.write_text(f'[DEFAULT]\nimage_cache_max_size = {MIB}\n')
        self.job('pruner', '--config-file', str(less))
        self.wait_cached()

    def job(self, name: str, *more: str) -> None:
        config = self.glance.directory / 'glance-api.conf'
        program = daemons.program(f'glance-cache-{name}')
        command = [program, '--config-file', config, *more]
        processes.run(command, SECONDS)
