"""The image cache of a glance-api: setup, start, and activation.

A paste file enables it with the filters ``cache`` and ``cachemanage``, which
mark each request. With ``image_cache_enabled`` these filters are not needed.
"""

from collections.abc import Callable, Iterable, Sequence
import functools
import logging
import socket
import threading
from typing import Any

from oslo_config import cfg

from glance import registry_client
from glance.cache import filler
from glance.cache import images
from glance.cache import index as indexes
from glance.cache import queue
from glance.cache import report
from glance.cache import upkeep
from glance.common import background
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import gauges
from glance.common import wsgi
from glance.images import download
from glance.store import base as store_base
from glance.store import stores

LOG = logging.getLogger(__name__)

#: Keys by which the filters mark a request.
SERVES, MANAGES = 'glance.image_cache', 'glance.image_cache_management'
#: Intervals of saving hits, and of reporting changes to the registry.
FLUSH_SECONDS, REPORT_SECONDS = 5, 30


class Caching:
    """The operations of handlers on the cache.

    :param is_always_on: use the cache also without the filter ``cache``
    :param is_central: the registry records which images this host has
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        cached: images.CachedImages,
        care: upkeep.Upkeep,
        is_always_on: bool,
        is_central: bool,
    ) -> None:
        self._registry = registry
        self._open_stored = functools.partial(download.open_data, store)
        self._is_always_on = is_always_on
        self._is_prefetching = self._is_queue_new = False
        self.cached = cached
        self.upkeep = care
        self.is_central = is_central
        self.queue = queue.Queue(cached.layout)
        self.prefetcher = queue.Prefetcher(
            cached, self.queue, self.show, self._open_stored
        )

    def serves(self, request: wsgi.Request) -> bool:
        """Whether a download goes through the cache."""
        return self._is_always_on or SERVES in request.environ

    def open(
        self, image: contract.Image, offset: int, length: int
    ) -> filler.StoreBody:
        """Open data in the cache; missing data is read from the store."""
        fetch = images.fetch_of(image, self._open_stored)
        return self.cached.open(image, offset, length, fetch)

    def show(self, image_id: str) -> contract.Image:
        return self._registry.get_image(context.of_service(), image_id)

    def tell(self, changed: contract.CacheReport) -> list[str]:
        return self._registry.report_cache(context.of_service(), changed)

    def forget(self, image_id: str) -> bool:
        """Remove an image and its place in the queue, if they exist.

        An error of the cache is only logged, because the image is deleted
        anyway.
        """
        try:
            was_queued = self.queue.remove(image_id)
            return self.cached.forget(image_id) or was_queued
        except images.TROUBLE as error:
            LOG.error(
                'Could not remove image %s from the image cache: %s',
                image_id,
                error,
            )
            return False

    def listed(self) -> list[indexes.Entry]:
        return self.cached.listed()

    def fetch_queued(self) -> None:
        """Start fetching the queued images, unless it is running already."""
        self._is_queue_new = True
        if not self._is_prefetching:
            self._is_prefetching = True
            threading.Thread(target=self._prefetch, daemon=True).start()

    def _prefetch(self) -> None:
        try:
            while self._is_queue_new:
                self._is_queue_new = False
                self.prefetcher.run()
        except images.TROUBLE as error:
            LOG.error('Could not fetch queued images: %s', error)
        finally:
            self._is_prefetching = False
        if self._is_queue_new:  # an image was queued after the last pass
            self.fetch_queued()

    def look_after(self) -> None:
        """Maintain the cache: called at a worker's start and periodically."""
        self.upkeep.reconcile()
        self.upkeep.adopt(self.show)
        self.upkeep.clean_periodically()
        self.prefetcher.run()


def open_data(
    cached: Caching | None,
    store: stores.Stores,
    request: wsgi.Request,
    image: contract.Image,
    part: tuple[int, int],
    prefer: Sequence[str] = (),
) -> store_base.Body:
    """The data from the cache or a store; HEAD does not fill the cache.

    :param cached: None if this host has no cache
    :param part: offset and length
    :param prefer: ids of stores to read first
    """
    if request.method == 'GET' and cached and cached.serves(request):
        return cached.open(image, *part)
    return download.open_data(store, image, *part, prefer)


def check(conf: cfg.ConfigOpts) -> None:
    """:raises errors.ConfigurationError: the cache has no directory"""
    if conf.image_cache_enabled and not conf.image_cache_dir:
        raise _no_directory('image_cache_enabled')


def make(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    store: stores.Stores,
) -> Caching | None:
    """Make the cache as configured; None if there is none.

    :raises errors.ConfigurationError: the directory cannot be used
    """
    check(conf)
    if not conf.image_cache_dir:
        return None
    cached = cached_images(conf)
    care = upkeep.Upkeep(cached, conf.image_cache_stall_time)
    is_central = conf.image_cache_driver == 'centralized_db'
    caching = Caching(
        registry, store, cached, care, conf.image_cache_enabled, is_central
    )
    _register(conf, caching)
    return caching


def cached_images(conf: cfg.ConfigOpts) -> images.CachedImages:
    """The images of the configured directory.

    :raises errors.ConfigurationError: the directory cannot be used
    """
    return images.CachedImages(
        conf.image_cache_dir,
        conf.image_cache_sqlite_db,
        conf.image_cache_max_size,
    )


def _register(conf: cfg.ConfigOpts, caching: Caching) -> None:
    background.register(
        'image cache', caching.look_after, conf.cache_prefetcher_interval
    )
    gauges.register('cache', caching.cached.gauges)
    background.register(
        'image cache hits', caching.cached.flush, FLUSH_SECONDS
    )
    if caching.is_central:
        reporter = report.Reporter(caching.cached, node(conf), caching.tell)
        background.register(
            'image cache report', reporter.look, REPORT_SECONDS
        )


def node(conf: cfg.ConfigOpts) -> str:
    """URL of glance-api on this host."""
    url: str | None = conf.worker_self_reference_url
    scheme = 'https' if conf.cert_file else 'http'
    return url or f'{scheme}://{socket.gethostname()}:{conf.bind_port}'


def _no_directory(why: str) -> errors.ConfigurationError:
    return errors.ConfigurationError(
        f'image_cache_dir in [DEFAULT] must be set, because {why} uses the '
        'image cache.'
    )


def serving_factory(
    options: wsgi.Options, **_local: str
) -> Callable[[wsgi.WSGIApp], wsgi.WSGIApp]:
    """Paste factory of the filter ``cache``: downloads use the cache."""
    _require_directory(options, 'the filter "cache" of the paste file')
    return lambda app: _marking(app, SERVES)


def managing_factory(
    options: wsgi.Options, **_local: str
) -> Callable[[wsgi.WSGIApp], wsgi.WSGIApp]:
    """Paste factory of the filter ``cachemanage``: enables older calls."""
    _require_directory(options, 'the filter "cachemanage" of the paste file')
    return lambda app: _marking(app, MANAGES)


def _require_directory(options: wsgi.Options, why: str) -> None:
    if not wsgi.configuration(options).image_cache_dir:
        raise _no_directory(why)


def _marking(app: wsgi.WSGIApp, mark: str) -> wsgi.WSGIApp:
    def marked(
        environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        environ[mark] = True
        return app(environ, start_response)

    return marked
