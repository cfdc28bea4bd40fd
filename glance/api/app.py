"""Composition of glance-api: collaborators, the URL table, Paste factories."""

from collections.abc import Callable, Iterable
import logging
import socket
from typing import Any

from oslo_config import cfg

from glance import registry_client
from glance.api import policy
from glance.api import storage
from glance.api import wire
from glance.api.v2 import discovery
from glance.api.v2 import image_actions
from glance.api.v2 import image_data
from glance.api.v2 import image_locations
from glance.api.v2 import image_members
from glance.api.v2 import image_tags
from glance.api.v2 import images
from glance.api.v2 import openapi
from glance.api.v2 import protections
from glance.api.v2 import schemas
from glance.api.v2 import views
from glance.api.v2.schema import custom
from glance.common import shutdown
from glance.common import wsgi
from glance.images import deletion
from glance.images import formats
from glance.images import key_manager
from glance.images import limits as unified_limits
from glance.images import locations
from glance.images import upload
from glance.notifications import notifier as notifications
from glance.notifications import outbox
from glance.store import stores
from glance.tasks import location_import

LOG = logging.getLogger(__name__)
#: What a worker that ends gives its last notifications.
FLUSH_SECONDS = 5


def images_api(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    store: stores.Stores,
) -> wsgi.Router:
    """Images API v2 as a WSGI application.

    :param registry: where metadata is
    :param store: where bytes are
    """
    permission = policy.Policy(conf)
    return wsgi.Router(
        _table(conf, registry, store, permission),
        wsgi.public_error,
        permission.identify_admin,
    )


def _table(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    store: stores.Stores,
    permission: policy.Policy,
) -> list[wsgi.Route]:
    """Every URL of API v2."""
    schema = schemas.ImageSchema(
        conf.image_format.disk_formats,
        conf.image_format.container_formats,
        custom.load(conf.find_file(custom.FILE)),
    )
    limits = images.Limits(
        page_default=conf.limit_param_default,
        page_max=conf.api_limit_max,
        properties=conf.image_property_quota,
        tags=conf.image_tag_quota,
        members=conf.image_member_quota,
        storage_bytes=conf.user_storage_quota,
    )
    data_limits = image_data.DataLimits(
        conf.image_size_cap, conf.hashing_algorithm
    )
    places = locations.Locations(
        store,
        locations.Limits(
            conf.image_location_quota,
            conf.image_size_cap,
            conf.hashing_algorithm,
        ),
    )
    keys = key_manager.Keys(conf)
    quota_bytes = conf.user_storage_quota
    unified = _unified_limits(conf, registry)
    notifier = _notifier(conf)
    uploads = upload.Uploads(
        registry,
        store,
        socket.gethostname(),
        _format_rules(conf),
        keys,
        quota_bytes,
        unified,
        notifier,
    )
    image = images.Images(
        registry,
        permission,
        store,
        deletion.Deletions(registry, store, keys, conf.delayed_delete),
        schema,
        limits,
        views.image_view(
            conf.show_image_direct_url,
            conf.show_multiple_locations,
            schema.nullable,
        ),
        places if conf.show_multiple_locations else None,
        unified,
        notifier,
        protections.from_configuration(conf, permission),
    )
    data = image_data.ImageData(
        registry, permission, store, uploads, data_limits, unified, notifier
    )
    tags = image_tags.ImageTags(registry, permission, limits.tags, notifier)
    members = image_members.ImageMembers(
        registry, permission, limits.members, notifier
    )
    actions = image_actions.ImageActions(registry, permission, notifier)
    places_of_image = image_locations.ImageLocations(
        registry,
        permission,
        store,
        location_import.LocationImports(
            registry,
            store,
            places,
            socket.gethostname(),
            location_import.Options(
                conf.do_secure_hash,
                conf.http_retries,
                conf.hashing_algorithm,
                conf.image_size_cap,
                quota_bytes,
            ),
            notifier,
        ),
    )
    described = schemas.Schemas(schema)
    info = discovery.Discovery(unified, discovery.features(quota_bytes))
    one = '/v2/images/{image_id}'
    table = (
        ('GET', one, image.show),
        ('GET', '/v2/images', image.index),
        ('POST', '/v2/images', image.create),
        ('PATCH', one, image.update),
        ('DELETE', one, image.delete),
        ('GET', f'{one}/file', data.get),
        ('PUT', f'{one}/file', data.put),
        ('PUT', f'{one}/tags/{{tag}}', tags.update),
        ('DELETE', f'{one}/tags/{{tag}}', tags.delete),
        ('GET', f'{one}/members', members.index),
        ('POST', f'{one}/members', members.create),
        ('GET', f'{one}/members/{{member}}', members.show),
        ('PUT', f'{one}/members/{{member}}', members.update),
        ('DELETE', f'{one}/members/{{member}}', members.delete),
        ('POST', f'{one}/actions/deactivate', actions.deactivate),
        ('POST', f'{one}/actions/reactivate', actions.reactivate),
        ('GET', f'{one}/locations', places_of_image.index),
        ('POST', f'{one}/locations', places_of_image.create),
        ('GET', '/v2/schemas/{name}', described.show),
        ('GET', '/v2/info/usage', info.usage),
        ('GET', '/v2/info/features', info.features),
    )
    found = [wsgi.Route(*line) for line in table]
    description = openapi.OpenAPI(
        [(route.method, route.path) for route in found], schema
    )
    return [*found, wsgi.Route('GET', openapi.PATH, description.show)]


