"""Operations on tags."""

from glance.common import context
from glance.common import contract
from glance.common.contract import tags
from glance.registry_client.client import calls


class Tags(calls.Calls):
    def add_tag(
        self,
        context: context.RequestContext,
        image_id: str,
        tag: str,
        quota: int,
    ) -> None:
        body: contract.NewTag = {'quota': quota}
        self._call(context, tags.ADD_TAG, body, image_id=image_id, tag=tag)

    def delete_tag(
        self, context: context.RequestContext, image_id: str, tag: str
    ) -> None:
        self._call(context, tags.DELETE_TAG, image_id=image_id, tag=tag)
