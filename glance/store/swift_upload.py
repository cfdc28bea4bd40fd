"""Uploads to Swift: one object, or segments with a manifest.

Segments are sent one after the other as the data comes. While Swift finishes
one (writes it to its disks and lists it), the next one is being sent. The
manifest is a dynamic large object, as upstream Glance writes it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
import itertools
import logging
from typing import NamedTuple
import uuid

from glance.common import errors
from glance.common import threads
from glance.store import base
from glance.store import feeding
from glance.store import servers
from glance.store import swift_account

LOG = logging.getLogger(__name__)

#: The unit of upstream: a segment of 5120 is below Swift's limit of 5 GiB.
MB = 1000 * 1024
#: Max segments that are being finished while the next one is sent.
MAX_ENDING = 2
#: Checks until the list of a container has all segments.
_LOOKS = 10
_LOOK_SECONDS = 0.5
_TYPE = {'Content-Type': 'application/octet-stream'}


class Sizes(NamedTuple):
    """:ivar large_bytes: images of this size or more have segments"""

    large_bytes: int
    segment_bytes: int


class Piece(NamedTuple):
    """An object that has data of an image.

    :ivar name: in its container
    :ivar etag: as Swift computed it from the data that it received
    """

    name: str
    size_bytes: int
    etag: str


class Upload:
    """The upload of one image.

    :param container: must exist already
    :ivar pieces: what was stored, in the order of the data
    """

    def __init__(
        self,
        account: swift_account.Account,
        container: str,
        image_id: str,
        sizes: Sizes,
        size_bytes: int | None,
    ) -> None:
        self._account = account
        self._container = container
        self._name = image_id
        self._path = f'{container}/{image_id}'
        self.pieces: list[Piece] = []
        self._sizes = sizes
        self._size_bytes = size_bytes
        # A unique prefix, so that segments of another upload of the same
        # image are never read as a part of this one.
        self._prefix = f'{image_id}-{uuid.uuid4().hex[:12]}-'
        self._segments: list[str] = []
        self._streams: deque[feeding.Stream[Piece]] = deque()
        self._found_bytes = 0

    def run(
        self, data: Iterable[base.Buffer], confirm: Callable[[], None]
    ) -> None:
        try:
            if self._is_whole():
                self._send_whole(data, confirm)
            else:
                threads.run(self._account.require_login)
                self._send_segments(data)
                confirm()
                threads.run(self._finish)
        except BaseException:
            while self._streams:
                self._streams.popleft().give_up()
            threads.run(self._remove_segments)
            raise

    def _is_whole(self) -> bool:
        size = self._size_bytes
        return size is not None and size < self._sizes.large_bytes

    def _send_whole(
        self, data: Iterable[base.Buffer], confirm: Callable[[], None]
    ) -> None:
        """Send one object; confirm the claim before its last bytes."""
        size = self._size_bytes or 0
        old = threads.run(self._old_segments)
        stream = self._stream(self._name, size)
        for piece, is_last in feeding.held_back(data):
            self._found_bytes += len(piece)
            if is_last or self._found_bytes > size:
                feeding.require_size(self._found_bytes, size)
                confirm()
            stream.push(piece)
        stream.end()
        self._wait_for_ends(0)
        threads.run(self._remove, old)

    def _stream(self, name: str, size: int | None) -> feeding.Stream[Piece]:
        headers = dict(_TYPE)
        if size is None:
            headers['Transfer-Encoding'] = 'chunked'
        else:
            headers['Content-Length'] = str(size)

        path = f'{self._container}/{name}'

        def send(pieces: Iterator[bytes]) -> Piece:
            sent = _put(self._account, path, headers, pieces, size is None)
            return Piece(name, *sent)

        stream = feeding.Stream(send)
        self._streams.append(stream)
        return stream

    def _send_segments(self, data: Iterable[base.Buffer]) -> None:
        stream: feeding.Stream[Piece] | None = None
        room = 0
        for view in itertools.chain.from_iterable(map(feeding.cut, data)):
            while view:
                if stream is None:
                    room = self._next_size()
                    stream = self._next_segment(room)
                piece = view[:room]
                stream.push(self._packed(piece))
                room -= len(piece)
                self._found_bytes += len(piece)
                view = view[len(piece) :]
                if not room:
                    stream.end()
                    stream = None
                    self._wait_for_ends(MAX_ENDING)
        if self._size_bytes is not None:
            feeding.require_size(self._found_bytes, self._size_bytes)
        if stream is not None:
            stream.end()
        self._wait_for_ends(0)

    def _next_size(self) -> int:
        """Bytes of the next segment; the maximum if the size is unknown."""
        size = self._sizes.segment_bytes
        if self._size_bytes is None:
            return size
        left = self._size_bytes - self._found_bytes
        if left <= 0:
            feeding.require_size(self._found_bytes + 1, self._size_bytes)
        return min(size, left)

    def _packed(self, piece: memoryview) -> bytes:
        """Copy a piece; as a chunk if the size is unknown."""
        if self._size_bytes is not None:
            return bytes(piece)
        return b''.join((b'%x\r\n' % len(piece), piece, b'\r\n'))

    def _next_segment(self, size: int) -> feeding.Stream[Piece]:
        number = len(self._segments) + 1
        name = f'{self._prefix}{number:05}'
        self._segments.append(name)
        is_known = self._size_bytes is not None
        return self._stream(name, size if is_known else None)

    def _wait_for_ends(self, more: int) -> None:
        while len(self._streams) > more:
            self.pieces.append(self._streams[0].result())
            self._streams.popleft()

    def _finish(self) -> None:
        """Write the manifest, and check that the object is complete."""
        old = self._old_segments()
        headers = {**_TYPE, 'Content-Length': '0'}
        if self._segments:
            headers['X-Object-Manifest'] = f'{self._container}/{self._prefix}'
        answer = self._account.ask('PUT', self._path, headers)
        swift_account.require(answer, 'PUT of a manifest', 201)
        try:
            self._require_whole()
        except BaseException:
            self._account.ask('DELETE', self._path)
            raise
        self._remove(old)

    def _require_whole(self) -> None:
        """:raises servers.Unreachable: the container does not list all"""
        length = ''
        for look in range(_LOOKS):
            if look:
                threads.pause(_LOOK_SECONDS)
            answer = self._account.ask('HEAD', self._path)
            swift_account.require(answer, 'HEAD of a manifest', 200, 204)
            length = answer.headers.get('Content-Length') or ''
            if length == str(self._found_bytes):
                return
        raise servers.Unreachable(
            f'the manifest has {length} of {self._found_bytes} bytes, because '
            'its container does not list all segments yet'
        )

    def _old_segments(self) -> list[str]:
        """Segments of an existing object that has the image's name."""
        answer = self._account.ask('HEAD', self._path)
        if answer.status == 404:
            return []
        swift_account.require(answer, 'HEAD of an object', 200, 204)
        return segments_of(self._account, self._path, answer.headers)

    def _remove(self, paths: list[str]) -> None:
        """Remove objects; log failures."""
        for path in paths:
            try:
                delete_object(self._account, path)
            except errors.Error as error:
                LOG.warning(
                    'Could not remove the object %s: %s',
                    path,
                    base.reason(error),
                )

    def is_present(self) -> bool:
        """Whether the object is still that of this upload."""
        answer = self._account.ask('HEAD', self._path)
        if answer.status == 404:
            return False
        swift_account.require(answer, 'HEAD of an object', 200, 204)
        if self._segments:
            manifest = servers.unquoted(
                answer.headers.get('X-Object-Manifest') or ''
            )
            return manifest == f'{self._container}/{self._prefix}'
        etag = (answer.headers.get('ETag') or '').strip('"')
        return [it.etag for it in self.pieces] == [etag]

    def undo(self) -> None:
        """Remove what a complete upload stored; log failures."""
        self._remove([self._path])
        self._remove_segments()

    def _remove_segments(self) -> None:
        self._remove([f'{self._container}/{name}' for name in self._segments])
        self._segments.clear()


