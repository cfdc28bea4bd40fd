"""Data that is to be removed: worked on until nothing of it remains.

glance-registry keeps a record from before data is removed until it is gone.
A request removes its own; what a request could not remove, what a process
left that died, and what a broken upload stored is worked on here, after the
start of a worker and then periodically.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
import logging
import uuid

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.store import base
from glance.store import stores

LOG = logging.getLogger(__name__)

#: Leftovers of one look; a look goes on while there are more.
BATCH = 50
#: Records of removed data that wait to be forgotten. Where one is dropped,
#: another look finds that there is nothing to remove.
MAX_DONE = 10_000


class Leftovers:
    """:param node: this host, as the registry's records name it"""

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

    def removal(self, removal_id: str | None = None) -> contract.Removal:
        """A record to make before data of the default store is removed."""
        return {
            'id': removal_id or str(uuid.uuid4()),
            'node': self._node,
            'store': self._store.identity,
        }

    def removed(self, removal_id: str) -> None:
        """Have the record forgotten with the next look."""
        self._done.append(removal_id)

    def failed(self, removal_id: str) -> None:
        """Have the record show that the data is still there."""
        try:
            self._registry.settle_leftovers(
                _service(), {'done': [], 'failed': [removal_id]}
            )
        except errors.Error as error:
            LOG.warning(
                'Could not postpone the removal %s: %s', removal_id, error
            )

    def look(self) -> None:
        """Work on all that is due; what fails is logged."""
        try:
            self._forget_removed()
            while len(self._take()) == BATCH:
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
        """The same at the end of a worker, without any new work."""
        try:
            self._forget_removed()
        except errors.Error as error:
            LOG.info(
                'Could not record that data was removed; it will be tried '
                'again: %s',
                error,
            )

    def remove_stored(self, leftover_id: str, image_id: str) -> None:
        """Remove what an upload that failed may just have stored.

        :raises errors.Error: later looks try it again
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
            self._registry.settle_leftovers(_service(), {'done': done})
        for _ in done:
            self._done.popleft()

    def _take(self) -> Sequence[contract.Leftover]:
        taken = self._registry.take_leftovers(
            _service(),
            {
                'holder': self._holder,
                'node': self._node,
                'store': self._store.identity,
                'limit': BATCH,
            },
        )
        if taken:
            self._work(taken)
        return taken

    def _work(self, taken: Iterable[contract.Leftover]) -> None:
        outcome: contract.Removed = {'done': [], 'failed': [], 'in_use': []}
        uploads = []
        for leftover in taken:
            if leftover['urls'] is None:
                uploads.append(leftover)
                continue
            fine = self._attempt(leftover, self._delete_locations)
            outcome['done' if fine else 'failed'].append(leftover['id'])
        if uploads:
            self._remove_uploads(uploads, outcome)
        self._registry.settle_leftovers(_service(), outcome)

    def _attempt(
        self,
        leftover: contract.Leftover,
        step: Callable[[contract.Leftover], None],
    ) -> bool:
        """Whether a step succeeded; the log tells once per change why not."""
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
            return False
        except Exception:  # a bug of a store ends no other work
            LOG.exception(
                'Could not remove data of image %s; the removal will be '
                'tried again',
                leftover['image_id'],
            )
            return False
        if leftover['tries']:
            LOG.info('Removed leftover data of image %s', leftover['image_id'])
        return True

    def _delete_locations(self, leftover: contract.Leftover) -> None:
        for url in leftover['urls'] or ():
            self._store.delete(url, leftover['image_id'])

    def _remove_uploads(
        self,
        uploads: Sequence[contract.Leftover],
        outcome: contract.Removed,
    ) -> None:
        """Remove what belongs to no image.

        The files are opened before the registry is asked. So what a later
        upload stores under the same name is another file, and stays.
        """
        held: dict[str, base.Held] = {}
        try:
            for leftover in uploads:
                fine = self._attempt(leftover, lambda it: self._hold(it, held))
                if not fine:
                    outcome['failed'].append(leftover['id'])
                elif leftover['id'] not in held:
                    outcome['done'].append(leftover['id'])
            self._remove_held(
                [each for each in uploads if each['id'] in held],
                held,
                outcome,
            )
        finally:
            for found in held.values():
                found.close()

    def _hold(
        self, leftover: contract.Leftover, held: dict[str, base.Held]
    ) -> None:
        found = self._store.hold(leftover['image_id'])
        if found is not None:
            held[leftover['id']] = found

    def _remove_held(
        self,
        uploads: Sequence[contract.Leftover],
        held: dict[str, base.Held],
        outcome: contract.Removed,
    ) -> None:
        if not uploads:
            return
        ids = sorted({leftover['image_id'] for leftover in uploads})
        needed = self._registry.check_leftovers(_service(), {'image_ids': ids})
        for leftover in uploads:
            image_id, leftover_id = leftover['image_id'], leftover['id']
            if image_id in needed['in_use']:
                outcome['in_use'].append(leftover_id)
            elif self._is_kept(needed['urls'].get(image_id, ())):
                outcome['done'].append(leftover_id)
            elif self._attempt(leftover, lambda it: held[it['id']].remove()):
                LOG.warning(
                    'Removed data of an interrupted upload of image %s',
                    image_id,
                )
                outcome['done'].append(leftover_id)
            else:
                outcome['failed'].append(leftover_id)

    def _is_kept(self, urls: Iterable[str]) -> bool:
        """Whether the image may have its data in the default store.

        Where a URL cannot be read it may.
        """
        return not all(map(self._store.is_foreign, urls))


def _service() -> context.RequestContext:
    """The service for itself."""
    return context.RequestContext(is_admin=True, overwrite=False)
