"""Options of glance-api.conf that glance-api does not declare.

A row is a section, the names of options and the reason why they have no
effect. What is refused changes who may do what, or where data goes; the
service must not start without it.
"""

from glance.common import settings

_NO_REGISTRY_CHOICE = (
    'glance-api always asks glance-registry and never opens the database.'
)
_NO_CACHE = 'this service has no image cache yet.'
_NO_IMPORT = 'this service has no import of images yet.'
_NO_SCRUBBER = 'glance-scrubber reads it in glance-scrubber.conf.'
_NO_TASKS = 'this service has no tasks API yet.'
_NO_V1 = 'the Images API v1 and its registry API ended with release 17.'
_NOTIFICATIONS = 'use driver in [oslo_messaging_notifications].'
_DATABASE = 'use connection in [database] of glance-registry.conf.'
_SERVICE_LOGIN = (
    'requests to glance-registry carry the token of the user and that of '
    '[keystone_authtoken].'
)
_SPEED = 'it changes no result; the file store chooses its own way.'

_ACCEPTED: tuple[tuple[str, str, str], ...] = (
    ('DEFAULT', 'data_api allowed_rpc_exception_modules', _NO_REGISTRY_CHOICE),
    ('DEFAULT', 'enable_v1_api enable_v1_registry', _NO_V1),
    ('DEFAULT', 'enable_v2_registry enable_v3_api', _NO_V1),
    (
        'DEFAULT',
        'admin_user admin_password admin_tenant_name auth_url auth_strategy '
        'auth_region',
        _SERVICE_LOGIN,
    ),
    (
        'DEFAULT',
        'image_cache_dir image_cache_driver image_cache_sqlite_db '
        'image_cache_max_size image_cache_stall_time '
        'cache_prefetcher_interval use_tpool',
        _NO_CACHE,
    ),
    (
        'DEFAULT',
        'node_staging_uri enable_image_import enabled_import_methods '
        'worker_self_reference_url',
        _NO_IMPORT,
    ),
    (
        'DEFAULT',
        'scrub_time scrub_pool_size wakeup_time daemon restore '
        'scrubber_datadir cleanup_scrubber cleanup_scrubber_time',
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
        'default_backend',
        'it counts only with enabled_backends in [DEFAULT].',
    ),
    (
        'glance_store',
        'store_capabilities_update_min_interval '
        'filesystem_store_chunk_size filesystem_store_timeout '
        'filesystem_store_thread_pool_size '
        'filesystem_store_threadpool_threshold rootwrap_config',
        _SPEED,
    ),
    (
        'task',
        'task_time_to_live task_executor work_dir eventlet_executor_pool_size',
        _NO_TASKS,
    ),
    (
        'taskflow_executor',
        'engine_mode max_workers conversion_format',
        _NO_TASKS,
    ),
    ('wsgi', 'task_pool_threads python_interpreter', _NO_TASKS),
    (
        'store_type_location_strategy',
        'store_type_preference',
        'locations are used in the order in which they were added.',
    ),
    (
        'image_import_opts',
        'image_import_plugins max_parallel_stores',
        _NO_IMPORT,
    ),
    ('inject_metadata_properties', 'ignore_user_roles inject', _NO_IMPORT),
    ('image_conversion', 'output_format', _NO_IMPORT),
    ('glance_download_properties', 'extra_properties', _NO_IMPORT),
    ('os_glance_staging_store', 'filesystem_store_datadir', _NO_IMPORT),
    ('os_glance_tasks_store', 'filesystem_store_datadir', _NO_TASKS),
    (
        'healthcheck',
        'path',
        'the paste file says at which path the health check is.',
    ),
    (
        'profiler',
        'enabled',
        'the filter osprofiler of the paste file decides, where the library '
        'is installed.',
    ),
)

#: Section, name, reason, values with which nothing is lost.
_REFUSED: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        'DEFAULT',
        'enabled_backends',
        'several stores are not supported yet: images would go to '
        'filesystem_store_datadir in [glance_store]. Remove it and use that '
        'section.',
        ('',),
    ),
    (
        'glance_store',
        'filesystem_store_datadirs',
        'several directories are not supported yet: images would go to '
        'filesystem_store_datadir. Remove it and set that.',
        ('',),
    ),
    (
        'glance_store',
        'filesystem_store_metadata_file',
        'metadata of file locations is not supported yet; services that '
        'read images directly would not find them. Remove it.',
        ('',),
    ),
    (
        'glance_store',
        'http_proxy_information',
        'data on web servers is fetched directly and not through a proxy. '
        'Remove it if that is possible, or remove http from stores.',
        ('',),
    ),
    (
        'DEFAULT',
        'metadata_encryption_key',
        'encrypted locations are not supported yet: data of existing images '
        'could not be read, and new locations would be stored in the clear.',
        ('',),
    ),
    (
        'DEFAULT',
        'owner_is_tenant',
        'False made users the owners of images; here projects are. Convert '
        'the owners in the database and remove it.',
        ('true', '1', 'yes', 'on'),
    ),
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
        'the Images API v2 is the only one and cannot be turned off.',
        ('true', '1', 'yes', 'on'),
    ),
    *settings.OLD_LOGIN,
)

TABLE = settings.Table(
    [
        *settings.accepted(_ACCEPTED),
        *settings.refused(_REFUSED),
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
    },
)
