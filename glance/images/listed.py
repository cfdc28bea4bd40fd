"""All images that should have data, in the order of their ids."""

from collections.abc import Iterator
from typing import Any

from glance import registry_client
from glance.common import context
from glance.common import contract

#: Max images in one response of the registry.
PAGE = 500


def images(
    registry: registry_client.RegistryClient,
) -> Iterator[contract.Image]:
    """Yield all active and deactivated images, also the hidden ones.

    :raises errors.Error: the registry does not respond
    """
    for hidden in (False, True):
        marker: str | None = None
        while page := registry.list_images(
            context.of_service(), _query(marker, hidden)
        ):
            yield from page
            marker = page[-1]['id']


def _query(marker: str | None, hidden: bool) -> contract.ImageQuery:
    statuses: Any = ['active', 'deactivated']
    return {
        'limit': PAGE,
        'marker': marker,
        'sort': [('id', 'asc')],
        'filters': [{'field': 'status', 'op': 'in', 'value': statuses}],
        'properties': [],
        'tags': [],
        'visibility': 'all',
        'member_status': 'all',
        'os_hidden': hidden,
    }
