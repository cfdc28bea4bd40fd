"""Endpoints of a registry, and connections whose requests have a deadline."""

import http.client
import socket
import ssl
from typing import Protocol

from glance.common import deadlines
from glance.common import errors
from glance.registry_client import framing

#: Larger responses are refused. A page of 1,000 images with 128 properties
#: each is smaller.
MAX_ANSWER_BYTES = 256 * 1024 * 1024
_TCP_ESTABLISHED = 1
_TOO_LARGE = f'more than {MAX_ANSWER_BYTES} bytes'


class Endpoint(Protocol):
    """:ivar host: the value of the header Host"""

    host: str

    def open(self, until: float) -> socket.socket:
        """Open a new connection.

        :param until: the deadline (monotonic); then TimeoutError is raised
        """


class TCPEndpoint:
    """HTTP over TCP."""

    def __init__(self, host: str, port: int) -> None:
        self._name = host
        self._port = port
        host = host.partition('%')[0]  # a zone is valid on this host only
        self.host = f'[{host}]:{port}' if ':' in host else f'{host}:{port}'

    def open(self, until: float) -> socket.socket:
        """Connect to the first address of the host that accepts."""
        trouble = OSError('the name has no address')
        for family, kind, protocol, _, address in socket.getaddrinfo(
            self._name, self._port, type=socket.SOCK_STREAM
        ):
            sock = socket.socket(family, kind, protocol)
            try:
                deadlines.limit(sock, until)
                sock.connect(address)
                # Send the last packet of a request without waiting for the
                # acknowledgement of earlier ones.
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


class Connection(http.client.HTTPConnection):
    """A connection that is kept between requests.

    :ivar until: the deadline (monotonic); then TimeoutError is raised
    """

    until = float('inf')

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint.host)
        self._endpoint = endpoint
        # Kept here, because http.client drops its socket after the last
        # response.
        self._limited: framing.Strict

    def connect(self) -> None:
        opened = self._endpoint.open(self.until)
        self.sock = self._limited = framing.Strict(opened, self)

    def receive(self) -> tuple[int, bytes]:
        """Status and body of the response to the request that was sent.

        :raises framing.BadAnswer: it is malformed, too large, or not the
            final response
        """
        response = self.getresponse()
        if response.chunked != self._limited.is_chunked:
            raise framing.BadAnswer('it is unclear whether it has chunks')
        if response.status < 200:
            # http.client would use the final response as the response to
            # the next request.
            raise framing.BadAnswer(f'an unexpected status {response.status}')
        size = response.length
        if (size or 0) > MAX_ANSWER_BYTES:
            raise framing.BadAnswer(_TOO_LARGE)
        # Only a read without a limit detects that a body is too short.
        limit = MAX_ANSWER_BYTES + 1 if size is None else None
        body = response.read(limit)
        if len(body) > MAX_ANSWER_BYTES:
            raise framing.BadAnswer(_TOO_LARGE)
        return response.status, body

    def may_be_kept(self) -> bool:
        """Whether another request may follow the response that was read.

        No bytes of it may be left, because they could be read as the
        response to another caller.
        """
        limited = self._limited
        is_last = limited.is_last or limited.has_rest
        return self.sock is not None and not is_last

    def is_alive(self) -> bool:
        """Whether the connection is open, as far as the kernel knows."""
        sock = self._limited.socket
        if sock.family == socket.AF_UNIX:
            return True  # the next send fails if the peer has ended
        state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        return state[0] == _TCP_ESTABLISHED


def tls_context(
    ca_file: str | None,
    cert_file: str | None,
    key_file: str | None,
    insecure: bool,
) -> ssl.SSLContext:
    """Make the TLS context for connections to the registry.

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
