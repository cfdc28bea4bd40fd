"""Options that only glance-api has; and its share of the common ones."""

import re

from oslo_config import cfg
from oslo_config import types

from glance.common import config
from glance.common import edge
from glance.common import login_options
from glance.common import middleware
from glance.images import streams

DEFAULT_PORT = 9292

_REGISTRY: list[cfg.Opt] = [
    cfg.HostAddressOpt(
        'registry_host',
        default='127.0.0.1',
        help='Address of glance-registry.',
    ),
    cfg.PortOpt(
        'registry_port', default=9191, help='TCP port of glance-registry.'
    ),
    cfg.StrOpt(
        'registry_socket',
        help=(
            'Unix socket of a glance-registry on this host (its '
            'bind_socket); registry_host and registry_port are then '
            'ignored.'
        ),
    ),
    cfg.ListOpt(
        'registry_endpoints',
        default=[],
        help=(
            'Ours: addresses of several registries that share one '
            'database, the preferred one first, each http://HOST:PORT, '
            'https://HOST:PORT or unix:/PATH. If one does not respond, it '
            'is not used for some seconds and the request goes to the '
            'next; all attempts share registry_client_timeout. '
            'registry_host, registry_port, registry_client_protocol and '
            'registry_socket are then ignored.'
        ),
    ),
    cfg.StrOpt(
        'registry_client_protocol',
        default='http',
        choices=['http', 'https'],
        help='Protocol for connections to glance-registry.',
    ),
    cfg.StrOpt(
        'registry_client_ca_file',
        help=(
            'File of CA certificates that verify the certificate of '
            'glance-registry; unset: those of the system.'
        ),
    ),
    cfg.StrOpt(
        'registry_client_cert_file',
        help='Client certificate (PEM) for connections to glance-registry.',
    ),
    cfg.StrOpt(
        'registry_client_key_file',
        help='Private key of registry_client_cert_file.',
    ),
    cfg.BoolOpt(
        'registry_client_insecure',
        default=False,
        help='If true, the certificate of glance-registry is not verified.',
    ),
    cfg.IntOpt(
        'registry_client_timeout',
        default=60,
        min=1,
        help=(
            'Seconds to wait for a response of glance-registry; then the '
            'client gets 503. (The default of upstream Glance was 600.)'
        ),
    ),
    cfg.IntOpt(
        'registry_client_connections',
        default=64,
        min=1,
        help=(
            'Ours: maximum number of connections of a worker to '
            'glance-registry; further requests wait for a free one.'
        ),
    ),
    cfg.BoolOpt(
        'use_user_token',
        default=True,
        help=(
            'Must be True: requests to glance-registry carry the identity '
            'of the user. False would make every user an admin there '
            '(OSSN-0060).'
        ),
    ),
    cfg.BoolOpt(
        'send_identity_headers',
        default=False,
        help=(
            'Send the identity of the caller to glance-registry in '
            'headers, with trusted_auth_secret, instead of the token. Set '
            'it if the registry runs the flavor trusted-auth.'
        ),
    ),
]

_UNITS = {
    unit: 1024**power
    for power, unit in enumerate(('B', 'KB', 'MB', 'GB', 'TB'))
}
#: What the databases can count to.
_MOST_BYTES = (1 << 63) - 1


class Bytes(types.ConfigType):
    """A number of bytes, or one with a unit right behind it: ``20GB``."""

    def __init__(self) -> None:
        super().__init__(type_name='number with B, KB, MB, GB or TB')

    def __call__(self, value: object) -> int:
        found = re.fullmatch('([0-9]{1,19})([KMGT]?B)?', str(value), re.ASCII)
        if found is None:
            raise ValueError(
                'Should be a number of bytes, or a number directly followed '
                f'by B, KB, MB, GB or TB; {value!r} is not'
            )
        size: int = int(found[1]) * _UNITS[found[2] or 'B']
        if size > _MOST_BYTES:
            raise ValueError(f'Should be at most {_MOST_BYTES} bytes')
        return size

    def _formatter(self, value: int) -> str:
        return str(value)


