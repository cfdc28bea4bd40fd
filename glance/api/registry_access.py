"""How glance-api reaches the registry: endpoints, time-outs, identity."""

from collections.abc import Callable
import functools
import urllib.parse

from oslo_config import cfg

from glance import registry_client
from glance.common import errors
from glance.common import health
from glance.common import login_options
from glance.common import readiness
from glance.common import startup


def client(conf: cfg.ConfigOpts) -> registry_client.RegistryClient:
    """The client of the configured registry.

    :raises errors.ConfigurationError: an endpoint or a file is wrong
    """
    check(conf)
    names_caller = _names_caller(conf)
    client_of = functools.partial(
        registry_client.RegistryClient,
        send_identity_headers=names_caller,
        secret=conf.trusted_auth_secret,
        service_token=None if names_caller else _service_token(conf),
    )
    peers = _peers(conf)
    for peer in peers:
        probe = client_of(peer).check_registry
        startup.register(functools.partial(peer.watch, probe))
    health.register('registry', lambda: list(map(str, peers)))
    registry = client_of(
        peers[0] if len(peers) == 1 else registry_client.Failover(peers)
    )
    readiness.register('registry', registry.check_registry)
    return registry


def check(conf: cfg.ConfigOpts) -> None:
    """:raises errors.ConfigurationError: an option is wrong"""
    if not conf.use_user_token:
        raise errors.ConfigurationError(
            'use_user_token must be True, because False would make every '
            'user an admin in glance-registry (OSSN-0060); remove the '
            'option.'
        )
    for url in _urls(conf):
        _target(url)


def check_login(conf: cfg.ConfigOpts) -> None:
    """Log an ERROR if the registry will refuse the service token."""
    if _names_caller(conf):
        return
    # Imported only here; see _service_token.
    from glance.common import login

    login.check_roles(conf, login_options.required_roles(conf))


def _names_caller(conf: cfg.ConfigOpts) -> bool:
    """Whether identity headers name the caller to the registry.

    If requests come without a token, no token can be passed on.
    """
    flavor = conf.paste_deploy.flavor or ''
    return conf.send_identity_headers or not flavor.startswith('keystone')


def _service_token(conf: cfg.ConfigOpts) -> Callable[[bool], str] | None:
    # Imported only here, because it needs 6 MiB that a daemon without
    # Keystone does not have to use.
    from glance.api import service_token
    from glance.common import login

    session = login.session(conf, float(conf.registry_client_timeout))
    return None if session is None else service_token.source(session)


def _peers(conf: cfg.ConfigOpts) -> list[registry_client.Peer]:
    endpoints = _urls(conf)
    # All endpoints together get the time-out of one.
    seconds = conf.registry_client_timeout / len(endpoints)
    return [
        registry_client.Peer(
            url,
            registry_client.HTTPTransport(
                _endpoint(conf, url),
                conf.registry_client_connections,
                seconds,
            ),
        )
        for url in dict.fromkeys(endpoints)
    ]


def _urls(conf: cfg.ConfigOpts) -> list[str]:
    return conf.registry_endpoints or [_classic_endpoint(conf)]


def _classic_endpoint(conf: cfg.ConfigOpts) -> str:
    if conf.registry_socket:
        return f'unix:{conf.registry_socket}'
    host = str(conf.registry_host)
    if ':' in host:
        host = f'[{host}]'
    return f'{conf.registry_client_protocol}://{host}:{conf.registry_port}'


def _endpoint(conf: cfg.ConfigOpts, url: str) -> registry_client.Endpoint:
    """Parse http://HOST:PORT, https://HOST:PORT or unix:PATH.

    :raises errors.ConfigurationError: the URL has another form
    """
    scheme, host, port = _target(url)
    if scheme == 'unix':
        return registry_client.UnixEndpoint(host)
    if scheme == 'http':
        return registry_client.TCPEndpoint(host, port)
    tls = registry_client.tls_context(
        conf.registry_client_ca_file,
        conf.registry_client_cert_file,
        conf.registry_client_key_file,
        conf.registry_client_insecure,
    )
    return registry_client.TLSEndpoint(host, port, tls)


def _target(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an endpoint; for ``unix`` the path, and 0.

    :raises errors.ConfigurationError: the URL has another form
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == 'unix' and parts.path.startswith('/'):
        return 'unix', parts.path, 0
    try:
        host, port = parts.hostname, parts.port
        host = host and host.encode('idna').decode()
    except ValueError:
        host = port = None
    if parts.scheme not in ('http', 'https') or not host or not port:
        raise errors.ConfigurationError(
            f'registry_endpoints: {url} must have the form http://HOST:PORT, '
            'https://HOST:PORT or unix:/PATH.'
        )
    return parts.scheme, host, port
