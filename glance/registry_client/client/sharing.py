"""Operations that only API v1 needs."""

from glance.common import context
from glance.common import contract
from glance.common.contract import sharing
from glance.registry_client.client import calls


class Sharing(calls.Calls):
    def get_sharing(
        self, context: context.RequestContext, image_id: str
    ) -> sharing.Sharing:
        return self._call(context, sharing.GET_SHARING, image_id=image_id)

    def change_sharing(
        self,
        context: context.RequestContext,
        image_id: str,
        change: sharing.SharingChange,
    ) -> None:
        self._call(context, sharing.CHANGE_SHARING, change, image_id=image_id)

    def end_sharing(
        self, context: context.RequestContext, image_id: str, member: str
    ) -> None:
        self._call(
            context, sharing.END_SHARING, image_id=image_id, member=member
        )

    def list_shared_images(
        self, context: context.RequestContext, member: str
    ) -> list[sharing.Shared]:
        document = self._call(
            context, sharing.LIST_SHARED_IMAGES, member=member
        )
        return document['images']

    def get_deleted_image(
        self, context: context.RequestContext, image_id: str
    ) -> contract.Image:
        return self._call(
            context, sharing.GET_DELETED_IMAGE, image_id=image_id
        )

    def kill_image(
        self, context: context.RequestContext, image_id: str
    ) -> None:
        self._call(context, sharing.KILL_IMAGE, image_id=image_id)
