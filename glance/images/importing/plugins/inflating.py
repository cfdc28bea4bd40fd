"""``zlib`` with the interface of ``bz2`` and ``lzma``."""

import zlib

TRUNCATED = 'it ends too early'


class Damaged(Exception):
    """The packed data is invalid, or of a kind that is refused."""


class Inflate:
    """:param wbits: the kind of data; see ``zlib``"""

    def __init__(self, wbits: int) -> None:
        self._zlib = zlib.decompressobj(wbits)
        self._has_more = False

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._has_more

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, packed: bytes, max_bytes: int) -> bytes:
        """:raises Damaged: the data is not packed in this way"""
        packed = self._zlib.unconsumed_tail + packed
        try:
            data = self._zlib.decompress(packed, max_bytes)
        except zlib.error as error:
            raise Damaged(str(error)) from error
        # If the output reached the limit, zlib may hold more of it.
        self._has_more = not self._zlib.eof and (
            bool(self._zlib.unconsumed_tail) or len(data) == max_bytes
        )
        return data
