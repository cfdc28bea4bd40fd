"""Fetches missing blocks of one image from its store.

Each block has a lock, so only one filler of the host fetches it; other readers
of the block wait for it. The filler's thread is of the same kind as those of
requests, because stores are read by those; disk and hash work goes to native
threads.
"""

from collections.abc import Callable, Iterator
import logging
import os
import sqlite3
import threading
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

from glance.cache import blocks
from glance.cache import failures
from glance.cache import hashing
from glance.cache import index as indexes
from glance.cache import layout as layouts
from glance.cache import locks
from glance.cache import room as rooms
from glance.cache import waiting
from glance.common import counters
from glance.common import errors
from glance.common import threads

LOG = logging.getLogger(__name__)

#: Pause between two checks whether another filler has fetched a block.
_LOOK_SECONDS = 0.02
#: Pause after each block of an image that no client reads yet, while other
#: images are being fetched for clients.
_YIELD_SECONDS = 0.05


class StoreBody(Protocol):
    """A body of a store: see :class:`glance.store.base.Body`."""

    length: int

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


@runtime_checkable
class Direct(Protocol):
    """See :class:`glance.store.base.Direct`."""

    def read_into(self, view: memoryview) -> None: ...


#: Opens data in the store, given the offset and the length in bytes.
Fetch = Callable[[int, int], StoreBody]


class Failed(Exception):
    """Caching does not work now; readers use the store."""


#: Failures whose message is enough; others are logged with a traceback.
_EXPECTED = (Failed, errors.Error, OSError, sqlite3.Error)


class Dropped(Exception):
    """The image was removed from the cache meanwhile."""


class WrongHash(Exception):
    """The store's data differs from that of the image."""


class Disk(NamedTuple):
    """Objects that all fillers of a cache share."""

    layout: layouts.Layout
    entries: indexes.Index
    room: rooms.Room
    failures: failures.Failures
    beats: waiting.Beats


