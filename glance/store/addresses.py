"""Which addresses that a client names may be contacted (outbound rules).

A URL is parsed once, its parts pass the operator's filter, and every address
of its host is checked. Connections use the checked addresses, not the name,
because the name may resolve to another address the second time.
"""

from _queue import Empty  # native, not monkey-patched
from _queue import SimpleQueue  # native, not monkey-patched
from collections.abc import Callable, Iterable
import ipaddress
import logging
import re
import socket
import threading
from typing import Any, NamedTuple

from glance.common import errors
from glance.store import base

LOG = logging.getLogger(__name__)

DEFAULT_PORTS = {'http': 80, 'https': 443}
MAX_URL_LENGTH = 2048
#: Max addresses of one name. A name with more addresses is refused.
MAX_ADDRESSES = 16
#: Max simultaneous lookups. The resolver of the system blocks one of the few
#: native threads, which are shared with all other work.
MAX_LOOKUPS = 4
LOOKUP_SECONDS = 10.0

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: ``resolve(host, port)``: the addresses of a name, as text.
Resolver = Callable[[str, int], list[str]]

_URL = re.compile(
    r'(?P<scheme>[a-z][a-z0-9+.-]*)://'
    r'(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_.-]+))'
    r'(?::(?P<port>[0-9]{1,5}))?'
    r'(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?:#.*)?',
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
_VISIBLE = re.compile(r'[\x21-\x5b\x5d-\x7e]+')  # ASCII, but no backslash
_LABEL = re.compile(r'[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?', re.ASCII)
_NUMBER = re.compile(r'[0-9]+|0x[0-9a-f]*', re.ASCII)
#: 0.x means this host; 240.x and above are reserved.
_NOBODYS = tuple(
    ipaddress.ip_network(text) for text in ('0.0.0.0/8', '240.0.0.0/4')
)
_NAT64 = ipaddress.ip_network('64:ff9b::/96')
_COMPATIBLE = ipaddress.ip_network('::/96')


class Refused(errors.BadRequest):
    """The rules of the operator or of this module forbid the address."""

    text = base.UNUSABLE


class Target(NamedTuple):
    """The parts of a URL; the text of the URL is not parsed again.

    :ivar host: a DNS name in lower case, or the text of an address
    :ivar address: the address if the host is one; None if it is a name
    :ivar path: path and query, as in a request line
    """

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def url(self) -> str:
        """The URL of the parts, as a base for relative references."""
        host = f'[{self.host}]' if ':' in self.host else self.host
        return f'{self.scheme}://{host}:{self.port}{self.path}'


class AddressRules(NamedTuple):
    """Section ``[import_filtering_opts]``.

    If a list of allowed values is set, the list of disallowed ones is ignored.
    """

    allowed_schemes: tuple[str, ...] = ('http', 'https')
    disallowed_schemes: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    disallowed_hosts: tuple[str, ...] = ()
    allowed_ports: tuple[str, ...] = ('80', '443')
    disallowed_ports: tuple[str, ...] = ()


def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver; at most MAX_LOOKUPS at a time."""
    if not _lookups.acquire(timeout=LOOKUP_SECONDS):
        raise OSError('too many names are looked up')
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    finally:
        _lookups.release()
    return [str(address[0]) for *_, address in infos]


_lookups = threading.BoundedSemaphore(MAX_LOOKUPS)


def resolve_natively(host: str, port: int) -> list[str]:
    """Like :func:`resolve`, for native threads: wait in a native way."""
    try:
        token = _native_lookups.get(timeout=LOOKUP_SECONDS)
    except Empty as error:
        raise OSError('too many names are looked up') from error
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    finally:
        _native_lookups.put(token)
    return [str(address[0]) for *_, address in infos]


_native_lookups: SimpleQueue[None] = SimpleQueue()
for _ in range(MAX_LOOKUPS):
    _native_lookups.put(None)


class Filter:
    """Checks URLs, and the addresses of their hosts."""

    def __init__(
        self, rules: AddressRules, resolver: Resolver = resolve
    ) -> None:
        self._resolve = resolver
        self._allowed_hosts = {_host_key(host) for host in rules.allowed_hosts}
        self._refused_hosts = {
            _host_key(host) for host in rules.disallowed_hosts
        }
        self._schemes = _Lists(rules.allowed_schemes, rules.disallowed_schemes)
        self._ports = _Lists(rules.allowed_ports, rules.disallowed_ports)

    def parse(self, url: str) -> Target:
        """Parse a URL and check its parts, without resolving its host.

        :raises Refused: the URL is malformed, or the rules forbid it
        """
        target = parse(url)
        host = _host_key(target.host)
        for rule, permitted in (
            ('schemes', self._schemes.permit(target.scheme)),
            ('ports', self._ports.permit(str(target.port))),
            ('hosts', self._permits_host(host)),
        ):
            if not permitted:
                raise _refused(
                    f'{target.scheme}://{target.host}:{target.port}',
                    f'allowed_{rule} or disallowed_{rule} in '
                    '[import_filtering_opts] does not permit it',
                )
        if target.address is not None:
            self._judge(target, target.address)
        return target

    def addresses(self, target: Target) -> list[Address]:
        """Return the addresses of the target's host, all of them permitted.

        :raises Refused: the rules forbid one of them
        :raises OSError: the host is unknown
        """
        if target.address is not None:
            return [target.address]
        addresses = self.lookup(target.host, target.port)
        if len(addresses) > MAX_ADDRESSES:
            raise _refused(
                target.host,
                f'it has {len(addresses)} addresses; '
                f'the limit is {MAX_ADDRESSES}',
            )
        for address in addresses:
            self._judge(target, address)
        return addresses

    def lookup(self, host: str, port: int) -> list[Address]:
        """Return all addresses of a host, without checking them.

        :raises OSError: the host is unknown
        """
        texts = self._resolve(host, port)
        addresses = [
            ipaddress.ip_address(text.partition('%')[0])
            for text in dict.fromkeys(texts)
        ]
        if not addresses:
            raise OSError('the name has no address')
        return addresses

    def _permits_host(self, host: str) -> bool:
        if self._allowed_hosts:
            return host in self._allowed_hosts
        return host not in self._refused_hosts

    def _judge(self, target: Target, address: Address) -> None:
        if self._allowed_hosts:
            return  # the operator allowed this host by name, at any address
        for each in _meanings(address):
            if str(each) in self._refused_hosts:
                raise _refused(
                    target.host, f'disallowed_hosts has its address {each}'
                )
            if is_special(each):
                raise _refused(
                    target.host,
                    f'its address {each} is loopback, link-local, multicast '
                    'or unspecified; allowed_hosts does not have the host',
                )


class _Lists:
    def __init__(
        self, allowed: Iterable[str], disallowed: Iterable[str]
    ) -> None:
        self._allowed = {text.strip().lower() for text in allowed}
        self._disallowed = {text.strip().lower() for text in disallowed}

    def permit(self, value: str) -> bool:
        if self._allowed:
            return value in self._allowed
        return value not in self._disallowed


def parse(url: str) -> Target:
    """Parse a URL strictly, so that it has only one meaning.

    :raises Refused: the URL has user info, control characters, no host, or
        an unusual spelling of an address that others may read differently
    """
    if len(url) > MAX_URL_LENGTH:
        raise _refused(
            'a URL',
            f'it has {len(url)} characters; the limit is {MAX_URL_LENGTH}',
        )
    match = _VISIBLE.fullmatch(url) and _URL.fullmatch(url)
    if not match:
        raise _refused(
            'a URL',
            'it is not a URL, or has user information, a blank, a control '
            'character or a character that is not ASCII',
        )
    scheme = match['scheme'].lower()
    if scheme not in DEFAULT_PORTS:
        raise _refused('a URL', f'its scheme {scheme} is not http or https')
    port = int(match['port'] or DEFAULT_PORTS[scheme])
    if not 0 < port < 65536:
        raise _refused('a URL', f'{port} is no port')
    host, address = _host(match['v6'], match['name'])
    path = (match['path'] or '/') + (match['query'] or '')
    return Target(scheme, host, port, path, address)


def _host(v6: str | None, name: str | None) -> tuple[str, Address | None]:
    try:
        if v6 is not None:
            address: Address = ipaddress.IPv6Address(v6)
            return str(address), address
        given = (name or '').lower()
        host = given.removesuffix('.')
        labels = host.split('.')
        if not _NUMBER.fullmatch(labels[-1]):
            if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
                raise _refused(host[:253], 'it is not a host name')
            return host, None
        address = ipaddress.IPv4Address(given)
    except ValueError as error:  # for instance octal or short forms
        raise _refused(
            v6 or name or 'a URL', 'it is not an address in its usual spelling'
        ) from error
    return host, address


def _refused(place: str, reason: str) -> Refused:
    """Log the reason for the operator; the client must not learn it.

    :param place: without user information, path and query
    """
    LOG.info('Refused the location %s: %s', place, reason)
    return Refused()


def is_special(address: Address) -> bool:
    """Whether it is loopback, link-local, multicast or unassigned."""
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or any(address in network for network in _NOBODYS)
    )


def _meanings(address: Address) -> list[Address]:
    """The address, and the IPv4 address that is embedded in it."""
    if not isinstance(address, ipaddress.IPv6Address):
        return [address]
    inner: Any = address.ipv4_mapped or address.sixtofour
    if inner is None and (address in _NAT64 or address in _COMPATIBLE):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return [address] if inner is None else [address, inner]


def _host_key(text: str) -> str:
    """Normalize a host for comparison: lower case, canonical address."""
    bare = text.strip().lower().removesuffix('.').strip('[]')
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return bare
