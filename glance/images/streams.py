"""Incoming image data: counted, limited, hashed, inspected."""

from _queue import SimpleQueue  # the native one, which is not monkey-patched
from collections.abc import Iterable, Iterator, Mapping
import contextlib
import hashlib
import itertools
import mmap
import os
import threading
from typing import Any, Protocol

from glance.common import errors
from glance.common import threads

#: Bytes in one piece. Passing a piece to a native thread costs 73 us, hashing
#: a MiB some 2.5 ms.
CHUNK_BYTES = 1024 * 1024
#: Size of the single buffer without helpers; there may be many of these.
SMALL_CHUNK_BYTES = 256 * 1024
#: Buffers with helpers: while one buffer is filled and written, the earlier
#: ones are hashed.
BUFFERS = 4
#: Algorithms allowed in ``os_hash_algo``; a shake has no fixed length.
HASH_NAMES = sorted(
    name
    for name in hashlib.algorithms_guaranteed
    if not name.startswith('shake')
)


class Chunks(Protocol):
    """The source of the bytes."""

    def go_native(self) -> bool:
        """Return whether one native thread can read the rest."""

    def readinto(self, view: memoryview) -> int:
        """Fill ``view``; return the number of bytes, less only at the end."""


class Inspection(Protocol):
    """Detects the format of the data; see :mod:`glance.images.formats`."""

    @property
    def wants_more(self) -> bool:
        """Whether further bytes can change the result."""

    def feed(self, piece: memoryview) -> None: ...

    def conclude(self, size_bytes: int) -> int | None:
        """:returns: the virtual size in bytes, None if unknown; may raise"""


class Signature(Protocol):
    """See :mod:`glance.images.signatures`."""

    def update(self, piece: memoryview) -> None: ...

    def verify(self) -> None:
        """:raises errors.BadRequest: the signature is of other data"""


class Length:
    """Counts the received data, and checks its length.

    All data that comes into the service is counted here. Whether an HTTP body
    is complete is checked by ``glance.common.wsgi``.

    :ivar size_bytes: number of bytes received
    :ivar expected_bytes: the exact length of the data; None if unknown
    :param cap_bytes: max number of bytes
    :raises errors.LimitExceeded: ``expected_bytes`` exceeds the limit
    """

    def __init__(self, cap_bytes: int, expected_bytes: int | None) -> None:
        self.size_bytes = 0
        self.expected_bytes = expected_bytes
        self._cap_bytes = cap_bytes
        self._cap_reason = f'An image may have {cap_bytes} bytes.'
        self._require_room(expected_bytes or 0)

    def narrow(self, cap_bytes: int, reason: str) -> None:
        """Set a lower limit; ``reason`` becomes its error message."""
        if cap_bytes < self._cap_bytes:
            self._cap_bytes, self._cap_reason = cap_bytes, reason

    def add(self, size_bytes: int) -> None:
        """Count a piece.

        :raises errors.LimitExceeded: more bytes came than the limit
        :raises errors.BadRequest: more bytes came than were announced
        """
        self.size_bytes += size_bytes
        self._require_room(self.size_bytes)
        expected = self.expected_bytes
        if expected is not None and self.size_bytes > expected:
            raise errors.BadRequest(
                f'The request announced {expected} bytes, but its body has '
                'more.'
            )

    def end(self) -> None:
        """Check the length at the end of the data.

        :raises errors.BadRequest: fewer bytes came than were announced
        """
        expected = self.expected_bytes
        if expected is not None and self.size_bytes != expected:
            raise errors.BadRequest(
                f'The request announced {expected} bytes, but its body has '
                f'{self.size_bytes}.'
            )

    def _require_room(self, size_bytes: int) -> None:
        if size_bytes > self._cap_bytes:
            raise errors.LimitExceeded(self._cap_reason)


class Measured:
    """Passes pieces on, and counts and hashes them. Iterated once.

    Buffers are reused, so a piece is valid only until the next one is
    requested; :meth:`keep` makes it valid for longer.

    :param cap_bytes: max number of bytes
    :param expected_bytes: the exact length of the data; None if unknown
    :param hash_name: algorithm of the second hash, in addition to md5
    :raises errors.Conflict: at once, if the algorithm is not supported
    :raises errors.LimitExceeded: while iterating, beyond the limit
    :raises errors.BadRequest: as soon as more bytes come than were announced,
        or at the end if fewer came
    """

    def __init__(
        self,
        source: Chunks,
        *,
        cap_bytes: int,
        expected_bytes: int | None,
        hash_name: str,
    ) -> None:
        if hash_name not in HASH_NAMES:  # created by another release
            raise errors.Conflict(
                f'os_hash_algo {hash_name} is not supported.'
            )
        self._source = source
        self._length = Length(cap_bytes, expected_bytes)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._hash = hashlib.new(hash_name, usedforsecurity=False)
        self._is_native = False
        self._kept = 0
        self._hashes: list[Any] = [self._md5, self._hash]
        self._inspection: Inspection | None = None
        self._signature: Signature | None = None
        self._known: Mapping[str, Any] = {}
        self.hash_name = hash_name
        self.virtual_size: int | None = None

    def expect(
        self,
        known: Mapping[str, Any],
        inspection: Inspection | None,
        signature: Signature | None,
    ) -> None:
        """Set what the data must be; the end of the iteration checks it.

        :param known: the image; if it has a size, a checksum or an
            os_hash_value already, those of the data must be equal
        """
        self._known = known
        self._inspection = inspection
        if signature is not None:
            self._signature = signature
            self._hashes.append(signature)

    def narrow(self, cap_bytes: int, reason: str) -> None:
        """Limit the data to ``cap_bytes``; ``reason`` is the message."""
        self._length.narrow(cap_bytes, reason)

    def keep(self, pieces: int) -> None:
        """Keep a piece valid until so many more pieces were requested."""
        self._kept = pieces

    def go_native(self) -> bool:
        """Return whether a native thread (and only that) may iterate."""
        self._is_native = self._source.go_native()
        return self._is_native

    def __iter__(self) -> Iterator[memoryview]:
        with _hashing(self._hashes, self._is_native, self._kept) as hashing:
            while True:
                buffer = hashing.free_buffer()
                got = self._source.readinto(buffer)
                if not got:
                    break
                self._length.add(got)
                hashing.update(buffer[:got])
                if self._inspection and self._inspection.wants_more:
                    threads.call(self._inspection.feed, buffer[:got])
                yield buffer[:got]
        self._length.end()
        threads.call(self._conclude)

    def _conclude(self) -> None:
        self._compare('size', self.size_bytes)
        self._compare('checksum', self.checksum)
        self._compare('os_hash_value', self.hash_value)
        if self._signature is not None:
            self._signature.verify()
        if self._inspection is not None:
            self.virtual_size = self._inspection.conclude(self.size_bytes)

    def _compare(self, name: str, value: int | str) -> None:
        known = self._known.get(name)
        if known is not None and known != value:
            raise errors.BadRequest(
                f'The {name} of the image is {known}, but the {name} of the '
                f'data is {value}.'
            )

    @property
    def size_bytes(self) -> int:
        """Number of bytes received."""
        return self._length.size_bytes

    @property
    def checksum(self) -> str:
        return self._md5.hexdigest()

    @property
    def hash_value(self) -> str:
        return self._hash.hexdigest()


