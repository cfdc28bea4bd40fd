"""``image_decompression``: unpacks packed data while it streams.

The first bytes show how the data is packed. Data that is not packed is not
changed, and neither is an image of the container format *compressed*, which
is meant to stay packed.

A few bytes can unpack to very many. So the size of an image is limited both
packed and unpacked, and the ratio of the two sizes is limited too.
"""

from collections.abc import Callable, Iterator
import contextlib
import hashlib
from typing import Any

from glance.common import errors
from glance.common import threads
from glance.images.importing import plugins
from glance.images.importing import source
from glance.images.importing.plugins import inflating
from glance.images.importing.plugins import unpacking

#: The property that stores the hash of the data as it was received.
SOURCE_HASH = 'os_glance_source_hash'
_HASH_NAME = 'sha256'
_READ_BYTES = 256 * 1024
#: Below this size the ratio is not checked: the zeros of a small disk.
_SMALL_BYTES = 1024 * 1024 * 1024


class Decompress(plugins.Streaming):
    """:param max_ratio: max unpacked bytes per packed byte, on average"""

    def __init__(self, max_ratio: int) -> None:
        self._max_ratio = max_ratio

    def wrap(self, job: plugins.Job, data: source.Data) -> source.Data:
        if job.image['container_format'] == 'compressed':
            return data
        return Unpacked(job, data, self._max_ratio)


class Unpacked(source.Native):
    """The unpacked data, or the data itself if it is not packed.

    Nothing is read before the first call of ``readinto``, because the body of
    a request cannot be read earlier.
    """

    def __init__(
        self, job: plugins.Job, data: source.Data, max_ratio: int
    ) -> None:
        self._job = job
        self._data = data
        self._max_ratio = max_ratio
        self._hash = hashlib.new(_HASH_NAME, usedforsecurity=False)
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._readinto: Callable[[memoryview], int] = self._begin
        self._unpacker: unpacking.Unpacker | None = None
        self._name = ''
        self._head = memoryview(b'')
        self._rest = memoryview(b'')
        self._packed_bytes = 0
        self._unpacked_bytes = 0
        self._has_ended = False
        #: Unknown, because the data may be packed.
        self.size_bytes: int | None = None

    def go_native(self) -> bool:
        return self._data.go_native()

    def readinto(self, view: memoryview) -> int:
        return self._readinto(view)

    def close(self) -> None:
        close: Any = getattr(self._data, 'close', None)
        if close is not None:
            close()

    def _begin(self, view: memoryview) -> int:
        """Read the first bytes and choose the unpacker."""
        got = self._data.readinto(self._buffer)
        self._head = self._buffer[:got]
        self._name, make = unpacking.kind_of(bytes(self._head[:8]))
        if make is None:
            self._readinto = self._read_plain
        else:
            self._unpacker = make()
            self._readinto = self._read_unpacked
        return self._readinto(view)

    def _read_plain(self, view: memoryview) -> int:
        """Return the data unchanged, beginning with the first bytes."""
        got = min(len(view), len(self._head))
        view[:got] = self._head[:got]
        self._head = self._head[got:]
        if self._head:
            return got
        self._readinto = self._data.readinto
        return got + self._data.readinto(view[got:])

    def _read_unpacked(self, view: memoryview) -> int:
        got = 0
        while got < len(view):
            if not self._rest:
                self._rest = memoryview(threads.call(self._next))
                if not self._rest:
                    break
            amount = min(len(view) - got, len(self._rest))
            view[got : got + amount] = self._rest[:amount]
            self._rest = self._rest[amount:]
            got += amount
        return got

    def _next(self) -> bytes:
        """Return unpacked bytes; empty at the end."""
        unpacker = self._unpacker
        assert unpacker is not None  # noqa: S101 - _begin() made it
        while not self._has_ended:
            packed = b''
            if unpacker.needs_input:
                packed = self._next_packed()
                if not packed:
                    self._end(unpacker)
                    break
            data = self._unpacked(unpacker, packed)
            if data:
                return data
        return b''

    def _next_packed(self) -> bytes:
        if not self._head:
            got = self._data.readinto(self._buffer)
            self._head = self._buffer[:got]
        packed = bytes(self._head)
        self._head = memoryview(b'')
        self._hash.update(packed)
        self._packed_bytes += len(packed)
        return packed

    def _unpacked(self, unpacker: unpacking.Unpacker, packed: bytes) -> bytes:
        with self._readable_errors():
            data = unpacker.unpack(packed, _READ_BYTES)
        self._unpacked_bytes += len(data)
        self._require_room()
        return data

    @contextlib.contextmanager
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except inflating.Damaged as error:
            raise errors.BadRequest(
                f'The data cannot be unpacked with {self._name}: {error}.'
            ) from error

    def _require_room(self) -> None:
        unpacked = self._unpacked_bytes
        if unpacked > self._job.cap_bytes:
            raise errors.LimitExceeded(
                f'The unpacked data has more than {self._job.cap_bytes} '
                'bytes (image_size_cap, or what is left of the quota).'
            )
        limit = max(_SMALL_BYTES, self._max_ratio * self._packed_bytes)
        if unpacked > limit:
            raise errors.LimitExceeded(
                f'The data unpacks to more than {self._max_ratio} times its '
                'size ([image_decompression] max_ratio).'
            )

    def _end(self, unpacker: unpacking.Unpacker) -> None:
        """Check the end after all packed data was read."""
        with self._readable_errors():
            unpacker.finish()
        self._has_ended = True
        digest = self._hash.hexdigest()
        self._job.properties[SOURCE_HASH] = f'{_HASH_NAME}:{digest}'
