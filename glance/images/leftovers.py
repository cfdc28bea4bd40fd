"""Removal of data that is not needed any more, with retries.

glance-registry keeps a record from before data is removed until it is gone.
A request removes its own data. This module removes what a request could not
remove, what a dead process left, and what a broken upload stored: after the
start of a worker and then periodically.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
import functools
import itertools
import logging
from typing import Literal
import uuid

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import counters
from glance.common import errors
from glance.store import base
from glance.store import named
from glance.store import stores

LOG = logging.getLogger(__name__)

#: Max leftovers of one request; a look continues while there are more.
BATCH = 50
#: Max records of removed data that wait to be deleted. If one is dropped
#: here, a later look finds that nothing is left to remove.
MAX_DONE = 10_000
#: The end of an attempt to remove data: a list of contract.Removed.
End = Literal['done', 'failed', 'elsewhere']


class Leftovers:
    """Removes leftover data and records the results.

    :param node: this host, as the registry's records name it
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        node: str,
    ) -> None:
        self._registry = registry
        self._store = store
        self._node = node
        self._holder = str(uuid.uuid4())
        self._done: deque[str] = deque(maxlen=MAX_DONE)

    def removal(
        self,
        removal_id: str | None = None,
        store: named.Named | None = None,
    ) -> contract.Removal:
        """Return the record to make before data is removed.

        :param store: the store that has the data; None: the default store,
            perhaps also others
        """
        removal = self.removal_at((store or self._store.default).identity)
        return {**removal, 'id': removal_id or removal['id']}

    def removal_at(self, identity: str | None) -> contract.Removal:
        """Return the record of data in the store with this identity."""
        return {
            'id': str(uuid.uuid4()),
            'node': self._node,
            'store': identity,
        }

    def removed(self, removal_id: str) -> None:
        """Delete the record at the next look, because the data is gone."""
        self._done.append(removal_id)

    def failed(
        self,
        removal_id: str,
        error: errors.Error,
        removed_ids: Sequence[int] = (),
    ) -> None:
        """Record that the data is still there.

        :param removed_ids: ids of locations whose data is removed
        """
        outcome = no_ends()
        outcome[end_of(error)].append(removal_id)
        if removed_ids:
            outcome['removed'] = {removal_id: list(removed_ids)}
        try:
            self._registry.finish_leftovers(context.of_service(), outcome)
        except errors.Error as error:
            LOG.warning(
                'Could not postpone the removal %s: %s', removal_id, error
            )

    def look(self) -> None:
        """Process all leftovers that are due; log failures."""
        try:
            self._forget_removed()
            for identity in self._store.identities():
                while len(self._take(identity)) == BATCH:
                    pass
        except errors.Error as error:
            LOG.warning(
                'Could not look up data that is still to be removed: %s', error
            )
        try:
            self._store.remove_unfinished()
        except errors.Error as error:
            LOG.warning(
                'Could not look for files of interrupted uploads: %s', error
            )

    def forget_removed(self) -> None:
        """Delete the records of removed data when a worker shuts down."""
        try:
            self._forget_removed()
        except errors.Error as error:
            LOG.info(
                'Could not record that data was removed; it will be tried '
                'again: %s',
                error,
            )

    def remove_stored(self, leftover_id: str, image_id: str) -> None:
        """Remove what a failed upload may just have stored.

        :raises errors.Error: it failed; a later look tries again
        """
        self._work(
            [
                {
                    'id': leftover_id,
                    'image_id': image_id,
                    'urls': None,
                    'tries': 0,
                }
            ]
        )

    def _forget_removed(self) -> None:
        done = list(self._done)
        if done:
            self._registry.finish_leftovers(
                context.of_service(), {'done': done}
            )
        for _ in done:
            self._done.popleft()

    def _take(self, identity: str | None) -> Sequence[contract.Leftover]:
        taken = self._registry.take_leftovers(
            context.of_service(),
            {
                'holder': self._holder,
                'node': self._node,
                'store': identity,
                'limit': BATCH,
                'elsewhere': True,
            },
        )
        if taken:
            self._work(taken)
        return taken

    def _work(self, taken: Iterable[contract.Leftover]) -> None:
        outcome = no_ends()
        outcome |= {'in_use': [], 'removed': {}}
        uploads = []
        for leftover in taken:
            if leftover['urls'] is None:
                uploads.append(leftover)
                continue
            removed: list[int] = []
            step = functools.partial(self._delete_locations, removed)
            end = self._attempt(leftover, step)
            outcome[end].append(leftover['id'])
            note_part(outcome, leftover, removed)
        if uploads:
            self._remove_uploads(uploads, outcome)
        stays = len(outcome['failed']) + len(outcome['elsewhere'])
        for name, amount in ('done', len(outcome['done'])), ('failed', stays):
            if amount:
                counters.note('removal', 'leftover', name, amount=amount)
        self._registry.finish_leftovers(context.of_service(), outcome)

    def _attempt(
        self,
        leftover: contract.Leftover,
        step: Callable[[contract.Leftover], None],
    ) -> End:
        """Return the end of a step; log the reason of a failure."""
        try:
            step(leftover)
        except errors.Error as error:
            LOG.error(
                'Could not remove data of image %s (failed %s times); the '
                'removal will be tried again: %s',
                leftover['image_id'],
                leftover['tries'] + 1,
                base.reason(error),
            )
            return end_of(error)
        except Exception:  # a bug of a store must not stop the other removals
            LOG.exception(
                'Could not remove data of image %s; the removal will be '
                'tried again',
                leftover['image_id'],
            )
            return 'failed'
        if leftover['tries']:
            LOG.info('Removed leftover data of image %s', leftover['image_id'])
        return 'done'

    def _delete_locations(
        self, removed: list[int], leftover: contract.Leftover
    ) -> None:
        """:param removed: as in Stores.delete_all"""
        image_id = leftover['image_id']
        self._store.delete_all(located(leftover), image_id, removed)

    def _remove_uploads(
        self,
        uploads: Sequence[contract.Leftover],
        outcome: contract.Removed,
    ) -> None:
        """Remove data that belongs to no image.

        The files are opened before the registry is asked. So if a later upload
        stores data under the same name, that is another file and is kept.
        """
        held: dict[str, _Found] = {}
        try:
            for leftover in uploads:
                end = self._attempt(leftover, lambda it: self._hold(it, held))
                if end != 'done':
                    outcome['failed'].append(leftover['id'])
                elif leftover['id'] not in held:
                    outcome['done'].append(leftover['id'])
            self._remove_held(
                [each for each in uploads if each['id'] in held],
                held,
                outcome,
            )
        finally:
            for opened in held.values():
                for _, data in opened:
                    data.close()

    def _hold(
        self, leftover: contract.Leftover, held: dict[str, '_Found']
    ) -> None:
        opened = self._store.hold(leftover['image_id'])
        if opened:
            held[leftover['id']] = opened

    def _remove_held(
        self,
        uploads: Sequence[contract.Leftover],
        held: dict[str, '_Found'],
        outcome: contract.Removed,
    ) -> None:
        if not uploads:
            return
        ids = sorted({leftover['image_id'] for leftover in uploads})
        needed = self._registry.check_leftovers(
            context.of_service(), {'image_ids': ids}
        )
        for leftover in uploads:
            image_id, leftover_id = leftover['image_id'], leftover['id']
            urls = needed['urls'].get(image_id, ())
            unneeded = [
                (store, data)
                for store, data in held[leftover_id]
                if all(self._store.is_elsewhere(url, store) for url in urls)
            ]
            if image_id in needed['in_use']:
                outcome['in_use'].append(leftover_id)
            elif not unneeded:
                outcome['done'].append(leftover_id)
            elif (
                self._attempt(leftover, functools.partial(_remove, unneeded))
                == 'done'
            ):
                LOG.warning(
                    'Removed data of an interrupted upload of image %s',
                    image_id,
                )
                outcome['done'].append(leftover_id)
            else:
                outcome['failed'].append(leftover_id)


#: The data under an image's id, by store.
_Found = list[tuple[named.Named, base.Held]]


def located(
    leftover: contract.Leftover,
) -> list[tuple[str, str | None]]:
    """Return the arguments of :meth:`glance.store.stores.Stores.delete_all`.

    A registry of an earlier release does not send the ids of the stores.
    """
    urls = leftover['urls'] or ()
    return list(itertools.zip_longest(urls, leftover.get('stores', ())))


def no_ends() -> contract.Removed:
    """The record of removals, before any of them has ended."""
    return {'done': [], 'failed': [], 'elsewhere': []}


def note_part(
    outcome: contract.Removed,
    leftover: contract.Leftover,
    removed: Sequence[int],
) -> None:
    """Add which locations of a leftover are removed, if not all are.

    :param removed: their positions in the leftover
    """
    ids = leftover.get('locations')
    if ids and removed and leftover['id'] not in outcome['done']:
        parts = outcome.setdefault('removed', {})
        parts[leftover['id']] = [ids[position] for position in removed]


def end_of(error: errors.Error) -> End:
    return 'elsewhere' if isinstance(error, base.Elsewhere) else 'failed'


def _remove(held: _Found, _leftover: contract.Leftover) -> None:
    for _, data in held:
        data.remove()
