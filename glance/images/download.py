"""Choose a location of an image and open its data."""

from collections.abc import Callable, Iterator, Sequence
import logging
import time

from glance.common import contract
from glance.common import counters
from glance.common import errors
from glance.common import filebody
from glance.common import health
from glance.store import base as store_base
from glance.store import stores

LOG = logging.getLogger(__name__)


def open_data(
    store: stores.Stores,
    image: contract.Image,
    offset: int,
    length: int,
    prefer: Sequence[str] = (),
) -> store_base.Body:
    """Open the data at the first location that can be read.

    If a location fails later, the rest is read from the next one.

    :param prefer: ids of stores to try first
    :raises errors.StoreUnavailable: no location can be read; the log says
        why
    """
    left = list(store.ordered(image['locations'], prefer))
    body = _open(store, image, left, offset, length)
    if not left:
        return body

    def rest(done: int) -> store_base.Body:
        return _open(store, image, left, offset + done, length - done)

    if isinstance(body, filebody.FileBody):
        body.rest = rest  # the server sends files itself, without iterating
        return body
    return _Continued(image['id'], body, rest)


def _open(
    store: stores.Stores,
    image: contract.Image,
    left: list[contract.Location],
    offset: int,
    length: int,
) -> store_base.Body:
    """Open the first readable location; remove it and earlier ones."""
    while left:
        location = left.pop(0)
        url, label = location['url'], stores.label_of(location)
        name = store.id_of(location) or 'none'
        try:
            body = store.open(url, offset, length, label)
            health.note(f'store {name}', None)
            return _when_closed(body, _read_from(name))
        except (errors.NotFound, errors.StoreUnavailable) as error:
            if isinstance(error, errors.StoreUnavailable):
                health.note(f'store {name}', str(store_base.reason(error)))
            LOG.error(
                'The data of image %s cannot be read from %s: %s',
                image['id'],
                stores.described(url),
                store_base.reason(error),
            )
    raise errors.StoreUnavailable


def watched(
    body: store_base.Body, ended: Callable[[int], None] | None
) -> store_base.Body:
    """Return the same data; ``ended(bytes)`` is called when it is closed."""
    since = time.monotonic()
    wanted_bytes = body.length

    def closed(sent_bytes: int) -> None:
        counters.note(
            'transfer',
            'download',
            'done' if sent_bytes == wanted_bytes else 'failed',
            amount=time.monotonic() - since,
        )
        if ended is not None:
            ended(sent_bytes)

    return _when_closed(body, closed)


def _read_from(store: str) -> Callable[[int], None]:
    return lambda size: counters.note('store_read', store, amount=size)


def _when_closed(
    body: store_base.Body, closed: Callable[[int], None]
) -> store_base.Body:
    if not isinstance(body, filebody.FileBody):
        if isinstance(body, store_base.Direct):
            return _CountedDirect(body, closed)
        return _Counted(body, closed)
    earlier = body.on_close  # the server sends files without iterating

    def both(sent_bytes: int) -> None:
        if earlier is not None:
            earlier(sent_bytes)
        closed(sent_bytes)

    body.on_close = both
    return body


class _Continued:
    """A body that continues at the next location when one fails.

    :param rest: opens the rest, given the number of bytes already read
    """

    def __init__(
        self,
        image_id: str,
        body: store_base.Body,
        rest: Callable[[int], store_base.Body],
    ) -> None:
        self._image_id = image_id
        self._body = body
        self._rest = rest
        self.length = body.length

    def __iter__(self) -> Iterator[bytes]:
        done = 0
        while True:
            try:
                for chunk in self._body:
                    done += len(chunk)
                    yield chunk
                return
            except (errors.Error, OSError, filebody.TruncatedFile) as error:
                LOG.error(
                    'Reading image %s failed after %s of %s bytes; the rest '
                    'is read from its next location: %s',
                    self._image_id,
                    done,
                    self.length,
                    store_base.reason(error),
                )
            self._body.close()
            self._body = self._rest(done)

    def close(self) -> None:
        self._body.close()


class _Counted:
    """Counts the bytes that are read from a body."""

    def __init__(
        self, body: store_base.Body, ended: Callable[[int], None]
    ) -> None:
        self._body = body
        self._ended: Callable[[int], None] | None = ended
        self._sent_bytes = 0
        self.length = body.length

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._body:
            yield chunk
            self._sent_bytes += len(chunk)

    def close(self) -> None:
        self._body.close()
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self._sent_bytes)


class _CountedDirect(_Counted):
    """The same for a body that can be read into a buffer."""

    def read_into(self, view: memoryview) -> None:
        self._body.read_into(view)  # type: ignore[attr-defined]
        self._sent_bytes += len(view)
