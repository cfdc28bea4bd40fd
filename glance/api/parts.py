"""The collaborators that several handlers share, made once per process.

Only this module reads options; the collaborators get plain values.
"""

import dataclasses
import logging
import socket

from oslo_config import cfg

from glance import registry_client
from glance.api import caching
from glance.api import importing
from glance.api import policy
from glance.api import storage
from glance.api.policy import protections
from glance.common import background
from glance.common import errors
from glance.common import health
from glance.common import shutdown
from glance.images import access
from glance.images import changes
from glance.images import creation
from glance.images import definitions
from glance.images import deletion
from glance.images import formats
from glance.images import key_manager
from glance.images import leftovers
from glance.images import limits as unified_limits
from glance.images import locations
from glance.images import lookups
from glance.images import permission
from glance.images import quotas
from glance.images import staging
from glance.images import transfers
from glance.images import upload
from glance.images.importing import plugins
from glance.notifications import notifier as notifications
from glance.notifications import outbox
from glance.store import stores
from glance.tasks import location_import
from glance.tasks import records

LOG = logging.getLogger(__name__)
#: Time limit for sending the last notifications at the end of a worker.
FLUSH_SECONDS = 5
#: Time-out of Keystone if ``[oslo_limit] timeout`` is not set.
LIMIT_TIMEOUT_SECONDS = 30
#: Options that identify the endpoint for which limits are registered.
LIMIT_ENDPOINT = (
    'endpoint_id',
    'endpoint_service_name',
    'endpoint_service_type',
)


@dataclasses.dataclass(frozen=True)
class Parts:
    """The objects that every version of the API uses.

    :ivar node: the name of this host
    :ivar running: the transfers of this process; one thread renews them all
    :ivar left: removes data that is no longer needed
    :ivar cached: the image cache of this host; None if there is none
    :ivar allows_of: returns what a caller may do to custom properties
    :ivar catalogue: checks values of properties against the metadata
        definitions; None if this is disabled
    :ivar tasks: makes the records of tasks
    :ivar rules: the rules for the format of image data
    :ivar chain: the plug-ins that process incoming data
    :ivar access: sets the rights of images in their stores
    """

    node: str
    registry: registry_client.RegistryClient
    store: stores.Stores
    policy: policy.Policy
    quotas: quotas.Quotas
    allows_of: permission.AllowsOf
    unified: unified_limits.UnifiedLimits
    notifier: notifications.Notifier
    running: transfers.Transfers
    left: leftovers.Leftovers
    keys: key_manager.Keys
    location_rules: locations.LocationRules
    catalogue: definitions.Definitions | None
    cached: caching.Caching | None
    staged: staging.Directory
    tasks: records.Records
    rules: formats.FormatRules
    chain: plugins.Chain
    access: access.Access


@dataclasses.dataclass(frozen=True)
class UseCases:
    """The use cases of images, which all versions of the API share."""

    creations: creation.Creations
    changes: changes.Changes
    deletions: deletion.Deletions
    uploads: upload.Uploads
    location_imports: location_import.LocationImports
    lookups: lookups.Lookups


def make(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    store: stores.Stores,
    permission: policy.Policy,
) -> Parts:
    """:raises errors.ConfigurationError: an option is invalid"""
    node, limits = socket.gethostname(), image_quotas(conf)
    events, rules = notifier(conf), format_rules(conf)
    return Parts(
        node=node,
        registry=registry,
        store=store,
        policy=permission,
        quotas=limits,
        allows_of=_allows_of(conf, permission),
        unified=limit_checks(conf, registry),
        notifier=events,
        running=transfers.Transfers(
            registry,
            node=node,
            quota_bytes=conf.user_storage_quota,
        ),
        left=_leftovers(conf, registry, store, node),
        keys=key_manager.Keys(conf),
        location_rules=_locations(conf, store, limits),
        catalogue=_catalogue(conf, registry),
        cached=caching.make(conf, registry, store),
        staged=staged(conf),
        tasks=records.Records(conf.task.task_time_to_live, events),
        rules=rules,
        chain=importing.chain(conf, rules),
        access=access.of(registry, store),
    )


