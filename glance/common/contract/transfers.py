"""Transfers: the right to write the data of an image, and the outcome."""

from typing import NotRequired, TypedDict

from glance.common.contract.images import Image
from glance.common.contract.leftovers import Removal
from glance.common.contract.locations import Location
from glance.common.contract.operation import IMAGE
from glance.common.contract.operation import Operation
from glance.common.contract.tasks import NewTask


class Claim(TypedDict):
    """A request for the right to write an image's data.

    :key transfer_id: chosen by the client; a repeated claim with the same
        id is the same claim
    :key store: the identity of the store that is written to; null if it
        has none
    :key quota: how many bytes the owner of the image may store; absent for
        no limit
    :key task: a record of this work; its id is that of the transfer
    :key limits: limits of the owner's usage including this transfer, by the
        names of usage.Usage; absent for no limits
    """

    transfer_id: str
    node: str
    size: int | None
    store: NotRequired[str | None]
    quota: NotRequired[int]
    task: NotRequired[NewTask]
    limits: NotRequired[dict[str, int]]


class Claimed(TypedDict):
    """A claim, valid for ``lease_seconds`` after its last renewal.

    :key room: how many bytes may be written, if there is a quota
    """

    image: Image
    lease_seconds: int
    room: NotRequired[int]


class Renewal(TypedDict):
    """A renewal of leases.

    :key transfers: running transfers and the bytes each has moved
    :key quota: as in Claim
    """

    transfers: dict[str, int]
    quota: NotRequired[int]


class Renewed(TypedDict):
    """Transfers that must end.

    :key lost: they have lost their claim, so their data is not used
    :key deleted: their image was deleted
    :key over_quota: they have moved more bytes than the owner's quota allows
    """

    lost: list[str]
    deleted: NotRequired[list[str]]
    over_quota: NotRequired[list[str]]


class Stored(TypedDict):
    """The outcome of an upload; ``quota`` is as in Claim.

    :key further_locations: locations of the same data in other stores
    :key formats: disk_format and container_format as set by plug-ins
    :key properties: custom properties that plug-ins set
    """

    transfer_id: str
    size: int
    virtual_size: int | None
    checksum: str
    os_hash_algo: str
    os_hash_value: str
    location: Location
    further_locations: NotRequired[list[Location]]
    formats: NotRequired[dict[str, str]]
    properties: NotRequired[dict[str, str]]
    quota: NotRequired[int]


class Registered(TypedDict):
    """Data that was in a store already.

    :key then_hash: a transfer that computes the hashes of the image, which
        is already active meanwhile
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
    """The outcome of a transfer that computed hashes."""

    transfer_id: str
    checksum: str
    os_hash_algo: str
    os_hash_value: str


class Abandoned(TypedDict):
    """The end of a transfer of any kind that failed.

    :key reason: why, for the owner of the image that is queued again
    :key leftover: records that data may have been stored; its id is that of
        the transfer
    """

    transfer_id: str
    reason: NotRequired[str]
    leftover: NotRequired[Removal]


class Unclaimed(TypedDict):
    """:key data_is_unused: no image refers to the bytes of the transfer
    :key status: of the image now; None if it is deleted; missing if the
        registry is of an earlier release
    """

    data_is_unused: bool
    status: NotRequired[str | None]


CLAIM_UPLOAD = Operation(
    'claim_upload', 'POST', f'{IMAGE}/claim-upload', Claimed, True
)
CLAIM_STAGE = Operation(
    'claim_stage', 'POST', f'{IMAGE}/claim-stage', Claimed, True
)
FINISH_UPLOAD = Operation(
    'finish_upload', 'POST', f'{IMAGE}/finish-upload', Image, True
)
ABANDON_UPLOAD = Operation(
    'abandon_upload', 'POST', f'{IMAGE}/abandon-upload', Unclaimed, True
)
CLAIM_LOCATION = Operation(
    'claim_location', 'POST', f'{IMAGE}/claim-location', Claimed, True
)
FINISH_LOCATION = Operation(
    'finish_location', 'POST', f'{IMAGE}/finish-location', Claimed, True
)
FINISH_HASH = Operation[None](
    'finish_hash', 'POST', f'{IMAGE}/finish-hash', None, True
)
RENEW_TRANSFERS = Operation(
    'renew_transfers', 'POST', '/v1/transfers/renew', Renewed, True
)
