"""One method per operation of the contract between the daemons."""

from glance.registry_client.client import cache
from glance.registry_client.client import images
from glance.registry_client.client import imports
from glance.registry_client.client import integrity
from glance.registry_client.client import leftovers
from glance.registry_client.client import locations
from glance.registry_client.client import members
from glance.registry_client.client import metadefs
from glance.registry_client.client import pending
from glance.registry_client.client import sharing
from glance.registry_client.client import tags
from glance.registry_client.client import tasks
from glance.registry_client.client import transfers
from glance.registry_client.client import usage


class RegistryClient(
    images.Images,
    locations.Locations,
    transfers.Transfers,
    imports.Imports,
    leftovers.Leftovers,
    pending.Pending,
    integrity.Integrity,
    usage.Usage,
    tags.Tags,
    tasks.Tasks,
    members.Members,
    cache.Cache,
    sharing.Sharing,
    metadefs.Metadefs,
):
    """Every operation of :mod:`glance.common.contract`, by resource."""
