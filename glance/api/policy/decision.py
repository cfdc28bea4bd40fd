"""Decide whether a caller may do an action."""

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
    """The object of an action.

    :ivar values: the values that the rules may use
    :ivar name: its name in messages
    :ivar seen_by: the rule that decides to whom it is visible; None if it is
        visible to every caller
    :ivar seen_in: the values for ``seen_by``; None to use ``values``
    """

    values: Mapping[str, Any]
    name: str
    seen_by: str | None = None
    seen_in: Mapping[str, Any] | None = None


class Policy:
    """Evaluates the rules, and chooses what a refusal tells the caller."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._rules = rules.Rules(conf, defaults.list_rules(), defaults.GUARDS)

    def identify_admin(self, request: wsgi.Request) -> None:
        """Decide whether the caller is an administrator; called first."""
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
        """Whether there is a rule of that name, in the code or in a file."""
        return self._rules.knows(name)

    def passes(self, context: context.RequestContext, name: str) -> bool:
        """Whether a rule that depends only on the caller passes."""
        return self._rules.passes(name, context.to_policy_values())

    def require(
        self,
        context: context.RequestContext,
        action: str,
        target: Target,
    ) -> None:
        """Check that the caller may do ``action`` on the target.

        :raises errors.Forbidden: it is not permitted, or the caller is
            anonymous and the action is not a read
        :raises errors.NotFound: the target is not visible to the caller
        """
        if context.read_only and not action.startswith(_READS):
            raise errors.Forbidden(
                'Requests without a token may only read; send a token.'
            )
        if self.allows(context, action, target):
            return
        LOG.debug('Rule %s refused the %s', action, target.name)
        seen_by = target.seen_by
        if seen_by is not None:
            if target.seen_in is not None:
                target = target._replace(values=target.seen_in)
            if action == seen_by or not self.allows(context, seen_by, target):
                raise errors.NotFound(f'There is no {target.name}.')
        raise errors.Forbidden(f'You are not permitted to {action}.')

    def require_image(
        self,
        context: context.RequestContext,
        action: str,
        image: contract.Image,
    ) -> None:
        """The same for an image that the registry returned."""
        self.require(context, action, of_image(image))

    def require_new_image(
        self,
        context: context.RequestContext,
        action: str,
        values: Mapping[str, Any],
    ) -> None:
        """The same for an image to be created with these values."""
        self.require(context, action, of_new_image(values))

    def require_list(self, context: context.RequestContext) -> None:
        """:raises errors.Forbidden: the caller may not list images"""
        values = {}
        if context.project_id:
            values['project_id'] = context.project_id
        target = Target(values, 'list of images')
        if not self.allows(context, 'get_images', target):
            raise errors.Forbidden('You are not permitted to list images.')


#: Prefixes of the rules for reading.
_READS = ('get_', 'list_', 'download_image', 'fetch_image_location')


def nothing_protected(_context: context.RequestContext) -> None:
    """Without protections, every action on custom properties is allowed."""


def of_image(image: contract.Image) -> Target:
    """The target for an image that the registry returned.

    Null ids are left out, because a caller without a project is not the
    owner of an image without an owner.
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
    """The target for a member of an image; ``member_id`` is that member's."""
    member_id = member['member_id']
    values = {**of_image(image).values, 'member_id': member_id}
    return Target(values, f'member {member_id} of image {image["id"]}')


def of_new_image(values: Mapping[str, Any]) -> Target:
    """The target for an image to be created with these values."""
    wanted = {**values, 'project_id': values['owner']}
    if values['owner'] is None:
        del wanted['owner'], wanted['project_id']
    return Target(wanted, 'new image')


def of_namespace(values: Mapping[str, Any]) -> Target:
    """The target for a namespace of metadata definitions."""
    target = {
        'project_id': values['owner'],
        'owner': values['owner'],
        'namespace': values['namespace'],
        'visibility': values['visibility'],
    }
    name = f'namespace {values["namespace"]}'
    return Target(target, name, 'get_metadef_namespace')


def of_new_namespace(
    values: Mapping[str, Any], context: context.RequestContext
) -> Target:
    """The target for a namespace to be created with these values.

    Its visibility is that of the catalogue: the caller has sent the name, so
    a refusal may repeat it. Only callers who may not see the catalogue get
    404.
    """
    catalogue = of_catalogue(context)
    return catalogue._replace(
        values=of_namespace(values).values, seen_in=catalogue.values
    )


def of_catalogue(context: context.RequestContext) -> Target:
    """The target for all metadata definitions visible to the project."""
    target = {}
    if context.project_id:
        target['project_id'] = context.project_id
    name = 'catalogue of metadata definitions'
    return Target(target, name, 'get_metadef_namespace')
