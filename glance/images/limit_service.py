"""Keystone's limits through oslo.limit, with this project's errors.

Imported only if limits are enabled, because openstacksdk, which it needs,
takes 0.6 s and 19 MiB.
"""

from collections.abc import Callable, Collection
import logging
from typing import Any

from keystoneauth1 import exceptions as keystone_exceptions
import openstack.exceptions
from oslo_limit import exception as limit_exceptions
from oslo_limit import limit

from glance.common import errors

LOG = logging.getLogger(__name__)

#: Failures of the library; the last two come from its own checks.
_TROUBLE = (
    limit_exceptions.SessionInitError,
    keystone_exceptions.ClientException,
    openstack.exceptions.SDKException,
    NotImplementedError,
    ValueError,
)
#: (project, names of resources) -> usage of the project per resource
Count = Callable[[str | None, Collection[str]], dict[str, int]]


class LimitService:
    """Compares the usage of a project with its limits in Keystone.

    Limits are read again at every check, so that an operator's change is
    effective at once: one or two requests to Keystone per resource. What does
    not change (the endpoint) is read once.
    """

    def __init__(self, count: Count) -> None:
        self._count = count
        self._enforcer: limit.Enforcer | None = None

    def require(self, project_id: str | None, name: str, delta: int) -> None:
        """Check that a project may use ``delta`` more of a resource.

        :raises errors.LimitExceeded: it may not
        :raises errors.Unavailable: the limits cannot be read
        """
        try:
            self._ask(lambda it: it.enforce(project_id, {name: delta}))
        except limit_exceptions.ProjectOverLimit as error:
            over = error.over_limit_info_list[0]
            raise errors.LimitExceeded(
                f'The limit of {over.resource_name} is {over.limit}; the '
                f'project uses {over.current_usage}, and the request needs '
                f'{over.delta} more.'
            ) from error

    def usage(
        self, project_id: str | None, names: Collection[str]
    ) -> dict[str, dict[str, int]]:
        """Usage and limit of each resource; a limit of -1 means no limit.

        :raises errors.Unavailable: the limits cannot be read
        """
        usages = self._ask(lambda it: it.calculate_usage(project_id, names))
        return {
            name: {'usage': each.usage, 'limit': each.limit}
            for name, each in usages.items()
        }

    def _ask(self, question: Callable[[limit.Enforcer], Any]) -> Any:
        try:
            # Read it once, because another request may reset it at any moment.
            enforcer = self._enforcer
            if enforcer is None:
                enforcer = limit.Enforcer(self._count, cache=False)
                self._enforcer = enforcer
            return question(enforcer)
        except _TROUBLE as error:
            self._enforcer = None
            LOG.error(
                'Could not get the limits from Keystone; check '
                '[oslo_limit]: %s',
                error,
            )
            raise errors.Unavailable(
                'The limits of the project cannot be looked up; try again '
                'later.'
            ) from error
