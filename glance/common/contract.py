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
    """Where the bytes are.

    :key id: the registry's; absent in requests but where a location stays
    :key validation_data: what a client said of the data; never stored, and
        in no answer of the registry
    """

    id: NotRequired[int]
    url: str
    metadata: dict[str, Any]
    status: NotRequired[str]
    validation_data: NotRequired[dict[str, str]]


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


class Removal(TypedDict):
    """A record of data that is to be removed, made before it is removed.

    :key id: chosen by the client
    :key node: the host that records it
    :key store: the identity of the store; null if it has none
    """

    id: str
    node: str
    store: str | None


class ImageChanges(TypedDict):
    """What a PATCH leaves to do, computed from the image as it was read.

    :key row_version: refuse with 409 ``busy`` when the image has moved on
    :key values: base members to set
    :key properties: custom properties to set, null to remove
    :key nulls: custom properties that stay, or come, as null
    :key tags: the whole new set, absent if untouched
    :key locations: all of them in their new order, those that stay with
        their id; absent if untouched. The image is, or becomes, active
    :key pending: ids of locations that go but whose data is not deleted
        yet; see settle_locations
    :key removal: records that the data of the pending locations is to be
        removed
    :key quota: as in Claim; for locations that are new
    """

    row_version: int
    values: dict[str, Any]
    properties: dict[str, str | None]
    nulls: NotRequired[list[str]]
    tags: NotRequired[list[str]]
    locations: NotRequired[list[Location]]
    pending: NotRequired[list[int]]
    removal: NotRequired[Removal]
    quota: NotRequired[int]


class Settled(TypedDict):
    """What became of the data of pending locations.

    :key ids: of the locations
    :key restore: the data is still there, and so are they again
    :key removal_id: the record that ends with this; with ``restore`` nothing
        comes back if another glance-api has taken the removal over
    """

    ids: list[int]
    restore: bool
    removal_id: NotRequired[str]


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


class Deletion(Expected):
    """How to delete an image.

    :key data: ``deleted`` (the default): it will be deleted now. ``held``:
        it may refuse, and settle_deletion says what came of it; until then
        the image is pending_delete. ``kept``: it stays for the scrubber,
        and so the image stays pending_delete. Without data it is all one
    :key repeats: the answer to the same was lost: if an image of a later
        version than this was deleted, it is the one
    :key removal: records that the data is to be removed, unless it is kept
    """

    data: NotRequired[Literal['deleted', 'held', 'kept']]
    repeats: NotRequired[int]
    removal: NotRequired[Removal]


class DeletionEnd(TypedDict):
    """What became of an image that was deleted with its data held.

    :key status: ``deleted``; or the one it had, for the data is still there
    :key ids: of the locations that it still has then
    :key removal_id: as in Settled
    """

    status: str
    ids: list[int]
    removal_id: NotRequired[str]


class Claim(TypedDict):
    """Who asks for the right to write an image's data.

    :key transfer_id: chosen by the client; a repeated claim with the same
        id is the same claim
    :key store: the identity of the store that is written to; null if it
        has none
    :key quota: most bytes the image's owner may keep; absent: any
    """

    transfer_id: str
    node: str
    size: int | None
    store: NotRequired[str | None]
    quota: NotRequired[int]


class Claimed(TypedDict):
    """A claim holds for ``lease_seconds`` from its last renewal on.

    :key room: most bytes that may come, if there is a quota
    """

    image: Image
    lease_seconds: int
    room: NotRequired[int]


class Renewal(TypedDict):
    """A sign of life.

    :key transfers: running transfers and the bytes each has moved
    :key quota: as in Claim
    """

    transfers: dict[str, int]
    quota: NotRequired[int]


class Renewed(TypedDict):
    """Transfers that should end.

    :key lost: their claim is gone; the data is not wanted
    :key deleted: their image is
    :key over_quota: they have moved more than their owner has room for
    """

    lost: list[str]
    deleted: NotRequired[list[str]]
    over_quota: NotRequired[list[str]]


class Stored(TypedDict):
    """The outcome of an upload; ``quota`` is as in Claim."""

    transfer_id: str
    size: int
    virtual_size: int | None
    checksum: str
    os_hash_algo: str
    os_hash_value: str
    location: Location
    quota: NotRequired[int]