_LIMITS: list[cfg.Opt] = [
    cfg.IntOpt(
        'limit_param_default',
        default=25,
        min=1,
        help='Number of images in a page when the request has no limit.',
    ),
    cfg.IntOpt(
        'api_limit_max',
        default=1000,
        min=1,
        help=(
            'Maximum number of images in a page; a larger limit in the '
            'request is reduced to it.'
        ),
    ),
    cfg.IntOpt(
        'max_json_body_size',
        default=1 << 20,
        min=1 << 12,
        max=1 << 24,
        help=(
            'Ours: maximum size in bytes of a JSON body (an image, a '
            'patch, a member and others); a larger one is refused with 413 '
            'before it is parsed. The limit does not apply to image data.'
        ),
    ),
    cfg.IntOpt(
        'image_size_cap',
        default=1 << 40,
        min=1,
        max=(1 << 63) - 1,
        help=(
            'Maximum size of an image in bytes; a larger one is refused '
            'with 413.'
        ),
    ),
    cfg.Opt(
        'user_storage_quota',
        type=Bytes(),
        default=0,
        help=(
            'Maximum number of bytes that the images of one project may '
            'use in the stores, running uploads included: a number, or a '
            'number directly followed by KB, MB, GB or TB (factors of '
            '1024). Uploads beyond it are refused with 413. 0: no limit.'
        ),
    ),
    cfg.BoolOpt(
        'use_keystone_limits',
        default=False,
        help=(
            'Enforce the limits of projects that are registered in '
            'Keystone for image_size_total, image_stage_total (both in '
            'MiB), image_count_total and image_count_uploading. A limit '
            'that is not registered is 0. Set the connection to Keystone '
            'in [oslo_limit]. user_storage_quota applies too.'
        ),
    ),
    cfg.IntOpt(
        'image_property_quota',
        default=128,
        help=(
            'Maximum number of custom properties of an image; a negative '
            'number means no limit.'
        ),
    ),
    cfg.IntOpt(
        'image_tag_quota',
        default=128,
        help=(
            'Maximum number of tags of an image; a negative number means '
            'no limit.'
        ),
    ),
    cfg.IntOpt(
        'image_member_quota',
        default=128,
        help=(
            'Maximum number of members of an image; a negative number '
            'means no limit.'
        ),
    ),
]


_NOTIFICATIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        'default_publisher_id',
        default='image.localhost',
        help='Publisher id in the notifications.',
    ),
    cfg.ListOpt(
        'disabled_notifications',
        default=[],
        help=(
            'Events that are not sent, for instance image.create. '
            'image.member stands for all events of members, and image for '
            'all events of images and members.'
        ),
    ),
]
_BUS: list[cfg.Opt] = [
    login_options.SharedMultiStrOpt(
        'driver',
        default=[],
        help=(
            'How notifications are sent: messagingv2, messaging, routing, '
            'log, test or noop; the option may be repeated. Unset: no '
            'notifications are sent. The other options of the section are '
            'those of oslo.messaging.'
        ),
    ),
]

_BEHAVIOUR: list[cfg.Opt] = [
    cfg.StrOpt(
        'public_endpoint',
        help='Base URL in the version document and in Location headers; '
        'unset: the URL of the request.',
    ),
    cfg.StrOpt(
        'hashing_algorithm',
        default='sha512',
        choices=streams.HASH_NAMES,
        help='Algorithm of os_hash_value for new image data.',
    ),
]

