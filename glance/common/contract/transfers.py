"""Transfers: who may write the data of an image, and the outcome."""

from typing import NotRequired, TypedDict

from glance.common.contract.images import Image
from glance.common.contract.leftovers import Removal
from glance.common.contract.locations import Location
from glance.common.contract.operation import IMAGE
from glance.common.contract.operation import Operation


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


CLAIM_UPLOAD = Operation(
    'claim_upload', 'POST', f'{IMAGE}/claim-upload', Claimed, True
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
