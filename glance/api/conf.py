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
        help='Unix socket of a glance-registry on this host (its '
        'bind_socket); registry_host and registry_port are not used then.',
    ),
    cfg.ListOpt(
        'registry_endpoints',
        default=[],
        help='Ours: several registries of one database, the preferred one '
        'first, each http://HOST:PORT, https://HOST:PORT or unix:/PATH. One '
        'that does not answer is put aside for some seconds and the next is '
        'asked; registry_client_timeout is shared among them. registry_host, '
        'registry_port, registry_client_protocol and registry_socket are not '
        'used then.',
    ),
    cfg.StrOpt(
        'registry_client_protocol',
        default='http',
        choices=['http', 'https'],
        help='How to speak to glance-registry.',
    ),
    cfg.StrOpt(
        'registry_client_ca_file',
        help='CA certificates that may have signed the certificate of '
        'glance-registry; unset: those of the system.',
    ),
    cfg.StrOpt(
        'registry_client_cert_file',
        help='Client certificate to show to glance-registry.',
    ),
    cfg.StrOpt(
        'registry_client_key_file',
        help='Private key of registry_client_cert_file.',
    ),
    cfg.BoolOpt(
        'registry_client_insecure',
        default=False,
        help='Do not check the certificate of glance-registry.',
    ),
    cfg.IntOpt(
        'registry_client_timeout',
        default=60,
        min=1,
        help='Seconds to wait for an answer of glance-registry; then the '
        'client gets 503. (The classic service waited 600.)',
    ),
    cfg.IntOpt(
        'registry_client_connections',
        default=64,
        min=1,
        help='Ours: connections to glance-registry that a worker holds at '
        'most; further requests wait for one.',
    ),
    cfg.BoolOpt(
        'use_user_token',
        default=True,
        help='Must be True: calls to glance-registry are made in the name of '
        'the user. False made every user an admin there (OSSN-0060).',
    ),
    cfg.BoolOpt(
        'send_identity_headers',
        default=False,
        help='Tell glance-registry the caller in identity headers, with '
        'trusted_auth_secret, instead of passing the token on. Set it when '
        'the registry runs the flavor trusted-auth.',
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
        help='Images in a page when the request names no limit.',
    ),
    cfg.IntOpt(
        'api_limit_max',
        default=1000,
        min=1,
        help='Most images in a page; a larger limit is cut to it.',
    ),
    cfg.IntOpt(
        'max_json_body_size',
        default=1 << 20,
        min=1 << 12,
        max=1 << 24,
        help='Ours: most bytes of a JSON body, be it an image, a patch or a '
        'member; more is answered with 413 before it is parsed. Image data '
        'is not JSON.',
    ),
    cfg.IntOpt(
        'image_size_cap',
        default=1 << 40,
        min=1,
        max=(1 << 63) - 1,
        help='Most bytes of one image; more is answered with 413.',
    ),
    cfg.Opt(
        'user_storage_quota',
        type=Bytes(),
        default=0,
        help='Most bytes that the images of one project may take in the '
        'stores, running uploads included: a number, or one with KB, MB, GB '
        'or TB right behind it (factors of 1024). More is answered with '
        '413. 0: no limit.',
    ),
    cfg.BoolOpt(
        'use_keystone_limits',
        default=False,
        help='Hold projects to the limits that are registered in Keystone '
        'for image_size_total, image_stage_total (both in MiB), '
        'image_count_total and image_count_uploading. What is not '
        'registered counts as 0. [oslo_limit] tells how to reach Keystone. '
        'user_storage_quota holds beside it.',
    ),
    cfg.IntOpt(
        'image_property_quota',
        default=128,
        help='Most custom properties of an image; negative: unlimited.',
    ),
    cfg.IntOpt(
        'image_tag_quota',
        default=128,
        help='Most tags of an image; negative: unlimited.',
    ),
    cfg.IntOpt(
        'image_member_quota',
        default=128,
        help='Most members of an image; negative: unlimited.',
    ),
]


_NOTIFICATIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        'default_publisher_id',
        default='image.localhost',
        help='Who the notifications say they come from.',
    ),
    cfg.ListOpt(
        'disabled_notifications',
        default=[],
        help='Events that are not sent, as image.create; image.member '
        'stands for all events of members, image for all of both.',
    ),
]
_BUS: list[cfg.Opt] = [
    login_options.SharedMultiStrOpt(
        'driver',
        default=[],
        help='How notifications are sent: messagingv2, messaging, routing, '
        'log, test or noop; may be given several times. Unset: none are. '
        'The other options of the section are those of oslo.messaging.',
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
        help='Who may create, read, update and delete which custom '
        'property: sections titled with a regular expression of names, each '
        'with these four keys. Unset: no property is protected.',
    ),
    cfg.StrOpt(
        'property_protection_rule_format',
        default='roles',
        choices=['roles', 'policies'],
        help='What the keys of property_protection_file hold: a comma list '
        'of roles, or the name of one rule of the policy.',
    ),
]

_LOCATIONS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'show_image_direct_url',
        default=False,
        help='Show direct_url, where the first location of an image is, to '
        'everybody who may see the image.',
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
        help='Most locations of an image; negative: unlimited.',
    ),
    cfg.BoolOpt(
        'do_secure_hash',
        default=True,
        help='Hash the data of locations that are registered by '
        'POST /v2/images/{id}/locations, and compare it with the hash that '
        'came along.',
    ),
    cfg.IntOpt(
        'http_retries',
        default=3,
        min=0,
        max=100,
        help='How often that hashing starts again when the store fails.',
    ),
    cfg.BoolOpt(
        'delayed_delete',
        default=False,
        help='Leave the data of deleted images to glance-scrubber; until '
        'then an image is pending_delete.',
    ),
    cfg.IntOpt(
        'leftover_interval_seconds',
        default=30,
        min=1,
        help='Ours: how often each worker looks for data that is to be '
        'removed from the store: of images whose deletion could not remove '
        'it, and of uploads that broke off. The first look is at the start. '
        'Data that delayed_delete keeps is not touched.',
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
        help='Refuse data in a bare container that is not what disk_format '
        'says. If not set, such data only has no virtual_size; data that is '
        'unsafe for its readers is refused all the same.',
    ),
    cfg.ListOpt(
        'vmdk_allowed_types',
        default=['streamOptimized', 'monolithicSparse'],
        help='Kinds of VMDK (createType) that are accepted; none: no VMDK. '
        'Other kinds than these two are never accepted, because they name '
        'further files.',
    ),
    cfg.ListOpt(
        'gpt_safety_checks_nonfatal',
        default=[],
        help='Safety checks of partition tables (mbr) that only warn.',
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
        help='Scheme of the store that takes new image data.',
    ),
    cfg.BoolOpt(
        'https_insecure',
        deprecated_group='DEFAULT',
        default=False,
        help='Do not check the certificates of web servers that hold image '
        'data. (The classic service did not check unless told so.) Not used '
        'with https_ca_certificates_file.',
    ),
    cfg.StrOpt(
        'https_ca_certificates_file',
        deprecated_group='DEFAULT',
        help='CA certificates that may have signed those of web servers '
        'that hold image data; unset: those of the system.',
    ),
    cfg.StrOpt(
        'filesystem_store_datadir',
        deprecated_group='DEFAULT',
        default='/var/lib/glance/images',
        help='Directory of the file store. It is made if it can be.',
    ),
    cfg.IntOpt(
        'filesystem_store_file_perm',
        deprecated_group='DEFAULT',
        default=0,
        min=0,
        help='Mode of image files, as octal digits; 0: 640. The owner must '
        'be able to read.',
    ),
    cfg.BoolOpt(
        'filesystem_thin_provisioning',
        default=False,
        help='Keep runs of zeros as holes, which take no room. It costs '
        'comparing each byte.',
    ),
    cfg.BoolOpt(
        'filesystem_store_direct_io',
        default=True,
        help='Ours: write image files past the page cache, where the file '
        "system can and is no network's. False: uploads cost up to half as "
        'much CPU again, and wait for a flush at their end.',
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
    ' Of every server that a location or an import names, behind redirects '
    'too.'
)
_FILTERING: list[cfg.Opt] = [
    cfg.ListOpt(
        'allowed_schemes',
        default=['http', 'https'],
        help='URL schemes that may be asked.' + _OF_HOSTS,
    ),
    cfg.ListOpt(
        'disallowed_schemes',
        default=[],
        help='URL schemes that may not; not used with allowed_schemes.',
    ),
    cfg.ListOpt(
        'allowed_hosts',
        default=[],
        help='Hosts that alone may be asked, be they on this very machine. '
        'Empty: all but loopback, link-local and multicast addresses.'
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
