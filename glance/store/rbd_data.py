"""Writes and reads the data of RBD images, several requests at a time.

All of it blocks: it runs in native threads, through ``ceph.Pool.do``.
"""

from _queue import Empty
from _queue import SimpleQueue  # the native one, not monkey-patched
from collections import deque
from collections.abc import Iterator
import contextlib
import errno
import logging
import os
from typing import Any, NamedTuple
import uuid

from glance.common import errors
from glance.store import base
from glance.store import ceph

LOG = logging.getLogger(__name__)

SNAPSHOT = 'snap'
#: Prefix of the names of images that are being written.
PREFIX = '.glance-unfinished-'
_MIB = 1024 * 1024
#: Bytes of a write request, and max number of simultaneous requests. Ceph's
#: library allocates memory for each request: for a size that malloc maps anew
#: each time (server.MAPPED_BYTES), an upload of 1 GiB costs 0.5 to 0.8 CPU
#: seconds more, and 512 MiB are read in 0.99 s instead of 0.5.
_WRITE_BYTES = _MIB // 2
_WRITES = 16
#: The same for reads. Pieces that were read ahead wait in memory for the
#: client, so there is also a limit for all downloads together.
_READ_BYTES = _MIB // 2
_READS = 16
_ALL_READS = 128
#: So many pieces are waited for together, because each look at the snapshot
#: is one more request: 512 MiB take 0.7 of the time that they take with 1.
_TOGETHER = 8
#: An image of unknown size grows in such steps, and is trimmed at the end.
_GROWTH_BYTES = 1024 * _MIB
#: The length of a hole is a multiple of this.
_HOLE_BYTES = 64 * 1024
_ZEROS = bytes(_HOLE_BYTES)

_ahead: SimpleQueue[None] = SimpleQueue()
for _ in range(_ALL_READS):
    _ahead.put(None)


def make_snapshot(image: Any) -> None:
    image.create_snap(SNAPSHOT)
    image.protect_snap(SNAPSHOT)


def open_image(
    pool: ceph.Pool,
    name: str,
    snapshot: str | None = None,
    read_only: bool = False,
) -> Any:
    """Open an image, or a snapshot of it.

    After librbd has opened a snapshot, the thread that received Ceph's last
    response locks a mutex of the image once more. If the image has been closed
    by then, the mutex is in freed memory, and the process is aborted (seen in
    16.2.15). Responses are handled one after the other. So another request
    that gets its response there waits for that thread.

    :param snapshot: needs read_only
    """
    image = pool.rbd.Image(
        pool.io, name, snapshot=snapshot, read_only=read_only
    )
    if snapshot is not None:
        try:
            list(image.metadata_list())
        except BaseException:
            image.close()
            raise
    return image


class _Request(NamedTuple):
    """A running request.

    :ivar data: what it writes; kept here, because librbd does not copy it
    """

    completion: Any
    data: object

    def wait(self) -> None:
        """Wait for the end, good or bad: before the image is closed.

        librbd puts a request into a queue first. Closing an image does not
        wait for requests in that queue: they would use freed memory, and the
        process would be killed (seen in 16.2.15).
        """
        self.completion.wait_for_complete_and_cb()

    def check(self) -> None:
        """:raises OSError: it failed"""
        result = self.completion.get_return_value()
        if result < 0:
            raise OSError(-result, os.strerror(-result))


