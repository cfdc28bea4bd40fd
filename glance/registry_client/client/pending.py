"""Operations on deleted images whose data is kept."""

from glance.common import context
from glance.common import contract
from glance.common.contract import pending
from glance.registry_client.client import calls


class Pending(calls.Calls):
    def take_pending(
        self, context: context.RequestContext, wanted: contract.PendingTaking
    ) -> list[contract.Leftover]:
        """Reserve data of deleted images for a limited time."""
        return self._call(context, pending.TAKE_PENDING, wanted)['leftovers']

    def count_failed(self, context: context.RequestContext) -> int:
        """Count the images with data whose removal has failed."""
        return self._call(context, pending.COUNT_FAILED)['images']

    def restore_image(
        self, context: context.RequestContext, image_id: str
    ) -> contract.Image:
        """Restore a deleted image whose data is kept."""
        return self._call(context, pending.RESTORE_IMAGE, image_id=image_id)
