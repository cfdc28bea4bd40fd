"""The record of a new image."""

from collections.abc import Callable, Sequence
import dataclasses
from typing import Any
import uuid

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.images import definitions
from glance.images import limits
from glance.images import permission
from glance.images import properties
from glance.images import quotas
from glance.notifications import notifier as notifications

#: Base members that only the service may set.
_READ_ONLY = (
    *('status', 'checksum', 'size', 'virtual_size', 'created_at'),
    *('updated_at', 'os_hash_algo', 'os_hash_value', 'locations'),
)


@dataclasses.dataclass(frozen=True)
class NewImage:
    """What a request wants to create; each value is valid by itself.

    :ivar values: base members; the owner is the caller if none is given
    :ivar actions: policy rules that are needed besides add_image
    :ivar expected: what the data must have: size, checksum
    :ivar probe: asks the server of the data for more expected values; called
        once the request is permitted
    """

    values: dict[str, Any]
    properties: dict[str, Any]
    tags: Sequence[str] = ()
    actions: Sequence[str] = ()
    expected: dict[str, Any] = dataclasses.field(default_factory=dict)
    probe: Callable[[], dict[str, Any]] = dict


class Creations:
    """Creates images: permission, limits, record, notification."""

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        policy: permission.Permission,
        *,
        allows_of: permission.AllowsOf,
        limits: quotas.Quotas,
        unified: limits.UnifiedLimits,
        notifier: notifications.Notifier,
        catalogue: definitions.Definitions | None = None,
    ) -> None:
        self._registry = registry
        self._policy = policy
        self._allows_of = allows_of
        self._quotas = limits
        self._unified = unified
        self._notifier = notifier
        self._catalogue = catalogue

    def run(
        self, context: context.RequestContext, new: NewImage
    ) -> contract.Image:
        """Create a queued image.

        :raises errors.Forbidden: the caller may not create such an image
        :raises errors.LimitExceeded: the image exceeds a limit, or its project
            has too many images
        :raises errors.Conflict: an image with this id exists
        """
        values = {
            'owner': context.project_id,
            'visibility': 'shared',
            **new.values,
        }
        self._quotas.check_tags(len(new.tags))
        self._quotas.check_properties(len(new.properties))
        self._permit(context, new, values)
        self._unified.require_image(context)
        allows = self._allows_of(context)
        properties.require_create(new.properties, allows)
        if self._catalogue is not None:
            self._catalogue.check(context, new.properties)
        for name in _READ_ONLY:
            if name in values:
                raise errors.Forbidden(f'{name} is read-only.')
        image_id = values.pop('id', None) or str(uuid.uuid4())
        image = self._registry.create_image(
            context,
            {
                'id': image_id,
                'values': values | new.expected | new.probe(),
                'properties': new.properties,
                'tags': list(new.tags),
            },
        )
        self._notifier.created(image)
        return image

    def _permit(
        self,
        context: context.RequestContext,
        new: NewImage,
        values: dict[str, Any],
    ) -> None:
        target = {**new.properties, **values, 'tags': []}
        visible = permission.visibility_rules(values)
        for action in ('add_image', *visible, *new.actions):
            self._policy.require_new_image(context, action, target)
