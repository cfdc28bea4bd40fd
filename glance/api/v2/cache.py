"""/v2/cache: the cached images of the host that responds."""

from collections.abc import Callable
from typing import Any

import webob

from glance import registry_client
from glance.api import caching
from glance.api import policy
from glance.cache import index as indexes
from glance.common import errors
from glance.common import threads
from glance.common import wsgi

_TARGET = policy.Target({}, 'image cache')
_CLEAR = 'x-image-cache-clear-target'


class Cache:
    """The calls of version 2.14 and later.

    :param found: None if this host has no cache
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        cached: caching.Caching | None,
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._caching = cached

    def index(self, request: wsgi.Request) -> webob.Response:
        cached = self._permitted(request, 'cache_list')
        return wsgi.json_response(
            {
                'cached_images': _documents(cached),
                'queued_images': threads.call(cached.queue.ids),
            }
        )

    def update(self, request: wsgi.Request, image_id: str) -> webob.Response:
        """Queue an image; the response does not wait until it is fetched."""
        cached = self._permitted(request, 'cache_image')
        if request.has_body:
            request.document()
        image = self._registry.get_image(request.context, image_id)
        if image['status'] != 'active':
            raise errors.BadRequest(
                f'The image is {image["status"]}; only active images can be '
                'cached.'
            )
        threads.call(cached.queue.add, image_id)
        cached.fetch_queued()
        return wsgi.empty(202)

    def delete(self, request: wsgi.Request, image_id: str) -> webob.Response:
        cached = self._permitted(request, 'cache_delete')
        if not threads.call(cached.forget, image_id):
            self._registry.get_image(request.context, image_id)
        return wsgi.empty()

    def clear(self, request: wsgi.Request) -> webob.Response:
        cached = self._permitted(request, 'cache_delete')
        target = request.headers.get(_CLEAR, '').strip().lower()
        if target not in ('', 'cache', 'queue'):
            raise errors.BadRequest(
                f'{_CLEAR} must be "cache", "queue" or empty (both).'
            )
        if target != 'queue':
            threads.run(cached.cached.forget_all)
        if target != 'cache':
            threads.call(cached.queue.clear)
        return wsgi.empty()

    def clean(self, request: wsgi.Request) -> webob.Response:
        cached = self._permitted(request, 'cache_clean')
        threads.run(cached.upkeep.clean)
        return wsgi.empty(200)

    def prune(self, request: wsgi.Request) -> webob.Response:
        cached = self._permitted(request, 'cache_prune')
        images, size_bytes = threads.run(cached.cached.room.prune)
        return wsgi.json_response(
            {'total_files_pruned': images, 'total_bytes_pruned': size_bytes}
        )

    def nodes(self, request: wsgi.Request, image_id: str) -> webob.Response:
        cached = self._permitted(request, 'list_cached_nodes')
        if not cached.is_central:
            raise errors.Conflict(
                'The hosts that have an image are known only with '
                'image_cache_driver = centralized_db.'
            )
        nodes = self._registry.list_cached_nodes(request.context, image_id)
        return wsgi.json_response(nodes)

    def _permitted(self, request: wsgi.Request, rule: str) -> caching.Caching:
        """:raises errors.NotFound: this host has no cache"""
        self._policy.require(request.context, rule, _TARGET)
        if self._caching is None:
            raise errors.NotFound(
                'This host has no image cache (image_cache_dir).'
            )
        return self._caching


class ClassicCache:
    """The older calls, enabled by the filter ``cachemanage``."""

    def __init__(
        self, permission: policy.Policy, found: caching.Caching | None
    ) -> None:
        self._policy = permission
        self._caching = found

    def index(self, request: wsgi.Request) -> webob.Response:
        cache = self._permitted(request)
        return wsgi.json_response({'cached_images': _documents(cache)})

    def delete(self, request: wsgi.Request, image_id: str) -> webob.Response:
        cache = self._permitted(request)
        threads.call(cache.cached.forget, image_id)
        return wsgi.json_response(None)

    def clear(self, request: wsgi.Request) -> webob.Response:
        return self._clear(request, lambda found: found.cached.forget_all())

    def queued(self, request: wsgi.Request) -> webob.Response:
        cache = self._permitted(request)
        ids = threads.call(cache.queue.ids)
        return wsgi.json_response({'queued_images': ids})

    def queue(self, request: wsgi.Request, image_id: str) -> webob.Response:
        """Queue an image without checking that it exists."""
        cache = self._permitted(request)
        threads.call(cache.queue.add, image_id)
        cache.fetch_queued()
        return wsgi.json_response(None)

    def unqueue(self, request: wsgi.Request, image_id: str) -> webob.Response:
        cache = self._permitted(request)
        threads.call(cache.queue.remove, image_id)
        return wsgi.json_response(None)

    def clear_queue(self, request: wsgi.Request) -> webob.Response:
        return self._clear(request, lambda found: found.queue.clear())

    def _clear(
        self, request: wsgi.Request, clear: Callable[[caching.Caching], int]
    ) -> webob.Response:
        cache = self._permitted(request)
        return wsgi.json_response({'num_deleted': threads.run(clear, cache)})

    def _permitted(self, request: wsgi.Request) -> caching.Caching:
        """:raises errors.NotFound: there is no cache, or no such filter"""
        self._policy.require(request.context, 'manage_image_cache', _TARGET)
        if self._caching is None or caching.MANAGES not in request.environ:
            raise errors.NotFound(
                'The filter "cachemanage" of the paste file is off; choose '
                'a flavor with cachemanagement.'
            )
        return self._caching


def _documents(cached: caching.Caching) -> list[dict[str, Any]]:
    entries: list[indexes.Entry] = threads.call(cached.listed)
    return [_document(entry, cached.is_central) for entry in entries]


def _document(entry: indexes.Entry, is_central: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        'image_id': entry.image_id,
        'hits': entry.hits,
        'last_accessed': entry.last_accessed,
        'last_modified': entry.last_modified,
        'size': entry.size,
    }
    if is_central:
        document |= {'id': entry.id, 'checksum': entry.checksum}
    return document


def routes(new: Cache, classic: ClassicCache) -> list[wsgi.Route]:
    """The URLs of the new and of the older calls."""
    table = (
        ('GET', '/v2/cache', new.index),
        ('DELETE', '/v2/cache', new.clear),
        ('POST', '/v2/cache/clean', new.clean),
        ('POST', '/v2/cache/prune', new.prune),
        ('GET', '/v2/cache/nodes/{image_id}', new.nodes),
        ('PUT', '/v2/cache/{image_id}', new.update),
        ('DELETE', '/v2/cache/{image_id}', new.delete),
    )
    return [
        *(wsgi.Route(*line) for line in table),
        *classic_routes('v2', classic),
    ]


def classic_routes(version: str, classic: ClassicCache) -> list[wsgi.Route]:
    """The older URLs, which are the same in v1 and v2."""
    cached, queued = f'/{version}/cached_images', f'/{version}/queued_images'
    table = (
        ('GET', cached, classic.index),
        ('DELETE', cached, classic.clear),
        ('DELETE', f'{cached}/{{image_id}}', classic.delete),
        ('GET', queued, classic.queued),
        ('DELETE', queued, classic.clear_queue),
        ('PUT', f'{queued}/{{image_id}}', classic.queue),
        ('DELETE', f'{queued}/{{image_id}}', classic.unqueue),
    )
    return [wsgi.Route(*line) for line in table]