class Writer:
    """An RBD image that is being written under a temporary name.

    :param name: the name that it will get
    :param size_bytes: its length, as far as it is known; 0 if unknown
    """

    def __init__(
        self,
        pool: ceph.Pool,
        name: str,
        size_bytes: int,
        object_bytes: int,
        keep_holes: bool,
    ) -> None:
        self._pool = pool
        self._name = f'{PREFIX}{name[:36]}-{uuid.uuid4().hex}'
        self._size = size_bytes
        self._keep_holes = keep_holes
        self._is_published = False
        self._position = 0
        self._buffer = bytearray(_WRITE_BYTES)
        self._filled = 0
        self._requests: deque[tuple[bytearray, list[_Request]]] = deque()
        # Holes are not written, so they need no room.
        pool.require_room(1 if keep_holes else max(size_bytes, 1))
        client = pool.rbd.RBD()
        client.create(
            pool.io,
            self._name,
            size_bytes,
            object_bytes.bit_length() - 1,
            old_format=False,
            # The features of ceph.conf; clones of snapshots need layering.
            features=None,
        )
        try:
            self._image = pool.rbd.Image(pool.io, self._name)
        except BaseException:
            client.remove(pool.io, self._name)
            raise

    def write(self, piece: base.Buffer) -> None:
        view = memoryview(piece)
        while view:
            room = view[: _WRITE_BYTES - self._filled]
            end = self._filled + len(room)
            # A bytearray would copy the piece before it is assigned.
            memoryview(self._buffer)[self._filled : end] = room
            self._filled = end
            view = view[len(room) :]
            if end == _WRITE_BYTES:
                self._send()

    def _send(self) -> None:
        """Begin to write the buffer, and get a free one."""
        end = self._position + self._filled
        if end > self._size:
            self._size = max(end, self._size + _GROWTH_BYTES)
            self._image.resize(self._size)
        view = memoryview(self._buffer)[: self._filled]
        runs = _runs(view) if self._keep_holes else [(0, self._filled)]
        requests: list[_Request] = []
        self._requests.append((self._buffer, requests))
        for begin, stop in runs:
            position = self._position + begin
            requests.append(self._request(view[begin:stop], position))
        self._position, self._filled = end, 0
        if len(self._requests) < _WRITES:
            self._buffer = bytearray(_WRITE_BYTES)
        else:
            self._buffer = self._wait()

    def _request(self, view: memoryview, position: int) -> _Request:
        whole = len(view) == _WRITE_BYTES
        data = self._buffer if whole else bytes(view)
        return _Request(self._image.aio_write(data, position, _ignore), data)

    def _wait(self) -> bytearray:
        """Wait for the oldest requests; return their buffer."""
        buffer, requests = self._requests.popleft()
        for request in requests:
            request.wait()
        for request in requests:
            request.check()
        return buffer

    def finish(self) -> None:
        if self._filled:
            self._send()
        while self._requests:
            self._wait()
        self._image.flush()
        if self._size != self._position:
            self._image.resize(self._position)
        make_snapshot(self._image)

    def publish(self, name: str) -> bool:
        """Rename the image; return False if another one has the name.

        If two clients rename to one name at the same time, Ceph confirms both.
        So a lock allows only one renaming at a time in a pool.
        """
        try:
            with self._pool.alone():
                self._pool.rbd.RBD().rename(self._pool.io, self._name, name)
        except self._pool.rbd.ImageExists:
            return False
        self._is_published = True
        return True

    def close(self) -> None:
        """Close the image; remove it if it was not published."""
        try:
            self._close()
            if not self._is_published:
                self._pool.rbd.RBD().remove(self._pool.io, self._name)
        except (self._pool.rbd.Error, self._pool.rados.Error) as error:
            LOG.error(
                'Could not remove %s of a failed upload; it is tried again '
                'later: %s',
                self._name,
                error,
            )

    def _close(self) -> None:
        try:
            while self._requests:
                with contextlib.suppress(OSError):
                    self._wait()
            if not self._is_published:
                self._drop_snapshot()
        finally:
            self._image.close()

    def _drop_snapshot(self) -> None:
        for snapshot in list(self._image.list_snaps()):
            if self._image.is_protected_snap(snapshot['name']):
                self._image.unprotect_snap(snapshot['name'])
            self._image.remove_snap(snapshot['name'])


def _ignore(_completion: object) -> None:
    """Do nothing: the thread that waits reads the result."""


def _runs(view: memoryview) -> list[tuple[int, int]]:
    """The ranges with other bytes than zeros, as (begin, end) pairs."""
    runs: list[tuple[int, int]] = []
    for begin in range(0, len(view), _HOLE_BYTES):
        piece = view[begin : begin + _HOLE_BYTES]
        end = begin + len(piece)
        # For most pieces the first byte is enough to tell.
        if not piece[0] and bytes(piece) == _ZEROS[: len(piece)]:
            continue
        if runs and runs[-1][1] == begin:
            runs[-1] = runs[-1][0], end
        else:
            runs.append((begin, end))
    return runs


