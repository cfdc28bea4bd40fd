"""Pick a location of an image and open its bytes."""

from collections.abc import Callable, Iterator
import logging

from glance.common import contract
from glance.common import errors
from glance.common import filebody
from glance.store import base as store_base

LOG = logging.getLogger(__name__)


def open_data(
    store: store_base.Store,
    image: contract.Image,
    offset: int,
    length: int | None,
) -> store_base.Body | None:
    """The bytes from the first location that has them.

    :returns: None if the image has no data, or its stores lost it
    :raises errors.StoreUnavailable: a store has it, but cannot give it now
    """
    trouble: errors.Error | None = None
    for location in image['locations']:
        try:
            return store.open(location['url'], offset, length)
        except errors.NotFound:
            LOG.error('A location of image %s has no data', image['id'])
        except errors.StoreUnavailable as error:
            trouble = error
    if trouble is not None:
        raise trouble
    return None


def watched(
    body: store_base.Body, ended: Callable[[int], None]
) -> store_base.Body:
    """The same data; ``ended(bytes)`` is called when its sending ends."""
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
