"""Deletion of an image: first its record, then its data."""

from collections.abc import Callable, Sequence
import logging

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import threads
from glance.images import access
from glance.images import key_manager
from glance.images import leftovers
from glance.images import staging
from glance.notifications import notifier as notifications
from glance.store import base
from glance.store import stores

#: Cinder's properties of an encrypted volume's image.
_KEY_ID = 'cinder_encryption_key_id'
_KEY_POLICY = 'cinder_encryption_key_deletion_policy'

LOG = logging.getLogger(__name__)


class Deletions:
    """Deletes images for good, or leaves their data to the scrubber.

    A removal record is written together with the deletion of the image, and
    kept until the data is removed. So the removal is tried again after any
    failure, also if this process dies.

    :param left: retries what could not be removed
    :param staged: data of images that are not imported yet
    :param keeps_data: option delayed_delete
    :param forget: removes a deleted image from the cache of this host; None
        if there is no cache
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        *,
        keys: key_manager.Keys,
        left: leftovers.Leftovers,
        notifier: notifications.Notifier,
        staged: staging.Directory,
        keeps_data: bool,
        access: access.Access,
        forget: Callable[[str], object] | None = None,
    ) -> None:
        self._registry = registry
        self._store = store
        self._keys = keys
        self._left = left
        self._notifier = notifier
        self._staged = staged
        self._keeps_data = keeps_data
        self._forget = forget
        self._access = access

    def run(
        self,
        context: context.RequestContext,
        image: contract.Image,
        expected: contract.Expected,
    ) -> contract.Image:
        """Delete an image that the caller just read.

        The registry decides first, so nothing is touched on 403 or 404
        (OSSA-2012-017), and only one of two simultaneous deletions succeeds. A
        running upload detects that its image was deleted and removes its data
        itself.

        :returns: the image as it was
        :raises errors.Forbidden: the image is protected
        :raises errors.PreconditionFailed: the image is not as expected
        :raises errors.Conflict: its data is in use; the image stays
        :raises errors.StoreUnavailable: a store that may refuse the deletion
            does not respond now; the image stays
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
        if self._forget is not None:
            threads.call(self._forget, image['id'])
        if not gone['locations']:
            self._staged.remove(image['id'])
            self._delete_unregistered(image['id'])
        elif self._keeps_data:
            self._revoke(gone)
        elif 'data' not in wanted:
            self._delete_data(gone, removal)
        elif wanted['data'] == 'held':
            self._delete_held(context, image, gone['locations'], removal['id'])
        if gone['properties'].get(_KEY_POLICY) == 'on_image_deletion':
            self._keys.delete(context, gone['properties'].get(_KEY_ID) or '')
        self._notifier.deleted(gone)
        return gone

    def _revoke(self, gone: contract.Image) -> None:
        self._access.revoke(gone['id'], gone['owner'], gone['locations'])

    def _delete(
        self,
        context: context.RequestContext,
        image: contract.Image,
        wanted: contract.Deletion,
    ) -> contract.Image:
        """Delete the record; retry once after a lost response.

        Without the retry the data would stay, because the image does not exist
        any more when the client tries again.
        """
        image_id = image['id']
        try:
            return self._registry.delete_image(context, image_id, wanted)
        except errors.RegistryUnavailable:
            wanted['repeats'] = image['row_version']
            again = self._registry.delete_image(context, image_id, wanted)
            return {**image, 'locations': again['locations']}

    def _delete_unregistered(self, image_id: str) -> None:
        """Remove data that an upload of an earlier release may have left."""
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
        locations = gone['locations']
        removed: list[int] = []
        try:
            self._store.delete_all(
                stores.labelled_urls(locations), gone['id'], removed
            )
        except errors.Error as error:
            ids = [locations[position]['id'] for position in removed]
            self._note_failure(gone['id'], removal['id'], error, ids)
            self._revoke(gone)
        else:
            self._left.removed(removal['id'])

    def _delete_held(
        self,
        context: context.RequestContext,
        image: contract.Image,
        held: list[contract.Location],
        removal_id: str,
    ) -> None:
        """Delete the data, or restore the image.

        Stores that may refuse come first, because deleted data cannot be
        restored. Data in a store that is not configured here does not keep
        the image; a later attempt removes it.
        """
        left = sorted(held, key=self._cannot_refuse)
        unknown: base.Elsewhere | None = None
        stay: list[contract.Location] = []
        try:
            while left:
                label = stores.label_of(left[0])
                try:
                    self._store.delete(left[0]['url'], image['id'], label)
                except base.Elsewhere as error:
                    unknown = error
                    stay.append(left[0])
                del left[0]
        except Exception:  # also a bug of a store must not lose an image
            ids = sorted(location['id'] for location in [*left, *stay])
            end: contract.DeletionEnd = {
                'status': image['status'],
                'ids': ids,
                'removal_id': removal_id,
            }
            self._finish(context, image['id'], end)
            raise
        if unknown is not None:
            self._access.revoke(image['id'], image['owner'], held)
            gone = [each['id'] for each in held if each not in stay]
            self._note_failure(image['id'], removal_id, unknown, gone)
            return
        self._finish(
            context,
            image['id'],
            {'status': 'deleted', 'ids': [], 'removal_id': removal_id},
        )

    def _note_failure(
        self,
        image_id: str,
        removal_id: str,
        error: errors.Error,
        removed_ids: Sequence[int],
    ) -> None:
        LOG.error(
            'Could not remove the data of deleted image %s; the removal will '
            'be tried again: %s',
            image_id,
            base.reason(error),
        )
        self._left.failed(removal_id, error, removed_ids)

    def _cannot_refuse(self, location: contract.Location) -> bool:
        return not self._store.may_refuse_deletion([location['url']])

    def _finish(
        self,
        context: context.RequestContext,
        image_id: str,
        end: contract.DeletionEnd,
    ) -> None:
        try:
            self._registry.finish_deletion(context, image_id, end)
        except errors.Error:
            LOG.exception(
                'Image %s is pending_delete until its data is removed',
                image_id,
            )
