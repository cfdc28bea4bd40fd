"""Image data that lies on web servers: read, never written or deleted."""

from collections.abc import Callable, Iterable
import logging
import time

from glance.common import errors
from glance.store import addresses
from glance.store import base
from glance.store import outbound
from glance.store import readahead

LOG = logging.getLogger(__name__)

#: What is read and thrown away at once, where a server knows no ranges.
_SKIP_BYTES = 1024 * 1024
_MISSING = frozenset((404, 410))


class HTTPStore:
    """See :class:`glance.store.base.Store`; a URL is an address.

    :param client: asks the servers
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
        """How many bytes the server says there are; the last one is read.

        A server that knows no ranges, or has trouble just now, is believed:
        the only other proof would be to read everything.
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
        """Whether the server shows that its data ends before this size."""
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
            return True  # it broke off within this byte
        finally:
            answer.close()

    def _announced(self, url: str) -> int:
        """Ask without the data; and with it, if that is not understood."""
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

    def delete(self, url: str) -> None:
        LOG.info(
            'Did not delete image data on a web server, because this '
            'service only reads there'
        )

    def delete_unregistered(self, image_id: str) -> None:
        """There is none."""

    def _ask(
        self, method: str, url: str, headers: dict[str, str]
    ) -> outbound.Answer:
        if not url.lower().startswith(('http://', 'https://')):
            raise base.Elsewhere('it is no http:// or https:// URL')
        try:
            return self._client.request(method, url, headers)
        except addresses.Refused as error:
            raise outbound.Unreachable from error

    def _body(
        self, answer: outbound.Answer, offset: int, length: int | None
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
        # Before the response begins: its status can tell of a failure.
        body.fetch_first()
        return body


def _any(last: int) -> str:
    """Content-Range of a server that does not tell the whole size."""
    return f'bytes {last}-{last}/*'


def _error(answer: outbound.Answer) -> errors.Error:
    if answer.status in _MISSING:
        return errors.NotFound(
            'The data of the image was not found in the store.'
        )
    LOG.info(
        'A web server with image data responded with the status %s',
        answer.status,
    )
    return outbound.Unreachable()


def _check_range(answer: outbound.Answer, offset: int) -> None:
    """:raises outbound.Unreachable: another part than was asked for"""
    place = answer.header('Content-Range') or ''
    if not offset or not place.startswith(f'bytes {offset}-'):
        LOG.error(
            'A web server with image data sent another range than the '
            'requested one'
        )
        raise outbound.Unreachable


def _skip(answer: outbound.Answer, offset: int) -> int | None:
    """Read past what was not asked for; how much is behind it."""
    if answer.length is not None and answer.length < offset:
        raise outbound.Unreachable
    present = None if answer.length is None else answer.length - offset
    buffer = memoryview(bytearray(min(offset, _SKIP_BYTES)))
    while offset:
        got = answer.readinto(buffer[: min(offset, len(buffer))])
        if not got:
            raise outbound.Unreachable
        offset -= got
        time.sleep(0)  # others run meanwhile, however fast the server is
    return present
