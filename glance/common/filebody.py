"""An answer's body that lies in a file.

Any WSGI server can iterate it. The server we ship looks at ``fileno``,
``offset`` and ``length`` instead and lets the kernel copy the bytes.
"""

from collections.abc import Callable, Iterator
import os
from typing import BinaryIO

from glance.common import threads

#: Bytes per step of plain iteration: few trips to a native thread, and
#: little memory for each of many slow readers.
CHUNK_BYTES = 256 * 1024


class TruncatedFile(Exception):
    """The file ended before the announced number of bytes."""


class FileBody:
    """``length`` bytes of an open file, from ``offset`` on.

    The file belongs to the body: :meth:`close` closes it. The file's own
    position is neither used nor moved.

    :param file: open for reading in binary mode, with a descriptor
    :param offset: first byte to send
    :param length: bytes to send; the answer's Content-Length
    :ivar sent_bytes: how many went out; who sends without iterating sets it
    :ivar on_close: called with that number when the body is closed
    """

    on_close: Callable[[int], None] | None = None

    def __init__(self, file: BinaryIO, offset: int, length: int) -> None:
        self._file = file
        self.offset = offset
        self.length = length
        self.sent_bytes = 0

    def fileno(self) -> int:
        return self._file.fileno()

    def __iter__(self) -> Iterator[bytes]:
        position = self.offset
        end = self.offset + self.length
        while position < end:
            size = min(CHUNK_BYTES, end - position)
            chunk = threads.call(os.pread, self.fileno(), size, position)
            if not chunk:
                raise TruncatedFile(f'{end - position} bytes are missing')
            position += len(chunk)
            yield chunk
            self.sent_bytes += len(chunk)

    def close(self) -> None:
        self._file.close()
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            on_close(self.sent_bytes)
