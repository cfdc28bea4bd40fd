"""A body that comes piece by piece, read ahead by one."""

from collections.abc import Callable, Iterator
import contextlib
import queue
import threading
import time
from typing import Protocol

#: Bytes of a piece: one waits while one is sent and one is read.
PIECE_BYTES = 256 * 1024


class Source(Protocol):
    """Where the bytes come from; all its errors are answers."""

    def readinto(self, view: memoryview) -> int:
        """Fill ``view``; less only at the end."""

    def abort(self) -> None:
        """Wake whoever reads, from another thread."""

    def close(self) -> None: ...


class ReadAhead:
    """``length`` bytes of a source that wait for a slow client.

    Whoever opens it may call :meth:`fetch_first` and learns so of a source
    that fails at once. While a piece is on its way to the client, a thread
    fetches the next one: a green thread where the server is eventlet's, so
    nothing of it may block in C.

    :param source: closed at the end
    :param missing: makes the error for a source that ends too early
    """

    def __init__(
        self, source: Source, length: int, missing: Callable[[], Exception]
    ) -> None:
        self._source = source
        self.length = length
        self._missing = missing
        self._pieces: queue.Queue[bytes | BaseException | None] = queue.Queue(
            1
        )
        self._first = b''
        self._lock = threading.Lock()
        self._started = False
        self._closed = False

    def fetch_first(self) -> None:
        """Wait for the first piece.

        :raises Exception: the source failed or ended too early
        """
        if self.length:
            self._first = self._fetch(self.length)

    def _fetch(self, left: int) -> bytes:
        buffer = memoryview(bytearray(min(left, PIECE_BYTES)))
        if self._source.readinto(buffer) < len(buffer):
            raise self._missing()
        return bytes(buffer)

    def __iter__(self) -> Iterator[bytes]:
        with self._lock:
            if self._started or self._closed:
                raise ValueError('the body can be read only once')
            self._started = True
        threading.Thread(
            target=self._read, args=(len(self._first),), daemon=True
        ).start()
        first, self._first = self._first, b''
        if first:
            yield first
        del first
        while (piece := self._pieces.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if not self._started:
            self._source.close()
            return
        self._source.abort()
        with contextlib.suppress(queue.Empty):
            while True:
                self._pieces.get_nowait()

    def _read(self, fetched: int) -> None:
        last: BaseException | None = None
        try:
            left = self.length - fetched
            while left and not self._closed:
                piece = self._fetch(left)
                left -= len(piece)
                self._pieces.put(piece)
                # Two green threads that pass pieces on let nobody else run
                # as long as neither has to wait for a socket.
                time.sleep(0)
        except Exception as error:
            last = error
        finally:
            self._source.close()
        if not self._closed:
            self._pieces.put(last)
