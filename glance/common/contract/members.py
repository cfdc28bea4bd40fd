"""The members of an image."""

from typing import TypedDict

from glance.common.contract.images import Image
from glance.common.contract.operation import IMAGE
from glance.common.contract.operation import Operation


class Member(TypedDict):
    image_id: str
    member_id: str
    status: str
    created_at: str
    updated_at: str


class Members(TypedDict):
    """The members that are visible to the caller, and their image."""

    image: Image
    members: list[Member]


class NewMember(TypedDict):
    """:key quota: how many members an image may have; negative is unlimited"""

    member: str
    quota: int


class MemberStatus(TypedDict):
    status: str


_MEMBER = f'{IMAGE}/members/{{member}}'
LIST_MEMBERS = Operation(
    'list_members', 'GET', f'{IMAGE}/members', Members, True
)
CREATE_MEMBER = Operation(
    'create_member', 'POST', f'{IMAGE}/members', Member, False
)
UPDATE_MEMBER = Operation('update_member', 'PUT', _MEMBER, Member, False)
DELETE_MEMBER = Operation[None](
    'delete_member', 'DELETE', _MEMBER, None, False
)
