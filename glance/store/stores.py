"""All stores of one configuration, found by the scheme of a URL."""

from collections.abc import Sequence
import logging
import urllib.parse

from glance.common import errors
from glance.store import base

LOG = logging.getLogger(__name__)

#: Schemes that name places of the host or of the operator: no client gives
#: such a location, whatever its rights (OSSA-2014-041, OSSA-2015-002).
LOCAL_SCHEMES = frozenset(('file', 'filesystem', 'swift+config'))


class Stores:
    """All stores; the default one takes new data.

    :param default: where uploads go
    :param others: only read and deleted from
    """

    is_read_only = False

    def __init__(
        self, default: base.Writable, others: Sequence[base.Store] = ()
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
        self.identity = default.identity
        self._default = default

    def of(self, url: str) -> base.Store:
        """:raises base.Elsewhere: no store knows the scheme"""
        try:
            return self._by_scheme[scheme_of(url)]
        except KeyError:
            raise base.Elsewhere(
                'no store in [glance_store] stores has its scheme'
            ) from None

    def open(self, url: str, offset: int, length: int | None) -> base.Body:
        return self.of(url).open(url, offset, length)

    def size(self, url: str) -> int:
        return self.of(url).size(url)

    def delete(self, url: str, image_id: str) -> None:
        """Remove the data of an image, if it can ever be removed from here.

        :raises errors.Conflict: the data is in use
        :raises errors.StoreUnavailable: it cannot be removed now
        """
        try:
            self.of(url).delete(url)
        except base.Elsewhere as error:
            LOG.error(
                'Could not remove the data of image %s at %s: %s',
                image_id,
                described(url),
                error.reason,
            )

    def check(self, url: str) -> None:
        """Whether a client may give this as a location.

        :raises errors.BadRequest: not, whoever it is
        """
        scheme = scheme_of(url)
        if scheme in LOCAL_SCHEMES or scheme not in self._by_scheme:
            LOG.info(
                'Refused a location with the scheme %.20s: clients may only '
                'register URLs of the read-only stores in [glance_store] '
                'stores',
                scheme,
            )
            raise errors.BadRequest(
                'Clients cannot register URLs with this scheme as locations.'
            )
        self._by_scheme[scheme].check(url)

    def hold(self, image_id: str) -> base.Held | None:
        return self._default.hold(image_id)

    def remove_unfinished(self) -> None:
        self._default.remove_unfinished()

    def knows(self, url: str) -> bool:
        """Whether there is a store for the scheme."""
        return scheme_of(url) in self._by_scheme

    def is_foreign(self, url: str) -> bool:
        """Whether the data is not ours to delete."""
        store = self._by_scheme.get(scheme_of(url))
        return store is not None and store.is_read_only

    def may_refuse_deletion(self, urls: Sequence[str]) -> bool:
        """Whether data at one of them can be in use."""
        if not self.can_refuse_deletion:
            return False
        found = [self._by_scheme.get(scheme_of(url)) for url in urls]
        return any(store and store.can_refuse_deletion for store in found)


def scheme_of(url: str) -> str:
    return url.partition(':')[0].lower()


def described(url: str) -> str:
    """A location for the log: without user information and query."""
    try:
        parts = urllib.parse.urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or '', parts.port
    except ValueError:
        scheme, host, port = '', '', None
    if not scheme:
        return (
            'a location that is no URL (is it encrypted with '
            'metadata_encryption_key of another configuration?)'
        )
    if scheme in ('file', 'filesystem'):
        return f'{scheme}://{host}{parts.path}'
    if scheme not in ('http', 'https'):
        return f'{scheme}:...'
    return f'{scheme}://{host}{f":{port}" if port else ""}/...'
