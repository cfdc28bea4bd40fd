"""Options of glance-api.conf that glance-api does not declare.

A row has a section, the names of options and the reason why they have no
effect. Refused options control permissions or where data is stored, so the
service must not start and ignore them.
"""

from glance.api.conf import stores
from glance.common import settings
from glance.store import drivers

_NO_REGISTRY_CHOICE = (
    'glance-api always asks glance-registry and never opens the database.'
)
_NO_SCRUBBER = 'glance-scrubber reads it in glance-scrubber.conf.'
_TASKS = (
    'tasks run in the workers of glance-api; max_workers in '
    '[taskflow_executor] limits their number.'
)
_NO_SCRATCH = 'an imported image that needs a file lies beside staged data.'
_NO_V1 = 'this service has one registry API, for all versions.'
_NOTIFICATIONS = 'use driver in [oslo_messaging_notifications].'
_DATABASE = 'use connection in [database] of glance-registry.conf.'
_SERVICE_LOGIN = (
    'requests to glance-registry carry the token of the user and that of '
    '[keystone_authtoken].'
)
_SPEED = 'it changes no result; the file store chooses its own way.'

_ACCEPTED: tuple[tuple[str, str, str], ...] = (
    ('DEFAULT', 'data_api allowed_rpc_exception_modules', _NO_REGISTRY_CHOICE),
    ('DEFAULT', 'enable_v1_registry', _NO_V1),
    ('DEFAULT', 'enable_v2_registry enable_v3_api', _NO_V1),
    (
        'DEFAULT',
        'admin_user admin_password admin_tenant_name auth_url auth_strategy '
        'auth_region',
        _SERVICE_LOGIN,
    ),
    (
        'DEFAULT',
        'use_tpool',
        'image data is always read in native threads.',
    ),
    (
        'DEFAULT',
        'scrub_time scrub_pool_size wakeup_time daemon restore '
        'scrubber_datadir cleanup_scrubber cleanup_scrubber_time verify '
        'verify_rate verify_window verify_interval orphan_grace_time',
        _NO_SCRUBBER,
    ),
    ('DEFAULT', 'metadata_source_path', 'glance-manage reads it.'),
    (
        'DEFAULT',
        'location_strategy',
        'locations are used in the order in which they were added.',
    ),
    (
        'DEFAULT',
        'digest_algorithm',
        'OpenSSL checks that cert_file and key_file belong together.',
    ),
    (
        'DEFAULT',
        'secure_proxy_ssl_header',
        'use enable_proxy_headers_parsing in [oslo_middleware].',
    ),
    (
        'DEFAULT',
        'pydev_worker_debug_host pydev_worker_debug_port backdoor_port '
        'eventlet_hub pipe_handle',
        'there is no such aid; SIGUSR2 writes the stacks to the log.',
    ),
    (
        'DEFAULT',
        'enforce_secure_rbac',
        'use enforce_new_defaults in [oslo_policy].',
    ),
    (
        'DEFAULT',
        'notifier_strategy rpc_backend rabbit_host rabbit_port rabbit_userid '
        'rabbit_password rabbit_virtual_host qpid_hostname qpid_port',
        _NOTIFICATIONS,
    ),
    (
        'DEFAULT',
        'transport_url control_exchange executor_thread_pool_size '
        'rpc_response_timeout rpc_ping_enabled',
        'oslo.messaging reads it when notifications are sent.',
    ),
    (
        'DEFAULT',
        'sql_connection sql_idle_timeout sql_max_retries db_auto_create',
        _DATABASE,
    ),
    (
        'DEFAULT',
        'known_stores',
        'use stores in [glance_store].',
    ),
    ('DEFAULT', 'verbose', 'use debug.'),
    (
        'database',
        'connection',
        'glance-registry opens the database; glance-manage reads this too.',
    ),
    (
        'glance_store',
        'store_capabilities_update_min_interval '
        'filesystem_store_chunk_size filesystem_store_timeout '
        'filesystem_store_thread_pool_size '
        'filesystem_store_threadpool_threshold rootwrap_config',
        _SPEED,
    ),
    ('task', 'task_executor', _TASKS),
    ('task', 'work_dir', _NO_SCRATCH),
    ('taskflow_executor', 'engine_mode', _TASKS),
    (
        'taskflow_executor',
        'conversion_format',
        'use the plug-in image_conversion and output_format in '
        '[image_conversion].',
    ),
    ('wsgi', 'task_pool_threads python_interpreter', _TASKS),
    (
        'store_type_location_strategy',
        'store_type_preference',
        'locations are used in the order in which they were added.',
    ),
    (
        'image_import_opts',
        'max_parallel_stores',
        'an import reads its source once and writes to all stores at once.',
    ),
    settings.HEALTHCHECK_PATH,
)

#: Section, name, reason, values that can be ignored.
_REFUSED: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        'DEFAULT',
        'metadata_encryption_key',
        'encrypted locations are not supported yet: data of existing images '
        'could not be read, and new locations would be stored in the clear.',
        ('',),
    ),
    settings.OWNER_IS_TENANT,
    (
        'DEFAULT',
        'admin_role',
        'the rule context_is_admin of the policy says who is an '
        'administrator: put the role there and remove it.',
        ('', 'admin', settings.NO_ROLE),
    ),
    (
        'DEFAULT',
        'allow_additional_image_properties',
        'False is not supported: users could add any property. Use '
        'property_protection_file and remove it.',
        ('true', '1', 'yes', 'on'),
    ),
    (
        'DEFAULT',
        'enable_v2_api',
        'the Images API v2 cannot be turned off.',
        ('true', '1', 'yes', 'on'),
    ),
    *settings.OLD_LOGIN,
)

TABLE = settings.Table(
    [
        *settings.accepted(_ACCEPTED),
        *settings.refused(_REFUSED),
        *(
            each
            for declared in stores.BY_KIND.values()
            for each in settings.without_effect('glance_store', declared)
        ),
    ],
    settings.LIBRARIES | {'database'},
    {
        'filesystem_': 'file',
        'rbd_': 'rbd',
        'rados_': 'rbd',
        'swift_': 'swift',
        'default_swift_': 'swift',
        's3_': 's3',
        'cinder_': 'cinder',
        'vmware_': 'vmware',
        'sheepdog_': 'sheepdog',
        'mongodb_': 'gridfs',
    },
    drivers.OWN_NAMES,
)