class _Stream:
    """Reads whole blocks from a body that has pieces of any size.

    One buffer is used for all blocks, because allocating new memory for each
    block costs more than all other work on it.
    """

    def __init__(self, body: StoreBody, index: int) -> None:
        self._body = body
        self._pieces = iter(body)
        self._rest = memoryview(b'')
        self._buffer = memoryview(bytearray(blocks.BLOCK_BYTES))
        self._direct = body if isinstance(body, Direct) else None
        self.index = index

    @property
    def is_direct(self) -> bool:
        """Whether read() is for native threads, and else for green ones."""
        return self._direct is not None

    def read(self, size: int) -> memoryview:
        """Return the next block; it is valid until the next call."""
        data = self._buffer[:size]
        if self._direct is not None:
            self._direct.read_into(data)
            self.index += 1
            return data
        filled = 0
        while filled < size:
            if not self._rest:
                self._rest = memoryview(self._next())
            taken = min(len(self._rest), size - filled)
            data[filled : filled + taken] = self._rest[:taken]
            self._rest = self._rest[taken:]
            filled += taken
        self.index += 1
        return data

    def _next(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise Failed('the store gave less than the image has')

    def close(self) -> None:
        self._body.close()


class Begun(NamedTuple):
    """What the creator of an image's file passes to its first filler.

    :ivar file: holds the lock of the first block
    :ivar body: data of the store from that block on
    """

    file: blocks.Blocks
    body: StoreBody

    def close(self) -> None:
        self.file.close()
        self.body.close()


class Filler:
    """Fetches the missing blocks of a range, one after the other.

    :param first: index of the first block
    :param stop: index after the last block
    :param begun: file and data if they are already open
    :ivar running: the fillers of this process
    :ivar position: index of the block whose lock it holds in order to fetch
        it; -1 if it waits for another filler or has ended
    """

    running: ClassVar[set['Filler']] = set()

    def __init__(
        self,
        disk: Disk,
        key: blocks.Key,
        expected: hashing.Expected,
        fetch: Fetch,
        first: int,
        stop: int,
        begun: Begun | None = None,
        is_urgent: bool = True,
    ) -> None:
        self._disk = disk
        self.key = key
        self._fetch = fetch
        self._first = self.position = first
        self._stop = stop
        self._expected = expected
        self._beat = disk.beats.of(key.image_id)
        self._begun = begun
        self._stream = None if begun is None else _Stream(begun.body, first)
        self.is_urgent = is_urgent
        self._locked: int | None = None
        self._has_ended = False
        self.error: BaseException | None = None

    def start(self) -> bool:
        """Start the thread, unless another filler fetches the first block.

        :returns: whether it was started
        :raises OSError: the file does not exist any more
        :raises blocks.Unreadable: the file has other data
        :raises Failed: it cannot be started; readers use the store for a time
        """
        if self._begun is not None:
            self._blocks = self._begun.file
        else:
            partial = self._disk.layout.partial
            self._blocks = blocks.Blocks(partial, self.key)
            if not locks.take(self._blocks.fd, locks.block(self._first)):
                self._blocks.close()
                return False
        self._locked = self._first
        try:
            self._digest = hashing.Digest(self._expected, self._blocks.fd)
            Filler.running.add(self)
            threading.Thread(target=self._run, daemon=True).start()
        except Exception as error:  # the thread does not run
            self._undo_start()
            self._note_failure(error)
            raise Failed from error
        return True

    def _undo_start(self) -> None:
        Filler.running.discard(self)
        try:
            self._close_stream()
        finally:
            self._blocks.close()

    def _note_failure(self, error: Exception) -> None:
        self._disk.failures.note(self.key.image_id)
        LOG.log(
            logging.INFO if isinstance(error, Failed) else logging.WARNING,
            'Could not cache image %s; it is read from its store: %s',
            self.key.image_id,
            getattr(error, 'reason', None) or error.__cause__ or error,
            exc_info=None if isinstance(error, _EXPECTED) else error,
        )

    def _run(self) -> None:
        try:
            self._fill()
        except (Dropped, WrongHash) as error:
            self.error = error
        except Exception as error:
            self._note_failure(error)
            self.error = error
        finally:
            try:
                self._close_stream()
            finally:
                self._finish()

    def _finish(self) -> None:
        """Release the locks and wake the readers, whatever fails.

        Otherwise the readers of all workers would wait for this filler.
        """
        try:
            threads.run(self._end)
        except (OSError, RuntimeError):  # no descriptor or thread is left
            if not self._has_ended:
                threads.call(self._end)
        finally:
            Filler.running.discard(self)
            self._beat.strike()

    def _end(self) -> None:
        """Correct the number of used bytes, and release all locks."""
        self._has_ended = True
        try:
            self._digest.stop()
            if self._blocks.is_named():
                used = self._blocks.present_bytes()
                self._disk.entries.set_used(self.key.image_id, used)
        except (OSError, sqlite3.Error) as error:
            LOG.warning(
                'Could not count the cached bytes of image %s; the next '
                'start of the service counts them: %s',
                self.key.image_id,
                error,
            )
        finally:
            self._blocks.close()

    def _fill(self) -> None:
        index: int | None = self._blocks.first_missing(self._first, self._stop)
        while index is not None:
            if not self._lock(index):
                if not self._wait_for_other(index):
                    continue
            else:
                self._fetch_block(index)
            index = self._next(index)
            if index is not None and not self._is_wanted():
                return
            if not self.is_urgent and _is_urgent_work_running():
                threads.pause(_YIELD_SECONDS)

    def _next(self, index: int) -> int | None:
        """The next missing block; wake the readers of the one before it."""
        missing = self._blocks.first_missing(index + 1, self._stop)
        if missing is None or not self._lock(missing):
            self.position = -1
        self._beat.strike()
        if self._first == 0 and missing is not None:
            self._digest.reached(
                index * blocks.BLOCK_BYTES + self.key.length(index)
            )
        return missing

    def _is_wanted(self) -> bool:
        """Whether the file is still being read."""
        if not self._blocks.is_named():
            raise Dropped
        if self._beat.has_readers:
            return True
        return locks.is_held(self._blocks.fd, locks.READING)

    def _lock(self, index: int) -> bool:
        """Lock a block, and release the lock of the previous one.

        The position is that of a locked block only. A reader that holds the
        lock of a block would otherwise wait for this filler, which waits for
        that reader.
        """
        if self._locked != index:
            if not locks.take(self._blocks.fd, locks.block(index)):
                self.position = -1
                return False
            if self._locked is not None:
                locks.release(self._blocks.fd, locks.block(self._locked))
            self._locked = index
        self.position = index
        return True

    def _wait_for_other(self, index: int) -> bool:
        """Pause; return whether another filler has fetched the block."""
        if self._blocks.is_invalid() or not self._blocks.is_named():
            raise Dropped
        threads.pause(_LOOK_SECONDS)
        return self._blocks.has(index)

    def _fetch_block(self, index: int) -> None:
        if self._blocks.has(index):
            return  # it was fetched between the check and the lock
        stream = self._stream_at(index)
        length = self.key.length(index)
        if stream.is_direct:
            threads.run(self._read_and_store, index, stream, length)
        else:
            threads.run(self._store, index, stream.read(length))

    def _read_and_store(
        self, index: int, stream: _Stream, length: int
    ) -> None:
        self._store(index, stream.read(length))

    def _stream_at(self, index: int) -> _Stream:
        """The data of the store from a block on; opened if it is not."""
        if self._stream is None or self._stream.index != index:
            self._close_stream()
            end = self._blocks.run_of_missing(index, self._stop)
            start = index * blocks.BLOCK_BYTES
            stop = min(end * blocks.BLOCK_BYTES, self.key.size_bytes)
            self._stream = _Stream(self._fetch(start, stop - start), index)
        return self._stream

    def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _store(self, index: int, data: memoryview) -> None:
        """Write a block; publish the last one only if the hash is right."""
        file = self._blocks
        if not self._disk.room.reserve(self.key.image_id, len(data)):
            raise Failed('there is no room that nobody reads')
        file.write(index, data)
        self._lock_next(index)
        with locks.held(file.fd, locks.PUBLISHING):
            if file.has(index):
                return
            is_last = file.is_only_missing(index)
            if is_last and not self._digest.is_right(self.key.size_bytes):
                self._set_aside()
            file.publish(index)
        if is_last:
            self._complete()

    def _lock_next(self, index: int) -> None:
        """Lock the next missing block before this one is published.

        Otherwise a reader that waits for this block would fetch the next one
        itself, and open the store once more.
        """
        following = self._blocks.first_missing(index + 1, self._stop)
        if following is not None:
            locks.take(self._blocks.fd, locks.block(following))

    def _set_aside(self) -> None:
        name = self.key.image_id
        self._blocks.mark_invalid()
        with self._disk.layout.exclusive():
            path = self._disk.layout.partial / name
            if _is_same(path, self._blocks.fd):
                os.rename(path, self._disk.layout.invalid / name)
                self._disk.entries.delete(name)
        LOG.error(
            'The data of image %s in its store does not have the %s %s; moved '
            'the copy in the image cache to %s',
            name,
            self._expected.name,
            self._expected.value,
            self._disk.layout.invalid,
        )
        counters.note('cache_wrong_hash')
        raise WrongHash

    def _complete(self) -> None:
        """Make the file an ordinary one, named by the image's id."""
        name, layout = self.key.image_id, self._disk.layout
        with locks.held(self._blocks.fd, locks.PUBLISHING):
            self._blocks.cut_map()
        with layout.exclusive():
            if _is_same(layout.partial / name, self._blocks.fd):
                os.rename(layout.partial / name, layout.base / name)
                self._disk.entries.complete(self.key)


def is_fetching(key: blocks.Key, index: int) -> bool:
    """Whether a filler of this process fetches the block now."""
    return any(
        each.position == index and each.key == key
        for each in list(Filler.running)
    )


def _is_urgent_work_running() -> bool:
    return any(each.is_urgent for each in list(Filler.running))


def _is_same(path: os.PathLike[str], fd: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(fd))
    except FileNotFoundError:
        return False
