"""Image bytes on their way in: counted, capped, hashed, looked at."""

from _queue import SimpleQueue  # the native one, which nobody patches
from collections.abc import Iterator, Mapping
import contextlib
import hashlib
import mmap
import os
import threading
from typing import Any, Protocol

from glance.common import errors
from glance.common import threads

#: Bytes in one piece. What crosses to a native thread costs 73 us, the
#: hashes of a MiB some 2.5 ms.
CHUNK_BYTES = 1024 * 1024
#: Without helpers: one small buffer, for there may be many of these.
SMALL_CHUNK_BYTES = 256 * 1024
#: With helpers: while one buffer is filled and written, the hashes work on
#: the ones before.
BUFFERS = 4
#: Algorithms that ``os_hash_algo`` may name; a shake has no length.
HASH_NAMES = sorted(
    name
    for name in hashlib.algorithms_guaranteed
    if not name.startswith('shake')
)


class Source(Protocol):
    """Where the bytes come from."""

    def go_native(self) -> bool:
        """Whether one native thread will read the rest."""

    def readinto(self, view: memoryview) -> int:
        """Fill ``view``; less only at the end."""


class Inspection(Protocol):
    """Looks at the data for what it is; see :mod:`glance.images.formats`."""

    @property
    def wants_more(self) -> bool:
        """Whether further bytes can change the outcome."""

    def feed(self, piece: memoryview) -> None: ...

    def conclude(self, size_bytes: int) -> int | None:
        """:returns: the virtual size, if known; raises if it refuses"""


class Signature(Protocol):
    """See :mod:`glance.images.signatures`."""

    def update(self, piece: memoryview) -> None: ...

    def verify(self) -> None:
        """:raises errors.BadRequest: of other data"""


class Measured:
    """Passes pieces on and knows what went by. Used once.

    A piece is valid until the next one is asked for: buffers are reused.

    :param cap_bytes: most bytes that may come
    :param expected_bytes: how many must come; None if unknown
    :param hash_name: algorithm of the second hash, next to md5
    :raises errors.Conflict: at once, if there is no such algorithm
    :raises errors.LimitExceeded: while iterating, beyond the cap
    :raises errors.BadRequest: as soon as more come than were announced, at
        the end if fewer did
    """

    def __init__(
        self,
        source: Source,
        *,
        cap_bytes: int,
        expected_bytes: int | None,
        hash_name: str,
    ) -> None:
        if hash_name not in HASH_NAMES:  # another release made the image
            raise errors.Conflict(
                f'os_hash_algo {hash_name} is not supported.'
            )
        self._source = source
        self._cap_bytes = cap_bytes
        self._cap_reason = ''
        self._expected_bytes = expected_bytes
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._hash = hashlib.new(hash_name, usedforsecurity=False)
        self._is_native = False
        self._hashes: list[Any] = [self._md5, self._hash]
        self._inspection: Inspection | None = None
        self._signature: Signature | None = None
        self._known: Mapping[str, Any] = {}
        self.hash_name = hash_name
        self.size_bytes = 0
        self.virtual_size: int | None = None
        check_size(expected_bytes, cap_bytes)

    def expect(
        self,
        known: Mapping[str, Any],
        inspection: Inspection | None,
        signature: Signature | None,
    ) -> None:
        """Refuse, at their end, data that is not what it should be.

        :param known: the image; where it has a size, a checksum or an
            os_hash_value already, the data must have it too
        """
        self._known = known
        self._inspection = inspection
        if signature is not None:
            self._signature = signature
            self._hashes.append(signature)

    def narrow(self, most_bytes: int, reason: str) -> None:
        """Let no more than ``most_bytes`` come; ``reason`` tells why."""
        if most_bytes < self._cap_bytes:
            self._cap_bytes, self._cap_reason = most_bytes, reason

    def go_native(self) -> bool:
        """Whether a native thread may iterate, and nobody else."""
        self._is_native = self._source.go_native()
        return self._is_native

    def __iter__(self) -> Iterator[memoryview]:
        with _hashing(self._hashes, self._is_native) as hashing:
            while True:
                buffer = hashing.free_buffer()
                got = self._source.readinto(buffer)
                if not got:
                    break
                self.size_bytes += got
                self._check_size()
                hashing.update(buffer[:got])
                if self._inspection and self._inspection.wants_more:
                    threads.call(self._inspection.feed, buffer[:got])
                yield buffer[:got]
        expected = self._expected_bytes
        if expected is not None and self.size_bytes != expected:
            raise errors.BadRequest(
                f'The request announced {expected} bytes, but its body has '
                f'{self.size_bytes}.'
            )
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

    def _check_size(self) -> None:
        check_size(self.size_bytes, self._cap_bytes, self._cap_reason)
        expected = self._expected_bytes
        if expected is not None and self.size_bytes > expected:
            raise errors.BadRequest(
                f'The request announced {expected} bytes, but its body has '
                'more.'
            )

    @property
    def checksum(self) -> str:
        return self._md5.hexdigest()

    @property
    def hash_value(self) -> str:
        return self._hash.hexdigest()


def check_size(
    size_bytes: int | None, cap_bytes: int, reason: str = ''
) -> None:
    """:raises errors.LimitExceeded: more than the cap"""
    if size_bytes is not None and size_bytes > cap_bytes:
        reason = reason or f'An image may have {cap_bytes} bytes.'
        raise errors.LimitExceeded(reason)


def _buffer(size_bytes: int) -> memoryview:
    """Whole pages: a disk can take them as they are."""
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    return memoryview(mmap.mmap(-1, size_bytes, flags=private))


class _Hashing(Protocol):
    def free_buffer(self) -> memoryview:
        """A buffer that no hash reads any more."""

    def update(self, piece: memoryview) -> None: ...


class _Inline:
    """Hashes one after the other, in the caller's time."""

    def __init__(self, hashes: list[Any], buffer_bytes: int) -> None:
        self._hashes = hashes
        self._buffer = _buffer(buffer_bytes)

    def free_buffer(self) -> memoryview:
        return self._buffer

    def update(self, piece: memoryview) -> None:
        threads.call(self._digest, piece)

    def _digest(self, piece: memoryview) -> None:
        for each in self._hashes:
            each.update(piece)


class _Helper:
    """One hash in a native thread: hashlib works without the GIL."""

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
    """Hashes side by side with reading and writing."""

    def __init__(self, hashes: list[Any]) -> None:
        self._helpers = [_Helper(each) for each in hashes]
        self._buffers: list[memoryview] = []
        self._given = 0
        self._waited = 0

    def free_buffer(self) -> memoryview:
        if len(self._buffers) < BUFFERS:
            self._buffers.append(_buffer(CHUNK_BYTES))
            return self._buffers[-1]
        while self._given - self._waited >= BUFFERS:
            self._wait_for_one()
        return self._buffers[self._given % BUFFERS]

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


#: Uploads with helpers at a time; beyond the number of cores they would
#: only take turns, and hold buffers.
_helped = threading.BoundedSemaphore(os.cpu_count() or 1)


@contextlib.contextmanager
def _hashing(hashes: list[Any], is_native: bool) -> Iterator[_Hashing]:
    if not is_native:
        yield _Inline(hashes, CHUNK_BYTES)
        return
    if not _helped.acquire(blocking=False):
        yield _Inline(hashes, SMALL_CHUNK_BYTES)
        return
    helped = _Helped(hashes)
    try:
        yield helped
        helped.finish()
    finally:
        helped.stop()
        _helped.release()
