"""A download from a web server that survives broken connections.

After a connection breaks, another one requests the rest of the data. What the
server reports about the data (its length, its ETag, its modification date)
must stay the same. If it reports neither ETag nor date, the next attempt
begins a little earlier, and the bytes that come again must be the same.
"""

from collections.abc import Callable
import logging
import time
from typing import NamedTuple, NoReturn
import zlib

from glance.common import errors
from glance.common import threads
from glance.images.importing import source
from glance.store import addresses
from glance.store import outbound

LOG = logging.getLogger(__name__)

#: Statuses that may be temporary.
_TEMPORARY = frozenset((408, 425, 429, 500, 502, 503, 504))
#: Statuses that mean that there is no such data.
_MISSING = frozenset((404, 410))
FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 30.0
#: The longest wait that a server can request with Retry-After.
MAX_RETRY_AFTER_SECONDS = 120.0
#: Bytes that are read twice to check that they are the same.
_TAIL_BYTES = 16 * 1024
#: Max bytes to read and discard at once, if a server supports no ranges.
_SKIP_BYTES = 1024 * 1024
#: The only text for an address that is refused, unknown or does not respond:
#: a client must not explore the network with it.
UNUSABLE = (
    'The URL cannot be used: its server cannot be reached, or requests to '
    'its address are not permitted.'
)
CHANGED = 'The data at the URL changed while it was downloaded.'


class Limits(NamedTuple):
    """Limits of a download.

    :ivar cap_bytes: max number of bytes
    :ivar cap_reason: the error message for more bytes; empty: the usual one
    :ivar tries: max number of consecutive attempts without any data
    :ivar least_bytes_per_second: on average, after ``patience_seconds``
    """

    cap_bytes: int
    cap_reason: str = ''
    tries: int = 5
    least_bytes_per_second: int = 16 * 1024
    patience_seconds: float = 60.0


