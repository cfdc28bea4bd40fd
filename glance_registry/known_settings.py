"""Options of glance-registry.conf that glance-registry does not declare.

Operators often have options of glance-api.conf in this file too. Here, only
glance-api uses them.
"""

from glance.common import settings

_API = 'glance-api decides it: set it in glance-api.conf.'
_ACCEPTED: tuple[tuple[str, str, str], ...] = (
    (
        'DEFAULT',
        'limit_param_default api_limit_max show_image_direct_url '
        'show_multiple_locations image_member_quota image_property_quota '
        'image_tag_quota image_location_quota user_storage_quota '
        'allow_additional_image_properties delayed_delete registry_host '
        'registry_port public_endpoint metadata_encryption_key '
        'send_identity_headers use_user_token default_store',
        _API,
    ),
    (
        'DEFAULT',
        'data_api',
        'the database of connection in [database] is used.',
    ),
    (
        'DEFAULT',
        'sql_connection sql_idle_timeout sql_max_retries db_auto_create',
        'use connection in [database].',
    ),
    (
        'DEFAULT',
        'enable_v1_registry enable_v2_registry enable_v1_api enable_v2_api',
        'there is one API between glance-api and glance-registry.',
    ),
    (
        'DEFAULT',
        'digest_algorithm pydev_worker_debug_host pydev_worker_debug_port '
        'backdoor_port eventlet_hub use_tpool secure_proxy_ssl_header '
        'enforce_secure_rbac rpc_backend transport_url',
        'glance-registry has no use for it.',
    ),
    ('DEFAULT', 'verbose', 'use debug.'),
    settings.HEALTHCHECK_PATH,
)
_REFUSED: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    settings.OWNER_IS_TENANT,
    (
        'DEFAULT',
        'admin_role',
        'the rule context_is_admin of the policy of glance-api says who is '
        'an administrator: put the role there and remove it.',
        ('', 'admin', settings.NO_ROLE),
    ),
    *settings.OLD_LOGIN,
)

TABLE = settings.Table(
    [
        *settings.accepted(_ACCEPTED),
        *settings.refused(_REFUSED),
    ],
    settings.LIBRARIES
    | {'glance_store', 'image_format', 'cors', 'oslo_middleware'},
    {},
)
