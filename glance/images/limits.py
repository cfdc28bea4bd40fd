"""Unified limits: the limits of projects that are stored in Keystone.

Keystone has the limits, the registry counts the usage, ``limit_service``
compares them. The checks before a request's work are soft: simultaneous
requests may all pass. Hard limits are compared again in a transaction of
the registry.
"""

from collections.abc import Collection
from typing import Any

from glance import registry_client
from glance.common import context
from glance.common import errors

MIB = 1024 * 1024
#: Name in Keystone: (name in the registry, size of one unit there).
RESOURCES: dict[str, tuple[str, int]] = {
    'image_size_total': ('size_bytes', MIB),
    'image_stage_total': ('stage_bytes', MIB),
    'image_count_total': ('images', 1),
    'image_count_uploading': ('uploading', 1),
}


class UnifiedLimits:
    """Checks the limits before a project uses more.

    Every method raises errors.Unavailable if the limits cannot be read.

    :param registry: counts the usage of a project
    """

    def __init__(self, registry: registry_client.RegistryClient) -> None:
        from glance.images import limit_service

        self._registry = registry
        self._service = limit_service.LimitService(self._count)

    def require_image(self, context: context.RequestContext) -> None:
        """:raises errors.LimitExceeded: the project has too many images"""
        self._service.require(context.project_id, 'image_count_total', 1)

    def require_size(
        self, context: context.RequestContext, size_bytes: int | None
    ) -> None:
        """Check the limit before an upload, in MiB rounded up.

        :param size_bytes: None if unknown: then the project must only be
            within its limit now
        :raises errors.LimitExceeded: the upload would exceed the limit
        :raises errors.Forbidden: anonymous callers have no project
        """
        if context.read_only:
            raise errors.Forbidden(
                'Requests without a token may only read; send a token.'
            )
        delta = -(-(size_bytes or 0) // MIB)
        self._service.require(context.project_id, 'image_size_total', delta)

    def require_stage(
        self, context: context.RequestContext, size_bytes: int | None
    ) -> None:
        """Check the limit before data is staged.

        :param size_bytes: as for :meth:`require_size`
        :raises errors.LimitExceeded: the data would exceed the limit
        """
        delta = -(-(size_bytes or 0) // MIB)
        self._service.require(context.project_id, 'image_stage_total', delta)

    def limits_of(
        self, project_id: str | None, names: Collection[str]
    ) -> dict[str, int]:
        """Return the limits that the registry checks in its transactions.

        :param names: keys of RESOURCES
        :returns: the limit of each, by the names of ``contract.Usage``;
            without resources that have no limit
        """
        usage = self._service.usage(project_id, names)
        return {
            RESOURCES[name][0]: usage[name]['limit'] * RESOURCES[name][1]
            for name in names
            if usage[name]['limit'] >= 0
        }

    def usage(
        self, context: context.RequestContext
    ) -> dict[str, dict[str, int]]:
        """Usage and limit of every resource of the caller's project."""
        return self._service.usage(context.project_id, list(RESOURCES))

    def _count(
        self, project_id: str | None, names: Collection[str]
    ) -> dict[str, int]:
        daemon = context.of_service()
        usage: Any = self._registry.get_usage(daemon, project_id)
        return {
            name: usage[key] // unit
            for name, (key, unit) in RESOURCES.items()
            if name in names
        }


class NoLimits(UnifiedLimits):
    """Checks nothing; used if use_keystone_limits is off."""

    def __init__(self) -> None:
        pass

    def _ignore(self, *_arguments: Any, **_values: Any) -> None:
        pass

    require_image = require_size = require_stage = _ignore

    def limits_of(
        self, project_id: str | None, names: Collection[str]
    ) -> dict[str, int]:
        return {}

    def usage(
        self, context: context.RequestContext
    ) -> dict[str, dict[str, int]]:
        return {}
