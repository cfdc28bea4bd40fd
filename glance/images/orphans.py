"""Data without an image, and images without their data (``--orphans``).

The registry decides: data is owned if a location refers to it (also one that
waits for the scrubber), or if a transfer of its image is running. Data is
removed only after a grace period, and only if it is still the same data.

The registry knows nothing of the images of another service. If two services
share a container, a bucket, a pool or a directory, each sees the data of the
other one as data of no image. Therefore a store is counted before anything in
it is removed: see :class:`Count`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
import itertools
import logging
from typing import Literal, NamedTuple
import urllib.parse

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.images import listed
from glance.store import base
from glance.store import named
from glance.store import stores

LOG = logging.getLogger(__name__)

#: Max pieces of data in one question to the registry.
BATCH = 100

Kind = Literal[
    'orphan', 'aside', 'foreign', 'missing', 'size', 'unknown', 'unlisted'
]


class Finding(NamedTuple):
    """A difference between the stores and the registry.

    :ivar kind: ``orphan``: data of no image; ``aside``: a damaged copy that
        was kept; ``foreign``: data with a name that this service does not
        use; ``missing``: an image without its data; ``size``: data with
        another length than its image; ``unknown``: a store cannot be read;
        ``unlisted``: its driver cannot list data, so none was searched there
    :ivar name: of the data; None if the data is missing
    :ivar outcome: what was done about it; empty: nothing
    """

    kind: Kind
    store: str
    image_id: str | None
    name: str | None
    size_bytes: int | None
    outcome: Literal['', 'deleted', 'too young', 'failed'] = ''


class Count(NamedTuple):
    """What a store has, in pieces of data with the name of an image.

    Damaged copies that were kept are not counted.

    :ivar owned: pieces that this service needs
    :ivar orphans: pieces that belong to no image of this service
    :ivar old: those of them that are old enough to be deleted
    """

    owned: int = 0
    orphans: int = 0
    old: int = 0

    def objection(self, store_id: str) -> str | None:
        """Return why nothing should be deleted; None if it may be.

        Orphans are left by interrupted work, so they are the smaller part of
        a store. If they are not, another service probably owns them, or the
        registry has the wrong database.
        """
        if not self.old:
            return None
        total = self.owned + self.orphans
        if not self.owned:
            found = (
                f'no image of this service has data there, and {self.old} of '
                f'{total} pieces of data would be deleted'
            )
        elif 2 * self.old > total:
            found = (
                f'{self.old} of {total} pieces of data would be deleted, '
                'which is more than half'
            )
        else:
            return None
        return (
            f'Nothing was deleted in the store {store_id}: {found}. Another '
            'service may keep its images there, or glance-registry may use '
            'another database. If all of this data is of no use, add '
            '--even-if-most.'
        )


class Orphans:
    """Searches for data without images and images without data.

    :param grace_seconds: younger data is never deleted
    :param delete: whether to delete data that belongs to no image
    :param tell: called with each finding
    :param even_if_most: delete also if most of the data in a store would go
    :ivar objections: for each store in which nothing was deleted because
        most of its data would have gone, a sentence for the operator
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        *,
        grace_seconds: float,
        delete: bool,
        tell: Callable[[Finding], None],
        watch: Callable[[int], None] = lambda _amount: None,
        even_if_most: bool = False,
    ) -> None:
        self._registry = registry
        self._store = store
        self._grace_seconds = grace_seconds
        self._delete = delete
        self._tell = tell
        self._watch = watch
        self._even_if_most = even_if_most
        self.objections: list[str] = []

    def run(self) -> None:
        """Search all stores, then all images.

        :raises errors.Error: the registry does not respond
        """
        for place in self._store:
            try:
                store = place.store
                if isinstance(store, base.Lists):
                    self._look_at(place, store)
                elif not place.is_read_only:
                    self._tell(Finding('unlisted', place.id, None, None, None))
            except errors.StoreUnavailable as error:
                LOG.error(
                    'The store %s cannot be looked at: %s',
                    place.id,
                    base.reason(error),
                )
                self._tell(Finding('unknown', place.id, None, None, None))
        for image in listed.images(self._registry):
            self._look_for_data(image)
            self._watch(1)

    def _look_at(self, place: named.Named, store: base.Lists) -> None:
        deletes = self._delete and self._may_delete(place, store)
        for batch, unowned in self._batches(place, store):
            for piece in unowned:
                self._tell(self._judged(place, piece, deletes))
            self._watch(len(batch))

    def _batches(
        self, place: named.Named, store: base.Lists
    ) -> Iterator[tuple[list[base.Piece], list[base.Piece]]]:
        """Yield pieces of data, and those of them that nobody needs."""
        pieces = store.pieces()
        while batch := list(itertools.islice(pieces, BATCH)):
            yield batch, self._unowned(place, batch)

    def _may_delete(self, place: named.Named, store: base.Lists) -> bool:
        if self._even_if_most:
            return True
        objection = self._count(place, store).objection(place.id)
        if objection is None:
            return True
        self.objections.append(objection)
        return False

    def _count(self, place: named.Named, store: base.Lists) -> Count:
        count = Count()
        for batch, unowned in self._batches(place, store):
            lost = [
                each
                for each in unowned
                if each.image_id is not None and not each.is_aside
            ]
            ages = [each.age_seconds for each in lost]
            count = Count(
                count.owned + len(batch) - len(unowned),
                count.orphans + len(lost),
                count.old + sum(age >= self._grace_seconds for age in ages),
            )
        return count

    def _unowned(
        self, place: named.Named, pieces: Sequence[base.Piece]
    ) -> list[base.Piece]:
        """Return the pieces that neither a location nor a transfer needs."""
        ids = sorted({each.image_id for each in pieces if each.image_id})
        known = self._check(ids)
        left = [each for each in pieces if not _is_of(each, known)]
        left = [
            each
            for each in left
            if each.is_aside
            or not self._leads(
                known['urls'].get(each.image_id or '', ()), place
            )
        ]
        doubtful = [each for each in left if not each.is_aside]
        if not doubtful:
            return left
        names = {name for each in doubtful for name in _names(each)}
        urls = self._check([], sorted(names)).get('named', [])
        here = [url for url in urls if self._leads([url], place)]
        return [
            each
            for each in left
            if each.is_aside
            or not any(
                name in url.split('/') for url in here for name in _names(each)
            )
        ]

    def _check(
        self, ids: list[str], names: Sequence[str] = ()
    ) -> contract.Checked:
        checked: contract.Checked = {'in_use': [], 'urls': {}}
        # There may be twice as many names as pieces.
        for some in _batches(names):
            wanted: contract.Checking = {'image_ids': ids}
            if some:
                wanted['names'] = list(some)
            answer = self._registry.check_leftovers(
                context.of_service(), wanted
            )
            checked['in_use'] = answer['in_use']
            checked['urls'] = answer['urls']
            checked.setdefault('named', []).extend(answer.get('named', []))
        return checked

    def _leads(self, urls: Iterable[str], place: named.Named) -> bool:
        """Whether one of the URLs may refer to this store."""
        return not all(self._store.is_elsewhere(url, place) for url in urls)

    def _judged(
        self, place: named.Named, piece: base.Piece, deletes: bool
    ) -> Finding:
        kind: Kind = 'aside' if piece.is_aside else 'orphan'
        if piece.image_id is None:
            kind = 'foreign'
        finding = Finding(
            kind, place.id, piece.image_id, piece.name, piece.size_bytes
        )
        if not deletes or kind == 'foreign':
            return finding
        if piece.age_seconds < self._grace_seconds:
            return finding._replace(outcome='too young')
        try:
            is_gone = self._remove(place, piece)
        except (errors.Conflict, errors.StoreUnavailable) as error:
            LOG.error(
                'Could not delete %s, which is of no image: %s',
                piece.name,
                base.reason(error),
            )
            return finding._replace(outcome='failed')
        if is_gone:
            LOG.warning('Deleted %s, which is of no image', piece.name)
        return finding._replace(outcome='deleted' if is_gone else 'failed')

    def _remove(self, place: named.Named, piece: base.Piece) -> bool:
        """Remove this piece of data if it is still not needed.

        It is opened before the registry is asked again, so that newer data
        that has replaced it meanwhile is kept.
        """
        held = piece.hold()
        if held is None:
            return True
        try:
            if not self._unowned(place, [piece]):
                return False
            held.remove()
        finally:
            held.close()
        return True

    def _look_for_data(self, image: contract.Image) -> None:
        for location in image['locations']:
            kind, size = self._state(image, location)
            if kind is not None and self._is_still(image, location):
                where = self._store.id_of(location) or ''
                self._tell(Finding(kind, where, image['id'], None, size))

    def _state(
        self, image: contract.Image, location: contract.Location
    ) -> tuple[Kind | None, int | None]:
        label = stores.label_of(location)
        try:
            holder = self._store.holder(location['url'], label)
            size = holder.store.size(location['url'])
        except errors.NotFound:
            return 'missing', None
        except errors.StoreUnavailable:
            return 'unknown', None
        wrong = image['size'] not in (None, size)
        return ('size' if wrong else None), size

    def _is_still(
        self, image: contract.Image, location: contract.Location
    ) -> bool:
        """Whether the image, read again, still has the location."""
        try:
            now = self._registry.get_image(context.of_service(), image['id'])
        except errors.NotFound:
            return False
        urls = [each['url'] for each in now['locations']]
        return location['url'] in urls


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield at least one batch, which may be empty."""
    for begin in range(0, max(len(names), 1), BATCH):
        yield names[begin : begin + BATCH]


def _is_of(piece: base.Piece, known: contract.Checked) -> bool:
    """Whether a transfer of the image of this data is running."""
    return piece.image_id in known['in_use']


def _names(piece: base.Piece) -> set[str]:
    """The last part of its name, as written and percent-encoded."""
    name = piece.name.rpartition('/')[2]
    return {name, urllib.parse.quote(name)}
