"""One HTTP connection to a checked address, or through a proxy."""

import contextlib
import http.client
import socket
import ssl
import time
from typing import Any

from glance.common import deadlines
from glance.store import addresses
from glance.store import native_sockets
from glance.store import proxies

#: Max bytes of a proxy's response to CONNECT.
_PROXY_HEAD_BYTES = 8 * 1024


class Connection(http.client.HTTPConnection):
    """HTTP to a checked address; the host name is used for TLS and Host.

    :param candidates: addresses to try; the first that responds is used
    :param tls: for https; None for http
    :param proxy: the proxy at these addresses; None if they are the target's
    :param one_address_seconds: time limit of an address while there are others
        to try, so that an unreachable IP version does not use up the time
    :param native: for native threads: no socket waits as a green thread
    :ivar until: time (monotonic) after which any operation raises
        TimeoutError
    :ivar address: the address that responded
    """

    until = float('inf')

    def __init__(
        self,
        target: addresses.Target,
        candidates: list[addresses.Address],
        tls: ssl.SSLContext | None,
        proxy: proxies.Proxy | None,
        one_address_seconds: float,
        native: bool,
    ) -> None:
        # Set before the port is parsed, or Host would contain the port.
        self.default_port = addresses.DEFAULT_PORTS[target.scheme]
        super().__init__(target.host, target.port)
        self._found = candidates
        self._tls = tls
        self._proxy = proxy
        self._one_address_seconds = one_address_seconds
        self._native = native
        self.address: addresses.Address | None = None
        # http.client drops its socket when a response is the last one.
        self._limited: deadlines.Limited | None = None

    def connect(self) -> None:
        trouble: OSError = OSError('no address')
        for number, address in enumerate(self._found, start=1):
            until = self.until
            if number < len(self._found):
                until = time.monotonic() + self._one_address_seconds
                until = min(until, self.until)
            try:
                opened = self._opened(address, until)
            except OSError as error:
                trouble = error
                continue
            self.address = address
            self.sock = self._limited = deadlines.Limited(opened, self)
            return
        raise trouble

    def _opened(self, address: addresses.Address, until: float) -> Any:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        make = native_sockets.socket if self._native else socket.socket
        sock: Any = make(family, socket.SOCK_STREAM)
        try:
            deadlines.limit(sock, until)
            port = self.port if self._proxy is None else self._proxy.port
            sock.connect((str(address), port))
            if self._tls is None:
                return sock
            if self._proxy is not None:
                self._pass_through(sock, self._proxy)
            return self._shaken(sock, self._tls)
        except BaseException:
            sock.close()
            raise

    def _shaken(self, sock: Any, tls: ssl.SSLContext) -> Any:
        if self._native:
            return native_sockets.Tls(sock, tls, self.host, self)
        return deadlines.shake_hands(sock, tls, self.host, self.until)

    def _pass_through(self, sock: Any, proxy: proxies.Proxy) -> None:
        """Let the proxy connect to the target.

        :raises OSError: the proxy does not connect
        """
        host = f'[{self.host}]' if ':' in self.host else self.host
        place = f'{host}:{self.port}'
        lines = [f'CONNECT {place} HTTP/1.1', f'Host: {place}']
        if proxy.authorization is not None:
            lines.append(f'Proxy-Authorization: {proxy.authorization}')
        limited = deadlines.Limited(sock, self)
        limited.sendall('\r\n'.join([*lines, '', '']).encode())
        head = bytearray()
        byte = bytearray(1)
        while not head.endswith(b'\r\n\r\n'):
            if len(head) > _PROXY_HEAD_BYTES or not limited.read_into(byte):
                raise OSError('the proxy does not speak HTTP')
            head += byte
        words = bytes(head[:64]).split(maxsplit=2)
        if len(words) < 2 or words[1] != b'200':
            raise OSError(
                f'the proxy refused to connect: {bytes(head[:64])!r}'
            )

    def abort(self) -> None:
        if self._limited is not None:
            with contextlib.suppress(OSError):
                self._limited.socket.shutdown(socket.SHUT_RDWR)
