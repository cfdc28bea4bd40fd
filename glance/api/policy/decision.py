"""The decision on one action of one caller."""

from collections.abc import Mapping
import logging
from typing import Any

from oslo_config import cfg

from glance.api.policy import defaults
from glance.api.policy import rules
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import wsgi

LOG = logging.getLogger(__name__)


class Policy:
    """Asks oslo.policy; knows what a caller may learn from a refusal."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._rules = rules.Rules(conf, defaults.list_rules(), defaults.GUARDS)

    def identify_admin(self, request: wsgi.Request) -> None:
        """Decide first whether the caller is an administrator."""
        context = request.context
        context.is_admin = self.allows(context, 'context_is_admin', {})

    def allows(
        self,
        context: context.RequestContext,
        action: str,
        target: Mapping[str, Any],
    ) -> bool:
        return self._rules.allows(action, target, context.to_policy_values())

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
        image: contract.Image,
    ) -> None:
        """Permit ``action`` on an image that the registry showed.

        :raises errors.Forbidden: not permitted
        :raises errors.NotFound: not even to see the image (rule get_image)
        """
        if context.read_only and action not in _READS:
            raise errors.Forbidden('Anonymous callers may only read.')
        target = target_of(image)
        if self.allows(context, action, target):
            return
        LOG.debug('Rule %s refused image %s', action, image['id'])
        if action == 'get_image' or not self.allows(
            context, 'get_image', target
        ):
            raise errors.NotFound(f'There is no image {image["id"]}.')
        raise errors.Forbidden(f'You are not permitted to {action}.')

    def refuse_anonymous(self, context: context.RequestContext) -> None:
        """:raises errors.Forbidden: the caller is anonymous"""
        if context.read_only:
            raise errors.Forbidden('Anonymous callers may only read.')

    def require_new(
        self, context: context.RequestContext, values: Mapping[str, Any]
    ) -> None:
        """Permit the creation of an image with these values.

        :raises errors.Forbidden: anonymous, or not permitted
        """
        self.refuse_anonymous(context)
        target = {**values, 'project_id': values['owner']}
        if values['owner'] is None:
            del target['owner'], target['project_id']
        for action in ('add_image', *visibility_rules(values)):
            if not self.allows(context, action, target):
                raise errors.Forbidden(f'You are not permitted to {action}.')

    def require_list(self, context: context.RequestContext) -> None:
        """:raises errors.Forbidden: the caller may not list images"""
        target = {}
        if context.project_id:
            target['project_id'] = context.project_id
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


def target_of(image: contract.Image) -> dict[str, Any]:
    """What the rules may look at.

    What is null is left out: a caller without a project is not the owner
    of an image without one.
    """
    target: dict[str, Any] = dict(image['properties'])
    target.update(image)
    ids = {'project_id': image['owner'], 'member_id': image['member']}
    for name, value in ids.items():
        target.pop(name, None)
        if value is not None:
            target[name] = value
    return target
