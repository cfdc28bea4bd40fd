"""The end of an image: its record first, then its bytes."""

import logging

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.images import key_manager
from glance.images import leftovers
from glance.store import base
from glance.store import stores

#: Cinder's properties of an encrypted volume's image.
_KEY_ID = 'cinder_encryption_key_id'
_KEY_POLICY = 'cinder_encryption_key_deletion_policy'

LOG = logging.getLogger(__name__)


class Deletions:
    """Deletes images for good, or leaves their data to the scrubber.

    With the image's record one of its data is written, which stays until
    the data is gone: whatever fails, and whoever dies, it is tried again.

    :param left: works on what could not be removed
    :param keeps_data: option delayed_delete
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        keys: key_manager.Keys,
        left: leftovers.Leftovers,
        keeps_data: bool,
    ) -> None:
        self._registry = registry
        self._store = store
        self._keys = keys
        self._left = left
        self._keeps_data = keeps_data

    def run(
        self,
        context: context.RequestContext,
        image: contract.Image,
        expected: contract.Expected,
    ) -> contract.Image:
        """Delete an image that was just seen.

        The registry decides first, so nothing is touched on 403 or 404
        (OSSA-2012-017), and of two deletions one wins. A running upload
        finds its image gone and removes its bytes itself.

        :returns: the image as it was
        :raises errors.Forbidden: the image is protected
        :raises errors.PreconditionFailed: it is not as expected
        :raises errors.Conflict: its data is in use; the image stays
        :raises errors.StoreUnavailable: a store that may refuse does not
            answer now; the image stays
        """
        removal = self._left.removal()
        wanted: contract.Deletion = {
            'row_version': expected['row_version'],
            'removal': removal,
        }
        urls = [location['url'] for location in image['locations']]
        if self._keeps_data:
            wanted['data'] = 'kept'
        elif self._store.may_refuse_deletion(urls):
            wanted['data'] = 'held'
        gone = self._delete(context, image, wanted)
        if not gone['locations']:
            self._delete_unregistered(image['id'])
        elif 'data' not in wanted:
            self._delete_data(gone, removal)
        elif wanted['data'] == 'held':
            self._delete_held(context, image, gone['locations'], removal['id'])
        if gone['properties'].get(_KEY_POLICY) == 'on_image_deletion':
            self._keys.delete(context, gone['properties'].get(_KEY_ID) or '')
        return gone

    def _delete(
        self,
        context: context.RequestContext,
        image: contract.Image,
        wanted: contract.Deletion,
    ) -> contract.Image:
        """Delete the record; once more if the answer was lost.

        Or the bytes would stay: to the client's next try the image is not
        there any more.
        """
        image_id = image['id']
        try:
            return self._registry.delete_image(context, image_id, wanted)
        except errors.RegistryUnavailable:
            wanted['repeats'] = image['row_version']
            again = self._registry.delete_image(context, image_id, wanted)
            return {**image, 'locations': again['locations']}

    def _delete_unregistered(self, image_id: str) -> None:
        """Remove what an upload of an earlier release may have left."""
        try:
            self._store.delete_unregistered(image_id)
        except errors.Error as error:
            LOG.error(
                'Could not look up the remaining data of deleted image %s: %s',
                image_id,
                base.reason(error),
            )

    def _delete_data(
        self, gone: contract.Image, removal: contract.Removal
    ) -> None:
        try:
            for location in gone['locations']:
                self._store.delete(location['url'], gone['id'])
        except errors.Error as error:
            LOG.error(
                'Could not remove the data of deleted image %s; the removal '
                'will be tried again: %s',
                gone['id'],
                base.reason(error),
            )
            self._left.failed(removal['id'])
        else:
            self._left.removed(removal['id'])

    def _delete_held(
        self,
        context: context.RequestContext,
        image: contract.Image,
        held: list[contract.Location],
        removal_id: str,
    ) -> None:
        """Delete the data, or bring the image back.

        Who may refuse is asked first: what is deleted stays deleted.
        """
        left = sorted(held, key=self._cannot_refuse)
        try:
            while left:
                self._store.delete(left[0]['url'], image['id'])
                del left[0]
        except Exception:  # a bug of a store loses no image either
            ids = sorted(location['id'] for location in left)
            end: contract.DeletionEnd = {
                'status': image['status'],
                'ids': ids,
                'removal_id': removal_id,
            }
            self._settle(context, image['id'], end)
            raise
        self._settle(
            context,
            image['id'],
            {'status': 'deleted', 'ids': [], 'removal_id': removal_id},
        )

    def _cannot_refuse(self, location: contract.Location) -> bool:
        return not self._store.may_refuse_deletion([location['url']])

    def _settle(
        self,
        context: context.RequestContext,
        image_id: str,
        end: contract.DeletionEnd,
    ) -> None:
        try:
            self._registry.settle_deletion(context, image_id, end)
        except errors.Error:
            LOG.exception(
                'Image %s is pending_delete until its data is removed',
                image_id,
            )
