"""Options that only glance-api has; and its share of the common ones."""

import hashlib

from oslo_config import cfg

from glance.common import config
from glance.common import edge
from glance.common import middleware

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
        'image_size_cap',
        default=1 << 40,
        min=1,
        max=(1 << 63) - 1,
        help='Most bytes of one image; more is answered with 413.',
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

_BEHAVIOUR: list[cfg.Opt] = [
    cfg.StrOpt(
        'public_endpoint',
        help='Base URL in the version document and in Location headers; '
        'unset: the URL of the request.',
    ),
    cfg.StrOpt(
        'hashing_algorithm',
        default='sha512',
        choices=sorted(
            name
            for name in hashlib.algorithms_guaranteed
            if not name.startswith('shake')
        ),
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

_FORMATS: list[cfg.Opt] = [
    cfg.ListOpt(
        'container_formats',
        default=['ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker']
        + ['compressed'],
        help='Values that container_format may have.',
    ),
    cfg.ListOpt(
        'disk_formats',
        default=['ami', 'ari', 'aki', 'vhd', 'vhdx', 'vmdk', 'raw']
        + ['qcow2', 'vdi', 'iso', 'ploop'],
        help='Values that disk_format may have.',
    ),
]

_STORE: list[cfg.Opt] = [
    cfg.StrOpt(
        'filesystem_store_datadir',
        default='/var/lib/glance/images',
        help='Directory of the file store. It is made if it can be.',
    ),
    cfg.IntOpt(
        'filesystem_store_file_perm',
        default=0,
        min=0,
        help='Mode of image files, as octal digits; 0: 640. The owner must '
        'be able to read.',
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
            ],
        ),
        ('paste_deploy', config.paste_deploy_opts()),
        ('cors', edge.CORS_OPTS),
        ('oslo_middleware', edge.PROXY_OPTS),
        ('healthcheck', edge.HEALTH_OPTS),
        ('image_format', _FORMATS),
        ('glance_store', _STORE),
    ]
