"""What stores on a server have in common.

:class:`Objects` is the base of stores that keep one object for an image, and
:class:`Body` is data that a native thread reads ahead from a server.
"""

from _queue import Empty  # native, not monkey-patched
from _queue import SimpleQueue  # native, not monkey-patched
from collections.abc import Callable, Iterator
import logging
import re
import time
from typing import Any, Protocol

from glance.common import errors
from glance.common import threads
from glance.store import base
from glance.store import servers

LOG = logging.getLogger(__name__)

PIECE_BYTES = 256 * 1024
#: Max number of pieces that wait for a slow client.
DEPTH = 8
_RESUME_SECONDS = 0.5


class Source(Protocol):
    """What the data is read from; see :class:`servers.Response`."""

    def readinto(self, view: memoryview) -> int: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...


class Body:
    """See :class:`glance.store.base.Body`.

    :param open_at: opens the rest, given the number of bytes already read;
        runs in a native thread
    :param length: number of bytes in total
    :param resumes: how often a failed reading is resumed
    """

    def __init__(
        self,
        open_at: Callable[[int], Source],
        source: Source,
        length: int,
        resumes: int = 0,
    ) -> None:
        self._open_at = open_at
        self._source = source
        self.length = length
        self._resumes = resumes
        self._pieces: SimpleQueue[bytes | BaseException] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()
        self._is_closed = False
        self._is_started = False
        self._done = 0

    def __iter__(self) -> Iterator[bytes]:
        if self._is_started or self._is_closed:
            raise ValueError('the body can be read only once')
        for _ in range(DEPTH):
            self._room.put(None)
        threads.start(self._read)
        self._is_started = True  # the thread closes the source
        left = self.length
        while left:
            piece = self._next()
            if isinstance(piece, BaseException):
                raise piece
            left -= len(piece)
            self._room.put(None)
            yield piece

    def _next(self) -> bytes | BaseException:
        try:
            piece = self._pieces.get_nowait()
        except Empty:
            # Not in the pool: a slow server would occupy its few threads.
            waited: bytes | BaseException = threads.run(self._pieces.get)
            return waited
        # Let others run, even if the client and the server are fast.
        time.sleep(0)
        return piece

    def _read(self) -> None:
        try:
            self._read_all()
        except BaseException as error:
            self._pieces.put(error)
        finally:
            self._source.close()

    def _read_all(self) -> None:
        # One for all pieces: a new one is filled with zeros first.
        buffer = memoryview(bytearray(min(PIECE_BYTES, self.length)))
        done = 0
        while done < self.length:
            self._room.get()
            if self._is_closed:
                return
            view = buffer[: self.length - done]
            self._fill(view, done)
            done += len(view)
            self._pieces.put(bytes(view))

    def read_into(self, view: memoryview) -> None:
        """See :class:`glance.store.base.Direct`."""
        # In steps, because a source may have a time limit for each call.
        for start in range(0, len(view), PIECE_BYTES):
            piece = view[start : start + PIECE_BYTES]
            self._fill(piece, self._done)
            self._done += len(piece)

    def _fill(self, view: memoryview, done: int) -> None:
        got = 0
        while True:
            try:
                got += self._source.readinto(view[got:])
                if got == len(view):
                    return
                raise servers.Unreachable('the data ended too early')
            except errors.StoreUnavailable as error:
                if self._is_closed or self._resumes <= 0:
                    raise
                LOG.warning(
                    'Reading from a store broke off after %s bytes; the '
                    'rest is requested: %s',
                    done + got,
                    getattr(error, 'reason', error),
                )
            self._resumes -= 1
            threads.pause(_RESUME_SECONDS)
            self._source.close()
            # It is unknown how much a failed read took, so restart the piece.
            got = 0
            self._source = self._open_at(done)

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if not self._is_started:
            self._source.close()
            return
        self._room.put(None)
        self._source.abort()


class Nothing:
    """A body of zero bytes."""

    length = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def close(self) -> None:
        """Do nothing, because nothing is open."""


class HeldObject:
    """See :class:`glance.store.base.Held`; for objects on a server."""

    def look(self) -> bool:
        """Ask the server, in a native thread.

        :returns: whether there is an object, or a part of one
        """
        raise NotImplementedError

    def _remove(self) -> None:
        """Remove what look() found, in a native thread."""
        raise NotImplementedError

    def remove(self) -> None:
        threads.run(self._remove)

    def close(self) -> None:
        """Do nothing, because nothing is open."""


class Objects:
    """Base of stores that keep one object for an image on a server.

    See :class:`glance.store.base.Writable`.
    """

    is_read_only = False
    can_refuse_deletion = False

    def _locate(self, url: str) -> Any:
        """Return where the object of a URL is.

        :raises base.Elsewhere: the URL is not of this store
        """
        raise NotImplementedError

    def _held(self, image_id: str) -> HeldObject:
        """Return the object of an image, before look() has been called."""
        raise NotImplementedError

    def _require_usable(self) -> None:
        """Ask the server, in a native thread.

        :raises errors.Error: the store cannot be used
        """
        raise NotImplementedError

    def find_trouble(self) -> str | None:
        """Return why the store cannot be used; None if it can."""
        try:
            threads.run(self._require_usable)
        except errors.Error as error:
            return str(base.reason(error))
        return None

    def owns(self, url: str) -> bool:
        try:
            self._locate(url)
        except base.Elsewhere:
            return False
        return True

    def metadata(self, url: str) -> dict[str, Any]:
        return {}

    def check(self, url: str) -> None:
        raise errors.BadRequest(
            'Clients cannot register an object of this store as a location.'
        )

    def delete_unregistered(self, image_id: str) -> None:
        held = self.hold(image_id)
        if held is not None:
            held.remove()

    def hold(self, image_id: str) -> base.Held | None:
        held = self._held(image_id)
        return held if threads.run(held.look) else None

    def remove_unfinished(self) -> None:
        """Do nothing: parts are found by the id of their image."""


def checked(image_id: str, pattern: re.Pattern[str]) -> str:
    """Return an id that is used as a name.

    :raises errors.NotFound: the server cannot have such a name
    """
    if not pattern.fullmatch(image_id):
        raise errors.NotFound('There is no such image.')
    return image_id


def too_short() -> errors.StoreUnavailable:
    """The error of a range that goes beyond the end of the object."""
    return servers.Unreachable(
        'the object has less data than the image has bytes'
    )
