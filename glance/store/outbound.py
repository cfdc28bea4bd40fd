"""HTTP requests to servers that clients name.

Connections go only to addresses that were checked. Redirects are followed
here and checked like the first URL. Every request has a time limit, and its
error reveals nothing about the network.

The sockets are those of the standard library, which wait green where the
server is eventlet's: nothing here stops an event loop.
"""

import contextlib
import http.client
import logging
import socket
import ssl
import time
import urllib.parse

from glance.common import deadlines
from glance.common import errors
from glance.store import addresses
from glance.store import base

LOG = logging.getLogger(__name__)

#: From the first packet to the end of an answer's head.
HEAD_SECONDS = 30.0
#: A piece of PIECE_BYTES has to come in this time, drop by drop or not.
PIECE_SECONDS = 60.0
PIECE_BYTES = 64 * 1024
MAX_REDIRECTS = 5
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_TROUBLES = (OSError, http.client.HTTPException, ValueError)


class Unreachable(errors.StoreUnavailable):
    """No answer, or one that makes no sense. Why is in the log."""

    text = base.UNUSABLE


class Client:
    """Asks servers that the filter permits.

    :param ca_file: certificates that may have signed theirs; None: the
        system's
    :param insecure: believe any certificate; a ``ca_file`` wins
    """

    def __init__(
        self,
        rules: addresses.Filter,
        ca_file: str | None = None,
        insecure: bool = False,
    ) -> None:
        self._filter = rules
        self._ca_file = ca_file
        self._insecure = insecure
        self._tls: ssl.SSLContext | None = None

    def check(self, url: str) -> None:
        """:raises addresses.Refused: the URL alone is against the rules"""
        self._filter.parse(url)

    def request(
        self, method: str, url: str, headers: dict[str, str] | None = None
    ) -> 'Answer':
        """The answer behind all redirects; the caller closes it.

        :raises addresses.Refused: the URL or a redirect is against the rules
        :raises Unreachable: there is no answer
        """
        for _ in range(MAX_REDIRECTS + 1):
            target = self._filter.parse(url)
            answer = self._ask(method, target, headers or {})
            if answer.status not in _REDIRECTS:
                return answer
            place = answer.header('Location')
            answer.close()
            if not place:
                raise Unreachable
            url = _joined(target, place)
        LOG.info('%s: too many redirects', target.host)
        raise Unreachable

    def _ask(
        self, method: str, target: addresses.Target, headers: dict[str, str]
    ) -> 'Answer':
        connection = None
        try:
            found = self._filter.addresses(target)
            tls = self._context() if target.scheme == 'https' else None
            connection = _Connection(target, found, tls)
            connection.until = time.monotonic() + HEAD_SECONDS
            asked = {'Accept': '*/*', 'Accept-Encoding': 'identity'}
            asked['User-Agent'] = 'glance'
            connection.request(method, target.path, headers=asked | headers)
            return Answer(connection, connection.getresponse())
        except _TROUBLES as error:
            if connection is not None:
                connection.close()
            LOG.info('%s %s: %r', method, target.host, error)
            raise Unreachable from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = tls_context(self._ca_file, self._insecure)
        return self._tls


def tls_context(ca_file: str | None, insecure: bool) -> ssl.SSLContext:
    """:raises errors.ConfigurationError: the file cannot be used"""
    try:
        tls = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise errors.ConfigurationError(
            f'https_ca_certificates_file cannot be used: {error}'
        ) from error
    if insecure and not ca_file:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return tls


def _joined(target: addresses.Target, place: str) -> str:
    try:
        return urllib.parse.urljoin(target.url, place)
    except ValueError as error:
        raise addresses.Refused from error


class Answer:
    """An answer whose body is still to come. All its reads end in time."""

    def __init__(
        self, connection: '_Connection', response: http.client.HTTPResponse
    ) -> None:
        self._connection = connection
        self._response = response
        self.status = response.status
        #: Bytes of the body; None: it says so at its end (chunks).
        self.length: int | None = response.length

    def header(self, name: str) -> str | None:
        return self._response.headers.get(name)

    def readinto(self, view: memoryview) -> int:
        """Fill ``view``; less only at the end.

        :raises Unreachable: it broke off, or became too slow
        """
        got = 0
        while got < len(view):
            piece = view[got : got + PIECE_BYTES]
            amount = self._read_piece(piece)
            got += amount
            if amount < len(piece):
                break
        return got

    def _read_piece(self, piece: memoryview) -> int:
        self._connection.until = time.monotonic() + PIECE_SECONDS
        got = 0
        try:
            while got < len(piece):
                amount = self._response.readinto(piece[got:])
                if not amount:
                    break
                got += amount
        except _TROUBLES as error:
            LOG.info(
                'The connection to %s failed in the middle of the data: %r',
                self._connection.host,
                error,
            )
            raise Unreachable from error
        if got < len(piece) and self._response.length:
            LOG.info(
                '%s closed the connection before the end of the data',
                self._connection.host,
            )
            raise Unreachable
        return got

    def abort(self) -> None:
        """Wake whoever reads: there is nothing more to come."""
        self._connection.abort()

    def close(self) -> None:
        self._response.close()
        self._connection.close()


class _Connection(http.client.HTTPConnection):
    """HTTP to an address that was judged; the name is for TLS and Host.

    :ivar until: when (monotonic) whatever it does ends with TimeoutError
    """

    until = float('inf')

    def __init__(
        self,
        target: addresses.Target,
        found: list[addresses.Address],
        tls: ssl.SSLContext | None,
    ) -> None:
        # Before the port is read, or it would be written into Host.
        self.default_port = addresses.DEFAULT_PORTS[target.scheme]
        super().__init__(target.host, target.port)
        self._found = found
        self._tls = tls
        # http.client forgets its socket once an answer is the last one.
        self._limited: deadlines.Limited | None = None

    def connect(self) -> None:
        trouble = OSError('no address')
        for address in self._found:
            try:
                opened = self._opened(address)
                self.sock = self._limited = deadlines.Limited(opened, self)
                return
            except TimeoutError:
                raise
            except OSError as error:
                trouble = error
        raise trouble

    def _opened(self, address: addresses.Address) -> socket.socket:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            deadlines.limit(sock, self.until)
            sock.connect((str(address), self.port))
            if self._tls is None:
                return sock
            return deadlines.shake_hands(
                sock, self._tls, self.host, self.until
            )
        except BaseException:
            sock.close()
            raise

    def abort(self) -> None:
        if self._limited is not None:
            with contextlib.suppress(OSError):
                self._limited.socket.shutdown(socket.SHUT_RDWR)
