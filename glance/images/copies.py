"""Deletion of the copy of an image's data in one store."""

from collections.abc import Callable

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.images import leftovers
from glance.images import locations
from glance.store import named
from glance.store import stores

#: Maximum number of attempts to delete a copy while others change the image.
TRIES = 10


class Copies:
    """Deletes copies; never the only one of an image.

    :param left: makes records of data that is to be removed
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        left: leftovers.Leftovers,
    ) -> None:
        self._registry = registry
        self._store = store
        self._left = left

    def of(
        self, image: contract.Image, store_id: str
    ) -> list[contract.Location]:
        """The locations of an image in one store."""
        return [
            each
            for each in image['locations']
            if self._store.id_of(each) == store_id
        ]

    def delete(
        self,
        context: context.RequestContext,
        store: named.Named,
        image_id: str,
        permit: Callable[[contract.Image], None],
        keeps_status: bool = False,
    ) -> None:
        """Delete the copy in one store.

        The locations are removed first, together with a record, so that the
        data is removed later if this process dies.

        :param permit: raises if the image as it is now must keep the copy
        :param keeps_status: the image may be deactivated
        :raises errors.NotFound: the store has no copy
        :raises errors.Forbidden: it is the only copy
        :raises errors.Conflict: the data is in use
        """
        for tries_left in reversed(range(TRIES)):
            try:
                image = self._registry.get_image(context, image_id)
                permit(image)
                _require_status(image, keeps_status)
                self._delete(context, store, image, keeps_status)
                return
            except errors.Busy:  # another request changed the image
                if not tries_left:
                    raise

    def _delete(
        self,
        context: context.RequestContext,
        store: named.Named,
        image: contract.Image,
        keeps_status: bool,
    ) -> None:
        """:raises errors.Busy: another request changed the image"""
        kept, gone = self._parted(image, store.id)
        ours = gone
        if store.is_read_only or self._shares_data(store, gone, kept):
            ours = []
        removal = self._left.removal(store=store)
        changes: contract.ImageChanges = {
            'row_version': image['row_version'],
            'values': {},
            'properties': {},
            'locations': kept,
            'removal': removal,
            'pending': [each['id'] for each in ours],
        }
        if keeps_status:
            changes['keeps_status'] = True
        self._registry.update_image(context, image['id'], changes)
        if ours:
            locations.delete_data(
                context,
                self._registry,
                self._store,
                self._left,
                image['id'],
                ours,
                removal['id'],
            )

    def _shares_data(
        self,
        store: named.Named,
        gone: list[contract.Location],
        kept: list[contract.Location],
    ) -> bool:
        """Whether a kept location needs the data of the store's copy.

        Two ids may be configured for one place, for instance one bucket.
        """
        urls = [each['url'] for each in gone]
        for location in kept:
            try:
                other = self._store.get(self._store.id_of(location) or '')
            except stores.UnknownStore:
                if location['url'] in urls:
                    return True
                continue
            if store.is_same_place(other):
                return True
            unknown = store.identity is None or other.identity is None
            if unknown and location['url'] in urls:
                return True
        return False

    def _parted(
        self, image: contract.Image, store_id: str
    ) -> tuple[list[contract.Location], list[contract.Location]]:
        """The locations in other stores, and those in this store.

        :raises errors.Error: the image must keep those in this store
        """
        present = image['locations']
        gone = self.of(image, store_id)
        kept = [each for each in present if each not in gone]
        if len(present) == 1 or (gone and not kept):
            raise errors.Forbidden(
                'The only copy of the data of an image cannot be deleted; '
                'delete the image.'
            )
        if not gone:
            raise errors.NotFound(
                f'The image has no data in the store {store_id}.'
            )
        return kept, gone


def _require_status(image: contract.Image, keeps_status: bool) -> None:
    if image['status'] == 'deactivated' and keeps_status:
        return
    if image['status'] != 'active':
        raise errors.Conflict(
            f'The image is {image["status"]}; copies of its data can be '
            'deleted only while it is active.'
        )
