"""Limits on the metadata of one image."""

import dataclasses

from glance.common import errors


@dataclasses.dataclass(frozen=True)
class Quotas:
    """Limits of one image; a negative value means no limit.

    :ivar storage_bytes: limit of all images of one owner; 0 means no limit
    """

    properties: int
    tags: int
    members: int
    locations: int = -1
    storage_bytes: int = 0

    def check_tags(self, count: int) -> None:
        """:raises errors.LimitExceeded: the number exceeds the quota"""
        _check('tags', count, self.tags, 'image_tag_quota')

    def check_properties(self, count: int) -> None:
        """:raises errors.LimitExceeded: the number exceeds the quota"""
        _check('properties', count, self.properties, 'image_property_quota')

    def check_locations(self, count: int) -> None:
        """:raises errors.LimitExceeded: the number exceeds the quota"""
        _check('locations', count, self.locations, 'image_location_quota')


def _check(what: str, count: int, quota: int, option: str) -> None:
    if 0 <= quota < count:
        raise errors.LimitExceeded(
            f'The image would have {count} {what}; the limit is {quota} '
            f'({option}).'
        )
