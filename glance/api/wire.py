"""How glance-api reaches the registry: endpoints, time-outs, identity."""

from collections.abc import Callable
import functools
import urllib.parse

from oslo_config import cfg

from glance import registry_client
from glance.common import errors
from glance.common import health
from glance.common import login_options
from glance.common import startup


def client(conf: cfg.ConfigOpts) -> registry_client.RegistryClient:
    """The client of the registry that is configured.

    :raises errors.ConfigurationError: an endpoint or a file is wrong
    """
    if not conf.use_user_token:
        raise errors.ConfigurationError(
            'use_user_token must be True, because False would make every '
            'user an admin in glance-registry (OSSN-0060); remove the '
            'option.'
        )
    names_caller = _names_caller(conf)
    client_of = functools.partial(
        registry_client.RegistryClient,
        send_identity_headers=names_caller,
        secret=conf.trusted_auth_secret,
        service_token=None if names_caller else _service_token(conf),
    )
    peers = _peers(conf)
    for peer in peers:
        check = client_of(peer).check_registry
        startup.register(functools.partial(peer.watch, check))
    health.register('registry', lambda: list(map(str, peers)))
    return client_of(
        peers[0] if len(peers) == 1 else registry_client.Failover(peers)
    )


def check_login(conf: cfg.ConfigOpts) -> None:
    """Log an ERROR if the registry will refuse the service token."""
    if _names_caller(conf):
        return
    # Only here: see _service_token.
    from glance.common import login

    login.check_roles(conf, login_options.required_roles(conf))


def _names_caller(conf: cfg.ConfigOpts) -> bool:
    """Whether the registry learns the caller from headers.

    Where no token comes in, there is none to pass on.
    """
    flavor = conf.paste_deploy.flavor or ''
    return conf.send_identity_headers or not flavor.startswith('keystone')


def _service_token(conf: cfg.ConfigOpts) -> Callable[[bool], str] | None:
    # Only here, for 6 MiB that a daemon without Keystone need not hold.
    from glance.api import service_token
    from glance.common import login

    session = login.session(conf, float(conf.registry_client_timeout))
    return None if session is None else service_token.source(session)


def _peers(conf: cfg.ConfigOpts) -> list[registry_client.Peer]:
    endpoints = conf.registry_endpoints or [_classic_endpoint(conf)]
    # All of them together may take as long as one.
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


def _classic_endpoint(conf: cfg.ConfigOpts) -> str:
    if conf.registry_socket:
        return f'unix:{conf.registry_socket}'
    host = str(conf.registry_host)
    if ':' in host:
        host = f'[{host}]'
    return f'{conf.registry_client_protocol}://{host}:{conf.registry_port}'


def _endpoint(conf: cfg.ConfigOpts, url: str) -> registry_client.Endpoint:
    """http://HOST:PORT, https://HOST:PORT or unix:PATH.

    :raises errors.ConfigurationError: it is none of these
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == 'unix' and parts.path.startswith('/'):
        return registry_client.UnixEndpoint(parts.path)
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
    if parts.scheme == 'http':
        return registry_client.TCPEndpoint(host, port)
    tls = registry_client.tls_context(
        conf.registry_client_ca_file,
        conf.registry_client_cert_file,
        conf.registry_client_key_file,
        conf.registry_client_insecure,
    )
    return registry_client.TLSEndpoint(host, port, tls)
