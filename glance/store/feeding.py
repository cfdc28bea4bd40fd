"""Sends data to a server in native threads, while it is being read.

The caller reads the data in its own thread; native threads send it. Memory is
limited: the caller waits while too much data is not sent yet.
"""

from _queue import SimpleQueue  # the native one, not monkey-patched
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from glance.common import errors
from glance.common import threads
from glance.store import base
from glance.store import servers

T = TypeVar('T')

#: Max bytes of the buffers of parts that are being sent, per upload.
MAX_BUFFERED_BYTES = 64 * 1024 * 1024
#: Max bytes of a stream that wait to be sent, per upload.
STREAM_BYTES = 8 * 1024 * 1024
#: Max bytes of a copy of data. Memory for larger ones may be mapped anew each
#: time (server.MAPPED_BYTES), which costs more than the copying.
COPY_BYTES = 512 * 1024


class GivenUp(Exception):
    """The rest of the data is not needed any more."""


class Stream(Generic[T]):
    """One body that is sent while it is still being read.

    :param send: sends all pieces of an iterator, in a native thread
    """

    def __init__(self, send: Callable[[Iterator[bytes]], T]) -> None:
        self._send = send
        self._pieces: SimpleQueue[bytes | BaseException | None] = SimpleQueue()
        self._done: SimpleQueue[int] = SimpleQueue()
        self._waiting_bytes = 0
        self._result: T | None = None
        self._error: BaseException | None = None
        self._has_ended = False
        threads.start(self._work)

    def _work(self) -> None:
        try:
            self._result = self._send(self._taken())
        except BaseException as error:
            self._error = error
        finally:
            self._done.put(-1)

    def _taken(self) -> Iterator[bytes]:
        while (piece := self._pieces.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
            self._done.put(len(piece))

    def push(self, piece: bytes) -> None:
        """Send a piece; wait while too much data is not sent yet.

        :raises errors.Error: the server does not accept the data
        """
        self._waiting_bytes += len(piece)
        while not self._done.empty() or self._waiting_bytes > STREAM_BYTES:
            self._wait()
            self._require_working()
        self._pieces.put(piece)

    def _wait(self) -> None:
        if self._has_ended:
            return
        if self._done.empty():
            size: int = threads.run(self._done.get)
        else:
            size = self._done.get()
        if size < 0:
            self._has_ended = True
        else:
            self._waiting_bytes -= size

    def _require_working(self) -> None:
        if not self._has_ended:
            return
        if self._error is not None:
            raise self._error
        raise servers.Unreachable('the server answered before all was sent')

    def end(self) -> None:
        """Mark the end of the data; see :meth:`result`."""
        self._pieces.put(None)

    def result(self) -> T:
        """Wait for the end; return what ``send`` returned.

        :raises errors.Error: what ``send`` raised
        """
        while not self._has_ended:
            self._wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]

    def give_up(self) -> None:
        """Abort the sending, so that the server does not keep the body."""
        self._pieces.put(GivenUp())
        while not self._has_ended:
            self._wait()


