"""Stores in memory that fail where a test wants it, and sources for them."""

from collections.abc import Callable, Iterator
import threading
from typing import Any

from glance.common import errors
from glance.images import streams
from glance.images.importing import tee

MIB = 1024 * 1024
ID = '7a000000-0000-4000-8000-000000000001'


class Store:
    """Keeps what is written to it.

    :ivar fail_after: pieces after which a write fails; None: it does not
    :ivar fail_at_name: fail when the data gets its name
    :ivar kept: url -> data
    """

    def __init__(self, name: str = 'store') -> None:
        self.name = name
        self.fail_after: int | None = None
        self.fail_at_name = False
        self.stops_after: int | None = None
        self.before_piece: Callable[[int], None] = lambda number: None
        self.kept: dict[str, bytes] = {}
        self.threads: set[int] = set()
        self.size_bytes: int | None = None

    def write(
        self,
        image_id: str,
        data: Iterator[Any],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        self.size_bytes = size_bytes
        self.threads.add(threading.get_ident())
        pieces = []
        for number, piece in enumerate(data):
            self.before_piece(number)
            if number == self.fail_after:
                raise errors.LimitExceeded(f'{self.name} is full')
            pieces.append(bytes(piece))
            if number == self.stops_after:
                break
        confirm()
        if self.fail_at_name:
            raise errors.StoreUnavailable
        url = f'{self.name}://{image_id}'
        self.kept[url] = b''.join(pieces)
        return url

    def delete(self, url: str) -> None:
        self.kept.pop(url, None)


class Source:
    """Gives some data, and may fail at the end of it.

    :ivar given: bytes that were read of it
    """

    def __init__(
        self, data: bytes, error: BaseException | None = None
    ) -> None:
        self._left = memoryview(data)
        self._error = error
        self.size_bytes: int | None = len(data)
        self.given = 0

    def go_native(self) -> bool:
        return True

    def readinto(self, view: memoryview) -> int:
        amount = min(len(view), len(self._left))
        if not amount and self._error is not None:
            raise self._error
        view[:amount] = self._left[:amount]
        self._left = self._left[amount:]
        self.given += amount
        return amount

    def __iter__(self) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(MIB))
        while got := self.readinto(buffer):
            yield buffer[:got]

    def close(self) -> None:
        pass


def measured(source: streams.Chunks, cap: int = 2**40) -> streams.Measured:
    return streams.Measured(
        source, cap_bytes=cap, expected_bytes=None, hash_name='sha256'
    )


def targets(*stores: Store) -> list[tee.Target]:
    return [tee.Target(store.name, store) for store in stores]
