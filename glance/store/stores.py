"""All stores of one configuration, by their ids."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
import logging
from typing import Any, cast, TypeVar
import urllib.parse

from glance.common import contract
from glance.common import errors
from glance.store import base
from glance.store import named

LOG = logging.getLogger(__name__)

#: Schemes of URLs on this host or in the operator's configuration. No client
#: may set such a location, whatever its rights (OSSA-2014-041,
#: OSSA-2015-002).
LOCAL_SCHEMES = frozenset(('file', 'filesystem', 'swift+config'))
#: Data at these URLs belongs to others, so there is nothing to remove.
WEB_SCHEMES = frozenset(('http', 'https'))

#: A location: a mapping with ``url`` and ``metadata``.
Place = TypeVar('Place', bound=Mapping[str, Any])


class UnknownStore(errors.Conflict):
    """There is no store with this id."""

    text = 'The service has no store with this id.'


class Stores:
    """All stores: finds the store of a URL, and the store for new data.

    :param all_stores: for a URL that several of them may have, the default
        store comes first
    :param default_id: the id of the store of uploads that name none
    :param lost: ids of stores, and schemes of URLs, that do not exist any
        more (option lost_stores)
    :ivar is_named: clients see the ids of stores
    :ivar ids: in the order of the configuration
    """

    is_read_only = False

    def __init__(
        self,
        all_stores: Sequence[named.Named],
        default_id: str,
        is_named: bool = False,
        lost: Collection[str] = (),
    ) -> None:
        self.is_named = is_named
        self._lost = frozenset(lost)
        self.ids = tuple(each.id for each in all_stores)
        self._by_id = {each.id: each for each in all_stores}
        self.default_id = default_id
        self.default = self._by_id[default_id]
        self._is_weighted = len({each.weight for each in all_stores}) > 1
        self._by_scheme: dict[str, list[named.Named]] = {}
        for each in sorted(all_stores, key=lambda it: it is not self.default):
            for scheme in each.schemes:
                self._by_scheme.setdefault(scheme, []).append(each)
        self.schemes = tuple(self._by_scheme)
        # Bound once, so that an upload calls its store directly.
        self.write = self.default.write

    def __iter__(self) -> Iterator[named.Named]:
        return iter(self._by_id.values())

    def get(self, store_id: str) -> named.Named:
        """:raises UnknownStore: no store has this id"""
        try:
            return self._by_id[store_id]
        except KeyError:
            raise UnknownStore from None

    def writable(self, name: str) -> named.Named:
        """Return the store for an upload that names an id or a scheme.

        :raises UnknownStore: there is no such store
        :raises errors.Gone: the store is read-only
        """
        fitting = self._by_scheme.get(name, [])
        if name in self._by_id:
            fitting = [self._by_id[name]]
        if not fitting:
            raise UnknownStore
        for each in fitting:
            if not each.is_read_only:
                return each
        raise errors.Gone(
            f'The store {name} is read-only; choose another one.'
        )

    @property
    def identity(self) -> str | None:
        """The identity of the default store."""
        return self.default.identity

    def identities(self) -> set[str | None]:
        """The identities of all stores that are written to."""
        return {each.identity for each in self._writable()}

    def _writable(self) -> list[named.Named]:
        return [each for each in self if not each.is_read_only]

    def of(self, url: str, store_id: str | None = None) -> named.Named:
        """Find the store of a location by its id, its URL, its scheme.

        The id is used only if the URL does not contradict it, because clients
        may have written it, or the store may have another id now.

        :raises base.Elsewhere: no store has the scheme
        """
        fitting = self._by_scheme.get(scheme_of(url))
        if not fitting:
            raise base.Elsewhere(
                'no store of the configuration has its scheme'
            )
        if len(fitting) == 1:
            return fitting[0]
        labelled = self._by_id.get(store_id or '')
        if labelled in fitting and (labelled.owns(url) or labelled.trouble):
            return labelled
        for each in fitting:
            if each.owns(url):
                return each
        if labelled in fitting:
            return labelled
        # A URL that no store recognizes may belong to one that is down.
        return next((each for each in fitting if each.trouble), fitting[0])

    def id_of(self, location: Mapping[str, Any]) -> str | None:
        """Return the id of a location's store; None if no store has it."""
        label = label_of(location)
        if label in self._by_id:
            return label
        try:
            return self.of(location['url']).id
        except base.Elsewhere:
            return label

    def labelled(self, location: Place) -> Place:
        """Return the location with its store's id, if clients see ids."""
        if not self.is_named:
            return location
        try:
            owner = self.of(location['url'], label_of(location))
        except base.Elsewhere:
            return location
        metadata = {**location['metadata'], **owner.labels}
        return cast(Place, {**location, 'metadata': metadata})

    def ordered(
        self, locations: list[Place], prefer: Sequence[str] = ()
    ) -> list[Place]:
        """Return the locations in the order in which they are read.

        The preferred stores come first, then those with higher weights.
        """
        if len(locations) < 2 or not (self._is_weighted or prefer):
            return locations
        rank = {store_id: number for number, store_id in enumerate(prefer)}

        def key(location: Place) -> tuple[int, int]:
            store_id = self.id_of(location) or ''
            store = self._by_id.get(store_id)
            weight = store.weight if store is not None else 0
            return rank.get(store_id, len(rank)), -weight

        return sorted(locations, key=key)

    def open(
        self,
        url: str,
        offset: int,
        length: int | None,
        store_id: str | None = None,
    ) -> base.Body:
        return self.of(url, store_id).store.open(url, offset, length)

    def size(self, url: str, store_id: str | None = None) -> int:
        return self.of(url, store_id).store.size(url)

    def holder(self, url: str, store_id: str | None = None) -> named.Named:
        """Find the store that certainly has the data, if it still exists.

        :meth:`of` may return a store that only could have it. If that one
        were asked for data of a store that is not configured here, the data
        would seem to be missing.

        :raises base.Elsewhere: the configuration may not have the store
        :raises errors.StoreUnavailable: a store does not respond now
        """
        candidate = self.of(url, store_id)
        scheme = scheme_of(url)
        if store_id and store_id not in self._by_id:
            if scheme in contract.RELATIVE_SCHEMES or not candidate.owns(url):
                raise base.Elsewhere(
                    f'no store of the configuration has the id {store_id}'
                )
            return candidate
        fitting = self._by_scheme[scheme]
        if store_id or len(fitting) == 1 or candidate.owns(url):
            return candidate
        for each in fitting:
            try:
                each.store.size(url)
            except (errors.NotFound, base.Elsewhere):
                continue
            return each
        return candidate

    def delete(
        self, url: str, image_id: str, store_id: str | None = None
    ) -> None:
        """Remove the data of an image.

        :raises errors.Conflict: the data is in use
        :raises base.Elsewhere: the configuration may not have the store, so
            the data stays there
        :raises errors.StoreUnavailable: the data cannot be removed now
        """
        scheme = scheme_of(url)
        if self._is_lost(scheme, store_id):
            LOG.warning(
                'The data of image %s at %s counts as removed, because its '
                'store is one of lost_stores',
                image_id,
                described(url),
            )
            return
        if scheme in WEB_SCHEMES and scheme not in self._by_scheme:
            return
        try:
            self.holder(url, store_id).store.delete(url)
        except base.Elsewhere as error:
            name = f'the store {store_id}' if store_id else 'its store'
            raise base.Elsewhere(
                f'{name} is not configured here ({described(url)}): '
                f'{error.reason}'
            ) from error

    def _is_lost(self, scheme: str, store_id: str | None) -> bool:
        """Whether the operator has declared that the store does not exist.

        A name of a store that is configured does not count.
        """
        is_lost_id = store_id in self._lost and store_id not in self._by_id
        return is_lost_id or (
            scheme in self._lost and scheme not in self._by_scheme
        )

    def delete_all(
        self,
        places: Iterable[tuple[str, str | None]],
        image_id: str,
        removed: list[int] | None = None,
    ) -> None:
        """Remove all data of an image that can be removed.

        :param places: pairs of a URL and the id of its store, or None
        :param removed: receives the positions of the places whose data is
            removed, also if the rest fails
        :raises errors.Error: as :meth:`delete`; at the first other error
            than Elsewhere the rest is not tried
        """
        unknown: list[base.Elsewhere] = []
        for position, (url, store_id) in enumerate(places):
            try:
                self.delete(url, image_id, store_id)
            except base.Elsewhere as error:
                unknown.append(error)
            else:
                if removed is not None:
                    removed.append(position)
        if unknown:
            raise base.Elsewhere('; '.join(each.reason for each in unknown))

    def check(self, url: str) -> None:
        """Check whether a client may set this URL as a location.

        :raises errors.BadRequest: no client may
        """
        scheme = scheme_of(url)
        if scheme in LOCAL_SCHEMES or scheme not in self._by_scheme:
            LOG.info(
                'Refused a location with the scheme %.20s: clients may only '
                'register URLs of stores that are configured, and no file',
                scheme,
            )
            raise errors.BadRequest(
                'Clients cannot register URLs with this scheme as locations.'
            )
        self.of(url).store.check(url)

    def delete_unregistered(self, image_id: str) -> None:
        for each in self._writable():
            each.store.delete_unregistered(image_id)

    def hold(self, image_id: str) -> list[tuple[named.Named, base.Held]]:
        """Open the data under the image's id, in each store that has some.

        :raises errors.StoreUnavailable: a store cannot be read now
        """
        opened: list[tuple[named.Named, base.Held]] = []
        try:
            for each in self._writable():
                held = cast(base.Writable, each.store).hold(image_id)
                if held is not None:
                    opened.append((each, held))
        except BaseException:
            for _, held in opened:
                held.close()
            raise
        return opened

    def remove_unfinished(self) -> None:
        for each in self._writable():
            if each.trouble is None:
                cast(base.Writable, each.store).remove_unfinished()

    def knows(self, url: str) -> bool:
        """Whether a store has the scheme of the URL."""
        return scheme_of(url) in self._by_scheme

    def is_foreign(self, url: str) -> bool:
        """Whether the data is in a store that is only read."""
        return self.knows(url) and self.of(url).is_read_only

    def is_elsewhere(self, url: str, than: named.Named) -> bool:
        """Whether the URL certainly belongs to another store.

        Several stores may recognize a URL, for instance two buckets of one
        host; then it may belong to each of them.
        """
        if not self.knows(url):
            return False
        if scheme_of(url) not in than.schemes:
            return True
        owner = self.of(url)
        return (
            owner is not than
            and not owner.is_same_place(than)
            and owner.owns(url)
            and not than.owns(url)
        )

    def may_refuse_deletion(self, urls: Sequence[str]) -> bool:
        """Whether a store of the URLs may refuse a deletion (data in use)."""
        return any(
            self.knows(url) and self.of(url).can_refuse_deletion
            for url in urls
        )

    def look(self) -> None:
        """Set up the stores that are down."""
        for each in self:
            each.look()

    def troubles(self) -> list[str]:
        """A message for each store that is down."""
        return [
            f'The store {each.id} is down: {each.trouble}'
            for each in self
            if each.trouble is not None
        ]


