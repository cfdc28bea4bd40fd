"""Operations on images."""

from glance.common import context
from glance.common import contract
from glance.common.contract import images
from glance.registry_client.client import calls


class Images(calls.Calls):
    def get_image(
        self, context: context.RequestContext, image_id: str
    ) -> contract.Image:
        return self._call(context, images.GET_IMAGE, image_id=image_id)

    def list_images(
        self, context: context.RequestContext, query: contract.ImageQuery
    ) -> list[contract.Image]:
        return self._call(context, images.LIST_IMAGES, query)['images']

    def create_image(
        self, context: context.RequestContext, new: contract.NewImage
    ) -> contract.Image:
        return self._call(context, images.CREATE_IMAGE, new)

    def update_image(
        self,
        context: context.RequestContext,
        image_id: str,
        changes: contract.ImageChanges,
    ) -> contract.Updated:
        return self._call(
            context, images.UPDATE_IMAGE, changes, image_id=image_id
        )

    def delete_image(
        self,
        context: context.RequestContext,
        image_id: str,
        wanted: contract.Deletion,
    ) -> contract.Image:
        """Delete the image; the result has the locations of its data."""
        return self._call(
            context, images.DELETE_IMAGE, wanted, image_id=image_id
        )

    def finish_deletion(
        self,
        context: context.RequestContext,
        image_id: str,
        end: contract.DeletionEnd,
    ) -> None:
        """Report whether the held data was deleted or the image is back."""
        self._call(context, images.FINISH_DELETION, end, image_id=image_id)

    def deactivate_image(
        self,
        context: context.RequestContext,
        image_id: str,
        expected: contract.Expected,
    ) -> None:
        self._call(
            context, images.DEACTIVATE_IMAGE, expected, image_id=image_id
        )

    def reactivate_image(
        self,
        context: context.RequestContext,
        image_id: str,
        expected: contract.Expected,
    ) -> None:
        self._call(
            context, images.REACTIVATE_IMAGE, expected, image_id=image_id
        )
