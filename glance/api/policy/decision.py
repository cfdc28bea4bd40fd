"""The decision on one action of one caller."""

from collections.abc import Mapping
import logging
from typing import Any, NamedTuple

from oslo_config import cfg

from glance.api.policy import defaults
from glance.api.policy import rules
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import wsgi

LOG = logging.getLogger(__name__)


class Target(NamedTuple):
    """What an action is done to.

    :ivar values: what the rules may look at
    :ivar name: what messages call it
    :ivar seen_by: the rule of who may know of it; None: everybody may
    """

    values: Mapping[str, Any]
    name: str
    seen_by: str | None = None


class Policy:
    """Asks oslo.policy; knows what a caller may learn from a refusal."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._rules = rules.Rules(conf, defaults.list_rules(), defaults.GUARDS)

    def identify_admin(self, request: wsgi.Request) -> None:
        """Decide first whether the caller is an administrator."""
        context = request.context
        context.is_admin = self.allows(
            context, 'context_is_admin', Target({}, 'service')
        )

    def allows(
        self,
        context: context.RequestContext,
        action: str,
        target: Target,
    ) -> bool:
        return self._rules.allows(
            action, target.values, context.to_policy_values()
        )

    def knows(self, name: str) -> bool:
        """Whether there is a rule of that name, be it only in a file."""
        return self._rules.knows(name)

    def passes(self, context: context.RequestContext, name: str) -> bool:
        """Whether a rule passes that looks at the caller alone."""
        return self._rules.passes(name, context.to_policy_values())

    def require(
        self,
        context: context.RequestContext,
        action: str,
        target: Target,
    ) -> None:
        """Permit ``action`` on what the registry showed or is to make.

        :raises errors.Forbidden: not permitted, or the caller is anonymous
            and would change something
        :raises errors.NotFound: not even to see the target
        """
        if context.read_only and action not in _READS:
            raise errors.Forbidden(
                'Requests without a token may only read; send a token.'
            )
        if self.allows(context, action, target):
            return
        LOG.debug('Rule %s refused the %s', action, target.name)
        seen_by = target.seen_by
        if seen_by is not None and (
            action == seen_by or not self.allows(context, seen_by, target)
        ):
            raise errors.NotFound(f'There is no {target.name}.')
        raise errors.Forbidden(f'You are not permitted to {action}.')

    def require_list(self, context: context.RequestContext) -> None:
        """:raises errors.Forbidden: the caller may not list images"""
        values = {}
        if context.project_id:
            values['project_id'] = context.project_id
        target = Target(values, 'list of images')
        if not self.allows(context, 'get_images', target):
            raise errors.Forbidden('You are not permitted to list images.')


_READS = frozenset(
    ('get_image', 'download_image', 'get_members', 'get_member')
    + ('fetch_image_location',)
)


def visibility_rules(values: Mapping[str, Any]) -> list[str]:
    """Rules needed besides, for the visibility that is asked for."""
    visibility = values.get('visibility')
    if visibility == 'public':
        return ['publicize_image']
    if visibility == 'community':
        return ['communitize_image']
    return []


def of_image(image: contract.Image) -> Target:
    """An image that the registry showed.

    What is null is left out: a caller without a project is not the owner
    of an image without one.
    """
    values: dict[str, Any] = dict(image['properties'])
    values.update(image)
    ids = {'project_id': image['owner'], 'member_id': image['member']}
    for name, value in ids.items():
        values.pop(name, None)
        if value is not None:
            values[name] = value
    return Target(values, f'image {image["id"]}', 'get_image')


def of_member(image: contract.Image, member: contract.Member) -> Target:
    """A member of an image; its ``member_id`` is not the caller's."""
    member_id = member['member_id']
    values = {**of_image(image).values, 'member_id': member_id}
    return Target(values, f'member {member_id} of image {image["id"]}')


def of_new_image(values: Mapping[str, Any]) -> Target:
    """An image that is to be made with these values."""
    wanted = {**values, 'project_id': values['owner']}
    if values['owner'] is None:
        del wanted['owner'], wanted['project_id']
    return Target(wanted, 'new image')