_PROPERTIES: list[cfg.Opt] = [
    cfg.StrOpt(
        'property_protection_file',
        help=(
            'File that says who may create, read, update and delete which '
            'custom property. The title of each section is a regular '
            'expression for names of properties; its keys are create, '
            'read, update and delete. Unset: no property is protected.'
        ),
    ),
    cfg.StrOpt(
        'property_protection_rule_format',
        default='roles',
        choices=['roles', 'policies'],
        help=(
            'Type of the values in property_protection_file: roles '
            'separated by commas, or the name of one policy rule.'
        ),
    ),
]

_LOCATIONS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'show_image_direct_url',
        default=False,
        help=(
            'Show direct_url, the URL of the first location of an image, '
            'to everybody who may see the image.'
        ),
    ),
    cfg.BoolOpt(
        'show_multiple_locations',
        default=False,
        help='Show locations to everybody who may see the image, and let '
        'PATCH change them. Not for nodes that users reach (OSSN-0065).',
    ),
    cfg.IntOpt(
        'image_location_quota',
        default=10,
        help=(
            'Maximum number of locations of an image; a negative number '
            'means no limit.'
        ),
    ),
    cfg.BoolOpt(
        'do_secure_hash',
        default=True,
        help=(
            'Hash the data of locations that are registered by POST '
            '/v2/images/{id}/locations, and compare the result with the '
            'hash in the request.'
        ),
    ),
    cfg.IntOpt(
        'http_retries',
        default=3,
        min=0,
        max=100,
        help=(
            'Maximum number of times that hashing starts again after the '
            'store failed.'
        ),
    ),
    cfg.BoolOpt(
        'delayed_delete',
        default=False,
        help=(
            'If true, deleting an image leaves its data to '
            'glance-scrubber; until then the status is pending_delete.'
        ),
    ),
    cfg.IntOpt(
        'leftover_interval_seconds',
        default=30,
        min=1,
        help=(
            'Ours: seconds between two searches of each worker for data '
            'that must be removed from the store: data of images whose '
            'deletion could not remove it, and of interrupted uploads. The '
            'first search is at the start. Data that delayed_delete keeps '
            'is not removed.'
        ),
    ),
]

_FORMATS: list[cfg.Opt] = [
    cfg.ListOpt(
        'container_formats',
        deprecated_group='DEFAULT',
        default=['ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker']
        + ['compressed'],
        help='Values that container_format may have.',
    ),
    cfg.ListOpt(
        'disk_formats',
        deprecated_group='DEFAULT',
        default=['ami', 'ari', 'aki', 'vhd', 'vhdx', 'vmdk', 'raw']
        + ['qcow2', 'vdi', 'iso', 'ploop'],
        help='Values that disk_format may have.',
    ),
    cfg.BoolOpt(
        'require_image_format_match',
        default=True,
        help=(
            'Refuse data in a bare container whose format is not '
            'disk_format. If False, such data is accepted without '
            'virtual_size; data that is unsafe for its readers is always '
            'refused.'
        ),
    ),
    cfg.ListOpt(
        'vmdk_allowed_types',
        default=['streamOptimized', 'monolithicSparse'],
        help=(
            'Types of VMDK (createType) that are accepted; empty: no VMDK. '
            'Other types than these two are never accepted, because they '
            'refer to other files.'
        ),
    ),
    cfg.ListOpt(
        'gpt_safety_checks_nonfatal',
        default=[],
        help=(
            'Safety checks of partition tables that only log a warning; '
            'the only one is mbr.'
        ),
    ),
]

