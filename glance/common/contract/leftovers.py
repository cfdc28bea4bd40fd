"""Data that is to be removed."""

from typing import NotRequired, TypedDict

from glance.common.contract.operation import Operation

#: URLs with these schemes are equal in several stores, so they name data only
#: together with the id of their store.
RELATIVE_SCHEMES = frozenset(('gridfs', 'swift+config'))


class Removal(TypedDict):
    """A record of data that is to be removed, made before it is removed.

    :key id: chosen by the client
    :key node: the host that records it
    :key store: the identity of the store; null if it has none
    """

    id: str
    node: str
    store: str | None


class Taking(TypedDict):
    """A glance-api's request for leftovers.

    :key holder: who will hold the taken leftovers
    :key node: its host
    :key store: the identity of its store; null if it has none
    :key elsewhere: whether it keeps data of stores that it does not have, as
        described in Removed
    """

    holder: str
    node: str
    store: str | None
    limit: int
    elsewhere: NotRequired[bool]


class Leftover(TypedDict):
    """Data that is to be removed.

    :key urls: its locations; null for data that an upload may have left
        under the image's id
    :key stores: the ids of the stores of the urls, in the same order; null if
        a location does not have it
    :key locations: the ids of the locations, in the same order
    :key tries: number of failed attempts to remove it
    """

    id: str
    image_id: str
    urls: list[str] | None
    stores: NotRequired[list[str | None]]
    locations: NotRequired[list[int]]
    tries: int


class Taken(TypedDict):
    leftovers: list[Leftover]


class Checking(TypedDict):
    """Images of which leftover data may exist.

    :key names: names of data that may belong to another image than the one
        in the name
    """

    image_ids: list[str]
    names: NotRequired[list[str]]


class Checked(TypedDict):
    """The images that need the data.

    :key in_use: images that receive data now
    :key urls: image -> its locations, including those that wait for the
        scrubber
    :key named: locations, of any image, that contain one of the names
    """

    in_use: list[str]
    urls: dict[str, list[str]]
    named: NotRequired[list[str]]


class Removed(TypedDict):
    """The results for leftovers, as lists of their ids.

    :key done: all data is removed
    :key failed: try again, each time after a longer pause
    :key elsewhere: as failed; the client does not have a store of the data,
        so any other client may try
    :key in_use: check again when no upload runs
    :key removed: leftover -> the ids of those of its locations whose data is
        removed, although that of others stays
    """

    done: list[str]
    failed: NotRequired[list[str]]
    elsewhere: NotRequired[list[str]]
    in_use: NotRequired[list[str]]
    removed: NotRequired[dict[str, list[int]]]


TAKE_LEFTOVERS = Operation(
    'take_leftovers', 'POST', '/v1/leftovers/take', Taken, True
)
CHECK_LEFTOVERS = Operation(
    'check_leftovers', 'POST', '/v1/leftovers/check', Checked, True
)
FINISH_LEFTOVERS = Operation[None](
    'finish_leftovers', 'POST', '/v1/leftovers/finish', None, True
)
