"""Unified limits: what Keystone lets a project have.

Keystone has the limits, the registry counts, ``limit_service`` compares. The
checks are soft: of requests at the same time all may pass.
"""

from collections.abc import Collection
from typing import Any

from glance import registry_client
from glance.common import context
from glance.common import errors

MIB = 1024 * 1024
#: Resource, what the registry calls it, and how much of that is one.
RESOURCES: dict[str, tuple[str, int]] = {
    'image_size_total': ('size_bytes', MIB),
    'image_stage_total': ('stage_bytes', MIB),
    'image_count_total': ('images', 1),
    'image_count_uploading': ('uploading', 1),
}


class UnifiedLimits:
    """Asks before a project gets more.

    Every method raises errors.Unavailable when nobody can tell.

    :param registry: counts what a project has
    """

    def __init__(self, registry: registry_client.RegistryClient) -> None:
        from glance.images import limit_service

        self._registry = registry
        self._service = limit_service.LimitService(self._count)

    def require_image(self, context: context.RequestContext) -> None:
        """:raises errors.LimitExceeded: one more image is too many"""
        self._service.require(context.project_id, 'image_count_total', 1)

    def require_size(
        self, context: context.RequestContext, size_bytes: int | None
    ) -> None:
        """Look for room before an upload; a MiB that is begun counts.

        :param size_bytes: None: unknown, then there must be none too many
        :raises errors.LimitExceeded: there is no room for so much
        :raises errors.Forbidden: anonymous callers have no project to ask for
        """
        if context.read_only:
            raise errors.Forbidden(
                'Requests without a token may only read; send a token.'
            )
        delta = -(-(size_bytes or 0) // MIB)
        self._service.require(context.project_id, 'image_size_total', delta)

    def require_uploading(self, context: context.RequestContext) -> None:
        """Of an upload that counts already.

        :raises errors.LimitExceeded: too many run at the same time
        """
        self._service.require(context.project_id, 'image_count_uploading', 0)

    def usage(
        self, context: context.RequestContext
    ) -> dict[str, dict[str, int]]:
        """Usage and limit of every resource of the caller's project."""
        return self._service.usage(context.project_id, list(RESOURCES))

    def _count(
        self, project_id: str | None, names: Collection[str]
    ) -> dict[str, int]:
        daemon = context.RequestContext(is_admin=True, overwrite=False)
        usage: Any = self._registry.get_usage(daemon, project_id)
        return {
            name: usage[key] // unit
            for name, (key, unit) in RESOURCES.items()
            if name in names
        }


class NoLimits(UnifiedLimits):
    """Does nothing, where use_keystone_limits is off."""

    def __init__(self) -> None:
        pass

    def _ignore(self, *_arguments: Any, **_values: Any) -> None:
        pass

    require_image = require_size = require_uploading = _ignore

    def usage(
        self, context: context.RequestContext
    ) -> dict[str, dict[str, int]]:
        return {}
