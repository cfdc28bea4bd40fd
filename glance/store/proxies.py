"""Proxies between this service and the servers that clients name."""

import base64
import ipaddress
from typing import NamedTuple
import urllib.parse

from glance.common import errors
from glance.store import addresses


class Proxy(NamedTuple):
    """:ivar authorization: value of Proxy-Authorization; None if not sent"""

    host: str
    port: int
    authorization: str | None


class Proxies:
    """Decides which proxy a request uses.

    :param http: URL of the proxy for http:// URLs; None if there is none
    :param https: URL of the proxy for https:// URLs; None if there is none
    :param exceptions: hosts that are contacted directly: names, domains (with
        or without a leading dot), addresses, networks, each also with a port;
        ``*`` means every host
    :raises errors.ConfigurationError: a URL is malformed
    """

    def __init__(
        self,
        http: str | None = None,
        https: str | None = None,
        exceptions: tuple[str, ...] = (),
    ) -> None:
        self._by_scheme = {
            'http': _proxy('http_proxy', http) if http else None,
            'https': _proxy('https_proxy', https) if https else None,
        }
        self._exceptions = [_Exception(text) for text in exceptions if text]

    def of(self, target: addresses.Target) -> Proxy | None:
        """Return the proxy for a target; None: it is contacted directly."""
        proxy = self._by_scheme[target.scheme]
        if proxy is None or any(it.matches(target) for it in self._exceptions):
            return None
        return proxy


class _Exception:
    """One entry of ``no_proxy``."""

    def __init__(self, text: str) -> None:
        text = text.strip().lower()
        self._port = None
        host, colon, port = text.rpartition(':')
        if colon and port.isdecimal() and ':' not in host.strip('[]'):
            text, self._port = host, int(port)
        self._name = text.strip('[]').removeprefix('*').strip('.')
        self._is_all = text == '*'
        try:
            self._network = ipaddress.ip_network(text.strip('[]'), False)
        except ValueError:
            self._network = None  # type: ignore[assignment]

    def matches(self, target: addresses.Target) -> bool:
        if self._port not in (None, target.port):
            return False
        if self._is_all:
            return True
        if target.address is not None:
            network = self._network
            return network is not None and target.address in network
        host = target.host
        return host == self._name or host.endswith(f'.{self._name}')


def _proxy(option: str, url: str) -> Proxy:
    try:
        parts = urllib.parse.urlsplit(url if '://' in url else f'http://{url}')
        port = parts.port or 3128
    except ValueError as error:
        raise errors.ConfigurationError(f'{option}: {error}.') from error
    if parts.scheme != 'http' or not parts.hostname:
        raise errors.ConfigurationError(
            f'{option} must be a URL such as http://proxy.example.org:3128; '
            'proxies that are asked over TLS are not supported.'
        )
    authorization = None
    if parts.username is not None:
        user = urllib.parse.unquote(parts.username)
        password = urllib.parse.unquote(parts.password or '')
        text = base64.b64encode(f'{user}:{password}'.encode()).decode()
        authorization = f'Basic {text}'
    return Proxy(parts.hostname, port, authorization)