class Body:
    """See :class:`glance.store.base.Body`; the first piece is read at once.

    Ceph returns zeros for an image that was removed while it was open. The
    snapshot is removed before the data. So a piece is valid only if the
    snapshot still exists after the piece was read. An image without a snapshot
    is opened for writing, because Ceph does not remove such an image.

    :param snapshot: None: the image itself
    :raises errors.StoreUnavailable: the image has fewer bytes
    """

    def __init__(
        self,
        pool: ceph.Pool,
        name: str,
        snapshot: str | None,
        offset: int,
        length: int | None,
    ) -> None:
        self._pool = pool
        self._image = open_image(
            pool, name, snapshot, read_only=snapshot is not None
        )
        self._reads: deque[tuple[_Request, list[bytes], int]] = deque()
        self._held = 0
        try:
            size = self._image.size()
            self.length = max(size - offset, 0) if length is None else length
            if offset + self.length > size:
                raise errors.StoreUnavailable from ValueError(
                    f'the RBD image has {size} bytes; '
                    f'{offset + self.length} were expected'
                )
            self._position, self._end = offset, offset + self.length
            self._proof = self._find_proof(snapshot)
            self._first = self._fetch(1)
        except BaseException:
            self._close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        pieces, self._first = self._first, []
        while pieces:
            while pieces:
                yield pieces.pop(0)
            pieces = self._pool.do(self._fetch)

    def close(self) -> None:
        self._pool.do(self._close)

    def _close(self) -> None:
        for read, _, _ in self._reads:
            read.wait()
        self._reads.clear()
        self._give_back(self._held)
        self._image.close()

    def _fetch(self, count: int = _TOGETHER) -> list[bytes]:
        """Return the pieces that have arrived; [] at the end.

        :param count: wait for so many, if they have been requested
        """
        self._begin()
        if not self._reads:
            return []
        pieces: list[bytes] = []
        while self._reads and (
            len(pieces) < count or self._reads[0][0].completion.is_complete()
        ):
            read, came, wanted = self._reads.popleft()
            read.wait()
            read.check()
            if not came or len(came[0]) != wanted:
                raise OSError(errno.EIO, 'too few bytes came')
            pieces.append(came[0])
        self._require_snapshot()
        self._give_back(min(self._held, len(pieces)))
        return pieces

    def _begin(self) -> None:
        """Begin as many reads as the limits permit."""
        while self._position < self._end and len(self._reads) < _READS:
            if self._reads and not self._take_one():
                return
            wanted = min(_READ_BYTES, self._end - self._position)
            came: list[bytes] = []

            def keep(
                _completion: object, data: bytes | None, came: Any = came
            ) -> None:
                came.append(data or b'')

            completion = self._image.aio_read(self._position, wanted, keep)
            self._reads.append((_Request(completion, None), came, wanted))
            self._position += wanted

    def _take_one(self) -> bool:
        try:
            _ahead.get_nowait()
        except Empty:
            return False
        self._held += 1
        return True

    def _give_back(self, number: int) -> None:
        for _ in range(number):
            _ahead.put(None)
        self._held -= number

    def _find_proof(self, snapshot: str | None) -> tuple[str, str] | None:
        """Return where Ceph stores the snapshot's record: object and key."""
        for each in self._image.list_snaps():
            if each['name'] == snapshot:
                key = f'snapshot_{each["id"]:016x}'
                return f'rbd_header.{self._image.id()}', key
        return None

    def _require_snapshot(self) -> None:
        """:raises errors.StoreUnavailable: the snapshot was removed"""
        if self._proof is None:
            return
        name, key = self._proof
        rados = self._pool.rados
        try:
            with rados.ReadOpCtx() as operation:
                values, _ = self._pool.io.get_omap_vals_by_keys(
                    operation, (key,)
                )
                self._pool.io.operate_read_op(operation, name)
                if any(values):
                    return
        except rados.ObjectNotFound:
            pass
        raise errors.StoreUnavailable from ValueError(
            'the RBD image was deleted while it was read'
        )