class Parts(Generic[T]):
    """Parts of equal size, sent in parallel, each from its own buffer.

    :param send: sends the part with a number (from 1) in a native thread; its
        third argument is a function to call regularly, which raises to abort
        the sending
    :param size_of: returns the size in bytes of the part with a number
    """

    def __init__(
        self,
        send: Callable[[int, memoryview, Callable[[], None]], T],
        size_of: Callable[[int], int],
        max_at_once: int,
    ) -> None:
        self._send = send
        self._size_of = size_of
        self._max_at_once = max_at_once
        self._work: SimpleQueue[tuple[int, bytearray, int] | None] = (
            SimpleQueue()
        )
        #: Buffers that are free again; None means that a thread has ended.
        self._free: SimpleQueue[bytearray | None] = SimpleQueue()
        self._spare: list[bytearray] = []
        self._threads = 0
        self._given = 0
        self._error: BaseException | None = None
        self._is_given_up = False
        self._results: dict[int, T] = {}

    def fill(self, data: Iterable[base.Buffer]) -> Iterator[memoryview]:
        """Collect the data in parts; the caller may give each to :meth:`give`.

        The last part may be shorter; it is empty if there is no data at all.
        """
        number = 1
        # Not the bytearray itself: it would first copy what is assigned.
        buffer = memoryview(self._buffer(number))
        filled = 0
        for chunk in data:
            view = memoryview(chunk)
            while view:
                size = self._size_of(number)
                if filled == size:
                    yield buffer[:filled]
                    number, filled = number + 1, 0
                    buffer = memoryview(self._buffer(number))
                    size = self._size_of(number)
                taken = min(len(view), size - filled)
                buffer[filled : filled + taken] = view[:taken]
                filled += taken
                view = view[taken:]
        yield buffer[:filled]

    def _buffer(self, number: int) -> bytearray:
        """Return a buffer for a part; wait while too many are being sent."""
        size = self._size_of(number)
        while not self._free.empty() or self._given >= self._max_at_once:
            self._take_back()
            self._require_working()
        if self._spare and len(self._spare[-1]) >= size:
            return self._spare.pop()
        self._spare.clear()
        return bytearray(size)

    def _take_back(self) -> None:
        """Wait for a buffer that was sent, or for a thread that ends."""
        if self._free.empty():
            buffer: bytearray | None = threads.run(self._free.get)
        else:
            buffer = self._free.get()
        if buffer is None:
            self._threads -= 1
        else:
            self._given -= 1
            self._spare.append(buffer)

    def give(self, number: int, part: memoryview) -> None:
        """Send a part of :meth:`fill`.

        :raises errors.Error: an earlier part could not be sent
        """
        self._require_working()
        if self._threads < self._max_at_once:
            threads.start(self._run)
            self._threads += 1  # _join() waits for it
        self._given += 1
        buffer: Any = part.obj
        self._work.put((number, buffer, len(part)))

    def _run(self) -> None:
        try:
            while (work := self._work.get()) is not None:
                number, buffer, size = work
                if self._error is None:
                    self._results[number] = self._send(
                        number, memoryview(buffer)[:size], self._watch
                    )
                self._free.put(buffer)
        except BaseException as error:
            self._error = self._error or error
        finally:
            self._free.put(None)

    def _watch(self) -> None:
        if self._is_given_up or self._error is not None:
            raise GivenUp

    def _require_working(self) -> None:
        if self._error is not None:
            raise self._error

    def result(self) -> list[T]:
        """Wait for all parts; return what ``send`` returned, by number.

        :raises errors.Error: what ``send`` raised
        """
        self._join()
        self._require_working()
        return [self._results[number] for number in sorted(self._results)]

    def give_up(self) -> None:
        """Abort the sending of all parts, and wait for its end."""
        self._is_given_up = True
        self._join()

    def _join(self) -> None:
        for _ in range(self._threads):
            self._work.put(None)
        while self._threads:
            self._take_back()


def held_back(data: Iterable[base.Buffer]) -> Iterator[tuple[bytes, bool]]:
    """Yield copies of the pieces, each with whether it is the last one."""
    waiting: bytes | None = None
    for chunk in data:
        for piece in cut(chunk):
            if waiting is not None:
                yield waiting, False
            waiting = bytes(piece)
    yield waiting or b'', True


def cut(chunk: base.Buffer) -> Iterator[memoryview]:
    """Yield the parts of a buffer; each may be copied at low cost."""
    view = memoryview(chunk)
    for start in range(0, len(view), COPY_BYTES):
        yield view[start : start + COPY_BYTES]


def require_size(found: int, announced: int) -> None:
    """:raises errors.StoreUnavailable: the sizes are not equal"""
    if found != announced:
        raise errors.StoreUnavailable from EOFError(
            f'{found} bytes came; {announced} were announced'
        )
