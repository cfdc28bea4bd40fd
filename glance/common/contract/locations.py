"""The locations of an image."""

from typing import Any, NotRequired, TypedDict

from glance.common.contract.operation import IMAGE
from glance.common.contract.operation import Operation


class Location(TypedDict):
    """The location of the data in a store.

    :key id: chosen by the registry; in requests only for existing locations
    :key validation_data: what a client claims about the data; never stored,
        and never in a response of the registry
    """

    id: NotRequired[int]
    url: str
    metadata: dict[str, Any]
    status: NotRequired[str]
    validation_data: NotRequired[dict[str, str]]


class LocationRemovalEnd(TypedDict):
    """The end of the removal of pending locations.

    :key ids: ids of the locations
    :key restore: the data still exists, so the locations are restored
    :key removal_id: the record of the removal, which ends with this. With
        ``restore``, nothing is restored if another glance-api has taken the
        removal over
    """

    ids: list[int]
    restore: bool
    removal_id: NotRequired[str]


FINISH_LOCATION_REMOVAL = Operation[None](
    'finish_location_removal',
    'POST',
    f'{IMAGE}/finish-location-removal',
    None,
    True,
)