class Registered(TypedDict):
    """Data that lay in a store already.

    :key then_hash: a transfer that is to find out the hashes of the image,
        which is active meanwhile
    :key quota: as in Claim
    """

    transfer_id: str
    size: int
    virtual_size: int | None
    checksum: str | None
    os_hash_algo: str | None
    os_hash_value: str | None
    location: Location
    then_hash: Claim | None
    quota: NotRequired[int]


class Hashed(TypedDict):
    """The outcome of a transfer that found out hashes."""

    transfer_id: str
    checksum: str
    os_hash_algo: str
    os_hash_value: str


class Abandoned(TypedDict):
    """The end of a transfer, of whatever kind, that came to nothing.

    :key reason: why, for the owner of the image that is queued again
    :key leftover: records that data may have been stored; its id is that of
        the transfer
    """

    transfer_id: str
    reason: NotRequired[str]
    leftover: NotRequired[Removal]


class Unclaimed(TypedDict):
    """:key data_is_unused: no image refers to the bytes of the transfer"""

    data_is_unused: bool


class Taking(TypedDict):
    """Which leftovers a glance-api wants to work on.

    :key holder: of what it takes
    :key node: its host
    :key store: the identity of its store; null if it has none
    """

    holder: str
    node: str
    store: str | None
    limit: int


class Leftover(TypedDict):
    """Data that is to be removed.

    :key urls: where it is; null: what an upload may have left under the
        image's id
    :key tries: how often it could not be removed
    """

    id: str
    image_id: str
    urls: list[str] | None
    tries: int


class Taken(TypedDict):
    leftovers: list[Leftover]


class Checking(TypedDict):
    """Images whose data may be left over."""

    image_ids: list[str]


class Checked(TypedDict):
    """Who needs such data.

    :key in_use: images that get data now
    :key urls: locations of the images, also those that wait for the
        scrubber, by image
    """

    in_use: list[str]
    urls: dict[str, list[str]]


class Removed(TypedDict):
    """What became of leftovers, by their ids.

    :key done: nothing remains
    :key failed: to be tried again, each time after a longer pause
    :key in_use: to be looked at again when no upload runs
    """

    done: list[str]
    failed: NotRequired[list[str]]
    in_use: NotRequired[list[str]]


class UsageQuery(TypedDict):
    """:key owner: a project; null: images that nobody owns"""

    owner: str | None


class Usage(TypedDict):
    """What an owner's live images take.

    :key size_bytes: size times locations
    :key stage_bytes: of images being staged, imported or copied
    :key images: how many there are
    :key uploading: how many of them get data now
    """

    size_bytes: int
    stage_bytes: int
    images: int
    uploading: int


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
    ('check_registry', 'GET', '/v1/check', None, True),
    ('list_images', 'POST', '/v1/query/images', Images, True),
    ('create_image', 'POST', '/v1/images', Image, False),
    ('get_image', 'GET', _IMAGE, Image, True),
    ('update_image', 'PATCH', _IMAGE, Updated, False),
    ('delete_image', 'DELETE', _IMAGE, Image, False),
    ('settle_deletion', 'POST', f'{_IMAGE}/settle-deletion', None, True),
    (
        'settle_locations',
        'POST',
        f'{_IMAGE}/settle-locations',
        None,
        True,
    ),
    ('claim_upload', 'POST', f'{_IMAGE}/claim-upload', Claimed, True),
    ('finish_upload', 'POST', f'{_IMAGE}/finish-upload', Image, True),
    ('abandon_upload', 'POST', f'{_IMAGE}/abandon-upload', Unclaimed, True),
    ('claim_location', 'POST', f'{_IMAGE}/claim-location', Claimed, True),
    ('finish_location', 'POST', f'{_IMAGE}/finish-location', Claimed, True),
    ('finish_hash', 'POST', f'{_IMAGE}/finish-hash', None, True),
    ('renew_transfers', 'POST', '/v1/transfers/renew', Renewed, True),
    ('take_leftovers', 'POST', '/v1/leftovers/take', Taken, True),
    ('check_leftovers', 'POST', '/v1/leftovers/check', Checked, True),
    ('settle_leftovers', 'POST', '/v1/leftovers/settle', None, True),
    ('get_usage', 'POST', '/v1/query/usage', Usage, True),
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
