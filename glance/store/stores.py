"""All stores of one configuration, found by the scheme of a URL."""

from collections.abc import Sequence
import logging

from glance.common import errors
from glance.store import base

LOG = logging.getLogger(__name__)

#: Schemes that name places of the host or of the operator: no client gives
#: such a location, whatever its rights (OSSA-2014-041, OSSA-2015-002).
LOCAL_SCHEMES = frozenset(('file', 'filesystem', 'swift+config'))


class Stores:
    """Itself a :class:`base.Store`: the default one takes new data.

    :param default: where uploads go
    :param others: only read and deleted from
    """

    is_read_only = False

    def __init__(
        self, default: base.Store, others: Sequence[base.Store] = ()
    ) -> None:
        every = (*others, default)
        self._by_scheme = {
            scheme: store for store in every for scheme in store.schemes
        }
        self.schemes = tuple(self._by_scheme)
        self.can_refuse_deletion = any(
            store.can_refuse_deletion for store in every
        )
        # Bound once: an upload goes straight to its store.
        self.write = default.write
        self.delete_unregistered = default.delete_unregistered

    def of(self, url: str) -> base.Store:
        """:raises errors.NotFound: no store knows the scheme"""
        try:
            return self._by_scheme[scheme_of(url)]
        except KeyError:
            LOG.error('A location has a scheme of no store')
            raise errors.NotFound('There is no such data.') from None

    def open(self, url: str, offset: int, length: int | None) -> base.Body:
        return self.of(url).open(url, offset, length)

    def size(self, url: str) -> int:
        return self.of(url).size(url)

    def delete(self, url: str) -> None:
        try:
            store = self.of(url)
        except errors.NotFound:
            return
        store.delete(url)

    def check(self, url: str) -> None:
        """Whether a client may give this as a location.

        :raises errors.BadRequest: not, whoever it is
        """
        scheme = scheme_of(url)
        if scheme in LOCAL_SCHEMES or scheme not in self._by_scheme:
            raise errors.BadRequest('No store for clients has this scheme.')
        self._by_scheme[scheme].check(url)

    def knows(self, url: str) -> bool:
        """Whether there is a store for the scheme."""
        return scheme_of(url) in self._by_scheme

    def is_foreign(self, url: str) -> bool:
        """Whether the data is not ours to delete."""
        store = self._by_scheme.get(scheme_of(url))
        return store is None or store.is_read_only

    def may_refuse_deletion(self, urls: Sequence[str]) -> bool:
        """Whether data at one of them can be in use (trap 42)."""
        if not self.can_refuse_deletion:
            return False
        found = [self._by_scheme.get(scheme_of(url)) for url in urls]
        return any(store and store.can_refuse_deletion for store in found)


def scheme_of(url: str) -> str:
    return url.partition(':')[0].lower()
