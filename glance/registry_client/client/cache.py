"""Operations on caches of hosts."""

from glance.common import context
from glance.common.contract import cache
from glance.registry_client.client import calls


class Cache(calls.Calls):
    def report_cache(
        self, context: context.RequestContext, report: cache.CacheReport
    ) -> list[str]:
        """Report the cached images of this host.

        :returns: ids of those that have been deleted
        """
        return self._call(context, cache.REPORT_CACHE, report)['deleted']

    def list_cached_nodes(
        self, context: context.RequestContext, image_id: str
    ) -> list[str]:
        """The hosts that have an image in their cache."""
        return self._call(context, cache.LIST_CACHED_NODES, image_id=image_id)[
            'nodes'
        ]
