"""A source that asks its server for one block after another."""

from collections.abc import Iterator


class Source:
    """See :class:`glance.store.remote.Source`.

    The first block is fetched at once. So data that fits into one block can
    still be read after its deletion.

    :param blocks: yields the data; each block is one request
    """

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._block = memoryview(next(blocks, b''))

    def readinto(self, view: memoryview) -> int:
        """Fill ``view``; return the number of bytes, less only at the end."""
        got = 0
        while got < len(view):
            if not self._block:
                self._block = memoryview(next(self._blocks, b''))
                if not self._block:
                    break
            size = min(len(view) - got, len(self._block))
            view[got : got + size] = self._block[:size]
            self._block = self._block[size:]
            got += size
        return got

    def abort(self) -> None:
        """Do nothing: a request ends with its time limit."""

    def close(self) -> None:
        """Do nothing, because nothing is open between two requests."""
