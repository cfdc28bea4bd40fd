"""Options of the connections to glance-registry."""

from oslo_config import cfg

OPTS: list[cfg.Opt] = [
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
            'Addresses of several registries that share one database, the '
            'preferred one first, each http://HOST:PORT, https://HOST:PORT or '
            'unix:/PATH. If one does not respond, it is not used for some '
            'seconds and the request goes to the next; all attempts share '
            'registry_client_timeout. registry_host, registry_port, '
            'registry_client_protocol and registry_socket are then ignored. '
            'Not in upstream Glance.'
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
            'Maximum number of connections of a worker to glance-registry; '
            'further requests wait for a free one. Not in upstream Glance.'
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
