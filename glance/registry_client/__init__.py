"""glance-api's view of the registry: one method per operation.

The network is hidden behind :class:`Transport`, so that tests can call the
registry's application directly. Every failure between the daemons becomes
:class:`errors.RegistryUnavailable`, a 503 for the client.
"""

from glance.registry_client.client import RegistryClient
from glance.registry_client.connections import Endpoint
from glance.registry_client.connections import TCPEndpoint
from glance.registry_client.connections import tls_context
from glance.registry_client.connections import TLSEndpoint
from glance.registry_client.connections import UnixEndpoint
from glance.registry_client.peers import Failover
from glance.registry_client.peers import Peer
from glance.registry_client.transport import Answer
from glance.registry_client.transport import HTTPTransport
from glance.registry_client.transport import Transport

__all__ = (
    'Answer',
    'Endpoint',
    'Failover',
    'HTTPTransport',
    'Peer',
    'RegistryClient',
    'TCPEndpoint',
    'TLSEndpoint',
    'Transport',
    'UnixEndpoint',
    'tls_context',
)
