"""Changes of an image's record and of its locations."""

from collections.abc import Callable, Sequence
import dataclasses
from typing import Any

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.images import access
from glance.images import definitions
from glance.images import leftovers
from glance.images import locations
from glance.images import permission
from glance.images import properties
from glance.images import quotas
from glance.notifications import notifier as notifications
from glance.store import stores

#: Max attempts of a change. An attempt fails if another request changed the
#: image between the reading and the writing.
TRIES = 10

#: Computes the changes from the image as it was read.
Edit = Callable[
    [contract.Image, permission.Allows | None], contract.ImageChanges
]


@dataclasses.dataclass(frozen=True)
class Change:
    """What a request wants to change.

    :ivar actions: the policy rules that the change needs
    :ivar check: raises if the image is not as the client expects it
    :ivar sizes: sizes of the data at URLs, in bytes; kept between attempts
    """

    edit: Edit
    actions: Sequence[str]
    check: Callable[[contract.Image], object]
    on_locations: Sequence[locations.Change] = ()
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)


class Changes:
    """Changes images: permission, limits, record, data, notification.

    :param location_rules: checks locations
    :param left: records data that is to be removed
    :param access: sets the rights of images in their stores
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        policy: permission.Permission,
        store: stores.Stores,
        *,
        allows_of: permission.AllowsOf,
        limits: quotas.Quotas,
        location_rules: locations.LocationRules,
        left: leftovers.Leftovers,
        notifier: notifications.Notifier,
        access: access.Access,
        catalogue: definitions.Definitions | None = None,
    ) -> None:
        self._registry = registry
        self._policy = policy
        self._store = store
        self._allows_of = allows_of
        self._quotas = limits
        self._location_rules = location_rules
        self._left = left
        self._notifier = notifier
        self._catalogue = catalogue
        self._access = access

    def run(
        self, context: context.RequestContext, image_id: str, change: Change
    ) -> contract.Image:
        """Change the image; retry if another request changed it meanwhile.

        :returns: the image as it is now
        :raises errors.Forbidden: the caller may not make this change
        :raises errors.LimitExceeded: the image would exceed a limit
        :raises errors.Busy: other requests changed the image at every attempt
        """
        for tries_left in reversed(range(TRIES)):
            try:
                image = self._try(context, image_id, change)
                break
            except errors.Busy:
                if not tries_left:
                    raise
        self._notifier.updated(image)
        self._access.refresh(image_id)
        return image

    def _try(
        self, context: context.RequestContext, image_id: str, change: Change
    ) -> contract.Image:
        """Read and change the image; write it if no other request did.

        :raises errors.Busy: another request wrote the image meanwhile
        """
        image = self._registry.get_image(context, image_id)
        for action in change.actions:
            self._policy.require_image(context, action, image)
        change.check(image)
        changes = change.edit(image, self._allows_of(context))
        self._permit(context, image, changes['values'])
        self._check_quotas(image, changes)
        if self._catalogue is not None:
            new = properties.changed(image, changes)
            self._catalogue.check(context, new)
        removed = self._change_locations(context, image, changes, change)
        updated = self._registry.update_image(context, image_id, changes)
        if removed:
            locations.delete_data(
                context,
                self._registry,
                self._store,
                self._left,
                image_id,
                removed,
                changes['removal']['id'],
            )
        return properties.applied(image, changes, updated)

    def _permit(
        self,
        context: context.RequestContext,
        image: contract.Image,
        values: dict[str, Any],
    ) -> None:
        """Check the rules for members that are more than metadata."""
        if values.get('owner', image['owner']) != image['owner'] and (
            not context.is_admin
        ):
            raise errors.Forbidden(
                'Only an admin may change the owner of an image.'
            )
        if values.get('visibility') != image['visibility']:
            for action in permission.visibility_rules(values):
                self._policy.require_image(context, action, image)

    def _check_quotas(
        self, image: contract.Image, changes: contract.ImageChanges
    ) -> None:
        if 'tags' in changes:
            self._quotas.check_tags(len(changes['tags']))
        own = {
            name
            for name in image['properties']
            if not properties.is_reserved(name)
        }
        removed = properties.removed(changes)
        added = changes['properties'].keys() - own - removed
        if added:
            self._quotas.check_properties(len((own | added) - removed))

    def _change_locations(
        self,
        context: context.RequestContext,
        image: contract.Image,
        changes: contract.ImageChanges,
        change: Change,
    ) -> list[contract.Location]:
        """Add the new state of the locations to the changes.

        :returns: locations whose data must be deleted
        """
        if not change.on_locations:
            return []
        merged: Any = image | changes['values']
        outcome = self._location_rules.changed(
            merged, change.on_locations, change.sizes, context.has_service_role
        )
        removed = [
            location
            for location in outcome.removed
            if not self._store.is_foreign(location['url'])
        ]
        changes['locations'] = outcome.locations
        if self._quotas.storage_bytes:
            changes['quota'] = self._quotas.storage_bytes
        changes['pending'] = [location['id'] for location in removed]
        changes['removal'] = self._left.removal()
        changes['values'] |= outcome.values
        return removed
