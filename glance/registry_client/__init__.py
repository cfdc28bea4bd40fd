"""glance-api's view of the registry: one method per operation.

The network sits behind :class:`Transport`, so that tests plug the
registry's application in. Everything that goes wrong between the daemons
becomes :class:`errors.RegistryUnavailable`, a 503 for the client.
"""

from glance.registry_client.client import RegistryClient
from glance.registry_client.connections import Connection
from glance.registry_client.connections import TCPConnection
from glance.registry_client.connections import tls_context
from glance.registry_client.connections import TLSConnection
from glance.registry_client.connections import UnixConnection
from glance.registry_client.failover import Failover
from glance.registry_client.transport import Answer
from glance.registry_client.transport import HTTPTransport
from glance.registry_client.transport import Transport

__all__ = (
    'Answer',
    'Connection',
    'Failover',
    'HTTPTransport',
    'RegistryClient',
    'TCPConnection',
    'TLSConnection',
    'Transport',
    'UnixConnection',
    'tls_context',
)
