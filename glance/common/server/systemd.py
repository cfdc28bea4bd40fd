"""Sockets passed by systemd, and notifications sent to systemd.

The protocols are sd_listen_fds(3) and sd_notify(3). Both are a few lines;
the bindings of systemd need its headers to be built.
"""

from collections.abc import Callable
import ipaddress
import logging
import os
from typing import Any

import eventlet
from eventlet import patcher
from oslo_config import cfg

from glance.common import errors
from glance.common import readiness

LOG = logging.getLogger(__name__)

_socket = patcher.original('socket')

#: The first descriptor that a socket unit passes (sd_listen_fds(3)).
FIRST_DESCRIPTOR = 3
#: Name of the socket that :func:`keep` passes to systemd.
KEPT_NAME = 'listener'
#: Pause between two attempts to become ready.
RETRY_SECONDS = 1.0


def passed_socket(conf: cfg.ConfigOpts) -> Any:
    """The listening socket that systemd passes; None if there is none.

    It comes from a socket unit, or from :func:`keep` before a restart. Its
    address must be the configured one, because the address decides whether
    callers are trusted without a token.

    :raises errors.ConfigurationError: a socket unit with another address
    """
    listener = None
    for number, name in _passed():
        os.set_inheritable(number, False)
        sock = _socket.socket(fileno=number)
        if listener is None and _is_configured(sock, conf):
            listener = sock
            listener.setblocking(False)
            continue
        address = sock.getsockname()
        sock.close()
        if name != KEPT_NAME:
            raise errors.ConfigurationError(
                f'The socket unit listens on {address}; bind_host, bind_port '
                'or bind_socket of this daemon say otherwise. Set both to '
                'the same address.'
            )
    return listener


def _passed() -> list[tuple[int, str]]:
    """Number and name of each descriptor that is meant for this process."""
    if os.environ.get('LISTEN_PID') != str(os.getpid()):
        return []
    count = int(os.environ.get('LISTEN_FDS', '0'))
    names = os.environ.get('LISTEN_FDNAMES', '').split(':')
    names += [''] * (count - len(names))
    return [(FIRST_DESCRIPTOR + n, names[n]) for n in range(count)]


def keep(sock: Any) -> None:
    """Let systemd keep the socket, so that a restart refuses no connection.

    The unit needs FileDescriptorStoreMax=1. The socket replaces a socket
    that was kept earlier.
    """
    notify('FDSTOREREMOVE=1', f'FDNAME={KEPT_NAME}')
    notify('FDSTORE=1', f'FDNAME={KEPT_NAME}', descriptor=sock.fileno())


def _is_configured(sock: Any, conf: cfg.ConfigOpts) -> bool:
    address = sock.getsockname()
    if sock.family == _socket.AF_UNIX:
        wanted = conf.bind_socket
        return bool(wanted) and os.path.abspath(wanted) == address
    if conf.bind_socket or address[1] != conf.bind_port:
        return False
    return _host(address[0]) == _host(conf.bind_host)


def _host(text: str) -> object:
    """An address to compare; 0.0.0.0 and :: both mean every address."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return text
    return 'every address' if ip.is_unspecified else ip


def notify(*lines: str, descriptor: int | None = None) -> None:
    """Send a state to systemd if NOTIFY_SOCKET is set.

    :param descriptor: sent with the state; None for no descriptor
    """
    path = os.environ.get('NOTIFY_SOCKET')
    if not path:
        return
    address = f'\0{path[1:]}' if path.startswith('@') else path
    try:
        with _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(address)
            text = '\n'.join(lines).encode()
            if descriptor is None:
                sock.send(text)
            else:
                _socket.send_fds(sock, [text], [descriptor])
    except OSError as error:
        LOG.warning('Could not notify systemd: %s', error)


def watchdog_seconds() -> float | None:
    """Interval of calls of :func:`beat`; None if the watchdog is off."""
    microseconds = os.environ.get('WATCHDOG_USEC', '')
    watched = os.environ.get('WATCHDOG_PID', str(os.getpid()))
    if not microseconds.isdigit() or watched != str(os.getpid()):
        return None
    return int(microseconds) / 1_000_000 / 3


def beat() -> None:
    """Tell systemd that the main process runs."""
    notify('WATCHDOG=1')


def beat_forever(seconds: float) -> None:
    """Call :func:`beat` periodically, in a daemon without child processes.

    :param seconds: the interval
    """
    while True:
        beat()
        eventlet.sleep(seconds)


def report_readiness(probes: list[Callable[[], None]]) -> None:
    """Wait until all probes succeed, then tell systemd that it is ready.

    Without NOTIFY_SOCKET no probe is run.
    """
    if not os.environ.get('NOTIFY_SOCKET'):
        return
    while reason := readiness.missing(probes):
        notify(f'STATUS=Waiting: {reason}')
        eventlet.sleep(RETRY_SECONDS)
    notify('READY=1', 'STATUS=Serving requests')
