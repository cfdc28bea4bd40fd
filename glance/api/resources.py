"""The handlers of API v2, and what they are made of.

All of it is made once, at the start, from the configuration.
"""

import logging
import socket
from typing import NamedTuple

from oslo_config import cfg

from glance import registry_client
from glance.api import policy
from glance.api.policy import protections
from glance.api.v2 import discovery
from glance.api.v2 import image_actions
from glance.api.v2 import image_data
from glance.api.v2 import image_locations
from glance.api.v2 import image_members
from glance.api.v2 import image_tags
from glance.api.v2 import image_update
from glance.api.v2 import images
from glance.api.v2 import schemas
from glance.api.v2 import views
from glance.api.v2.schema import custom
from glance.common import background
from glance.common import shutdown
from glance.images import deletion
from glance.images import formats
from glance.images import key_manager
from glance.images import leftovers
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


class Resources(NamedTuple):
    """:ivar schema: of an image, as the configuration makes it"""

    images: images.Images
    update: image_update.ImageUpdate
    data: image_data.ImageData
    tags: image_tags.ImageTags
    members: image_members.ImageMembers
    actions: image_actions.ImageActions
    locations: image_locations.ImageLocations
    schemas: schemas.Schemas
    discovery: discovery.Discovery
    schema: schemas.ImageSchema


def make(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    store: stores.Stores,
    permission: policy.Policy,
) -> Resources:
    """:raises errors.ConfigurationError: an option makes no sense"""
    schema = schemas.ImageSchema(
        conf.image_format.disk_formats,
        conf.image_format.container_formats,
        custom.load(conf.find_file(custom.FILE)),
    )
    limits = _limits(conf)
    entities = _entities(conf, schema, permission)
    keys = key_manager.Keys(conf)
    places = locations.Locations(
        store,
        locations.Limits(
            conf.image_location_quota,
            conf.image_size_cap,
            conf.hashing_algorithm,
        ),
    )
    unified = _unified_limits(conf, registry)
    notifier = _notifier(conf)
    left = _leftovers(conf, registry, store)
    uploads = upload.Uploads(
        registry,
        store,
        left,
        socket.gethostname(),
        _format_rules(conf),
        keys,
        conf.user_storage_quota,
        unified,
        notifier,
    )
    return Resources(
        images.Images(
            registry,
            permission,
            deletion.Deletions(
                registry, store, keys, left, conf.delayed_delete
            ),
            schema,
            limits,
            entities,
            unified,
            notifier,
            conf.public_endpoint,
        ),
        image_update.ImageUpdate(
            registry,
            permission,
            store,
            schema,
            limits,
            entities,
            places if conf.show_multiple_locations else None,
            left,
            notifier,
        ),
        image_data.ImageData(
            registry,
            permission,
            store,
            uploads,
            image_data.DataLimits(conf.image_size_cap, conf.hashing_algorithm),
            unified,
            notifier,
        ),
        image_tags.ImageTags(registry, permission, limits.tags, notifier),
        image_members.ImageMembers(
            registry, permission, limits.members, notifier
        ),
        image_actions.ImageActions(registry, permission, notifier),
        image_locations.ImageLocations(
            registry,
            permission,
            store,
            _location_imports(conf, registry, store, places, notifier),
        ),
        schemas.Schemas(schema),
        discovery.Discovery(
            unified, discovery.features(conf.user_storage_quota)
        ),
        schema,
    )


def _leftovers(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    store: stores.Stores,
) -> leftovers.Leftovers:
    """Works on data that is to be removed, as long as a worker runs."""
    left = leftovers.Leftovers(registry, store, socket.gethostname())
    background.register('leftovers', left.look, conf.leftover_interval_seconds)
    shutdown.register(left.forget_removed)
    return left


def _limits(conf: cfg.ConfigOpts) -> images.Limits:
    return images.Limits(
        page_default=conf.limit_param_default,
        page_max=conf.api_limit_max,
        properties=conf.image_property_quota,
        tags=conf.image_tag_quota,
        members=conf.image_member_quota,
        storage_bytes=conf.user_storage_quota,
        locations=conf.image_location_quota,
    )


def _entities(
    conf: cfg.ConfigOpts,
    schema: schemas.ImageSchema,
    permission: policy.Policy,
) -> views.Entities:
    return views.Entities(
        views.image_view(
            conf.show_image_direct_url,
            conf.show_multiple_locations,
            schema.nullable,
        ),
        _protections(conf, permission),
    )


def _protections(
    conf: cfg.ConfigOpts, permission: policy.Policy
) -> protections.Protections | None:
    """None: no property is protected."""
    named = conf.property_protection_file
    if not named:
        return None
    by_rules = conf.property_protection_rule_format == 'policies'
    return protections.load(
        conf.find_file(named) or named, by_rules, permission
    )


def _location_imports(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    store: stores.Stores,
    places: locations.Locations,
    notifier: notifications.Notifier,
) -> location_import.LocationImports:
    options = location_import.Options(
        conf.do_secure_hash,
        conf.http_retries,
        conf.hashing_algorithm,
        conf.image_size_cap,
        conf.user_storage_quota,
    )
    return location_import.LocationImports(
        registry, store, places, socket.gethostname(), options, notifier
    )


def _format_rules(conf: cfg.ConfigOpts) -> formats.Rules:
    options = conf.image_format
    vmdk_types = frozenset(name.lower() for name in options.vmdk_allowed_types)
    if vmdk_types - formats.VMDK_TYPES:
        LOG.warning(
            'vmdk_allowed_types: ignored %s, because VMDK files of these '
            'types refer to other files',
            ', '.join(sorted(vmdk_types - formats.VMDK_TYPES)),
        )
    return formats.Rules(
        options.require_image_format_match,
        vmdk_types & formats.VMDK_TYPES,
        frozenset(options.gpt_safety_checks_nonfatal),
    )


def _unified_limits(
    conf: cfg.ConfigOpts, registry: registry_client.RegistryClient
) -> unified_limits.UnifiedLimits:
    if not conf.use_keystone_limits:
        return unified_limits.NoLimits()
    # Only here: it takes 0.6 s, and 19 MiB.
    from glance.images import limit_service

    limit_service.check_options(conf)
    return unified_limits.UnifiedLimits(registry)


def _notifier(conf: cfg.ConfigOpts) -> notifications.Notifier:
    drivers = conf.oslo_messaging_notifications.driver
    if not set(drivers) - {'', 'noop'}:
        return notifications.NoNotifier()
    # Only here: it takes a second, and 26 MiB.
    from glance.notifications import bus

    bus.check(conf)
    waiting = outbox.Outbox(bus.sender(conf, conf.default_publisher_id))
    shutdown.register(lambda: waiting.flush(FLUSH_SECONDS))
    return notifications.Notifier(waiting.put, conf.disabled_notifications)