class _TryAgain(Exception):
    """The attempt failed, but another one may succeed.

    :param error: what to raise if no further attempt succeeds
    :param wait_seconds: the server's Retry-After; None if it sent none
    """

    def __init__(
        self, error: errors.Error, wait_seconds: float | None = None
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_seconds = wait_seconds


class _Known(NamedTuple):
    """What the first response says about the data.

    :ivar size_bytes: None if the server does not report it
    """

    size_bytes: int | None
    etag: str | None
    modified: str | None

    @property
    def validator(self) -> str | None:
        """Value for If-Range; None if the server reports none."""
        if self.etag is not None and not self.etag.startswith('W/'):
            return self.etag
        return self.modified

    def contradicts(self, other: '_Known') -> bool:
        """Whether the two describe different data."""
        return any(
            mine is not None and theirs is not None and mine != theirs
            for mine, theirs in zip(self, other, strict=True)
        )


class Download(source.Native):
    """The data at a URL; reconnects after broken connections.

    :param client: one for native threads
    :param secrets: headers for the server of the URL only
    :param pause: waits for some seconds; it may raise to abort the download
    :raises errors.Error: there is no such data, or too much of it
    """

    def __init__(
        self,
        client: outbound.Client,
        url: str,
        limits: Limits,
        secrets: dict[str, str] | None = None,
        pause: Callable[[float], None] = threads.pause,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._url = url
        self._limits = limits
        self._secrets = secrets or {}
        self._pause = pause
        self._clock = clock
        self._answer: outbound.Response | None = None
        self._known: _Known | None = None
        self._position = 0
        #: The last bytes, and the checksum of all bytes. They are only kept
        #: if nothing else can show that the data is still the same.
        self._tail = b''
        self._checksum = 0
        #: Bytes that are covered by the current time limit.
        self._piece_left = 0
        self._failures = 0
        self._spent_seconds = 0.0
        self._has_ended = False
        self.size_bytes: int | None = None
        self._open()

    def readinto(self, view: memoryview) -> int:
        since = self._clock()
        self._piece_left = 0  # start a new time limit after the reader's pause
        got = 0
        try:
            while got < len(view) and not self._has_ended:
                got += self._read(view[got:])
        finally:
            self._spent_seconds += self._clock() - since
        self._require_pace()
        return got

    def close(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.close()

    def _read(self, view: memoryview) -> int:
        """Read some bytes; return 0 at the end or after a reconnection."""
        try:
            got = self._some(view)
        except _TryAgain as trouble:
            self._back_off(trouble)
            self._open()
            return 0
        if got:
            self._failures = 0
        self._position += got
        if got and self._has_no_validator:
            self._tail = (self._tail + bytes(view[:got]))[-_TAIL_BYTES:]
            self._checksum = zlib.crc32(view[:got], self._checksum)
        self._require_room(self._position)
        self._has_ended = not got or self._position == self.size_bytes
        return got

    def _some(self, view: memoryview) -> int:
        """Read from the open response; return 0 at the end.

        :raises _TryAgain: the connection failed
        """
        assert self._answer is not None  # noqa: S101 - _open() made it
        if self._piece_left <= 0:
            self._answer.start_piece()
            self._piece_left = outbound.PIECE_BYTES
        try:
            got = self._answer.read_some(view[: self._piece_left])
        except outbound.Unreachable as error:
            raise self._broken_off() from error
        if not got and self.size_bytes not in (None, self._position):
            raise self._broken_off()
        self._piece_left -= got
        return got

    def _broken_off(self) -> _TryAgain:
        size = self.size_bytes
        whole = 'an unknown number of' if size is None else str(size)
        return _TryAgain(
            errors.BadRequest(
                f'The web server closed the connection, or sent nothing any '
                f'more, after {self._position} of {whole} bytes; '
                f'{self._limits.tries} tries in a row brought no more.'
            )
        )

    def _back_off(self, trouble: _TryAgain) -> None:
        """Wait before the next attempt.

        :raises errors.Error: there were too many attempts
        """
        self.close()
        self._failures += 1
        if self._failures >= self._limits.tries:
            raise trouble.error from trouble
        seconds = trouble.wait_seconds
        if seconds is None:
            seconds = FIRST_PAUSE_SECONDS * 2 ** (self._failures - 1)
            seconds = min(seconds, MAX_PAUSE_SECONDS)
            if self._failures == 1 and self._position:
                seconds = 0.0  # the last connection delivered data
        LOG.info(
            'A download broke off at byte %s; it goes on in %s s: %r',
            self._position,
            seconds,
            trouble.__cause__ or trouble,
        )
        if seconds:
            self._pause(seconds)
        self._require_pace()

    def _require_pace(self) -> None:
        """:raises errors.BadRequest: the server is too slow"""
        limits = self._limits
        seconds = self._spent_seconds - limits.patience_seconds
        if self._position < limits.least_bytes_per_second * seconds:
            raise errors.BadRequest(
                f'The web server is too slow: it sent {self._position} bytes '
                f'in {self._spent_seconds:.0f} seconds; the minimum is '
                f'{limits.least_bytes_per_second} bytes per second.'
            )

    def _require_room(self, size_bytes: int | None) -> None:
        limits = self._limits
        if size_bytes is not None and size_bytes > limits.cap_bytes:
            raise errors.LimitExceeded(
                limits.cap_reason
                or f'The data at the URL has more than {limits.cap_bytes} '
                'bytes (image_size_cap).'
            )

    def _open(self) -> None:
        """Open a response and position it where the data continues."""
        while True:
            try:
                self._ask()
            except _TryAgain as trouble:
                self._back_off(trouble)
            else:
                return

    def _ask(self) -> None:
        headers = {}
        if self._position:
            headers['Range'] = f'bytes={self._position - len(self._tail)}-'
            if self._known is not None and self._known.validator is not None:
                headers['If-Range'] = self._known.validator
        try:
            answer = self._client.request(
                'GET', self._url, headers, self._secrets
            )
        except addresses.Refused as error:
            raise errors.BadRequest(UNUSABLE) from error
        except outbound.EndlessRedirects as error:
            raise errors.BadRequest(
                'The URL leads to more redirects than are followed; the '
                f'limit is {outbound.MAX_REDIRECTS}.'
            ) from error
        except outbound.Unreachable as error:
            raise _TryAgain(errors.BadRequest(UNUSABLE)) from error
        self._answer, self._piece_left = answer, 0
        if answer.status == 200:
            self._begin(answer)
        elif answer.status == 206 and self._position:
            self._continue(answer)
        else:
            self._give_up(answer)

    @property
    def _has_no_validator(self) -> bool:
        return self._known is None or self._known.validator is None

    def _begin(self, answer: outbound.Response) -> None:
        """Handle a response with all of the data."""
        known = _known(answer, answer.length)
        if self._known is None:
            self._require_room(known.size_bytes)
            self._known, self.size_bytes = known, known.size_bytes
            self._has_ended = known.size_bytes == 0
            return
        if self._known.contradicts(known):
            raise errors.BadRequest(CHANGED)
        if self._skip(answer, self._position) != self._checksum:
            raise errors.BadRequest(CHANGED)

    def _continue(self, answer: outbound.Response) -> None:
        """Handle a response with the rest of the data, and a bit before."""
        size = _whole_size(answer, self._position - len(self._tail))
        if self._known is None or self._known.contradicts(
            _known(answer, size)
        ):
            raise errors.BadRequest(CHANGED)
        if self._skip(answer, len(self._tail)) != zlib.crc32(self._tail):
            raise errors.BadRequest(CHANGED)

    def _skip(self, answer: outbound.Response, size_bytes: int) -> int:
        """Read and discard data that was received before.

        :returns: its checksum; 0 if a validator shows that it is the same
        :raises _TryAgain: the connection failed again
        """
        buffer = memoryview(bytearray(min(size_bytes, _SKIP_BYTES)))
        checksum = 0
        while size_bytes:
            piece = buffer[: min(size_bytes, len(buffer))]
            try:
                got = answer.readinto(piece)
            except outbound.Unreachable as error:
                raise self._broken_off() from error
            if not got:
                raise errors.BadRequest(CHANGED)
            if self._has_no_validator:
                checksum = zlib.crc32(piece[:got], checksum)
            size_bytes -= got
        return checksum

    def _give_up(self, answer: outbound.Response) -> NoReturn:
        """Raise the error for any other status."""
        status = answer.status
        wait = answer.header('Retry-After') or ''
        self.close()
        if status == 416 and self._position:
            raise errors.BadRequest(CHANGED)
        kind = errors.NotFound if status in _MISSING else errors.BadRequest
        error = kind(f'The web server responded with the status {status}.')
        if status not in _TEMPORARY:
            raise error
        seconds = float(wait) if wait.isdecimal() and wait.isascii() else None
        if seconds is not None:
            seconds = min(seconds, MAX_RETRY_AFTER_SECONDS)
        raise _TryAgain(error, seconds)


def _known(answer: outbound.Response, size_bytes: int | None) -> _Known:
    return _Known(
        size_bytes, answer.header('ETag'), answer.header('Last-Modified')
    )


def _whole_size(answer: outbound.Response, begin: int) -> int | None:
    """The size of the whole data, from a response with a part of it.

    :raises errors.BadRequest: it is another part than the requested one
    """
    place = answer.header('Content-Range') or ''
    unit, _, size = place.partition('/')
    if not unit.startswith(f'bytes {begin}-'):
        raise errors.BadRequest(
            'The web server sent another range of the data than the '
            'requested one.'
        )
    if answer.length is None:
        return None
    if size.isdecimal() and size.isascii():
        return int(size[:20])
    return begin + answer.length
