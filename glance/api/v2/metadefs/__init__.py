"""/v2/metadefs: the catalogue of metadata definitions.

``definitions`` has the common code of the calls on the four kinds, and each
kind has a module of its own. ``documents`` parses request bodies, ``views``
builds response documents, ``catalogue`` calls policy and registry.
"""

from collections.abc import Callable

from oslo_config import cfg

from glance import registry_client
from glance.api import policy
from glance.api.v2.metadefs import catalogue as catalogues
from glance.api.v2.metadefs import definitions
from glance.api.v2.metadefs import listing
from glance.api.v2.metadefs import namespaces
from glance.api.v2.metadefs import objects
from glance.api.v2.metadefs import properties
from glance.api.v2.metadefs import resource_types
from glance.api.v2.metadefs import schemas
from glance.api.v2.metadefs import tags
from glance.common import wsgi
from glance.notifications import notifier as notifications

#: Method, path and handler of every URL.
Table = tuple[tuple[str, str, wsgi.Handler], ...]
ALL = '/v2/metadefs/namespaces'
ONE = f'{ALL}/{{namespace}}'


def table(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    permission: policy.Policy,
    notifier: notifications.Notifier,
    changed: Callable[[], None],
) -> Table:
    """The URLs of the catalogue.

    :param changed: called after every change of the catalogue
    """
    catalogue = catalogues.Catalogue(registry, permission, notifier, changed)
    rules = listing.of_namespaces(conf.limit_param_default, conf.api_limit_max)
    one = namespaces.Namespaces(catalogue, rules, conf.public_endpoint)
    object_ = objects.Objects(catalogue)
    property_ = properties.Properties(catalogue)
    tag = tags.Tags(catalogue)
    types = resource_types.ResourceTypes(catalogue)
    return (
        ('GET', ALL, one.index),
        ('POST', ALL, one.create),
        ('GET', ONE, one.show),
        ('PUT', ONE, one.update),
        ('DELETE', ONE, one.delete),
        *_calls('objects', object_, object_.create),
        *_calls('properties', property_, property_.create),
        *_calls('tags', tag, tag.create_many),
        ('POST', f'{ONE}/tags/{{item}}', tag.create_one),
        ('GET', f'{ONE}/resource_types', types.index),
        ('POST', f'{ONE}/resource_types', types.create),
        ('DELETE', f'{ONE}/resource_types/{{item}}', types.delete),
        ('GET', '/v2/metadefs/resource_types', types.all),
        ('GET', '/v2/schemas/metadefs/{metadef}', schemas.Schemas().show),
    )


def _calls(
    name: str, of: definitions.Definitions, create: wsgi.Handler
) -> Table:
    """The URLs that objects, properties and tags have in common."""
    every, one = f'{ONE}/{name}', f'{ONE}/{name}/{{item}}'
    return (
        ('GET', every, of.index),
        ('POST', every, create),
        ('DELETE', every, of.clear),
        ('GET', one, of.show),
        ('PUT', one, of.update),
        ('DELETE', one, of.delete),
    )
