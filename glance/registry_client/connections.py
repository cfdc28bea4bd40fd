"""Where a registry is, and how to connect to it in time."""

import socket
import ssl
from typing import Protocol

from glance.common import deadlines
from glance.common import errors


class Endpoint(Protocol):
    """:ivar host: how requests name it"""

    host: str

    def open(self, until: float) -> socket.socket:
        """A new connection.

        :param until: when (monotonic) it ends with TimeoutError
        """


class TCPEndpoint:
    """HTTP over TCP."""

    def __init__(self, host: str, port: int) -> None:
        self._name = host
        self._port = port
        host = host.partition('%')[0]  # a zone is nobody else's matter
        self.host = f'[{host}]:{port}' if ':' in host else f'{host}:{port}'

    def open(self, until: float) -> socket.socket:
        """Connect to the first address of the host that takes it."""
        trouble = OSError('the name has no address')
        for family, kind, protocol, _, address in socket.getaddrinfo(
            self._name, self._port, type=socket.SOCK_STREAM
        ):
            sock = socket.socket(family, kind, protocol)
            try:
                deadlines.limit(sock, until)
                sock.connect(address)
                # The end of a long request does not wait for its beginning.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return sock
            except OSError as error:
                sock.close()
                trouble = error
        raise trouble


class TLSEndpoint(TCPEndpoint):
    """HTTP over TLS over TCP."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(host, port)
        self._context = context

    def open(self, until: float) -> socket.socket:
        sock = super().open(until)
        try:
            return deadlines.shake_hands(
                sock, self._context, self._name, until
            )
        except BaseException:
            sock.close()
            raise


class UnixEndpoint:
    """HTTP over a Unix socket."""

    host = 'localhost'

    def __init__(self, path: str) -> None:
        self._path = path

    def open(self, until: float) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            deadlines.limit(sock, until)
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
