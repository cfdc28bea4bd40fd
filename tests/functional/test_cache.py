"""Downloads through the image cache, with both daemons."""

from collections.abc import Callable
import pathlib
import time
from typing import Any

from glance.api import caching
from glance.cache import filler
from glance.cache import report
from glance.common import context
from glance.common import counters
from glance.common import errors
from glance.common import gauges
from tests import base
from tests import slow_store

MIB = 1024 * 1024
NODE = 'http://here:9292'


class CacheTestCase(base.ServiceTestCase):
    driver = 'centralized_db'
    is_enabled = True

    def make_service(self, url: str | None) -> base.Service:
        options: dict[str, Any] = {
            'image_cache_dir': f'{self.directory}/cache',
            'image_cache_enabled': self.is_enabled,
            'image_cache_driver': self.driver,
        }
        self.store = slow_store.SlowStore()
        return base.Service(
            self.directory,
            {**self.api_options, **options},
            url,
            wrap_store=lambda _store: self.store,
        )

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.wait_for_fills)
        self.cache_directory = pathlib.Path(self.directory, 'cache')

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        end = time.monotonic() + 60
        while not condition():
            if time.monotonic() > end:
                self.fail(f'did not come: {what}')
            time.sleep(0.002)

    def wait_for_fills(self) -> None:
        self.wait_for(lambda: not filler.Filler.running, 'the end of fills')

    def cached(self) -> list[str]:
        self.wait_for_fills()
        response = self.call('GET', '/v2/cache', caller='admin')
        self.assert_status(200, response)
        return [each['image_id'] for each in response.json['cached_images']]


class TestMetrics(CacheTestCase):
    def test_lookups_and_size(self) -> None:
        image = self.image(data=b'data')
        events: list[tuple[str, ...]] = []
        self.addCleanup(counters.connect, None)
        counters.connect(
            lambda name, labels, _amount: events.append((name, *labels))
        )
        self.data(image)
        self.wait_for_fills()
        self.data(image)
        self.assertEqual(
            ['miss', 'hit'],
            [event[1] for event in events if event[0] == 'cache_lookup'],
        )
        found = {
            gauge.name: value
            for gauge in gauges.present()
            for labels, value in gauge.rows
            if not labels
        }
        self.assertEqual(1, found['glance_cache_images'])
        self.assertLessEqual(4, found['glance_cache_bytes'])
        self.assertLess(
            found['glance_cache_bytes'], found['glance_cache_limit_bytes']
        )

    def test_wrong_hashes(self) -> None:
        image = self.image(data=b'wrong')
        self.store.data[image] = b'data!'
        seen: list[str] = []
        self.addCleanup(counters.connect, None)
        counters.connect(lambda name, _labels, _amount: seen.append(name))
        response = self.call('GET', f'/v2/images/{image}/file')
        self.assert_status(503, response)
        self.wait_for_fills()
        self.assertEqual(1, seen.count('cache_wrong_hash'))


class TestDownloads(CacheTestCase):
    def test_a_hit_costs_one_call_and_no_store(self) -> None:
        image = self.image(data=b'data')
        self.assertEqual(b'data', self.data(image))
        self.assertEqual([image], self.cached())
        opened = len(self.store.opened)
        self.service.wire.requests.clear()
        self.assertEqual(b'data', self.data(image))
        self.assertEqual(opened, len(self.store.opened))
        self.assertEqual(
            [('GET', f'/v1/images/{image}')], self.service.wire.requests
        )

    def test_parts_of_a_hit(self) -> None:
        # covers 8.2-17
        image = self.image(data=b'0123456789')
        self.data(image)
        self.assertEqual([image], self.cached())
        response = self.call(
            'GET', f'/v2/images/{image}/file', headers={'Range': 'bytes=2-4'}
        )
        self.assert_status(206, response)
        self.assertEqual(b'234', response.body)

    def test_head_fetches_nothing_into_the_cache(self) -> None:
        image = self.image(data=b'data')
        response = self.call('HEAD', f'/v2/images/{image}/file')
        self.assert_status(200, response)
        self.assertEqual([], self.cached())

    def test_deactivated_images_are_for_admins(self) -> None:
        # covers 25-43
        image = self.image(data=b'data')
        self.data(image)
        self.assertEqual([image], self.cached())
        path = f'/v2/images/{image}'
        self.call('POST', f'{path}/actions/deactivate', caller='admin')
        response = self.call('GET', f'{path}/file')
        self.assert_status(403, response)
        self.assertEqual(b'data', self.data(image, caller='admin'))

    def test_invisible_images_stay_invisible(self) -> None:
        image = self.image(data=b'data', visibility='private')
        self.data(image)
        response = self.call('GET', f'/v2/images/{image}/file', caller='bob')
        self.assert_status(404, response)

    def test_deleted_images_are_forgotten(self) -> None:
        # covers 7.5-11
        image = self.image(data=b'data')
        self.data(image)
        self.assertEqual([image], self.cached())
        response = self.call('DELETE', f'/v2/images/{image}')
        self.assert_status(204, response)
        self.assertEqual([], self.cached())
        self.assertFalse((self.cache_directory / image).exists())

    def test_api_v1_uses_the_cache(self) -> None:
        image = self.image(data=b'data')
        opened = len(self.store.opened)
        for _ in range(2):
            response = self.call('GET', f'/v1/images/{image}')
            self.assert_status(200, response)
            self.assertEqual(b'data', response.body)
            self.assertEqual('4', response.headers['Content-Length'])
            self.assertEqual([image], self.cached())
        self.assertEqual(opened + 1, len(self.store.opened))
        response = self.call('DELETE', f'/v1/images/{image}')
        self.assert_status(200, response)
        self.assertEqual([], self.cached())

    def test_store_that_is_down_does_not_stop_hits(self) -> None:
        image = self.image(data=b'data')
        self.data(image)
        self.assertEqual([image], self.cached())
        self.store.data.clear()
        self.assertEqual(b'data', self.data(image))