def app_factory(options: wsgi.Options, **_local: str) -> wsgi.Router:
    """Paste factory of the application ``apiv2app``."""
    conf = wsgi.configuration(options)
    return images_api(conf, wire.client(conf), storage.from_conf(conf))


def root_factory(
    loader: Any, global_conf: Any, **local_conf: str
) -> wsgi.WSGIApp:
    """Paste composite factory: ``/`` to the versions, ``/v2`` to the API."""
    versions = loader.get_app(local_conf['/'], global_conf=global_conf)
    api = loader.get_app(local_conf['/v2'], global_conf=global_conf)

    def root(
        environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        below = environ.get('PATH_INFO', '').startswith('/v2/')
        answer: Iterable[bytes] = (api if below else versions)(
            environ, start_response
        )
        return answer

    return root


def _format_rules(conf: cfg.ConfigOpts) -> formats.Rules:
    options = conf.image_format
    vmdk_types = frozenset(name.lower() for name in options.vmdk_allowed_types)
    if vmdk_types - formats.VMDK_TYPES:
        LOG.warning(
            'vmdk_allowed_types: %s are never accepted, they name further '
            'files',
            ', '.join(sorted(vmdk_types - formats.VMDK_TYPES)),
        )
    return formats.Rules(
        options.require_image_format_match,
        vmdk_types & formats.VMDK_TYPES,
        frozenset(options.gpt_safety_checks_nonfatal),
    )


def _unified_limits(
    conf: cfg.ConfigOpts, registry: registry_client.RegistryClient
) -> unified_limits.UnifiedLimits | None:
    if not conf.use_keystone_limits:
        return None
    return unified_limits.UnifiedLimits(conf, registry)


def _notifier(conf: cfg.ConfigOpts) -> notifications.Notifier | None:
    drivers = conf.oslo_messaging_notifications.driver
    if not set(drivers) - {'', 'noop'}:
        return None
    # Only here: it takes a second, and 26 MiB.
    from glance.notifications import bus

    bus.check(conf)
    waiting = outbox.Outbox(bus.sender(conf, conf.default_publisher_id))
    shutdown.register(lambda: waiting.flush(FLUSH_SECONDS))
    return notifications.Notifier(waiting.put, conf.disabled_notifications)
