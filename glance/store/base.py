"""What a store promises; every store passes one suite of tests."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from glance.common import errors

Buffer = bytes | memoryview
#: The only message that a client gets about a location that is refused,
#: unknown or down. It must not reveal which rule refused it or whether a port
#: is open, because clients could explore the internal network with it.
UNUSABLE = 'The location cannot be used.'


class Elsewhere(errors.StoreUnavailable):
    """The URL is of no store that is configured, or outside of it.

    :ivar reason: for the log
    """

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


def reason(error: BaseException) -> object:
    """Why a store failed, for the log; clients are not told."""
    return getattr(error, 'reason', None) or error.__cause__ or error


class Body(Protocol):
    """Open data on its way out. ``length`` bytes come, or it raises."""

    length: int

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class Store(Protocol):
    """Keeps image data under URLs of its own making.

    Errors are those of :mod:`glance.common.errors`; no message tells a URL,
    which may hold a path or a password (OSSA-2013-002).

    :ivar schemes: of its URLs, in lower case
    :ivar is_read_only: its data is somebody else's: never written or
        deleted
    :ivar can_refuse_deletion: delete() may say that data is in use
    """

    @property
    def schemes(self) -> tuple[str, ...]: ...
    @property
    def is_read_only(self) -> bool: ...
    @property
    def can_refuse_deletion(self) -> bool: ...

    def write(
        self,
        image_id: str,
        data: Iterable[Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        """Store everything that ``data`` gives and return its URL.

        ``size_bytes`` is how much that will be, as far as anybody knows.

        It may run in a native thread, so it says ``threads.call`` for work
        that blocks and nothing that waits green. A piece of ``data`` is
        valid until the next one is asked for.

        Called by the holder of the image's claim, so data that lies there
        under the same id belongs to nobody and is replaced. Right before
        the data gets its name ``confirm()`` is called, in the thread of the
        caller; it raises if the claim was lost meanwhile. All or nothing:
        when it raises, also because ``data`` raised, no byte stays. Memory
        does not grow with the data.

        :raises errors.LimitExceeded: the store is full
        :raises errors.StoreUnavailable: it cannot write
        """

    def open(self, url: str, offset: int, length: int | None) -> Body:
        """Open ``length`` bytes from ``offset`` on, None: to the end.

        :raises errors.NotFound: there is no such data
        :raises Elsewhere: the URL is not of this store
        :raises errors.StoreUnavailable: it cannot be read now
        """

    def delete(self, url: str) -> None:
        """Remove the data; missing data is no error.

        :raises errors.Conflict: the data is in use
        :raises Elsewhere: the URL is not of this store
        :raises errors.StoreUnavailable: it cannot be removed now
        """

    def check(self, url: str) -> None:
        """Judge, without asking anybody, a URL that a client gives.

        :raises errors.BadRequest: it is no place for an image
        """

    def size(self, url: str) -> int:
        """How many bytes there are.

        :raises errors.NotFound: there is no such data
        :raises errors.StoreUnavailable: it cannot be asked now
        """

    def delete_unregistered(self, image_id: str) -> None:
        """Remove what a killed upload of the image may have left."""


class Held(Protocol):
    """Data that lies under an image's id, whoever stored it."""

    def remove(self) -> None:
        """Remove this very data; what replaced it meanwhile stays.

        :raises errors.StoreUnavailable: it cannot be removed now
        """

    def close(self) -> None: ...


class Writable(Store, Protocol):
    """A store that uploads go to.

    :ivar identity: the same for all that keep their data in one place, and
        for no others; None if that is not known
    """

    @property
    def identity(self) -> str | None: ...

    def hold(self, image_id: str) -> Held | None:
        """What lies under the image's id; None if nothing does.

        :raises errors.StoreUnavailable: it cannot be looked at now
        """

    def remove_unfinished(self) -> None:
        """Remove what killed uploads left without a name of an image.

        :raises errors.StoreUnavailable: it cannot be looked at now
        """