def labelled_urls(
    locations: Iterable[Mapping[str, Any]],
) -> list[tuple[str, str | None]]:
    """Return the arguments of :meth:`Stores.delete_all`."""
    return [(each['url'], label_of(each)) for each in locations]


def label_of(location: Mapping[str, Any]) -> str | None:
    """The id of the store in a location's metadata; None if absent."""
    metadata = location.get('metadata') or {}
    # Before release 19 the id was written under the name "backend".
    label = metadata.get('store') or metadata.get('backend')
    return label if isinstance(label, str) else None


def scheme_of(url: str) -> str:
    return url.partition(':')[0].lower()


def shown(url: str) -> str:
    """Return a URL as clients may see it.

    Older releases wrote the credentials of S3 and Swift into it, and a secret
    may contain any character.
    """
    scheme = scheme_of(url)
    if '@' not in url or not scheme.startswith(('s3', 'swift', 'http')):
        return url
    head, mark, rest = url.partition('://')
    if scheme.startswith('http'):
        authority, slash, path = rest.partition('/')
        return f'{head}{mark}{authority.rpartition("@")[2]}{slash}{path}'
    return f'{head}{mark}{rest.rpartition("@")[2]}'


def described(url: str) -> str:
    """A location for the log, without user information and query."""
    try:
        parts = urllib.parse.urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or '', parts.port
    except ValueError:
        scheme, host, port = '', '', None
    if not scheme:
        return (
            'a location that is not a URL (is it encrypted with '
            'metadata_encryption_key of another configuration?)'
        )
    if scheme in ('file', 'filesystem'):
        return f'{scheme}://{host}{parts.path}'
    if scheme not in ('http', 'https'):
        return f'{scheme}:...'
    return f'{scheme}://{host}{f":{port}" if port else ""}/...'
