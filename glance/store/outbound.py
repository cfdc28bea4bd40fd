"""HTTP requests to servers that clients name.

Connections go only to addresses that were checked. Redirects are followed
here and checked like the first URL. Every request has a time limit, and its
error reveals nothing about the network.

A normal client uses the sockets of the standard library, in the threads of
requests; they are green if the server uses eventlet. A native client may only
be used in native threads.
"""

import contextlib
import http.client
import logging
import ssl
import time
from typing import NamedTuple
import urllib.parse

from glance.common import errors
from glance.store import addresses
from glance.store import base
from glance.store import connection
from glance.store import proxies

LOG = logging.getLogger(__name__)

#: Max number of hosts whose last responding address is remembered.
_REMEMBERED_HOSTS = 256
PIECE_BYTES = 64 * 1024
MAX_REDIRECTS = 5
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_TROUBLES = (OSError, http.client.HTTPException, ValueError)


class Unreachable(errors.StoreUnavailable):
    """There is no valid response. The log has the reason."""

    text = base.UNUSABLE


class EndlessRedirects(Unreachable):
    """Too many redirects; another attempt would have the same result."""


class Times(NamedTuple):
    """How long a request may take.

    :ivar head_seconds: from the first packet to the end of the response's head
    :ivar address_seconds: for one address of a host, if there are others
    :ivar piece_seconds: for a piece of PIECE_BYTES, however slowly it comes
    """

    head_seconds: float = 30.0
    address_seconds: float = 5.0
    piece_seconds: float = 60.0


class Client:
    """Sends requests to servers that the filter permits.

    :param ca_file: CA certificates of the servers; None: those of the system
    :param insecure: accept any certificate; ignored if there is a ``ca_file``
    :param through: proxies; None: every server is contacted directly
    :param native: for use in native threads, and only there
    """

    def __init__(
        self,
        rules: addresses.Filter,
        ca_file: str | None = None,
        insecure: bool = False,
        *,
        times: Times | None = None,
        through: proxies.Proxies | None = None,
        native: bool = False,
    ) -> None:
        self._filter = rules
        self._ca_file = ca_file
        self._insecure = insecure
        self._times = times or Times()
        self._proxies = through or proxies.Proxies()
        self._native = native
        self._tls: ssl.SSLContext | None = None
        #: host -> the address that responded, to be tried first the next time.
        self._answered: dict[str, addresses.Address] = {}

    def check(self, url: str) -> None:
        """:raises addresses.Refused: the rules forbid the URL itself"""
        self._filter.parse(url)

    def request(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        secrets: dict[str, str] | None = None,
    ) -> 'Response':
        """Follow redirects; return the response, which the caller closes.

        :param secrets: headers for the server of the URL; they are not sent
            to other servers after a redirect
        :raises addresses.Refused: the rules forbid the URL or a redirect
        :raises Unreachable: there is no valid response
        """
        first = self._filter.parse(url)
        for _ in range(MAX_REDIRECTS + 1):
            target = self._filter.parse(url)
            sent = dict(headers or {})
            if target[:3] == first[:3]:
                sent |= secrets or {}
            answer = self._ask(method, target, sent)
            if answer.status not in _REDIRECTS:
                return answer
            place = answer.header('Location')
            answer.close()
            if not place:
                raise Unreachable
            url = _joined(target, place)
        LOG.info('%s: too many redirects', target.host)
        raise EndlessRedirects

    def _ask(
        self, method: str, target: addresses.Target, headers: dict[str, str]
    ) -> 'Response':
        opened = None
        try:
            proxy = self._proxies.of(target)
            opened = self._connection(target, proxy)
            opened.until = time.monotonic() + self._times.head_seconds
            asked = {'Accept': '*/*', 'Accept-Encoding': 'identity'}
            asked['User-Agent'] = 'glance'
            path = target.path
            if proxy is not None and target.scheme == 'http':
                path = target.url
                if proxy.authorization is not None:
                    asked['Proxy-Authorization'] = proxy.authorization
            opened.request(method, path, headers=asked | headers)
            answer = Response(opened, opened.getresponse(), self._times)
        except _TROUBLES as error:
            if opened is not None:
                opened.close()
            LOG.info('%s %s: %r', method, target.host, error)
            raise Unreachable from error
        except BaseException:
            if opened is not None:
                opened.close()
            raise
        self._remember(target.host, opened.address)
        return answer

    def _connection(
        self, target: addresses.Target, proxy: proxies.Proxy | None
    ) -> connection.Connection:
        """:raises OSError: the host is unknown"""
        if proxy is None:
            candidates = self._filter.addresses(target)
            known = self._answered.get(target.host)
            candidates.sort(key=lambda address: address != known)
        else:
            self._judge_if_known(target)
            candidates = self._filter.lookup(proxy.host, proxy.port)
        return connection.Connection(
            target,
            candidates,
            self._context() if target.scheme == 'https' else None,
            proxy,
            self._times.address_seconds,
            self._native,
        )

    def _judge_if_known(self, target: addresses.Target) -> None:
        """Check the addresses of a proxied target, if we can resolve them.

        :raises addresses.Refused: the rules forbid one of its addresses
        """
        with contextlib.suppress(OSError):
            self._filter.addresses(target)

    def _remember(self, host: str, address: addresses.Address | None) -> None:
        if len(self._answered) >= _REMEMBERED_HOSTS:
            self._answered.clear()
        if address is not None:
            self._answered[host] = address

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


