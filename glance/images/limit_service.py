"""Keystone's limits through oslo.limit; errors are ours.

Imported only where limits are on: openstacksdk, which comes with it, takes
0.6 s and 19 MiB.
"""

from collections.abc import Callable, Collection
import logging
from typing import Any

from keystoneauth1 import exceptions as keystone_exceptions
import openstack.exceptions
from oslo_config import cfg
from oslo_limit import exception as limit_exceptions
from oslo_limit import limit

from glance.common import errors

LOG = logging.getLogger(__name__)

#: Whatever keeps the library from an answer; the last two are its own checks.
_TROUBLE = (
    limit_exceptions.SessionInitError,
    keystone_exceptions.ClientException,
    openstack.exceptions.SDKException,
    NotImplementedError,
    ValueError,
)
#: How long Keystone may take, if ``[oslo_limit] timeout`` does not say.
TIMEOUT_SECONDS = 30
#: What names the endpoint that limits are registered for.
_ENDPOINT = ('endpoint_id', 'endpoint_service_name', 'endpoint_service_type')

#: (project, names of resources) -> what the project has of each
Count = Callable[[str | None, Collection[str]], dict[str, int]]


def check_options(conf: cfg.ConfigOpts) -> None:
    """Refuse what could never work.

    :raises errors.ConfigurationError: a part of ``[oslo_limit]`` is missing
    """
    conf.set_default('timeout', TIMEOUT_SECONDS, group='oslo_limit')
    options = conf.oslo_limit
    if not options.auth_type:
        raise errors.ConfigurationError(
            'use_keystone_limits needs auth_type and credentials; set them '
            'in [oslo_limit].'
        )
    if not any(options.get(name) for name in _ENDPOINT):
        raise errors.ConfigurationError(
            'use_keystone_limits needs an endpoint; set one of '
            f'{", ".join(_ENDPOINT)} in [oslo_limit].'
        )


class LimitService:
    """Compares what a project has with what Keystone lets it have.

    Limits are asked for anew every time, so that an operator's change
    counts at once: one or two requests to Keystone per resource. What does
    not change (the endpoint) is asked for once.
    """

    def __init__(self, count: Count) -> None:
        self._count = count
        self._enforcer: limit.Enforcer | None = None

    def require(self, project_id: str | None, name: str, delta: int) -> None:
        """Find room for ``delta`` more of a resource.

        :raises errors.LimitExceeded: there is none
        :raises errors.Unavailable: nobody can tell
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
        """Usage and limit of each resource; a limit of -1 is none.

        :raises errors.Unavailable: nobody can tell
        """
        found = self._ask(lambda it: it.calculate_usage(project_id, names))
        return {
            name: {'usage': each.usage, 'limit': each.limit}
            for name, each in found.items()
        }

    def _ask(self, question: Callable[[limit.Enforcer], Any]) -> Any:
        try:
            # Read once: another request may drop it at any moment.
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
