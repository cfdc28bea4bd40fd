"""Image data on web servers: read, never written or deleted."""

from collections.abc import Callable, Iterable, Mapping
import logging
import time
from typing import Any

from glance.common import errors
from glance.store import addresses
from glance.store import base
from glance.store import outbound
from glance.store import proxies
from glance.store import readahead

LOG = logging.getLogger(__name__)

#: Max bytes to read and discard at once, if a server supports no ranges.
_SKIP_BYTES = 1024 * 1024
_MISSING = frozenset((404, 410))


def from_options(options: Mapping[str, Any]) -> base.Store:
    """Create the store; ``options['filtering']`` has the rules for URLs.

    :raises errors.ConfigurationError: the CA certificates cannot be read
    """
    ca_file = options['https_ca_certificates_file'] or None
    if ca_file is not None:
        outbound.tls_context(ca_file, False)  # check the file at start
    rules = addresses.AddressRules(**options['filtering'])
    return HTTPStore(
        outbound.Client(
            addresses.Filter(rules),
            ca_file,
            options['https_insecure'],
            through=_proxies(options['http_proxy_information']),
        )
    )


def check(options: Mapping[str, Any]) -> None:
    """:raises errors.ConfigurationError: an option is wrong"""
    _proxies(options['http_proxy_information'])


def _proxies(found: Mapping[str, str]) -> proxies.Proxies:
    """:raises errors.ConfigurationError: a proxy URL is malformed"""
    unknown = sorted(found.keys() - {'http', 'https'})
    if unknown:
        raise errors.ConfigurationError(
            f'http_proxy_information: {unknown[0]} is not http or https.'
        )
    try:
        return proxies.Proxies(found.get('http'), found.get('https'))
    except errors.ConfigurationError as error:
        raise errors.ConfigurationError(
            f'http_proxy_information: {error}'
        ) from error


class HTTPStore:
    """See :class:`glance.store.base.Store`; its URLs are web addresses.

    :param client: sends requests to the web servers
    """

    schemes = ('http', 'https')
    is_read_only = True
    can_refuse_deletion = False

    def __init__(self, client: outbound.Client) -> None:
        self._client = client

    def write(
        self,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        raise errors.StoreUnavailable

    def check(self, url: str) -> None:
        self._client.check(url)

    def size(self, url: str) -> int:
        """Return the size that the server reports, and verify its last byte.

        The reported size is accepted if the server supports no ranges or fails
        now, because the only other proof would be to read everything.
        """
        size = self._announced(url)
        if size and self._lacks_last(url, size):
            LOG.info(
                'A web server announces %s bytes of image data but does not '
                'deliver the last one',
                size,
            )
            raise outbound.Unreachable
        return size

    def _lacks_last(self, url: str, size: int) -> bool:
        """Whether the server proves that its data is shorter than this."""
        last = size - 1
        try:
            answer = self._ask('GET', url, {'Range': f'bytes={last}-{last}'})
        except outbound.Unreachable:
            return False
        try:
            if answer.status != 206:
                return answer.status == 416
            place = answer.header('Content-Range') or ''
            if place not in (f'bytes {last}-{last}/{size}', _any(last)):
                return True
            return answer.readinto(memoryview(bytearray(1))) != 1
        except outbound.Unreachable:
            return True  # the connection broke within this byte
        finally:
            answer.close()

    def _announced(self, url: str) -> int:
        """Read the size from a HEAD request, or from GET if HEAD fails."""
        for method in ('HEAD', 'GET'):
            answer = self._ask(method, url, {})
            try:
                if answer.status == 200 and method == 'HEAD':
                    size = answer.header('Content-Length') or ''
                    if size.isdecimal() and size.isascii():
                        return int(size[:20])
                elif answer.status == 200 and answer.length is not None:
                    return answer.length
                elif method == 'GET' or answer.status in _MISSING:
                    raise _error(answer)
            finally:
                answer.close()
        raise outbound.Unreachable

    def open(self, url: str, offset: int, length: int | None) -> base.Body:
        headers = {'Range': f'bytes={offset}-'} if offset else {}
        if offset and length:
            headers['Range'] += str(offset + length - 1)
        answer = self._ask('GET', url, headers)
        try:
            return self._body(answer, offset, length)
        except BaseException:
            answer.close()
            raise

    def owns(self, url: str) -> bool:
        return url.lower().startswith(('http://', 'https://'))

    def metadata(self, url: str) -> dict[str, Any]:
        return {}

    def delete(self, url: str) -> None:
        LOG.info(
            'Did not delete image data on a web server, because this '
            'service only reads there'
        )

    def delete_unregistered(self, image_id: str) -> None:
        """There is nothing to remove, because nothing is ever written."""

    def _ask(
        self, method: str, url: str, headers: dict[str, str]
    ) -> outbound.Response:
        if not self.owns(url):
            raise base.Elsewhere('it is not an http:// or https:// URL')
        try:
            return self._client.request(method, url, headers)
        except addresses.Refused as error:
            raise outbound.Unreachable from error

    def _body(
        self, answer: outbound.Response, offset: int, length: int | None
    ) -> base.Body:
        if answer.status not in (200, 206):
            raise _error(answer)
        if answer.header('Content-Encoding') not in (None, 'identity'):
            LOG.error(
                'A web server sends image data with a content encoding, '
                'which is not supported'
            )
            raise outbound.Unreachable
        if answer.status == 206:
            _check_range(answer, offset)
            present = answer.length
        else:
            present = _skip(answer, offset)
        if length is None:
            length = present
        if length is None or (present is not None and present < length):
            LOG.error('A web server has less data than the image has bytes')
            raise outbound.Unreachable
        body = readahead.ReadAhead(answer, length, outbound.Unreachable)
        # Fetch now, as a failure can still change the status of the response.
        body.fetch_first()
        return body


def _any(last: int) -> str:
    """Content-Range of a server that does not report the whole size."""
    return f'bytes {last}-{last}/*'


def _error(answer: outbound.Response) -> errors.Error:
    if answer.status in _MISSING:
        return errors.NotFound(
            'The data of the image was not found in the store.'
        )
    LOG.info(
        'A web server with image data responded with the status %s',
        answer.status,
    )
    return outbound.Unreachable()


def _check_range(answer: outbound.Response, offset: int) -> None:
    """:raises outbound.Unreachable: the range is not the requested one"""
    place = answer.header('Content-Range') or ''
    if not offset or not place.startswith(f'bytes {offset}-'):
        LOG.error(
            'A web server with image data sent another range than the '
            'requested one'
        )
        raise outbound.Unreachable


def _skip(answer: outbound.Response, offset: int) -> int | None:
    """Read and discard ``offset`` bytes; return the size of the rest."""
    if answer.length is not None and answer.length < offset:
        raise outbound.Unreachable
    present = None if answer.length is None else answer.length - offset
    buffer = memoryview(bytearray(min(offset, _SKIP_BYTES)))
    while offset:
        got = answer.readinto(buffer[: min(offset, len(buffer))])
        if not got:
            raise outbound.Unreachable
        offset -= got
        time.sleep(0)  # let other green threads run, even with a fast server
    return present