_STORE: list[cfg.Opt] = [
    cfg.ListOpt(
        'stores',
        default=['file', 'http'],
        help='Stores to use: file, http.',
    ),
    cfg.StrOpt(
        'default_store',
        deprecated_group='DEFAULT',
        default='file',
        help='Scheme of the store to which new image data is written.',
    ),
    cfg.BoolOpt(
        'https_insecure',
        deprecated_group='DEFAULT',
        default=False,
        help=(
            'If true, the certificates of web servers with image data are '
            'not verified. (The default of upstream Glance is true.) '
            'Ignored if https_ca_certificates_file is set.'
        ),
    ),
    cfg.StrOpt(
        'https_ca_certificates_file',
        deprecated_group='DEFAULT',
        help=(
            'File of CA certificates that verify the certificates of web '
            'servers with image data; unset: those of the system.'
        ),
    ),
    cfg.StrOpt(
        'filesystem_store_datadir',
        deprecated_group='DEFAULT',
        default='/var/lib/glance/images',
        help=(
            'Directory of the file store. The service creates it if it '
            'does not exist.'
        ),
    ),
    cfg.IntOpt(
        'filesystem_store_file_perm',
        deprecated_group='DEFAULT',
        default=0,
        min=0,
        help=(
            'Mode of image files in octal digits; 0 means 640. The owner '
            'must have the permission to read.'
        ),
    ),
    cfg.BoolOpt(
        'filesystem_thin_provisioning',
        default=False,
        help=(
            'Store runs of zeros as holes, which use no disk space. This '
            'costs CPU time, because each byte is compared.'
        ),
    ),
    cfg.BoolOpt(
        'filesystem_store_direct_io',
        default=True,
        help=(
            'Ours: write image files without the page cache if the file '
            'system supports it and is local. False: uploads need up to 50 '
            '% more CPU time and wait for a flush at their end.'
        ),
    ),
    cfg.IntOpt(
        'filesystem_store_warm_percent',
        default=20,
        min=0,
        max=90,
        help='Ours: percentage of the available memory (MemAvailable) that '
        'each worker may fill with image files while they are uploaded, so '
        'that their first download does not wait for the disk. A larger file '
        'is read only so far. 0: no file is read. Not used without '
        'filesystem_store_direct_io.',
    ),
]

_OF_HOSTS = (
    ' This applies to every server that a location or an import names, also '
    'after a redirect.'
)
_FILTERING: list[cfg.Opt] = [
    cfg.ListOpt(
        'allowed_schemes',
        default=['http', 'https'],
        help='URL schemes to which requests are sent.' + _OF_HOSTS,
    ),
    cfg.ListOpt(
        'disallowed_schemes',
        default=[],
        help='URL schemes that may not; not used with allowed_schemes.',
    ),
    cfg.ListOpt(
        'allowed_hosts',
        default=[],
        help=(
            'The only hosts to which requests are sent, even if they are '
            'on this machine. Empty: all hosts except those with loopback, '
            'link-local and multicast addresses.'
        )
        + _OF_HOSTS,
    ),
    cfg.ListOpt(
        'disallowed_hosts',
        default=[],
        help='Hosts and addresses that may not; not used with allowed_hosts.',
    ),
    cfg.ListOpt(
        'allowed_ports',
        default=['80', '443'],
        help='Ports that may be asked, written in the URL or not.' + _OF_HOSTS,
    ),
    cfg.ListOpt(
        'disallowed_ports',
        default=[],
        help='Ports that may not; not used with allowed_ports.',
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    for group, opts in list_opts():
        conf.register_opts(opts, group=group)


def list_opts() -> list[tuple[str | None, list[cfg.Opt]]]:
    """For oslo-config-generator and for :func:`register`."""
    return [
        (
            None,
            [
                *config.server_opts(DEFAULT_PORT),
                *middleware.OPTS,
                *_REGISTRY,
                *_LIMITS,
                *_BEHAVIOUR,
                *_PROPERTIES,
                *_LOCATIONS,
                *_NOTIFICATIONS,
            ],
        ),
        ('paste_deploy', config.paste_deploy_opts()),
        ('cors', edge.CORS_OPTS),
        ('oslo_middleware', edge.PROXY_OPTS),
        ('healthcheck', edge.HEALTH_OPTS),
        ('image_format', _FORMATS),
        ('glance_store', _STORE),
        ('import_filtering_opts', _FILTERING),
        ('oslo_messaging_notifications', _BUS),
        (login_options.GROUP, login_options.OPTS),
    ]
