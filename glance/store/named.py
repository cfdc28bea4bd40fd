"""One store with its id, which works or is down."""

from collections.abc import Sequence
import logging
import time
from typing import Any

from glance.common import errors
from glance.common import health
from glance.store import base
from glance.store import config
from glance.store import drivers

LOG = logging.getLogger(__name__)

#: A store that is down is tried again after this time at the earliest.
PAUSE_SECONDS = 10.0


class Named:
    """A store together with its configuration.

    A store that cannot be set up is down; the service continues without it. It
    is set up again when it is next used or checked.

    :param ready: the store, if it was already created
    :ivar labels: what the metadata of each of its locations contains
    :ivar trouble: why it is down; None if it works
    """

    def __init__(
        self,
        backend: config.Backend,
        is_labelled: bool,
        ready: base.Store | None = None,
    ) -> None:
        self.id = backend.id
        self.kind = backend.kind
        self.weight = backend.weight
        self.description = backend.description
        self.labels = {'store': backend.id} if is_labelled else {}
        self.trouble: str | None = None
        kind = drivers.kind(backend.kind)
        self.schemes = kind.schemes
        self.is_read_only = kind.is_read_only
        self.can_refuse_deletion = kind.can_refuse_deletion
        self.leaves_unfinished = kind.leaves_unfinished
        self.identity: str | None = None
        #: Whether data may go to the account of its owner; True while down.
        self.has_accounts = True
        self._backend = backend
        self._store: base.Store | None = None
        self._tried = float('-inf')
        if ready is not None:
            self._use(ready)

    def set_up(self) -> bool:
        """Create the store; log and remember a failure.

        :returns: whether the store can be used
        """
        self._tried = time.monotonic()
        try:
            self._use(drivers.make(self._backend))
        except errors.Error as error:
            trouble = str(base.reason(error))
            if trouble != self.trouble:
                LOG.error(
                    'The store %s cannot be used; it is tried again: %s',
                    self.id,
                    trouble,
                )
            self.trouble = trouble
            return False
        if self.trouble is not None:
            LOG.info('The store %s can be used now', self.id)
        self.trouble = None
        return True

    def _use(self, store: base.Store) -> None:
        self._store = store
        self.schemes = store.schemes
        self.is_read_only = store.is_read_only
        self.can_refuse_deletion = store.can_refuse_deletion
        self.identity = getattr(store, 'identity', None)
        self.has_accounts = isinstance(store, base.HasAccounts)
        # Bound once, so that an upload calls its store directly.
        self.write = store.write  # type: ignore[method-assign]
        self.metadata = store.metadata  # type: ignore[method-assign]

    def is_same_place(self, other: 'Named') -> bool:
        """Whether both certainly keep their data in the same place."""
        return self.identity is not None and self.identity == other.identity

    def look(self) -> None:
        """Set the store up again if it is down."""
        if self._store is None:
            self.set_up()

    @property
    def store(self) -> base.Store:
        """:raises errors.StoreUnavailable: the store is down"""
        if self._store is None:
            if time.monotonic() - self._tried >= PAUSE_SECONDS:
                self.set_up()
            if self._store is None:
                raise errors.StoreUnavailable from RuntimeError(
                    f'the store {self.id} is down: {self.trouble}'
                )
        return self._store

    def owns(self, url: str) -> bool:
        return self._store is not None and self._store.owns(url)

    def write(self, *args: Any, **kwargs: Any) -> str:
        """See :meth:`glance.store.base.Store.write`."""
        return self.store.write(*args, **kwargs)

    def for_owner(self, project: str | None) -> 'Owned | Named':
        """Return what writes and deletes the data of a project's images."""
        return Owned(self, project) if self.has_accounts else self

    def set_access(
        self, url: str, is_public: bool, projects: Sequence[str]
    ) -> None:
        """See :class:`glance.store.base.GrantsAccess`; else do nothing."""
        if isinstance(self.store, base.GrantsAccess):
            self.store.set_access(url, is_public, projects)

    @property
    def may_grant_access(self) -> bool:
        """Whether set_access may have an effect; unknown while it is down."""
        return self._store is None or isinstance(
            self._store, base.GrantsAccess
        )

    def metadata(self, url: str) -> dict[str, Any]:
        return self.store.metadata(url)

    def delete(self, url: str) -> None:
        """See :meth:`glance.store.base.Store.delete`."""
        self.store.delete(url)

    def find_trouble(self) -> str | None:
        """Return what is wrong with the store; None if nothing is known.

        For a store without a check of its own, the last use decides.
        """
        if self._store is None:
            return self.trouble or 'it has not been set up yet'
        look = getattr(self._store, 'find_trouble', None)
        if look is None:
            return health.noted(f'store {self.id}')
        trouble: str | None = look()
        return trouble

    def properties(self) -> dict[str, Any]:
        """Options of the store that administrators may see."""
        known = drivers.kind(self.kind).properties(self._backend.options)
        return {**known, **getattr(self._store, 'facts', {})}


class Owned:
    """A store that may keep data in the account of the images' owner.

    :param project: the owner; None: nobody
    """

    def __init__(self, store: Named, project: str | None) -> None:
        self._store = store
        self._project = project

    def write(self, *args: Any, **kwargs: Any) -> str:
        """See :meth:`glance.store.base.Store.write`."""
        store = self._store.store
        if self._project and isinstance(store, base.HasAccounts):
            return store.of_owner(self._project).write(*args, **kwargs)
        return store.write(*args, **kwargs)

    def delete(self, url: str) -> None:
        self._store.delete(url)
