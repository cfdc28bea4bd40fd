"""The contract of a source of imported data.

A source is read by one native thread, into buffers of the reader. It never
waits as a green thread, so that no event loop is blocked by fast data.
"""

from collections.abc import Iterator
from typing import Protocol

from glance.store import base

#: Bytes of a piece, when a source is iterated.
PIECE_BYTES = 1024 * 1024


class Data(Protocol):
    """Input and output of plug-ins: a source, or the body of a request."""

    def go_native(self) -> bool:
        """Return whether one native thread can read the rest."""

    def readinto(self, view: memoryview) -> int:
        """Fill ``view``; return the number of bytes, less only at the end.

        :raises errors.Error: the source failed; the message says why
        """


class Source(Data, Protocol):
    """Open data. After an error, the result of a read is undefined.

    :ivar size_bytes: total size; None if unknown until the end
    """

    size_bytes: int | None

    def __iter__(self) -> Iterator[base.Buffer]:
        """Yield the data in pieces, each valid until the next one."""

    def close(self) -> None: ...


class Native:
    """Common methods of sources."""

    def go_native(self) -> bool:
        return True

    def readinto(self, view: memoryview) -> int:
        raise NotImplementedError

    def __iter__(self) -> Iterator[base.Buffer]:
        buffer = memoryview(bytearray(PIECE_BYTES))
        while got := self.readinto(buffer):
            yield buffer[:got]