def use_cases(conf: cfg.ConfigOpts, parts: Parts) -> UseCases:
    """Make the use cases from the parts."""
    return UseCases(
        lookups=lookups.Lookups(parts.registry.get_image),
        creations=creation.Creations(
            parts.registry,
            parts.policy,
            allows_of=parts.allows_of,
            limits=parts.quotas,
            unified=parts.unified,
            notifier=parts.notifier,
            catalogue=parts.catalogue,
        ),
        changes=changes.Changes(
            parts.registry,
            parts.policy,
            parts.store,
            allows_of=parts.allows_of,
            limits=parts.quotas,
            location_rules=parts.location_rules,
            left=parts.left,
            notifier=parts.notifier,
            catalogue=parts.catalogue,
            access=parts.access,
        ),
        deletions=deletion.Deletions(
            parts.registry,
            parts.store,
            keys=parts.keys,
            left=parts.left,
            notifier=parts.notifier,
            staged=parts.staged,
            keeps_data=conf.delayed_delete,
            forget=parts.cached.forget if parts.cached else None,
            access=parts.access,
        ),
        uploads=_uploads(conf, parts),
        location_imports=_location_imports(conf, parts),
    )


def image_quotas(conf: cfg.ConfigOpts) -> quotas.Quotas:
    """The limits of one image."""
    return quotas.Quotas(
        properties=conf.image_property_quota,
        tags=conf.image_tag_quota,
        members=conf.image_member_quota,
        locations=conf.image_location_quota,
        storage_bytes=conf.user_storage_quota,
    )


def property_protections(
    conf: cfg.ConfigOpts, permission: policy.Policy
) -> protections.Protections | None:
    """Load the protections; None if no property is protected."""
    named = conf.property_protection_file
    if not named:
        return None
    by_rules = conf.property_protection_rule_format == 'policies'
    return protections.load(
        conf.find_file(named) or named, by_rules, permission
    )


def notifier(conf: cfg.ConfigOpts) -> notifications.Notifier:
    """The notifier; without a driver, the null notifier."""
    if not _notifies(conf):
        return notifications.NoNotifier()
    # Imported only here, because it needs a second and 26 MiB.
    from glance.notifications import bus

    check_notifier(conf)
    waiting = outbox.Outbox(bus.sender(conf, conf.default_publisher_id))
    health.check('bus', waiting.trouble)
    shutdown.register(lambda: waiting.flush(FLUSH_SECONDS))
    return notifications.Notifier(waiting.put, conf.disabled_notifications)


def check_notifier(conf: cfg.ConfigOpts) -> None:
    """:raises errors.ConfigurationError: a driver or the URL is wrong"""
    if not _notifies(conf):
        return
    # Imported only here; see notifier.
    from glance.notifications import bus

    bus.check(conf)


def _notifies(conf: cfg.ConfigOpts) -> bool:
    drivers = conf.oslo_messaging_notifications.driver
    return bool(set(drivers) - {'', 'noop'})


def limit_checks(
    conf: cfg.ConfigOpts, registry: registry_client.RegistryClient
) -> unified_limits.UnifiedLimits:
    """Checks of Keystone's limits; null checks if they are disabled."""
    if not conf.use_keystone_limits:
        return unified_limits.NoLimits()
    # Imported only here, because it needs 0.6 s and 19 MiB. It also registers
    # the options.
    from glance.images import limit_service  # noqa: F401

    check_limits(conf)
    return unified_limits.UnifiedLimits(registry)


