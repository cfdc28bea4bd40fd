"""Remove the data of deleted images that was kept (``delayed_delete``)."""

from collections.abc import Iterable
from concurrent import futures
import contextlib
import logging
import time
from typing import NamedTuple
import uuid

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import counters
from glance.common import errors
from glance.images import access
from glance.images import leftovers
from glance.images import staging
from glance.store import base
from glance.store import stores

LOG = logging.getLogger(__name__)

#: Max images that one request takes from the registry.
BATCH = 50
#: Attempts to report the results of a pass. The registry would keep records
#: of data that is already removed if the report were lost.
FINISH_TRIES = 4
FINISH_PAUSE_SECONDS = 2.0


class Outcome(NamedTuple):
    """The result of a pass, in numbers of images.

    :ivar failed: images, of all scrubbers, whose data stays after a removal
        has failed; a later pass tries again
    """

    removed: int = 0
    failed: int = 0


class Scrubber:
    """Removes the data of deleted images.

    Several scrubbers may run: the registry gives each image to one of them.

    :param left: removes what dead processes left
    :param node: this host, as the registry's records name it
    :param keep_seconds: how long data is kept after the deletion
    :param pool_size: max images whose data is removed at the same time
    :param staged: removes staged data of this host that no image needs; None:
        that is left to glance-api
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        left: leftovers.Leftovers,
        *,
        node: str,
        keep_seconds: int,
        pool_size: int,
        staged: staging.Sweeping | None = None,
    ) -> None:
        self._registry = registry
        self._store = store
        self._left = left
        self._node = node
        self._keep_seconds = keep_seconds
        self._pool_size = pool_size
        self._staged = staged
        self._holder = str(uuid.uuid4())

    def run(self) -> Outcome:
        """Make one pass over all images that are due.

        :raises errors.Unavailable: the registry does not respond
        """
        self._left.look()
        if self._staged is not None:
            self._staged.look()
        removed = failed = 0
        with futures.ThreadPoolExecutor(self._pool_size) as pool:
            while taken := self._take():
                parts: list[list[int]] = [[] for _ in taken]
                ends = list(pool.map(self._remove, taken, parts))
                self._finish(taken, ends, parts)
                removed += ends.count('done')
                failed += len(ends) - ends.count('done')
        with contextlib.suppress(errors.RegistryOutdated):
            failed = self._registry.count_failed(context.of_service())
        return Outcome(removed, failed)

    def restore(self, image_id: str) -> None:
        """Restore a deleted image.

        :raises errors.NotFound: there is no such image
        :raises errors.Conflict: the image is not pending_delete, or the
            removal of its data has begun
        """
        self._registry.restore_image(context.of_service(), image_id)
        access.of(self._registry, self._store).refresh(image_id)

    def _take(self) -> list[contract.Leftover]:
        return self._registry.take_pending(
            context.of_service(),
            {
                'holder': self._holder,
                'node': self._node,
                'store': self._store.default.identity,
                'limit': BATCH,
                'older_seconds': self._keep_seconds,
            },
        )

    def _remove(
        self, leftover: contract.Leftover, removed: list[int]
    ) -> leftovers.End:
        """:param removed: as in Stores.delete_all"""
        image_id = leftover['image_id']
        locations = leftovers.located(leftover)
        try:
            self._store.delete_all(locations, image_id, removed)
        except errors.Error as error:
            LOG.error(
                'Could not remove the data of deleted image %s; it will be '
                'tried again: %s',
                image_id,
                base.reason(error),
            )
            return leftovers.end_of(error)
        except Exception:  # a bug of a store must not stop the other removals
            LOG.exception(
                'Could not remove the data of deleted image %s; it will be '
                'tried again',
                image_id,
            )
            return 'failed'
        LOG.info('Removed the data of deleted image %s', image_id)
        return 'done'

    def _finish(
        self,
        taken: Iterable[contract.Leftover],
        ends: list[leftovers.End],
        parts: list[list[int]],
    ) -> None:
        outcome = leftovers.no_ends()
        for leftover, end, removed in zip(taken, ends, parts, strict=True):
            outcome[end].append(leftover['id'])
            leftovers.note_part(outcome, leftover, removed)
            fine = end == 'done'
            counters.note('removal', 'deleted', 'done' if fine else 'failed')
        for tries_left in reversed(range(FINISH_TRIES)):
            try:
                self._registry.finish_leftovers(context.of_service(), outcome)
                return
            except errors.Unavailable as error:
                if not tries_left:
                    raise
                LOG.warning('What was removed is told again: %s', error)
                time.sleep(FINISH_PAUSE_SECONDS)
