"""A body that reads one piece ahead."""

from collections.abc import Callable, Iterator
import contextlib
import queue
import threading
import time
from typing import Protocol

#: Bytes of a piece. One piece waits, one is being sent and one is being read.
PIECE_BYTES = 256 * 1024


class Reader(Protocol):
    """The source of the bytes; it raises errors of this project."""

    def readinto(self, view: memoryview) -> int:
        """Fill ``view``; return the number of bytes, less only at the end."""

    def abort(self) -> None:
        """Wake a thread that reads; called from another thread."""

    def close(self) -> None: ...


class ReadAhead:
    """``length`` bytes of a source, read ahead for a slow client.

    The caller may use :meth:`fetch_first` to detect a source that fails at
    once. While a piece is being sent to the client, a thread fetches the next
    one. It is a green thread if the server uses eventlet, so the source may
    not block in C.

    :param source: closed at the end
    :param missing: creates the error for a source that ends too early
    """

    def __init__(
        self, source: Reader, length: int, missing: Callable[[], Exception]
    ) -> None:
        self._source = source
        self.length = length
        self._missing = missing
        self._pieces: queue.Queue[bytes | BaseException | None] = queue.Queue(
            1
        )
        # One for all pieces: a new one is filled with zeros first.
        self._buffer = memoryview(bytearray(min(length, PIECE_BYTES)))
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
        buffer = self._buffer[:left]
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
                # Let others run: two green threads that exchange pieces do
                # not yield as long as neither waits for a socket.
                time.sleep(0)
        except Exception as error:
            last = error
        finally:
            self._source.close()
        if not self._closed:
            self._pieces.put(last)
