"""The locations of an image."""

from typing import Any, NotRequired, TypedDict

from glance.common.contract.operation import IMAGE
from glance.common.contract.operation import Operation


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


SETTLE_LOCATIONS = Operation[None](
    'settle_locations', 'POST', f'{IMAGE}/settle-locations', None, True
)
