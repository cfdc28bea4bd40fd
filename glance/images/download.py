"""Pick a location of an image and open its bytes."""

from collections.abc import Callable, Iterator
import logging

from glance.common import contract
from glance.common import errors
from glance.common import filebody
from glance.store import base as store_base
from glance.store import stores

LOG = logging.getLogger(__name__)


def open_data(
    store: stores.Stores, image: contract.Image, offset: int, length: int
) -> store_base.Body:
    """The bytes from the first location that has them.

    :raises errors.StoreUnavailable: none can be read; the log says why
    """
    for location in image['locations']:
        try:
            return store.open(location['url'], offset, length)
        except (errors.NotFound, errors.StoreUnavailable) as error:
            LOG.error(
                'The data of image %s cannot be read from %s: %s',
                image['id'],
                stores.described(location['url']),
                store_base.reason(error),
            )
    raise errors.StoreUnavailable


def watched(
    body: store_base.Body, ended: Callable[[int], None] | None
) -> store_base.Body:
    """The same data; ``ended(bytes)`` is called when its sending ends."""
    if ended is None:
        return body
    if isinstance(body, filebody.FileBody):
        body.on_close = ended  # the server sends it in ways of its own
        return body
    return _Counted(body, ended)


class _Counted:
    """Counts what is taken of a body."""

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