def _buffer(size_bytes: int) -> memoryview:
    """A buffer of whole pages, as direct I/O to a disk needs it."""
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    return memoryview(mmap.mmap(-1, size_bytes, flags=private))


class _Hashing(Protocol):
    def free_buffer(self) -> memoryview:
        """Return a buffer that no hash reads any more."""

    def update(self, piece: memoryview) -> None: ...


class _Inline:
    """Calculates the hashes one after the other; the caller waits."""

    def __init__(
        self, hashes: list[Any], buffer_bytes: int, kept: int
    ) -> None:
        self._hashes = hashes
        buffers = [_buffer(buffer_bytes) for _ in range(1 + kept)]
        self._buffers = itertools.cycle(buffers)

    def free_buffer(self) -> memoryview:
        return next(self._buffers)

    def update(self, piece: memoryview) -> None:
        threads.call(self._digest, piece)

    def _digest(self, piece: memoryview) -> None:
        for each in self._hashes:
            each.update(piece)


class _Helper:
    """One hash in a native thread; hashlib releases the GIL."""

    def __init__(self, digest: Any) -> None:
        self._update = digest.update
        self._pieces: SimpleQueue[memoryview | None] = SimpleQueue()
        self._done: SimpleQueue[None] = SimpleQueue()
        threads.start(self._work)

    def update(self, piece: memoryview) -> None:
        self._pieces.put(piece)

    def wait_for_one(self) -> None:
        self._done.get()

    def stop(self) -> None:
        self._pieces.put(None)

    def _work(self) -> None:
        while (piece := self._pieces.get()) is not None:
            self._update(piece)
            self._done.put(None)


class _Helped:
    """Calculates the hashes in parallel with reading and writing."""

    def __init__(self, hashes: list[Any], kept: int) -> None:
        self._size = BUFFERS + kept
        self._helpers: list[_Helper] = []
        self._buffers: list[memoryview] = []
        self._given = 0
        self._waited = 0
        try:
            for each in hashes:
                self._helpers.append(_Helper(each))
        except BaseException:  # no thread is left
            self.stop()
            raise

    def free_buffer(self) -> memoryview:
        if len(self._buffers) < self._size:
            self._buffers.append(_buffer(CHUNK_BYTES))
            return self._buffers[-1]
        while self._given - self._waited >= self._size:
            self._wait_for_one()
        return self._buffers[self._given % self._size]

    def update(self, piece: memoryview) -> None:
        self._given += 1
        for helper in self._helpers:
            helper.update(piece)

    def finish(self) -> None:
        while self._waited < self._given:
            self._wait_for_one()

    def stop(self) -> None:
        for helper in self._helpers:
            helper.stop()
        self._buffers.clear()

    def _wait_for_one(self) -> None:
        self._waited += 1
        for helper in self._helpers:
            helper.wait_for_one()


#: Max uploads with helpers at a time. More of them than cores would only
#: share the cores, and hold buffers.
_helped = threading.BoundedSemaphore(os.cpu_count() or 1)


@contextlib.contextmanager
def _hashing(
    hashes: list[Any], is_native: bool, kept: int
) -> Iterator[_Hashing]:
    if not is_native:
        yield _Inline(hashes, CHUNK_BYTES, kept)
        return
    if not _helped.acquire(blocking=False):
        yield _Inline(hashes, SMALL_CHUNK_BYTES, kept)
        return
    try:
        helped = _Helped(hashes, kept)
        try:
            yield helped
            helped.finish()
        finally:
            helped.stop()
    finally:
        _helped.release()


class Pieces:
    """Reads a body of chunks into buffers."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._pieces: Iterator[bytes] = iter(body)
        self._rest = memoryview(b'')

    def go_native(self) -> bool:
        return False

    def readinto(self, view: memoryview) -> int:
        got = 0
        while got < len(view):
            if not self._rest:
                self._rest = memoryview(next(self._pieces, b''))
                if not self._rest:
                    break
            amount = min(len(view) - got, len(self._rest))
            view[got : got + amount] = self._rest[:amount]
            self._rest = self._rest[amount:]
            got += amount
        return got