class Response:
    """A response whose body is not read yet; every read has a time limit."""

    def __init__(
        self,
        opened: connection.Connection,
        response: http.client.HTTPResponse,
        times: Times,
    ) -> None:
        self._connection = opened
        self._times = times
        self._response = response
        self.status = response.status
        #: Bytes of the body; None: unknown until its end (chunked).
        self.length: int | None = response.length
        self._left = self.length

    def header(self, name: str) -> str | None:
        return self._response.headers.get(name)

    def readinto(self, view: memoryview) -> int:
        """Fill ``view``; return the number of bytes, less only at the end.

        :raises Unreachable: the connection failed, or is too slow
        """
        got = 0
        while got < len(view):
            amount = self._read_piece(view[got : got + PIECE_BYTES])
            got += amount
            if not amount:
                break
        return got

    def _read_piece(self, piece: memoryview) -> int:
        self.start_piece()
        got = 0
        while got < len(piece):
            amount = self.read_some(piece[got:])
            if not amount:
                break
            got += amount
        return got

    def start_piece(self) -> None:
        """Start the time limit of the next PIECE_BYTES."""
        self._connection.until = time.monotonic() + self._times.piece_seconds

    def read_some(self, view: memoryview) -> int:
        """Read what has arrived, at least one byte; 0 means the end.

        :raises Unreachable: the connection failed, or is too slow
        """
        try:
            got = self._receive(view)
        except _TROUBLES as error:
            LOG.info(
                'The connection to %s failed in the middle of the data: %r',
                self._connection.host,
                error,
            )
            raise Unreachable from error
        if not got and view and self._left:
            LOG.info(
                '%s closed the connection before the end of the data',
                self._connection.host,
            )
            raise Unreachable
        return got

    def _receive(self, view: memoryview) -> int:
        response = self._response
        if response.chunked or response.fp is None:
            data = response.read1(len(view))
            view[: len(data)] = data
            return len(data)
        if self._left is not None:
            view = view[: self._left]
        # Not the response's own readinto: if that fails, the number of
        # bytes that it has read is unknown.
        got = response.fp.readinto1(view) if view else 0
        if self._left is not None:
            self._left -= got
        return got

    def abort(self) -> None:
        """Wake a thread that reads: no more data will come."""
        self._connection.abort()

    def close(self) -> None:
        self._response.close()
        self._connection.close()