def _put(
    account: swift_account.Account,
    path: str,
    headers: Mapping[str, str],
    pieces: Iterator[bytes],
    is_chunked: bool,
) -> tuple[int, str]:
    """Send an object while its pieces are received.

    :param is_chunked: the pieces are chunks, without the last chunk
    :returns: the number of bytes sent, and the ETag of what Swift stored
    """
    sent_bytes = 0
    sending = account.start('PUT', path, headers)
    try:
        for piece in pieces:
            sent_bytes += _data_bytes(piece) if is_chunked else len(piece)
            sending.write(memoryview(piece))
            if sending.is_refused:
                break
        if is_chunked:
            sending.write(memoryview(b'0\r\n\r\n'))
        response = sending.finish()
    except BaseException:
        sending.abort()
        raise
    try:
        response.read_all()
    finally:
        response.close()
    if response.status != 201:
        raise swift_account.refused(response.status, 'PUT of an object')
    sending.require_working()
    return sent_bytes, (response.headers.get('ETag') or '').strip('"')


def _data_bytes(chunk: bytes) -> int:
    """Bytes of data in a chunk: a line with the size, data, an empty line."""
    return len(chunk) - chunk.index(b'\r\n') - 4


def segments_of(
    account: swift_account.Account, path: str, headers: Mapping[str, str]
) -> list[str]:
    """Return the paths of an object's segments; [] if it has no manifest.

    A manifest that refers to segments of other objects is ignored.
    """
    manifest = headers.get('X-Object-Manifest')
    if not manifest:
        return []
    container, _, prefix = servers.unquoted(manifest).partition('/')
    own_container, _, name = path.partition('/')
    if container != own_container or not prefix.startswith(name):
        LOG.warning('The object %s has segments of others, which stay', path)
        return []
    return [
        f'{container}/{each}'
        for each in account.listed(container, prefix)
        if each != name
    ]


def delete_object(account: swift_account.Account, path: str) -> None:
    """:raises errors.StoreUnavailable: the object cannot be removed now"""
    answer = account.ask('DELETE', path)
    if answer.status != 404:
        swift_account.require(answer, 'DELETE of an object', 204)
