"""Where the service listens: addresses, socket options, TLS."""

import os
import stat
from typing import Any

from eventlet import patcher
from eventlet.green import ssl
from oslo_config import cfg

from glance.common import errors

# The socket is opened in the main process, which must not wake an event loop.
_socket = patcher.original('socket')

#: SSL_OP_ENABLE_KTLS, which Python names since 3.12; no other meaning before.
_ENABLE_KTLS = 1 << 3
_KERNEL_OFFERS = '/proc/sys/net/ipv4/tcp_available_ulp'


def address(conf: cfg.ConfigOpts) -> tuple[Any, ...]:
    if conf.bind_socket:
        return (os.path.abspath(conf.bind_socket),)
    return conf.bind_host, conf.bind_port


def listen(conf: cfg.ConfigOpts) -> Any:
    """A listening socket, or a ConfigurationError that names the option.

    No SO_REUSEPORT: a second daemon on the same port must not start.
    """
    if conf.bind_socket:
        sock = _listen_unix(os.path.abspath(conf.bind_socket), conf.backlog)
    else:
        sock = _listen_tcp(conf)
    # Before anybody makes a copy, which takes the time-out over. Without one
    # it would turn the mode of all, and a worker that accepts right then
    # would stand still until the next client comes.
    sock.setblocking(False)
    return sock


def _listen_tcp(conf: cfg.ConfigOpts) -> Any:
    where = f'bind_host {conf.bind_host}, bind_port {conf.bind_port}'
    try:
        found = _socket.getaddrinfo(
            conf.bind_host,
            conf.bind_port,
            type=_socket.SOCK_STREAM,
            flags=_socket.AI_PASSIVE,
        )
        family, kind, protocol, _, address = found[0]
        sock = _socket.socket(family, kind, protocol)
        _set_options(sock, conf)
        sock.bind(address)
        sock.listen(conf.backlog)
    except OSError as error:
        raise errors.ConfigurationError(
            f'{where}: cannot listen there: {error.strerror or error}'
        ) from error
    return sock


def _set_options(sock: Any, conf: cfg.ConfigOpts) -> None:
    """Set what accepted connections inherit."""
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
    tcp = {
        _socket.TCP_KEEPIDLE: conf.tcp_keepidle,
        _socket.TCP_NODELAY: 1,
    }
    for option, value in tcp.items():
        sock.setsockopt(_socket.IPPROTO_TCP, option, value)


def apply_options(sock: Any, conf: cfg.ConfigOpts) -> None:
    """Let a socket that is open follow a new configuration."""
    if sock.family != _socket.AF_UNIX:
        _set_options(sock, conf)
    sock.listen(conf.backlog)


def _listen_unix(path: str, backlog: int) -> Any:
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        mask = os.umask(0o117)
        try:
            sock.bind(path)
        finally:
            os.umask(mask)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise errors.ConfigurationError(
            f'bind_socket {path}: cannot listen there: '
            f'{error.strerror or error}'
        ) from error
    return sock


def _remove_stale(path: str) -> None:
    """Remove the socket of a dead daemon, and nothing else."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OSError(f'{path} is not a socket')
    except FileNotFoundError:
        return
    with _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise OSError('another daemon listens on it')


def tls_context(conf: cfg.ConfigOpts) -> Any:
    """TLS as configured; None: plain HTTP."""
    if not conf.cert_file and not conf.key_file:
        if conf.ca_file:
            raise errors.ConfigurationError(
                'ca_file has no effect without TLS; set cert_file and '
                'key_file too'
            )
        return None
    if not conf.cert_file or not conf.key_file:
        missing = 'key_file' if conf.cert_file else 'cert_file'
        raise errors.ConfigurationError(
            f'{missing} is not set; TLS needs both cert_file and key_file'
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if conf.kernel_tls:  # files.can_send sees what comes of it
        context.options |= _ENABLE_KTLS
    try:
        context.load_cert_chain(conf.cert_file, conf.key_file)
    except OSError as error:
        raise errors.ConfigurationError(
            f'cert_file {conf.cert_file} and key_file {conf.key_file} cannot '
            f'be used: {error}'
        ) from error
    if conf.ca_file:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(conf.ca_file)
        except OSError as error:
            raise errors.ConfigurationError(
                f'ca_file {conf.ca_file} cannot be used: {error}'
            ) from error
    return context


def kernel_has_tls(conf: cfg.ConfigOpts) -> bool:
    """Whether it may, and its module is loaded, which only root can do."""
    try:
        with open(_KERNEL_OFFERS) as offers:
            return conf.kernel_tls and 'tls' in offers.read().split()
    except OSError:
        return False
