"""A response body that is a part of a file.

Any WSGI server can iterate it. The server we ship looks at ``fileno``,
``offset`` and ``length`` instead and lets the kernel copy the bytes.
"""

from collections.abc import Callable, Iterable, Iterator
import logging
import os
from typing import BinaryIO, Protocol

from glance.common import threads

LOG = logging.getLogger(__name__)

#: Bytes per step of plain iteration: large enough for few calls of a native
#: thread, small enough for the memory of many slow readers.
CHUNK_BYTES = 256 * 1024


class Closable(Iterable[bytes], Protocol):
    """An iterable of bytes that must be closed."""

    def close(self) -> None: ...


class TruncatedFile(Exception):
    """The file ended before the announced number of bytes."""


class Unsendable(Exception):
    """The rest must not be sent, from no source; the response is cut."""


class FileBody:
    """``length`` bytes of an open file, from ``offset`` on.

    The body owns the file: :meth:`close` closes it. The file's own position
    is neither used nor changed.

    :param file: open for reading in binary mode, with a descriptor
    :param offset: first byte to send
    :param length: bytes to send; the response's Content-Length
    :ivar sent_bytes: number of sent bytes; code that sends without iterating
        must set it
    :ivar rest: called with the number of sent bytes if the file cannot be
        read to its end; returns the missing bytes. None if not available
    :ivar on_close: called with the number of sent bytes when the body is
        closed; None if nothing is to be called
    """

    #: Bytes per step of plain iteration.
    chunk_bytes = CHUNK_BYTES
    on_close: Callable[[int], None] | None = None
    rest: Callable[[int], Closable] | None = None

    def __init__(self, file: BinaryIO, offset: int, length: int) -> None:
        self._file = file
        self.offset = offset
        self.length = length
        self.sent_bytes = 0

    def fileno(self) -> int:
        return self._file.fileno()

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._pieces()
        except (OSError, TruncatedFile) as error:
            yield from self.instead(error)

    def _pieces(self) -> Iterator[bytes]:
        position = self.offset
        end = self.offset + self.length
        while position < end:
            size = min(self.chunk_bytes, self.ready_bytes(position))
            chunk = self.read(size, position)
            if not chunk:
                raise TruncatedFile(f'{end - position} bytes are missing')
            position += len(chunk)
            yield chunk
            self.sent_bytes += len(chunk)

    def ready_bytes(self, position: int) -> int:
        """How many bytes can be read from a position of the file on.

        A file that is still being written waits here for at least one.
        """
        return self.offset + self.length - position

    def read(self, size: int, position: int) -> bytes:
        """Read up to ``size`` bytes; fewer only at the end of the file."""
        chunk: bytes = threads.call(os.pread, self.fileno(), size, position)
        return chunk

    def instead(self, error: Exception) -> Iterator[bytes]:
        """Read the bytes after ``sent_bytes`` from another source.

        :param error: raised if there is no other source
        """
        if self.rest is None:
            raise error
        LOG.error(
            'A file could be read for %s of %s bytes only; the rest is read '
            'from another place: %s',
            self.sent_bytes,
            self.length,
            error,
        )
        yield from self.rest_of(error)

    def rest_of(self, error: Exception) -> Iterator[bytes]:
        if self.rest is None:
            raise error
        body = self.rest(self.sent_bytes)
        try:
            for chunk in body:
                yield chunk
                self.sent_bytes += len(chunk)
        finally:
            body.close()

    def close(self) -> None:
        self._file.close()
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            on_close(self.sent_bytes)
