"""One method per operation of the contract between the daemons."""

from glance.registry_client.client import images
from glance.registry_client.client import leftovers
from glance.registry_client.client import locations
from glance.registry_client.client import members
from glance.registry_client.client import tags
from glance.registry_client.client import transfers
from glance.registry_client.client import usage


class RegistryClient(
    images.Images,
    locations.Locations,
    transfers.Transfers,
    leftovers.Leftovers,
    usage.Usage,
    tags.Tags,
    members.Members,
):
    """Every operation of :mod:`glance.common.contract`, by resource."""
