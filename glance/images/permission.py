"""The permission checks of image operations; see glance.api.policy."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from glance.common import context
from glance.common import contract

#: Whether the caller may do an action (create, read, update, delete) on the
#: custom property with this name.
Allows = Callable[[str, str], bool]
#: What a caller may do to custom properties; None if none is protected.
AllowsOf = Callable[[context.RequestContext], Allows | None]


class Permission(Protocol):
    """See :class:`glance.api.policy.Policy`."""

    def require_image(
        self,
        context: context.RequestContext,
        action: str,
        image: contract.Image,
    ) -> None:
        """Permit the action on an image that the registry returned.

        :raises errors.Forbidden: the action is not permitted
        :raises errors.NotFound: the caller may not even see the image
        """

    def require_new_image(
        self,
        context: context.RequestContext,
        action: str,
        values: Mapping[str, Any],
    ) -> None:
        """Permit the action on an image that is to be created.

        :param values: base members, tags and custom properties
        :raises errors.Forbidden: the action is not permitted
        """


def visibility_rules(values: Mapping[str, Any]) -> list[str]:
    """Additional rules that the requested visibility needs."""
    visibility = values.get('visibility')
    if visibility == 'public':
        return ['publicize_image']
    if visibility == 'community':
        return ['communitize_image']
    return []


def is_party(context: context.RequestContext, image: contract.Image) -> bool:
    """Whether the caller is an admin, the owner, or a member."""
    if context.is_admin or image['member'] is not None:
        return True
    return image['owner'] is not None and image['owner'] == context.project_id
