"""Data that is to be removed."""

from typing import NotRequired, TypedDict

from glance.common.contract.operation import Operation


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


TAKE_LEFTOVERS = Operation(
    'take_leftovers', 'POST', '/v1/leftovers/take', Taken, True
)
CHECK_LEFTOVERS = Operation(
    'check_leftovers', 'POST', '/v1/leftovers/check', Checked, True
)
SETTLE_LEFTOVERS = Operation[None](
    'settle_leftovers', 'POST', '/v1/leftovers/settle', None, True
)
