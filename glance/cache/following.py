"""A body that sends cached data while a filler is fetching it."""

from collections.abc import Callable, Iterator
import contextlib
import logging
import os
import time

from glance.cache import blocks
from glance.cache import filler
from glance.cache import waiting
from glance.common import errors
from glance.common import filebody

LOG = logging.getLogger(__name__)

#: After so long a reader takes the rest from the store. It is longer than a
#: store may take for its answer (``servers.ANSWER_SECONDS``).
_STALL_SECONDS = 330.0
#: Blocks whose presence is read at once; the map of a large image is long.
_LOOK_AHEAD_BLOCKS = 64

#: Starts a filler for blocks from the first index up to the second; returns
#: None if another filler is fetching the first block.
Start = Callable[[int, int], filler.Filler | None]


class WrongData(filebody.Unsendable):
    """The store's data differs from the image's; the response is cut."""


class Follower:
    """Waits for blocks of an open file, and starts fillers for them.

    :param file: closed at the end; while open, it is not evicted
    :param may_start: whether caching is useful now
    :param beat: shared by all readers of the image in this process
    """

    def __init__(
        self,
        file: blocks.Blocks,
        start: Start,
        may_start: Callable[[], bool],
        beat: waiting.Beat,
    ) -> None:
        self.file = file
        self._start = start
        self._may_start = may_start
        self.beat = beat
        self._filler: filler.Filler | None = None

    def wait(self, index: int, stop: int) -> bool:
        """Wait until a block is present.

        :param stop: index of the block after the last one that is needed
        :returns: False if the block will not come
        :raises WrongData: the data differs from that of the image
        """
        looks = False
        until = time.monotonic() + _STALL_SECONDS
        while True:
            event = self.beat.next()
            if self.file.has(index):
                if looks:
                    self.beat.strike()
                return True
            if self.file.is_invalid():
                raise WrongData(self.file.key.image_id)
            if not self.file.is_named() or not self._may_start():
                return self._look_again(index)
            if self._filler is not None and self._filler.error is not None:
                return self._look_again(index)
            if time.monotonic() >= until:
                LOG.warning(
                    'Block %s of image %s did not come into the cache within '
                    '%s seconds; the rest is read from the store',
                    index,
                    self.file.key.image_id,
                    _STALL_SECONDS,
                )
                return self._look_again(index)
            looks = self.beat.wait(event, self._is_local(index, stop))

    def _is_local(self, index: int, stop: int) -> bool:
        """Whether a filler of this process fetches the block.

        It is started if nobody fetches the block.
        """
        if filler.is_fetching(self.file.key, index):
            return True
        with contextlib.suppress(OSError, blocks.Unreadable, filler.Failed):
            started = self._start(index, stop)
            self._filler = started or self._filler
            return started is not None
        return False

    def _look_again(self, index: int) -> bool:
        """Check once more, as the block may just have come or be wrong."""
        if self.file.is_invalid():
            raise WrongData(self.file.key.image_id)
        return self.file.has(index)


class FollowingBody(filebody.FileBody):
    """``length`` bytes of an image from ``offset`` on, while it is cached.

    Data that does not come into the cache is read from the store.
    """

    chunk_bytes = 64 * 1024

    def __init__(
        self,
        follower: Follower,
        fetch: filler.Fetch,
        offset: int,
        length: int,
    ) -> None:
        file = os.fdopen(follower.file.fd, 'rb', buffering=0)
        super().__init__(file, offset, length)
        self._follower = follower
        self._is_closed = False
        self._end = offset + length
        self._stop = -(-self._end // blocks.BLOCK_BYTES)
        follower.beat.join()
        self.rest = lambda done: fetch(offset + done, length - done)

    def wait_first(self) -> bool:
        """Wait for the first byte, so that a failure can set the status.

        :returns: False if it will not come
        :raises errors.StoreUnavailable: the data differs from the image's
        """
        try:
            return self._follower.wait(
                self.offset // blocks.BLOCK_BYTES, self._stop
            )
        except WrongData as error:
            raise errors.StoreUnavailable from error

    def ready_bytes(self, position: int) -> int:
        """Wait for the data at a position; how much of it is there.

        At most the next blocks are looked at; the next call sees the others.

        :raises filebody.TruncatedFile: it will not come into the cache
        :raises WrongData: it differs from that of the image
        """
        index = position // blocks.BLOCK_BYTES
        end = self._present_end(index)
        if end == index:
            if position > self.offset:
                self._follower.beat.rest()
            if not self._follower.wait(index, self._stop):
                raise filebody.TruncatedFile('the rest cannot be cached')
            end = max(self._present_end(index), index + 1)
        return min(end * blocks.BLOCK_BYTES, self._end) - position

    def _present_end(self, index: int) -> int:
        """The end of the present blocks from ``index`` on."""
        near = min(index + _LOOK_AHEAD_BLOCKS, self._stop)
        file = self._follower.file
        known_end = file.known_end(index, near)
        if known_end > index:
            return known_end
        missing = file.first_missing(index, near)
        return near if missing is None else missing

    def read(self, size: int, position: int) -> bytes:
        chunk = _read_cached(self.fileno(), size, position)
        return chunk or super().read(size, position)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._follower.beat.leave()
        super().close()

    def instead(self, error: Exception) -> Iterator[bytes]:
        """Read the rest from the store; the filler has logged the reason."""
        return self.rest_of(error)


def _read_cached(fd: int, size: int, offset: int) -> bytes:
    """Read from the page cache, which has all data that was just written.

    This does not wait for the disk, so it needs no native thread.
    """
    data = bytearray(size)
    try:
        count = os.preadv(fd, [data], offset, os.RWF_NOWAIT)
    except OSError:  # it would wait, or this is not supported
        return b''
    return bytes(data) if count == size else b''
