"""Operations on members."""

from glance.common import context
from glance.common import contract
from glance.common.contract import members
from glance.registry_client.client import calls


class Members(calls.Calls):
    def list_members(
        self, context: context.RequestContext, image_id: str
    ) -> contract.Members:
        return self._call(context, members.LIST_MEMBERS, image_id=image_id)

    def create_member(
        self,
        context: context.RequestContext,
        image_id: str,
        new: contract.NewMember,
    ) -> contract.Member:
        return self._call(
            context, members.CREATE_MEMBER, new, image_id=image_id
        )

    def update_member(
        self,
        context: context.RequestContext,
        image_id: str,
        member: str,
        status: str,
    ) -> contract.Member:
        body: contract.MemberStatus = {'status': status}
        return self._call(
            context,
            members.UPDATE_MEMBER,
            body,
            image_id=image_id,
            member=member,
        )

    def delete_member(
        self, context: context.RequestContext, image_id: str, member: str
    ) -> None:
        self._call(
            context, members.DELETE_MEMBER, image_id=image_id, member=member
        )
