"""The wire between the daemons: every operation, every document.

glance-registry builds its route table from OPERATIONS, glance-api its
client; neither side can drift alone. Paths carry a version; fields are
added, never changed. An operation is one transaction.

Every operation is asked for by a service (a service token, the shared
secret, the Unix socket) on behalf of a caller. The registry decides what
that caller can see, which status may follow which, and quotas that count
rows; what the caller is permitted to do was glance-api's policy to decide.
An image that the caller cannot see is 404 in every operation.
"""

from typing import Any, Literal, NamedTuple, NotRequired, TypedDict


class Operation(NamedTuple):
    """One operation of the registry.

    :ivar answer: the document of a success; None: it has no body
    :ivar repeatable: twice is as good as once, so that the client may send
        it again when a kept connection turned out to be dead
    """

    name: str
    method: str
    path: str
    answer: Any
    repeatable: bool


class Location(TypedDict):
    """Where the bytes are. ``id`` is the registry's, absent in requests."""

    id: NotRequired[int]
    url: str
    metadata: dict[str, Any]
    status: NotRequired[str]


class Image(TypedDict):
    """A live image as its reader may see it.

    Times are UTC, ``YYYY-MM-DDTHH:MM:SSZ``. ``member`` is the caller's
    project when it sees the image as its member (whatever its status) and
    not as its owner, else null. ``row_version`` rises with every change of
    the image, its properties, tags and locations.
    """

    id: str
    name: str | None
    status: str
    visibility: str
    owner: str | None
    size: int | None
    virtual_size: int | None
    disk_format: str | None
    container_format: str | None
    checksum: str | None
    os_hash_algo: str | None
    os_hash_value: str | None
    min_disk: int
    min_ram: int
    protected: bool
    os_hidden: bool
    created_at: str
    updated_at: str
    row_version: int
    properties: dict[str, str | None]
    tags: list[str]
    locations: list[Location]
    member: str | None


class NewImage(TypedDict):
    """Values of an image to create; the rest takes its default."""

    id: str
    values: dict[str, Any]
    properties: dict[str, str]
    tags: list[str]


class ImageChanges(TypedDict):
    """What a PATCH leaves to do, computed from the image as it was read.

    :key row_version: refuse with 409 ``busy`` when the image has moved on
    :key values: base members to set
    :key properties: custom properties to set, null to remove
    :key nulls: custom properties that stay, or come, as null
    :key tags: the whole new set, absent if untouched
    """

    row_version: int
    values: dict[str, Any]
    properties: dict[str, str | None]
    nulls: NotRequired[list[str]]
    tags: NotRequired[list[str]]


class Updated(TypedDict):
    """What a change added to what was asked for."""

    row_version: int
    updated_at: str


Comparison = Literal['eq', 'neq', 'in', 'lt', 'lte', 'gt', 'gte']


class Filter(TypedDict):
    """``field op value``; ``in`` takes a list, times are as in Image."""

    field: str
    op: Comparison
    value: Any


class ImageQuery(TypedDict):
    """One page of a list.

    :key sort: (field, 'asc' or 'desc'), unique ids last
    :key visibility: one of the four, 'all', or null for the default view
    :key properties: (name, value) pairs that must all be present
    """

    limit: int
    marker: str | None
    sort: list[tuple[str, str]]
    filters: list[Filter]
    properties: list[tuple[str, str]]
    tags: list[str]
    visibility: str | None
    member_status: str
    os_hidden: bool


class Images(TypedDict):
    images: list[Image]


class Expected(TypedDict):
    """A change on condition.

    :key row_version: refuse with 412 if the image has another one now;
        null: whatever it has
    """

    row_version: int | None


class Claim(TypedDict):
    """Who asks for the right to write an image's data.

    :key transfer_id: chosen by the client; a repeated claim with the same
        id is the same claim
    """

    transfer_id: str
    node: str
    size: int | None


class Claimed(TypedDict):
    """A claim holds for ``lease_seconds`` from its last renewal on."""

    image: Image
    lease_seconds: int


class Renewal(TypedDict):
    """:key transfers: running transfers and the bytes each has moved"""

    transfers: dict[str, int]


class Renewed(TypedDict):
    """:key lost: transfers whose claim is gone; their data is not wanted"""

    lost: list[str]


class Stored(TypedDict):
    """The outcome of an upload."""

    transfer_id: str
    size: int
    virtual_size: int | None
    checksum: str
    os_hash_algo: str
    os_hash_value: str
    location: Location


class Abandoned(TypedDict):
    """The end of a transfer that came to nothing."""

    transfer_id: str


class Unclaimed(TypedDict):
    """:key data_is_unused: no image refers to the bytes of the transfer"""

    data_is_unused: bool


class Member(TypedDict):
    image_id: str
    member_id: str
    status: str
    created_at: str
    updated_at: str


class Members(TypedDict):
    """Members that the caller may see, with the image they belong to."""

    image: Image
    members: list[Member]


class NewMember(TypedDict):
    """:key quota: most members an image may have; negative is unlimited"""

    member: str
    quota: int


class MemberStatus(TypedDict):
    status: str


class NewTag(TypedDict):
    """:key quota: most tags an image may have; negative is unlimited"""

    quota: int


_IMAGE = '/v1/images/{image_id}'
_MEMBER = f'{_IMAGE}/members/{{member}}'
_TAG = f'{_IMAGE}/tags/{{tag}}'
_TABLE: tuple[tuple[str, str, str, Any, bool], ...] = (
    ('list_images', 'POST', '/v1/query/images', Images, True),
    ('create_image', 'POST', '/v1/images', Image, False),
    ('get_image', 'GET', _IMAGE, Image, True),
    ('update_image', 'PATCH', _IMAGE, Updated, False),
    ('delete_image', 'DELETE', _IMAGE, Image, False),
    ('claim_upload', 'POST', f'{_IMAGE}/claim-upload', Claimed, True),
    ('finish_upload', 'POST', f'{_IMAGE}/finish-upload', Image, True),
    ('abandon_upload', 'POST', f'{_IMAGE}/abandon-upload', Unclaimed, True),
    ('renew_transfers', 'POST', '/v1/transfers/renew', Renewed, True),
    ('deactivate_image', 'POST', f'{_IMAGE}/deactivate', None, True),
    ('reactivate_image', 'POST', f'{_IMAGE}/reactivate', None, True),
    ('add_tag', 'PUT', _TAG, None, True),
    ('delete_tag', 'DELETE', _TAG, None, False),
    ('list_members', 'GET', f'{_IMAGE}/members', Members, True),
    ('create_member', 'POST', f'{_IMAGE}/members', Member, False),
    ('update_member', 'PUT', _MEMBER, Member, False),
    ('delete_member', 'DELETE', _MEMBER, None, False),
)

OPERATIONS = {line[0]: Operation(*line) for line in _TABLE}
