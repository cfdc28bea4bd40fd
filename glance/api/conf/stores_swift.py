"""Options of stores in Swift."""

from oslo_config import cfg

from glance.common import settings

OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'swift_store_config_file',
        help=(
            'INI file with the credentials of the store, a section for each '
            'reference: auth_address, user (PROJECT:USER), key; '
            'user_domain_id or user_domain_name, project_domain_id or '
            'project_domain_name (default); or application_credential_id '
            'and application_credential_secret instead of user and key.'
        ),
    ),
    cfg.StrOpt(
        'default_swift_reference',
        default='ref1',
        help=(
            'Section of swift_store_config_file that new images are stored '
            'with. Locations have its name, so it must stay.'
        ),
    ),
    cfg.StrOpt(
        'swift_store_auth_version',
        default='3',
        help='Version of Keystone; only 3 is supported.',
    ),
    cfg.StrOpt(
        'swift_store_auth_address',
        help=(
            'URL of Keystone, for instance https://keystone.example.org/v3, '
            'if there is no swift_store_config_file.'
        ),
    ),
    cfg.StrOpt(
        'swift_store_user',
        secret=True,
        help='PROJECT:USER, if there is no swift_store_config_file.',
    ),
    cfg.StrOpt(
        'swift_store_key',
        secret=True,
        help='Password of swift_store_user.',
    ),
    cfg.StrOpt(
        'swift_store_application_credential_id',
        help='Application credential instead of swift_store_user.',
    ),
    cfg.StrOpt(
        'swift_store_application_credential_secret',
        secret=True,
        help='Its secret.',
    ),
    cfg.StrOpt(
        'swift_store_region',
        help='Region of the endpoint in the catalogue; unset: any.',
    ),
    cfg.StrOpt(
        'swift_store_endpoint',
        help=(
            'URL of the account, up to the container, instead of that of the '
            'catalogue.'
        ),
    ),
    cfg.StrOpt(
        'swift_store_endpoint_type',
        default='publicURL',
        choices=('publicURL', 'internalURL', 'adminURL'),
        help='Which of the endpoints in the catalogue is used.',
    ),
    cfg.StrOpt(
        'swift_store_service_type',
        default='object-store',
        help='Type of the service in the catalogue.',
    ),
    cfg.BoolOpt(
        'swift_store_auth_insecure',
        default=False,
        help='If true, the certificates of Keystone and Swift are not '
        'verified.',
    ),
    cfg.StrOpt(
        'swift_store_cacert',
        help=(
            'File of CA certificates that verify those of Keystone and '
            'Swift; unset: those of the system.'
        ),
    ),
    cfg.StrOpt(
        'swift_store_container',
        default='glance',
        help='Container of new images; with a seed the begin of its name.',
    ),
    cfg.BoolOpt(
        'swift_store_create_container_on_put',
        default=False,
        help='Create containers that are missing.',
    ),
    cfg.IntOpt(
        'swift_store_multiple_containers_seed',
        default=0,
        min=0,
        max=32,
        help=(
            'Distribute images over containers: each has so many digits of '
            "the image's id behind its name. 0: one container."
        ),
    ),
    cfg.BoolOpt(
        'swift_store_multi_tenant',
        default=False,
        help=(
            'Store each image in the account of the project that owns it, in '
            'a container of its own, whose access control lists follow the '
            'visibility and the members of the image. swift_store_user then '
            "needs Swift's role of a reseller admin."
        ),
    ),
    cfg.IntOpt(
        'swift_store_large_object_size',
        default=5120,
        min=1,
        max=5242,
        help=(
            'From so many MB (of 1000 KiB) on, and if its size is not '
            'known, an image is stored in segments.'
        ),
    ),
    cfg.IntOpt(
        'swift_store_large_object_chunk_size',
        default=200,
        min=1,
        max=5242,
        help='MB (of 1000 KiB) of a segment.',
    ),
    cfg.IntOpt(
        'swift_store_retry_get_count',
        default=0,
        min=0,
        help='How often a download that broke off is taken up again.',
    ),
    cfg.IntOpt(
        'swift_store_expire_soon_interval',
        default=60,
        min=0,
        help='Seconds before its end at which a token is replaced.',
    ),
    cfg.ListOpt(
        'swift_store_admin_tenants',
        default=[],
        help=(
            'Ids of projects that may read and write the containers of all '
            'images. It needs swift_store_multi_tenant.'
        ),
    ),
    cfg.BoolOpt(
        'swift_store_use_trusts',
        default=True,
        help=settings.NO_EFFECT + 'swift_store_user works in all accounts, '
        'so that no token of a user can expire during an upload.',
    ),
    cfg.BoolOpt(
        'swift_store_ssl_compression',
        default=True,
        help=settings.NO_EFFECT + 'no TLS library compresses any more.',
    ),
    cfg.BoolOpt(
        'swift_buffer_on_upload',
        default=False,
        help=settings.NO_EFFECT + 'segments are sent while the data comes.',
    ),
    cfg.StrOpt(
        'swift_upload_buffer_dir',
        help=settings.NO_EFFECT + 'segments are sent while the data comes.',
    ),
    cfg.StrOpt(
        'swift_store_project_id',
        help=settings.NO_EFFECT
        + 'the project is that of swift_store_user or of the '
        'application credential.',
    ),
    cfg.StrOpt(
        'swift_store_project_name',
        help=settings.NO_EFFECT
        + 'the project is that of swift_store_user or of the '
        'application credential.',
    ),
]
