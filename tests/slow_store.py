"""A store that counts what it gives and gives it when it may."""

from collections.abc import Callable, Iterable, Iterator
import hashlib
import threading
from typing import Any

from glance.common import errors
from glance.store import base

PIECE_BYTES = 256 * 1024


class SlowStore:
    """Keeps data in memory under ``slow:ID``.

    :param before_piece: called before each piece with its first byte
    :ivar given_bytes: how many it gave so far
    :ivar opened: offset and length of each call of open()
    """

    schemes = ('slow',)
    is_read_only = False
    can_refuse_deletion = False
    identity = 'slow'

    def __init__(self, before_piece: Callable[[int], None] | None = None):
        self.data: dict[str, bytes] = {}
        self.body = Body
        self.before_piece = before_piece or (lambda _position: None)
        self.given_bytes = 0
        self.opened: list[tuple[int, int | None]] = []
        self._lock = threading.Lock()

    def write(
        self,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        content = b''.join(bytes(piece) for piece in data)
        confirm()
        self.data[image_id] = content
        return f'slow:{image_id}'

    def open(self, url: str, offset: int, length: int | None) -> base.Body:
        content = self._content(url)
        end = len(content) if length is None else offset + length
        if end > len(content):
            raise errors.StoreUnavailable
        self.opened.append((offset, length))
        return self.body(self, content, offset, end)

    def _content(self, url: str) -> bytes:
        scheme, _, name = url.partition(':')
        if scheme != 'slow':
            raise base.Elsewhere('not of this store')
        try:
            return self.data[name]
        except KeyError:
            raise errors.NotFound('There is no such data.') from None

    def count(self, size: int) -> None:
        with self._lock:
            self.given_bytes += size

    def delete(self, url: str) -> None:
        try:
            self._content(url)
        except errors.NotFound:
            return
        del self.data[url.partition(':')[2]]

    def check(self, url: str) -> None:
        raise errors.BadRequest

    def size(self, url: str) -> int:
        return len(self._content(url))

    def metadata(self, url: str) -> dict[str, Any]:
        return {}

    def delete_unregistered(self, image_id: str) -> None:
        self.data.pop(image_id, None)

    def hold(self, image_id: str) -> base.Held | None:
        return None

    def remove_unfinished(self) -> None:
        """There is none."""


class Body:
    def __init__(
        self, store: SlowStore, content: bytes, start: int, end: int
    ) -> None:
        self._store, self._content = store, content
        self._start, self._end = start, end
        self.length = end - start

    def __iter__(self) -> Iterator[bytes]:
        for position in range(self._start, self._end, PIECE_BYTES):
            self._store.before_piece(position)
            last = min(position + PIECE_BYTES, self._end)
            piece = self._content[position:last]
            self._store.count(len(piece))
            yield piece

    def close(self) -> None:
        """Nothing is held."""


class DirectBody(Body):
    """It is read into buffers, and never iterated."""

    def __iter__(self) -> Iterator[bytes]:
        raise AssertionError('it was iterated')

    def read_into(self, view: memoryview) -> None:
        """See :class:`glance.store.base.Direct`."""
        self._store.before_piece(self._start)
        if len(view) > self._end - self._start:
            raise errors.StoreUnavailable
        view[:] = self._content[self._start : self._start + len(view)]
        self._start += len(view)
        self._store.count(len(view))


def image(image_id: str, content: bytes, **values: Any) -> Any:
    """What the registry tells of an image with this content."""
    return {
        'id': image_id,
        'size': len(content),
        'status': 'active',
        'checksum': hashlib.md5(content).hexdigest(),
        'os_hash_algo': 'sha256',
        'os_hash_value': hashlib.sha256(content).hexdigest(),
        'locations': [{'url': f'slow:{image_id}'}],
        **values,
    }
