"""The contract of a store; every store passes the same test suite."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from glance.common import errors

Buffer = bytes | memoryview
#: The only message that a client gets about a location that is refused,
#: unknown or down. It must not reveal which rule refused it or whether a port
#: is open, because clients could explore the internal network with it.
UNUSABLE = 'The location cannot be used.'


class Elsewhere(errors.StoreUnavailable):
    """The URL belongs to no configured store, or not to this store.

    :ivar reason: for the log
    """

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


def reason(error: BaseException) -> object:
    """Return why a store failed; for the log, not for clients."""
    return getattr(error, 'reason', None) or error.__cause__ or error


class Body(Protocol):
    """Open data. Iterating yields ``length`` bytes in total, or raises."""

    length: int

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


@runtime_checkable
class Direct(Protocol):
    """A body that a native thread can also read into a buffer of its own."""

    def read_into(self, view: memoryview) -> None:
        """Fill ``view`` with the next bytes, instead of iterating.

        :raises errors.StoreUnavailable: the data ends, or the store failed
        """


class Store(Protocol):
    """Keeps image data under URLs that the store itself creates.

    Errors are those of :mod:`glance.common.errors`. No message contains a URL,
    because it may hold a path or a password (OSSA-2013-002).

    :ivar schemes: of its URLs, in lower case
    :ivar is_read_only: the service does not own the data and never writes or
        deletes it
    :ivar can_refuse_deletion: delete() may raise because data is in use
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
        """Store everything that ``data`` yields and return its URL.

        ``size_bytes`` is the total size; None if unknown.

        This may run in a native thread, so blocking work must go through
        ``threads.call``, and nothing may wait as a green thread. A piece of
        ``data`` is valid until the next one is requested.

        The caller holds the image's claim. So existing data under the same id
        is orphaned and is replaced. Right before the data gets its name,
        ``confirm()`` is called in the thread of the caller; it raises if the
        claim was lost meanwhile. All or nothing: if this method raises, also
        because ``data`` raised, no data is left in the store. Memory use does
        not grow with the data.

        :raises errors.LimitExceeded: the store is full
        :raises errors.StoreUnavailable: the store cannot write
        """

    def open(self, url: str, offset: int, length: int | None) -> Body:
        """Open ``length`` bytes from ``offset`` on; None: to the end.

        :raises errors.NotFound: there is no such data
        :raises Elsewhere: the URL is not of this store
        :raises errors.StoreUnavailable: the data cannot be read now
        """

    def owns(self, url: str) -> bool:
        """Whether the URL certainly belongs to this store.

        No server is asked, and the data need not exist.
        """

    def metadata(self, url: str) -> dict[str, Any]:
        """Return the metadata that a location with this URL gets."""

    def delete(self, url: str) -> None:
        """Remove the data; missing data is not an error.

        :raises errors.Conflict: the data is in use
        :raises Elsewhere: the URL is not of this store
        :raises errors.StoreUnavailable: the data cannot be removed now
        """

    def check(self, url: str) -> None:
        """Check a URL from a client, without sending any request.

        :raises errors.BadRequest: the URL cannot be a location of an image
        """

    def size(self, url: str) -> int:
        """Return the size of the data in bytes.

        :raises errors.NotFound: there is no such data
        :raises errors.StoreUnavailable: the store does not respond now
        """

    def delete_unregistered(self, image_id: str) -> None:
        """Remove what an interrupted upload of the image may have left."""


class Held(Protocol):
    """Opened data under an image's id, whichever process stored it."""

    def remove(self) -> None:
        """Remove exactly this data, but not data that has replaced it.

        :raises errors.StoreUnavailable: the data cannot be removed now
        """

    def close(self) -> None: ...


class Writable(Store, Protocol):
    """A store that uploads are written to.

    :ivar identity: equal for all stores that keep their data in the same
        place, and different for all others; None if unknown
    """

    @property
    def identity(self) -> str | None: ...

    def hold(self, image_id: str) -> Held | None:
        """Open the data under the image's id; None if there is none.

        :raises errors.StoreUnavailable: the store cannot be read now
        """

    def remove_unfinished(self) -> None:
        """Remove data of interrupted uploads that has no image's name yet.

        :raises errors.StoreUnavailable: the store cannot be read now
        """


class Piece(NamedTuple):
    """One file or object in a store.

    :ivar name: for people
    :ivar image_id: the image that it belongs to, according to its name; None
        if this service does not use such names
    :ivar url: the URL that a location of it would have
    :ivar is_aside: it was set aside, so no location refers to it
    :ivar age_seconds: time since it was written
    :ivar hold: opens it for its removal; returns None if it does not exist
    """

    name: str
    image_id: str | None
    url: str
    is_aside: bool
    size_bytes: int
    age_seconds: float
    hold: Callable[[], Held | None]


@runtime_checkable
class Lists(Protocol):
    """A store that can list all its data."""

    def pieces(self) -> Iterator[Piece]:
        """Yield all complete data in any order, with constant memory.

        :raises errors.StoreUnavailable: the store cannot be read now
        """


@runtime_checkable
class SetsAside(Protocol):
    """A store that can keep damaged data for an examination by people."""

    def set_aside(self, url: str) -> str:
        """Rename the data, so that no location refers to it.

        :returns: the new name, for people
        :raises errors.NotFound: there is no such data
        :raises Elsewhere: the URL is not of this store
        :raises errors.StoreUnavailable: the data cannot be renamed now
        """


class Writes(Protocol):
    """What writes the data of the images of one owner."""

    def write(
        self,
        image_id: str,
        data: Iterable[Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        """See :meth:`Store.write`."""


@runtime_checkable
class HasAccounts(Protocol):
    """A store that keeps the data of a project's images in its account."""

    def of_owner(self, project: str) -> Writes:
        """Return what writes to the account of a project."""


@runtime_checkable
class GrantsAccess(Protocol):
    """A store from which projects can read the data without this service."""

    def set_access(
        self, url: str, is_public: bool, projects: Sequence[str]
    ) -> None:
        """Set who may read the data, besides its owner.

        :param is_public: everybody
        :raises errors.StoreUnavailable: it cannot be set now
        """
