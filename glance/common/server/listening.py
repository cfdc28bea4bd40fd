"""The listening socket: its address, its options, and TLS."""

import os
import stat
from typing import Any

from eventlet import patcher
from eventlet.green import ssl
from oslo_config import cfg

from glance.common import errors
from glance.common import refusals

# The socket is opened in the main process, which must not wake an event loop.
_socket = patcher.original('socket')

#: SSL_OP_ENABLE_KTLS; Python has a name for it since 3.12. The bit has no
#: other meaning in older versions of OpenSSL.
_ENABLE_KTLS = 1 << 3
_KERNEL_OFFERS = '/proc/sys/net/ipv4/tcp_available_ulp'


def address(conf: cfg.ConfigOpts) -> tuple[Any, ...]:
    if conf.bind_socket:
        return (os.path.abspath(conf.bind_socket),)
    return conf.bind_host, conf.bind_port


def listen(conf: cfg.ConfigOpts) -> Any:
    """Open a listening socket.

    SO_REUSEPORT is not set, because the start of a second daemon on the same
    port must fail.

    :raises errors.ConfigurationError: names the option
    """
    if conf.bind_socket:
        sock = _listen_unix(os.path.abspath(conf.bind_socket), conf.backlog)
    else:
        sock = _listen_tcp(conf)
    # Set this before the socket is copied: a copy takes the time-out over.
    # A copy without a time-out would make the shared descriptor blocking,
    # and a worker in accept() would block until the next client connects.
    sock.setblocking(False)
    return sock


def _listen_tcp(conf: cfg.ConfigOpts) -> Any:
    where = f'bind_host {conf.bind_host}, bind_port {conf.bind_port}'
    try:
        addresses = _socket.getaddrinfo(
            conf.bind_host,
            conf.bind_port,
            type=_socket.SOCK_STREAM,
            flags=_socket.AI_PASSIVE,
        )
        family, kind, protocol, _, address = addresses[0]
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
    """Set the options that accepted connections inherit."""
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
    tcp = {
        _socket.TCP_KEEPIDLE: conf.tcp_keepidle,
        _socket.TCP_NODELAY: 1,
    }
    for option, value in tcp.items():
        sock.setsockopt(_socket.IPPROTO_TCP, option, value)


def apply_options(sock: Any, conf: cfg.ConfigOpts) -> None:
    """Apply a new configuration to a socket that is already open."""
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
    """Remove the socket of a dead daemon; raise OSError for other files."""
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
    """Make the TLS context as configured; None for plain HTTP."""
    refusals.require_key_pair(conf)
    if not conf.cert_file:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if conf.kernel_tls:  # files.can_send checks whether it works
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
    """Whether kernel TLS is enabled and its module is loaded.

    Only root can load the module.
    """
    try:
        with open(_KERNEL_OFFERS) as offers:
            return conf.kernel_tls and 'tls' in offers.read().split()
    except OSError:
        return False


class Pauses:
    """When a worker that accepts connections lets its event loop go on.

    Of several workers, each accepts one connection a turn, so that the others
    get their share: without this one worker got 26 of 32 connections, and the
    p99 of all requests doubled. A worker that is alone accepts many in a turn,
    because the turns are long while many clients receive data.
    """

    #: Connections that a single worker accepts in one turn.
    at_once = 32

    def __init__(self, is_alone: bool) -> None:
        self._each = self.at_once if is_alone else 1
        self._accepted = 0

    def is_due(self) -> bool:
        """Whether to pause; called after each accepted connection."""
        self._accepted += 1
        return self._accepted % self._each == 0
