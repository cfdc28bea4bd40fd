"""HTTP connections to a registry that end what they do in time."""

import http.client
import socket
import ssl
from typing import Any, Protocol

from glance.common import deadlines
from glance.common import errors


class Connection(Protocol):
    """What a transport needs of ``http.client.HTTPConnection``, and more.

    :ivar until: when (monotonic) whatever it does ends with TimeoutError
    """

    sock: Any
    until: float

    def connect(self) -> None: ...

    def request(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: dict[str, str],
    ) -> None: ...

    def getresponse(self) -> http.client.HTTPResponse: ...

    def close(self) -> None: ...


class TCPConnection(http.client.HTTPConnection):
    """HTTP over TCP."""

    until = float('inf')

    def connect(self) -> None:
        self.timeout = deadlines.left(self.until)
        self.sock = deadlines.Limited(self._opened(), self)

    def _opened(self) -> socket.socket:
        """Connect to the first address of the host that takes it."""
        trouble = OSError('the name has no address')
        for family, kind, protocol, _, address in socket.getaddrinfo(
            self.host, self.port, type=socket.SOCK_STREAM
        ):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(deadlines.left(self.until))
                sock.connect(address)
                # A small body follows its head at once.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return sock
            except OSError as error:
                sock.close()
                trouble = error
        raise trouble


class TLSConnection(TCPConnection):
    """HTTP over TLS over TCP."""

    def __init__(
        self, host: str, port: int, timeout: float, context: ssl.SSLContext
    ) -> None:
        super().__init__(host, port, timeout)
        self._context = context

    def _opened(self) -> socket.socket:
        sock = super()._opened()
        try:
            sock.settimeout(deadlines.left(self.until))
            return self._context.wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise


class UnixConnection(TCPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__('localhost', timeout=timeout)
        self._path = path

    def _opened(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadlines.left(self.until))
            sock.connect(self._path)
        except BaseException:
            sock.close()
            raise
        return sock


def tls_context(
    ca_file: str | None,
    cert_file: str | None,
    key_file: str | None,
    insecure: bool,
) -> ssl.SSLContext:
    """TLS as glance-api speaks it to the registry.

    :raises errors.ConfigurationError: a file cannot be used
    """
    try:
        tls = ssl.create_default_context(cafile=ca_file or None)
        if cert_file:
            tls.load_cert_chain(cert_file, key_file or None)
    except (OSError, ssl.SSLError) as error:
        raise errors.ConfigurationError(
            'registry_client_ca_file, registry_client_cert_file or '
            f'registry_client_key_file cannot be used: {error}'
        ) from error
    if insecure:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return tls