class TestDownloadPolicy(CacheTestCase):
    files_beside = {'policy.json': '{"download_image": "role:admin"}'}

    def test_policy_counts_for_hits(self) -> None:
        image = self.image(data=b'data')
        self.data(image, caller='admin')
        self.assertEqual([image], self.cached())
        response = self.call('GET', f'/v2/images/{image}/file')
        self.assert_status(403, response)


class TestOff(CacheTestCase):
    """The directory is configured, but the cache is not enabled."""

    is_enabled = False
    driver = 'sqlite'

    def test_only_the_filter_lets_downloads_use_it(self) -> None:
        image = self.image(data=b'data')
        self.data(image)
        self.assertEqual([], self.cached())
        serving = caching.serving_factory(
            {'oslo_config_config': self.service.conf}
        )
        self.service.app = serving(self.service.app)
        self.data(image)
        self.assertEqual([image], self.cached())

    def test_queued_images_are_fetched_all_the_same(self) -> None:
        image = self.image(data=b'data')
        response = self.call('PUT', f'/v2/cache/{image}', caller='admin')
        self.assert_status(202, response)
        self.wait_for(lambda: image in self.cached(), 'the queued image')

    def test_older_calls_need_their_filter(self) -> None:
        # covers 16-3
        response = self.call('GET', '/v2/cached_images', caller='admin')
        self.assert_status(404, response)
        self.assertIn('cachemanage', response.text)

    def test_nodes_need_the_central_driver(self) -> None:
        # covers 16-2
        image = self.image(data=b'data')
        response = self.call('GET', f'/v2/cache/nodes/{image}', caller='admin')
        self.assert_status(409, response)


class TestNone(base.ServiceTestCase):
    def test_every_call_is_404_for_admins_and_403_for_others(self) -> None:
        # covers 16-1, 16-2
        for method, path in (
            ('GET', '/v2/cache'),
            ('DELETE', '/v2/cache'),
            ('PUT', '/v2/cache/x'),
            ('DELETE', '/v2/cache/x'),
            ('POST', '/v2/cache/clean'),
            ('POST', '/v2/cache/prune'),
            ('GET', '/v2/cache/nodes/x'),
            ('GET', '/v2/cached_images'),
        ):
            with self.subTest(f'{method} {path}'):
                response = self.call(method, path, caller='admin')
                self.assert_status(404, response)
                self.assert_status(403, self.call(method, path))

    def test_filters_need_a_directory(self) -> None:
        options = {'oslo_config_config': self.service.conf}
        for factory in (caching.serving_factory, caching.managing_factory):
            with self.assertRaisesRegex(
                errors.ConfigurationError, 'image_cache_dir'
            ):
                factory(options)

    def test_option_needs_a_directory(self) -> None:
        self.service.conf.set_override('image_cache_enabled', True)
        with self.assertRaisesRegex(
            errors.ConfigurationError, 'image_cache_dir'
        ):
            self.service._pipeline()

    def test_directory_must_be_writable(self) -> None:
        path = pathlib.Path(self.directory, 'file')
        path.write_text('')
        self.service.conf.set_override('image_cache_dir', str(path))
        with self.assertRaisesRegex(
            errors.ConfigurationError, 'image_cache_dir'
        ):
            self.service._pipeline()


class TestReports(CacheTestCase):
    def setUp(self) -> None:
        super().setUp()
        made = caching.make(
            self.service.conf, self.service.registry, self.store
        )
        assert made is not None
        self.caching = made
        self.reporter = report.Reporter(made.cached, NODE, made.tell)

    def nodes(self, image_id: str) -> list[str]:
        response = self.call(
            'GET', f'/v2/cache/nodes/{image_id}', caller='admin'
        )
        self.assert_status(200, response)
        nodes: list[str] = response.json
        return nodes

    def test_registry_hears_what_this_host_has(self) -> None:
        # covers 16-2
        image = self.image(data=b'data')
        self.data(image)
        self.wait_for_fills()
        self.reporter.look()
        self.assertEqual([NODE], self.nodes(image))
        other = report.Reporter(self.caching.cached, 'http://x', self.refuse)
        other.look()  # one worker of the host reports
        self.call('DELETE', f'/v2/cache/{image}', caller='admin')
        self.reporter.look()
        self.assertEqual([], self.nodes(image))

    def refuse(self, _report: Any) -> list[str]:
        raise AssertionError('two workers report')

    def test_images_that_another_host_deleted_go(self) -> None:
        image = self.image(data=b'data')
        self.data(image)
        self.wait_for_fills()
        service = context.RequestContext(is_admin=True, overwrite=False)
        self.service.registry.delete_image(
            service,
            image,
            {'row_version': None},  # type: ignore[typeddict-item]
        )
        self.reporter.look()
        self.assertEqual([], self.cached())

    def test_registry_that_was_down_hears_everything_later(self) -> None:
        image = self.image(data=b'data')
        self.data(image)
        self.wait_for_fills()

        def down(_report: Any) -> list[str]:
            raise errors.RegistryUnavailable

        self.reporter._send = down
        with self.assertRaises(errors.RegistryUnavailable):
            self.reporter.look()
        self.reporter._send = self.caching.tell
        self.reporter.look()
        self.assertEqual([NODE], self.nodes(image))