def check_limits(conf: cfg.ConfigOpts) -> None:
    """Refuse options with which no check could succeed.

    :raises errors.ConfigurationError: a part of ``[oslo_limit]`` is missing
    """
    conf.set_default('timeout', LIMIT_TIMEOUT_SECONDS, group='oslo_limit')
    options = conf.oslo_limit
    if not options.auth_type:
        raise errors.ConfigurationError(
            'use_keystone_limits needs auth_type and credentials; set them '
            'in [oslo_limit].'
        )
    if not any(options.get(name) for name in LIMIT_ENDPOINT):
        raise errors.ConfigurationError(
            'use_keystone_limits needs an endpoint; set one of '
            f'{", ".join(LIMIT_ENDPOINT)} in [oslo_limit].'
        )


def _allows_of(
    conf: cfg.ConfigOpts, permission: policy.Policy
) -> permission.AllowsOf:
    rules = property_protections(conf, permission)
    return policy.nothing_protected if rules is None else rules.of


def _leftovers(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    store: stores.Stores,
    node: str,
) -> leftovers.Leftovers:
    """The object that removes leftover data while a worker runs."""
    left = leftovers.Leftovers(registry, store, node)
    background.register('leftovers', left.look, conf.leftover_interval_seconds)
    shutdown.register(left.forget_removed)
    return left


def _locations(
    conf: cfg.ConfigOpts, store: stores.Stores, limits: quotas.Quotas
) -> locations.LocationRules:
    return locations.LocationRules(
        store,
        locations.Limits(
            quotas=limits,
            size_cap_bytes=conf.image_size_cap,
            hash_name=conf.hashing_algorithm,
        ),
    )


def staged(conf: cfg.ConfigOpts) -> staging.Directory:
    """The directory of staged data on this host."""
    directory = storage.read(conf).staging
    if directory is not None:
        return staging.Directory(directory)
    return staging.from_url(conf.node_staging_uri)


def _uploads(conf: cfg.ConfigOpts, parts: Parts) -> upload.Uploads:
    return upload.Uploads(
        parts.registry,
        running=parts.running,
        left=parts.left,
        keys=parts.keys,
        unified=parts.unified,
        notifier=parts.notifier,
        options=upload.Options(
            rules=parts.rules,
            size_cap_bytes=conf.image_size_cap,
            hash_name=conf.hashing_algorithm,
            scratch=parts.staged.path,
        ),
        chain=_upload_chain(conf, parts.chain),
        access=parts.access,
    )


def _upload_chain(
    conf: cfg.ConfigOpts, chain: plugins.Chain
) -> plugins.Chain | None:
    """The plug-ins for uploads; None unless the operator enabled them."""
    if not conf.image_import_opts.plugins_on_upload:
        return None
    return chain or None


def _location_imports(
    conf: cfg.ConfigOpts, parts: Parts
) -> location_import.LocationImports:
    return location_import.LocationImports(
        parts.registry,
        parts.store,
        location_rules=parts.location_rules,
        running=parts.running,
        notifier=parts.notifier,
        tasks=parts.tasks,
        options=location_import.Options(
            do_secure_hash=conf.do_secure_hash,
            tries=conf.http_retries,
            hash_name=conf.hashing_algorithm,
            size_cap_bytes=conf.image_size_cap,
        ),
    )


def format_rules(conf: cfg.ConfigOpts) -> formats.FormatRules:
    """The rules for the format of image data."""
    options = conf.image_format
    vmdk_types = frozenset(name.lower() for name in options.vmdk_allowed_types)
    if vmdk_types - formats.VMDK_TYPES:
        LOG.warning(
            'vmdk_allowed_types: ignored %s, because VMDK files of these '
            'types refer to other files',
            ', '.join(sorted(vmdk_types - formats.VMDK_TYPES)),
        )
    return formats.FormatRules(
        options.require_image_format_match,
        vmdk_types & formats.VMDK_TYPES,
        frozenset(options.gpt_safety_checks_nonfatal),
    )


def _catalogue(
    conf: cfg.ConfigOpts, registry: registry_client.RegistryClient
) -> definitions.Definitions | None:
    mode = conf.metadefs.check_properties
    if mode == 'off':
        return None
    return definitions.Definitions(registry, refuses=mode == 'refuse')
